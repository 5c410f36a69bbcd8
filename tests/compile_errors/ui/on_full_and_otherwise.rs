use cachify::pooled;

fn later() -> u8 {
    2
}

#[pooled(key = "api", size = 1, on_full = later, otherwise = 3)]
fn api() -> u8 {
    1
}

#[pooled(key = "api", size = 1, on_full = later, when_busy = 3)]
fn other_api() -> u8 {
    1
}

fn main() {}
