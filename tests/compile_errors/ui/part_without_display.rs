use cachify::{cached, lock, Refused};

struct Id(u64);

#[cached(key = "user:{id}")]
fn user(id: Id) -> u64 {
    id.0
}

#[lock(key = "item:{id}")]
async fn item(id: Result<u64, u8>) -> Result<u64, Refused> {
    Ok(id.unwrap_or_default())
}

fn main() {}
