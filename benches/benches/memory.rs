//! Prints all comparisons; see `benches/compare.sh`.

fn main() {
    cachify_benches::run();
}
