use cachify::cached;

#[cached(key = "{}-{0}")]
fn pair(a: u8) -> u8 {
    a
}

fn main() {}
