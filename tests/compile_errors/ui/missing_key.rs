use cachify::{cached, lock, Refused};

#[cached(ttl = 5)]
fn value() -> u8 {
    1
}

#[lock()]
fn exclusive() -> Result<u8, Refused> {
    Ok(1)
}

#[lock]
fn bare() -> Result<u8, Refused> {
    Ok(1)
}

fn main() {}
