//! Counters that tasks share: one core, no interrupt counts, so a load and a store suffice.

use core::sync::atomic::{AtomicU32, Ordering};
use embassy_time::{Duration, Instant, Timer};

/// A number that grows.
#[derive(Debug, Default)]
pub struct Tally(AtomicU32);

impl Tally {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// One more; how many there are.
    pub fn add(&self) -> u32 {
        let now = self.get() + 1;
        self.0.store(now, Ordering::Relaxed);
        now
    }

    /// One less.
    pub fn sub(&self) {
        self.0.store(self.get() - 1, Ordering::Relaxed);
    }

    /// At least `n`.
    pub fn at_least(&self, n: u32) {
        self.0.store(self.get().max(n), Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until there are `n`; false if that takes longer than 5 seconds.
    pub async fn reaches(&self, n: u32) -> bool {
        let began = Instant::now();
        while self.get() < n && began.elapsed() < Duration::from_secs(5) {
            Timer::after_millis(1).await;
        }
        self.get() >= n
    }
}
