//! Loads that take too long, and what cannot be said of them.
use cachify::{Refused, cached};

#[cached(key = "a:{id}", load_timeout = 2)]
fn of_a_thread(id: u32) -> Result<u32, Refused> {
    Ok(id)
}

#[cached(key = "b:{id}", load_timeout = 2)]
async fn without_an_error(id: u32) -> Option<u32> {
    Some(id)
}

#[cached(key = "c:{id}", load_timeout = 0)]
async fn at_once(id: u32) -> Result<u32, Refused> {
    Ok(id)
}

#[cached(key = "d:{id}", ttl = 60, soft_load_timeout = 1, detached)]
async fn without_a_window(id: u32) -> u32 {
    id
}

#[cached(key = "e:{id}", ttl = 60, stale_for = 60, soft_load_timeout = 1)]
async fn attached(id: u32) -> u32 {
    id
}

#[cached(key = "f:{id}", ttl = 60, stale_for = 60, soft_load_timeout = 2, load_timeout = 2, detached)]
async fn both_alike(id: u32) -> Result<u32, Refused> {
    Ok(id)
}

#[cachify_core::cached(key = "g:{id}", instance = DEVICE, ttl = 60, stale_for = 60, soft_load_timeout = 2)]
async fn of_a_device(id: u32) -> u32 {
    id
}

fn of_a_thread_by_value(c: &cachify::Cachify) {
    let page = c.cache("page").load_timeout(cachify::secs(1));
    let _ = page.get_or_insert_with_blocking(|| Ok::<u32, Refused>(1));
}

fn main() {}
