use cachify::cached;

#[cached(key = "pair:{a}{b}")]
fn pair(a: u8, b: u8) -> u8 {
    a + b
}

fn main() {}
