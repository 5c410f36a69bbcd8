//! How long a cached value lives.
//!
//! Invariant: the precedence is explicit value, then the instance's default, then for ever. Zero is never a TTL.
//! Not here: the TTL of a lease, which always ends and is a plain `Duration`.

use crate::time::{Instant, millis};
use core::time::Duration;

/// A value's time to live.
///
/// ```
/// use cachify_core::{time::Instant, ttl::Ttl};
/// use core::time::Duration;
/// let minute = Ttl::For(Duration::from_secs(60));
/// assert_eq!(Ttl::resolve(None, Some(minute)), minute);
/// assert_eq!(Ttl::resolve(Some(Ttl::Forever), Some(minute)), Ttl::Forever);
/// assert_eq!(Ttl::resolve(None, None).end(Instant::ZERO), Instant::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// Ends after this long.
    For(Duration),
    /// Ends only when invalidated or evicted.
    #[default]
    Forever,
}

impl Ttl {
    /// What was said at the call, else the default, else for ever.
    #[must_use]
    pub fn resolve(said: Option<Self>, default: Option<Self>) -> Self {
        said.or(default).unwrap_or(Self::Forever)
    }

    /// When a value stored at `now` ends.
    #[must_use]
    pub fn end(self, now: Instant) -> Instant {
        match self {
            Self::For(ttl) => now.saturating_add(ttl),
            Self::Forever => Instant::MAX,
        }
    }

    /// In milliseconds; `u64::MAX` for ever.
    pub(crate) const fn millis(self) -> u64 {
        match self {
            Self::For(ttl) => millis(ttl),
            Self::Forever => u64::MAX,
        }
    }

    /// Whether this is a TTL of no length, which every entry point refuses.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::For(Duration::ZERO)
    }

    /// Shortened by up to `percent` per cent, as far as `random` says (0 = not at all, `u32::MAX` = all of it).
    ///
    /// Spreads the expiry of values that were stored together. The result is never zero for a non-zero TTL.
    #[must_use]
    pub fn jittered(self, percent: u8, random: u32) -> Self {
        let Self::For(ttl) = self else { return self };
        let share = ttl / 100 * u32::from(percent.min(100));
        let cut = share / 1_024 * (random >> 22);
        Self::For(ttl.saturating_sub(cut).max(Duration::from_millis(1).min(ttl)))
    }
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        Self::For(ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_the_ttl_and_its_cut() {
        let ttl = Ttl::For(Duration::from_secs(100));
        assert_eq!(ttl.jittered(20, 0), ttl);
        let Ttl::For(most) = ttl.jittered(20, u32::MAX) else { panic!() };
        assert!(most >= Duration::from_secs(80) && most < Duration::from_secs(81), "{most:?}");
        assert!(!Ttl::For(Duration::from_nanos(1)).jittered(100, u32::MAX).is_zero());
    }
}
