use cachify::cached;

struct User {
    id: u64,
}

#[cached(key = "user:{id}")]
fn user(id: u64) -> User {
    User { id }
}

fn main() {}
