use cachify::{cached, lock};

#[cached(key = "a")]
struct User {
    id: u64,
}

#[lock(key = "b")]
impl User {
    fn id(&self) -> u64 {
        self.id
    }
}

fn main() {}
