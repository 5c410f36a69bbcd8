use cachify::pooled;

fn later(pair: (u8, u8)) -> u8 {
    pair.0
}

#[pooled(key = "api", size = 1, on_full = later)]
fn api((a, b): (u8, u8)) -> u8 {
    a + b
}

fn main() {}
