use cachify::{Refused, cached, lock, once, pooled};

#[cached("k:{n}")]
fn key_alone(n: u64) -> u64 {
    n
}

#[lock("k:{n}", wait = 1)]
fn key_first(n: u64) -> Result<u64, Refused> {
    Ok(n)
}

#[once(key = "k:{n}", 60)]
fn keep_alone(n: u64) -> Option<u64> {
    Some(n)
}

#[pooled(key = "k:{n}", size)]
fn name_alone(n: u64) -> Option<u64> {
    Some(n)
}

#[cached(key: "k:{n}")]
fn as_in_a_struct(n: u64) -> u64 {
    n
}

#[cached(key = "k:{n}", jitter)]
fn flag_alone(n: u64) -> Result<u64, ()> {
    Ok(n)
}

fn main() {}
