//! Points in time, and the three things a platform gives: a clock, a timer for tasks, a sleep for threads.
//!
//! Invariant: an [`Instant`] never overflows, and a conversion to it rounds up, so a lease never ends early.
//! Not here: reading a clock. Core never does that by itself; a [`Clock`] is always handed in.

use core::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// A point on a monotonic clock, in whole milliseconds.
///
/// ```
/// use cachify_core::time::Instant;
/// use core::time::Duration;
/// let later = Instant::ZERO.saturating_add(Duration::from_micros(1));
/// assert_eq!(later, Instant::from_millis(1)); // rounded up
/// assert_eq!(Instant::MAX.saturating_add(Duration::MAX), Instant::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The beginning of the clock.
    pub const ZERO: Self = Self(0);
    /// A point that is never reached.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `ms` milliseconds after the beginning of the clock.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the beginning of the clock.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The point `d` later, rounded up to a millisecond; at most [`Instant::MAX`].
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, d: Duration) -> Self {
        self.plus(millis(d))
    }

    /// The point so many milliseconds later; at most [`Instant::MAX`].
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How many milliseconds ago `earlier` was; zero if it lies ahead.
    #[doc(hidden)]
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        duration(self.millis_since(earlier))
    }
}

/// Whole milliseconds, rounded up.
#[inline]
#[doc(hidden)]
#[must_use]
pub const fn millis(d: Duration) -> u64 {
    // not `as_millis`: its u128 division costs 2 kB of flash on thumbv6m
    let below_second = d.subsec_nanos().div_ceil(1_000_000) as u64;
    d.as_secs().saturating_mul(1_000).saturating_add(below_second)
}

/// At most 49 days.
#[doc(hidden)]
#[must_use]
pub const fn short(ms: u64) -> u32 {
    if ms > u32::MAX as u64 { u32::MAX } else { ms as u32 }
}

/// `Duration::from_millis` without a 64-bit division, which costs 468 bytes of flash on a Cortex-M.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(crate) const fn duration(ms: u64) -> Duration {
    // school division, 16 bits at a time: each partial dividend stays below 1000 x 65536. What goes out at the top of the
    // dividend makes room for the quotient
    let (mut secs, mut rest, mut left) = (ms, 0_u32, 4);
    while left > 0 {
        left -= 1;
        let part = rest << 16 | (secs >> 48) as u32;
        secs = secs << 16 | (part / 1_000) as u64;
        rest = part % 1_000;
    }
    Duration::new(secs, rest * 1_000_000)
}

/// The first tick of a clock of `hz` ticks a second at which it shows `at`, or a later time: a timer that is set for it
/// is over when it rings.
#[cfg(any(feature = "embassy", test))]
#[inline]
pub(crate) const fn tick_of(at: Instant, hz: u64) -> u64 {
    let ms = at.as_millis();
    // the other way takes a division, which a device has only if its tick rate needs one
    if hz.is_multiple_of(1_000) { ms * (hz / 1_000) } else { ms / 1_000 * hz + (ms % 1_000 * hz).div_ceil(1_000) }
}

/// Tells the time.
///
/// MUST be monotonic: `now` never goes back.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Instant;

    /// How many milliseconds later than [`Clock::now`] it may be: one where the parts of a millisecond are cut off.
    ///
    /// Who waits for a while adds it, so that nobody waits less than was said.
    fn cut(&self) -> u64 {
        0
    }

    /// How many milliseconds lie between two times that it tells apart, rounded up.
    ///
    /// A lease of fewer than three is refused ([`Refused::TooShort`](crate::Refused::TooShort)): its holder could not
    /// tell when it ends.
    fn tick(&self) -> u64 {
        1
    }

    /// The time now, perhaps a few milliseconds old; cheaper where the platform has such a clock.
    ///
    /// Serves the expiry of cached values only. Leases always use [`Clock::now`].
    fn coarse(&self) -> Instant {
        self.now()
    }
}

/// A clock that tasks can wait on.
pub trait Timer: Clock {
    /// What one wait keeps between polls; dropping it cancels the wait. Zero-sized on a microcontroller, whose time
    /// driver keeps the wakers itself: so a future that waits there is a few words long.
    type Wait: Default + Unpin;

    /// Whether `at` is reached; else the task is woken then. [`Instant::MAX`] is never reached.
    ///
    /// One `wait` serves one task: asked for another point, it forgets the earlier one.
    fn poll_until(&self, wait: &mut Self::Wait, at: Instant, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends at `at` or soon after. Dropping the future cancels the wait.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        let mut wait = Self::Wait::default();
        poll_fn(move |cx| self.poll_until(&mut wait, at, cx))
    }
}

/// A clock that a thread can wait on: for a point in time and for an event at once.
pub trait Sleep: Clock {
    /// Blocks until `event` is ready or `until` is reached, whichever comes first; may return early.
    fn wait(&self, until: Instant, event: Pin<&mut dyn Future<Output = ()>>);
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
    fn tick(&self) -> u64 {
        (**self).tick()
    }
    fn cut(&self) -> u64 {
        (**self).cut()
    }
    fn coarse(&self) -> Instant {
        (**self).coarse()
    }
}

impl<C: Timer> Timer for &C {
    type Wait = C::Wait;
    fn poll_until(&self, wait: &mut C::Wait, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_until(wait, at, cx)
    }
}

impl<C: Sleep> Sleep for &C {
    fn wait(&self, until: Instant, event: Pin<&mut dyn Future<Output = ()>>) {
        (**self).wait(until, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_survive_the_long_division() {
        for ms in [0, 1, 999, 1_000, 1_001, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 1 << 48, u64::MAX] {
            assert_eq!(duration(ms), Duration::from_millis(ms), "{ms}");
        }
    }

    /// A timer that rings too early is set again and again until its time is reached.
    #[test]
    fn a_timer_is_over_when_it_rings_and_not_a_tick_later_at_any_tick_rate() {
        let shown = |tick: u64, hz: u64| u64::try_from(u128::from(tick) * 1_000 / u128::from(hz)).unwrap();
        for hz in [1, 10, 64, 100, 250, 1_000, 1_024, 32_768, 48_000, 1_000_000, 64_000_000, 999_999_937] {
            let times = (0..3_000).chain([9_999, 86_400_001, u64::from(u32::MAX) + 7, 1 << 38]);
            for at in times {
                let tick = tick_of(Instant::from_millis(at), hz);
                assert!(shown(tick, hz) >= at, "{hz} Hz: {at} ms at tick {tick}");
                assert!(tick == 0 || shown(tick - 1, hz) < at, "{hz} Hz: {at} ms a tick before {tick}");
            }
        }
    }

    #[test]
    fn adding_rounds_up_and_saturates() {
        assert_eq!(Instant::ZERO.saturating_add(Duration::from_nanos(1)).as_millis(), 1);
        assert_eq!(Instant::from_millis(5).saturating_add(Duration::from_millis(5)).as_millis(), 10);
        assert_eq!(Instant::from_millis(1).saturating_add(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::ZERO.since(Instant::MAX), Duration::ZERO);
    }
}
