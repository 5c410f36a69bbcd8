use cachify::cached;

#[cached(key = "user:{id}", version = "two")]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
