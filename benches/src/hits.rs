//! A cached hit: a template key with one integer, a TTL, an `Arc` of a struct.
//!
//! What the peers do not do: `quick_cache` has no TTL. The attributes of `cached` keep a map for each function, keyed
//! by the integer itself without any text (`cached_format` renders the same text as the others), without a bound, and
//! let all callers of a cold key compute. None of these keeps values outside the process.

mod attributes;
mod caches;
mod ours;

use crate::compare::{KEYS, block_on, compare};
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
    hits(&format!("{name}-cached_format"), &ours, attributes::formatted);
    hits(&format!("{name}-concurrent_cached"), &ours, attributes::sharded);
}

fn asynchronous(name: &str, ours: impl Fn(u64) -> Arc<User>) {
    hits(&format!("{name}-quick_cache"), &ours, |id| block_on(caches::quick_async(id)));
    hits(&format!("{name}-moka"), &ours, |id| block_on(caches::moka_async(id)));
    hits(&format!("{name}-cached"), &ours, |id| block_on(attributes::cached_async(id)));
    hits(&format!("{name}-cached_format"), &ours, |id| block_on(attributes::formatted_async(id)));
    hits(&format!("{name}-concurrent_cached"), &ours, |id| block_on(attributes::sharded_async(id)));
}

/// Compares, and makes sure that nothing but hits was measured.
fn hits(name: &str, ours: impl Fn(u64) -> Arc<User>, peer: impl Fn(u64) -> Arc<User>) {
    // one side after the other: filled in turns, each side's values would lie scattered among the other's
    for side in [&ours as &dyn Fn(u64) -> Arc<User>, &peer] {
        for id in 0..KEYS {
            assert_eq!(side(id).id, id);
        }
    }
    let before = LOADS.load(Relaxed);
    compare(name, ours, peer);
    assert_eq!(LOADS.load(Relaxed), before, "{name}: a key was gone");
}
