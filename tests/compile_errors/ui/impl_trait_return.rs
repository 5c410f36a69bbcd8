use cachify::{cached, lock, Refused};
use std::fmt::Display;

#[cached(key = "a")]
fn shown() -> impl Display {
    1
}

#[lock(key = "b")]
fn listed() -> Result<impl Iterator<Item = u8>, Refused> {
    Ok([1].into_iter())
}

fn main() {}
