use cachify::{Refused, cached, lock, once, pooled};
use std::collections::HashMap;

#[cached(key = "{path}")]
fn title(path: &str) -> String {
    path.to_owned()
}

#[lock(key = "{}")]
fn exclusive(_path: &str) -> Result<(), Refused> {
    Ok(())
}

#[once(key = "{all[\"k\"].0:?}")]
async fn run(all: HashMap<&'static str, (u8, u8)>) {
    drop(all);
}

#[pooled(key = "", size = 2)]
fn pool() {}

/// A version is no text of its own.
#[cached(key("{id}", id = path.len()), version = 2)]
fn length(path: &str) -> usize {
    path.len()
}

const DEVICE: cachify_core::Instance<u8> = cachify_core::Instance::new(0);

#[cachify_core::cached(key = "{path}", instance = DEVICE)]
fn of_a_device(path: &str) -> usize {
    path.len()
}

fn main() {}
