//! Prints the tables of the Redis part; see `benches/compare.sh`.

fn main() {
    cachify_benches::redis::run();
}
