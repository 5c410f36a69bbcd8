use cachify::cached;

#[cached(key = "user:{id")]
fn open(id: u64) -> u64 {
    id
}

#[cached(key = "user:id}")]
fn closed(id: u64) -> u64 {
    id
}

fn main() {}
