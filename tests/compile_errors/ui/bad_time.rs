use cachify::cached;

#[cached(key = "a", ttl = "5 weeks")]
fn weeks() -> u8 {
    1
}

#[cached(key = "b", ttl = 1.5)]
fn fraction() -> u8 {
    1
}

#[cached(key = "c", ttl = -1)]
fn negative() -> u8 {
    1
}

const FRACTION: f64 = 1.5;

#[cached(key = "d", ttl = FRACTION)]
fn constant() -> u8 {
    1
}

fn main() {}
