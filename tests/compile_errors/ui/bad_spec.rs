use cachify::cached;

#[cached(key = "{a:,}")]
fn thousands(a: u32) -> u32 {
    a
}

fn main() {}
