//! What a cached hit, a lock and a permit cost, each beside what people use instead.
//!
//! One thread, nothing contended, every key present: the price that every call pays. Not here: misses, contention,
//! stores outside the process.

mod clock;
mod compare;
mod hits;
mod locks;
mod pools;

/// Prints the cost of the loop itself, then a line for each comparison.
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
