use cachify::cached;

#[cached(key = "user:{}:{}")]
fn user(id: u64) -> u64 {
    id
}

#[cached(key = "nobody:{}")]
fn nobody() -> u64 {
    0
}

fn main() {}
