use cachify::cached;

mod config {}

#[cached(key = "config")]
fn config() -> u64 {
    1
}

fn main() {}
