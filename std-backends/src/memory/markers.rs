//! How many markers of runs that are done memory keeps: each is small, but nothing else bounds them.

use cachify_core::time::Instant;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many an instance keeps unless told otherwise.
pub(crate) const DEFAULT_MAX_MARKERS: usize = 100_000;
/// How often they are counted at most, in milliseconds.
const COUNTED: u64 = 100;

/// A count that is too high rather than too low: those that ended are found when it reaches the bound.
#[derive(Debug)]
pub(super) struct Markers {
    bound: usize,
    noted: AtomicUsize,
    /// When they were counted last.
    counted: AtomicU64,
}

impl Markers {
    pub(super) const fn new(bound: usize) -> Self {
        Self { bound, noted: AtomicUsize::new(0), counted: AtomicU64::new(0) }
    }

    /// One more.
    pub(super) fn note(&self) {
        self.noted.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is room for one more; `count` says how many there are in truth.
    #[inline]
    pub(super) fn has_room(&self, now: Instant, count: impl FnOnce() -> usize) -> bool {
        self.noted.load(Ordering::Relaxed) < self.bound || self.count(now, count)
    }

    #[cold]
    fn count(&self, now: Instant, count: impl FnOnce() -> usize) -> bool {
        let (last, now) = (self.counted.load(Ordering::Relaxed), now.as_millis());
        if last > 0 && now < last + COUNTED {
            return false;
        }
        self.counted.store(now.max(1), Ordering::Relaxed);
        let count = count();
        self.noted.store(count, Ordering::Relaxed);
        count < self.bound
    }
}
