//! How long a grant is known to last, and when to renew it.
//!
//! Invariant: a holder counts from before it asked, less a margin, so it takes a right for lost before the store does.

use crate::{
    time::{Instant, millis, short},
    token::HolderToken,
};
use core::{sync::atomic::Ordering, time::Duration};

/// How long a right is known to last: counted from when it was asked for, less a margin of 1 % or 2 ms.
///
/// Reads and writes are plain loads and stores, which every Cortex-M has.
///
/// ```
/// use cachify_core::{time::Instant, validity::Validity};
/// use core::time::Duration;
/// let validity = Validity::new(Instant::ZERO, Duration::from_secs(1));
/// assert_eq!(validity.until(), Instant::from_millis(990));
/// ```
///
/// Where a target has no 64-bit atomics, it tells up to 49 days from the grant; renewal goes on all the same.
#[derive(Debug)]
pub struct Validity {
    since: Instant,
    millis: AtomicMillis,
}

#[cfg(target_has_atomic = "64")]
type AtomicMillis = core::sync::atomic::AtomicU64;
#[cfg(not(target_has_atomic = "64"))]
type AtomicMillis = core::sync::atomic::AtomicU32;

impl Validity {
    /// Of a right that was asked for at `since` and granted for `remaining`.
    #[must_use]
    pub fn new(since: Instant, remaining: Duration) -> Self {
        Self::granted(since, short(millis(remaining)))
    }

    /// Of a right that was never granted.
    #[must_use]
    pub const fn ended() -> Self {
        Self { since: Instant::ZERO, millis: AtomicMillis::new(0) }
    }

    /// Of a right that was asked for at `since` and granted for so many milliseconds.
    pub(crate) fn granted(since: Instant, lasts: u32) -> Self {
        let mut validity = Self::ended();
        validity.begin(since, lasts);
        validity
    }

    pub(crate) fn begin(&mut self, since: Instant, lasts: u32) {
        self.since = since;
        self.last(since, lasts);
    }

    /// The right was asked for again at `at`, and extended by `ttl`.
    pub fn extend(&self, at: Instant, ttl: Duration) {
        self.last(at, short(millis(ttl)));
    }

    /// The same in milliseconds.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn last(&self, at: Instant, lasts: u32) {
        let margin = (lasts / 100).max(2);
        let until = at.as_millis().saturating_add(u64::from(lasts.saturating_sub(margin)));
        let millis = until.saturating_sub(self.since.as_millis());
        #[cfg(not(target_has_atomic = "64"))]
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        self.millis.store(millis, Ordering::Release);
    }

    /// What is known elsewhere of the same right.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.since = other.since;
        self.millis.store(other.millis.load(Ordering::Acquire), Ordering::Release);
    }

    /// The right was lost.
    pub fn end(&self) {
        self.millis.store(0, Ordering::Release);
    }

    /// Whether it was ended before its time.
    pub(crate) fn is_over(&self) -> bool {
        self.lasting() == 0
    }

    fn lasting(&self) -> u64 {
        #[allow(clippy::useless_conversion, reason = "a u32 on some targets")]
        u64::from(self.millis.load(Ordering::Acquire))
    }

    /// When it ends, as far as is known.
    pub fn until(&self) -> Instant {
        Instant::from_millis(self.since.as_millis().saturating_add(self.lasting()))
    }

    /// Whether it lasts at `now`. A comparison, no I/O.
    pub fn is_valid(&self, now: Instant) -> bool {
        now < self.until()
    }
}

/// When to renew: a third of the TTL from `now`, 10 % sooner or later as `token` says, so that holders spread.
#[must_use]
pub fn next_heartbeat(now: Instant, ttl: Duration, token: HolderToken) -> Instant {
    heartbeat(now, short(millis(ttl)), token)
}

/// The same in milliseconds.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(crate) fn heartbeat(now: Instant, ttl: u32, token: HolderToken) -> Instant {
    let third = ttl / 3;
    let spread = third / 10;
    let within = (token.0[1] ^ token.0[3]) & 0xff;
    let offset = (u64::from(spread) * 2 * u64::from(within)) >> 8;
    Instant::from_millis(now.as_millis().saturating_add(u64::from((third - spread).max(1)) + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_valid_until_a_margin_before_its_end() {
        let validity = Validity::new(Instant::from_millis(100), Duration::from_secs(1));
        assert!(validity.is_valid(Instant::from_millis(1_089)));
        assert!(!validity.is_valid(Instant::from_millis(1_090)));
        validity.extend(Instant::from_millis(500), Duration::from_secs(1));
        assert_eq!(validity.until(), Instant::from_millis(1_490));
        validity.end();
        assert!(!validity.is_valid(Instant::from_millis(100)));
    }

    #[test]
    fn heartbeats_come_around_a_third_of_the_ttl() {
        for bits in [0, 127, 255] {
            let at = next_heartbeat(Instant::ZERO, Duration::from_secs(30), HolderToken([0, bits, 0, 0]));
            assert!((9_000..=11_000).contains(&at.as_millis()), "{at:?}");
        }
        assert!(next_heartbeat(Instant::ZERO, Duration::from_millis(1), HolderToken([0; 4])) > Instant::ZERO);
    }
}
