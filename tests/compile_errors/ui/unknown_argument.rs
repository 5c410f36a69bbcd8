use cachify::{cached, lock, once, pooled, Refused};

#[cached(key = "a", tll = 5)]
fn value() -> u8 {
    1
}

#[lock(key = "b", timeout = 5)]
fn exclusive() -> Result<u8, Refused> {
    Ok(1)
}

#[once(key = "c", wait = 5)]
fn run() -> Option<u8> {
    Some(1)
}

#[pooled(key = "d", max_size = 5)]
fn pool() -> Option<u8> {
    Some(1)
}

fn main() {}
