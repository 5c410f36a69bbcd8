use cachify::{cached, lock, once, Refused};

#[cached(key = "a", ttl = 0)]
fn seconds() -> u8 {
    1
}

#[lock(key = "b", ttl = "0ms")]
fn text() -> Result<u8, Refused> {
    Ok(1)
}

#[once(key = "c", keep = 0)]
fn kept() -> Option<u8> {
    Some(1)
}

fn main() {}
