use cachify::cached;

const KEY: &str = "user";

#[cached(key = KEY)]
fn user() -> u8 {
    1
}

fn main() {}
