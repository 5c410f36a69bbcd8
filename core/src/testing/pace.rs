//! The time of a suite, by hand or by the wall.

use core::time::Duration;

/// How a suite lets time pass; a closure does, for a store that counts as finely as its TTLs.
///
/// A store on real time needs it to sleep, and an executor that other threads run. It answers within a fiftieth of a TTL
/// (8 ms); for a slower one, [`Coarse`] with a grain of a second makes TTLs of 4.5 s.
pub trait Time {
    /// Lets so much pass.
    fn pass(&self, by: Duration);

    /// How late a TTL may end: by a second where a store counts whole seconds.
    fn grain(&self) -> Duration {
        Duration::ZERO
    }
}

impl<F: Fn(Duration)> Time for F {
    fn pass(&self, by: Duration) {
        self(by);
    }
}

/// The time of a store that counts in steps.
#[derive(Clone, Copy, Debug)]
pub struct Coarse<F> {
    /// Of a step.
    pub grain: Duration,
    /// Lets so much pass.
    pub pass: F,
}

impl<F: Fn(Duration)> Time for Coarse<F> {
    fn pass(&self, by: Duration) {
        (self.pass)(by);
    }
    fn grain(&self) -> Duration {
        self.grain
    }
}

/// The time of a suite: its TTL, and when that is half over, and over.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Pace<'a, T> {
    time: &'a T,
}

impl<'a, T: Time> Pace<'a, T> {
    /// By `time`.
    pub const fn of(time: &'a T) -> Self {
        Self { time }
    }

    /// The TTL of the suite: 400 ms, or four and a half steps of the store's time.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(400).max(self.time.grain() * 9 / 2)
    }

    /// Half of it.
    #[must_use]
    pub fn half(&self) -> Duration {
        self.ttl() / 2
    }

    /// A TTL between two steps.
    #[must_use]
    pub fn odd(&self) -> Duration {
        if self.time.grain().is_zero() { self.ttl() } else { self.time.grain() * 3 / 2 }
    }

    /// Most of that passes.
    pub fn pass_most_of_odd(&self) {
        self.time.pass(self.odd() * 5 / 6);
    }

    /// Half a TTL passes; twice this, and one is over.
    pub fn pass_half(&self) {
        self.time.pass(self.half() + self.time.grain());
    }

    /// A whole TTL passes.
    pub fn pass(&self) {
        self.time.pass(self.ttl() + self.time.grain());
    }

    /// Whether this may be what is left of a TTL; an end that is not known is far away.
    pub(super) fn may_remain(&self, remaining: Duration) -> bool {
        let known = remaining < Duration::from_millis(1 << 50);
        !remaining.is_zero() && (!known || remaining <= self.ttl() + self.time.grain())
    }
}
