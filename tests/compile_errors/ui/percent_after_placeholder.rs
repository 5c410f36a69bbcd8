use cachify::cached;

#[cached(key = "share:{a}%")]
fn share(a: u8) -> u8 {
    a
}

fn main() {}
