//! What a cached hit, a lock and a permit cost, each beside what people use instead.
//!
//! In memory: one thread, nothing contended, every key present, which is the price that every call pays; neither misses
//! nor contention. On a server: the same, and what there is only there, in `redis`.

mod clock;
mod compare;
mod hits;
mod locks;
mod pools;
pub mod ratio;
#[cfg(feature = "redis")]
pub mod redis;

/// Prints what memory costs: the loop itself, then a line for each comparison.
///
/// # Panics
/// If the global instance cannot be built, or a call that should have been a hit was none.
pub fn run() {
    cachify::Cachify::builder().init().expect("the defaults are valid");
    compare::loop_alone();
    hits::run();
    locks::run();
    pools::run();
}
