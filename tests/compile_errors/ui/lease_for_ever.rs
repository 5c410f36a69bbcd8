use cachify::{lock, once, pooled, Refused};

#[lock(key = "a", ttl = forever)]
fn exclusive() -> Result<u8, Refused> {
    Ok(1)
}

#[once(key = "b", keep = forever)]
fn run() -> Option<u8> {
    Some(1)
}

#[pooled(key = "c", size = 2, ttl = forever)]
fn pool() -> Option<u8> {
    Some(1)
}

fn main() {}
