//! A cached hit: a template key with one integer, a TTL, an `Arc` of a struct.
//!
//! What the peers do not do: `quick_cache` has no TTL; `cached` keys by the integer itself, renders no text, and with
//! `#[cached]` lets all callers of a cold key compute. None of them offers to keep the value outside the process.

mod attributes;
mod caches;
mod ours;

use crate::compare::{block_on, compare};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// What is cached; the global instance, whose store is chosen at run time, wants serde.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    name: String,
}

static LOADS: AtomicU32 = AtomicU32::new(0);

/// What a miss runs, on every side.
fn load(id: u64) -> Arc<User> {
    LOADS.fetch_add(1, Relaxed);
    Arc::new(User { id, name: "name".into() })
}

pub(crate) fn run() {
    blocking("hit-blocking", ours::global);
    asynchronous("hit-async", |id| block_on(ours::global_async(id)));
    blocking("hit-static-blocking", ours::local);
    asynchronous("hit-static-async", |id| block_on(ours::local_async(id)));
}

fn blocking(name: &str, ours: impl Fn(u64) -> Arc<User>) {
    hits(&format!("{name}-quick_cache"), &ours, caches::quick);
    hits(&format!("{name}-moka"), &ours, caches::moka);
    hits(&format!("{name}-cached"), &ours, attributes::cached);
    hits(&format!("{name}-concurrent_cached"), &ours, attributes::sharded);
}

fn asynchronous(name: &str, ours: impl Fn(u64) -> Arc<User>) {
    hits(&format!("{name}-quick_cache"), &ours, |id| block_on(caches::quick_async(id)));
    hits(&format!("{name}-moka"), &ours, |id| block_on(caches::moka_async(id)));
    hits(&format!("{name}-cached"), &ours, |id| block_on(attributes::cached_async(id)));
    hits(&format!("{name}-concurrent_cached"), &ours, |id| block_on(attributes::sharded_async(id)));
}

/// Compares, and makes sure that nothing but hits was measured.
fn hits(name: &str, ours: impl Fn(u64) -> Arc<User>, peer: impl Fn(u64) -> Arc<User>) {
    for id in 0..crate::compare::KEYS {
        assert_eq!(ours(id).id, peer(id).id);
    }
    let before = LOADS.load(Relaxed);
    compare(name, ours, peer);
    assert_eq!(LOADS.load(Relaxed), before, "{name}: a key was gone");
}
