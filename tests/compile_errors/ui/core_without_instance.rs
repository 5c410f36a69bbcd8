use cachify_core::cached;

#[cached(key = "a")]
fn value() -> u8 {
    1
}

fn main() {}
