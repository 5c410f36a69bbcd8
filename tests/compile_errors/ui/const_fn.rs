use cachify::cached;

#[cached(key = "a")]
const fn constant() -> u8 {
    1
}

fn main() {}
