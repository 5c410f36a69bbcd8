use cachify::cached;

#[cached(key = "a", ttl = 5, ttl = 6)]
fn value() -> u8 {
    1
}

fn main() {}
