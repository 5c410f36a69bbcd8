use cachify::cached;

#[cached(key = "a", encode = |n: &u8| n * 2)]
fn coded() -> u8 {
    1
}

fn main() {}
