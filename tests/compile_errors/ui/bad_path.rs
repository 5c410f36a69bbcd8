use cachify::cached;

#[cached(key = "{a.}")]
fn path(a: u32) -> u32 {
    a
}

fn main() {}
