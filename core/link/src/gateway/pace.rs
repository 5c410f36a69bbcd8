//! How fast a line is read: the generic cell rate algorithm (ITU-T I.371), for bytes and requests together.

use super::Limits;
use cachify_core::time::Instant;

/// What may be said at once, in microseconds of saying it.
const BURST: u64 = 1_000_000;

/// When what was heard so far would have been said at the rate that a line may have.
#[derive(Debug)]
pub(super) struct Pace(u64);

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self(micros(now))
    }

    /// So much was heard; until when nothing more is to be read.
    pub(super) fn heard(&mut self, bytes: usize, requests: u32, now: Instant, limits: &Limits) -> Option<Instant> {
        let cost = |count: u64, rate: u32| count.saturating_mul(1_000_000) / u64::from(rate.max(1));
        let cost = cost(bytes as u64, limits.bytes).max(cost(requests.into(), limits.rate));
        self.0 = self.0.max(micros(now)).saturating_add(cost);
        let early = self.0.checked_sub(BURST)?;
        (early > micros(now)).then(|| Instant::from_millis(early.div_ceil(1_000)))
    }
}

const fn micros(at: Instant) -> u64 {
    at.as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { rate: 10, bytes: 1_000, ..Limits::DEFAULT };

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_second_s_worth_at_once_and_then_at_the_rate() {
        let mut pace = Pace::new(at(5_000));
        assert_eq!(pace.heard(64, 10, at(5_000), &LIMITS), None);
        assert_eq!(pace.heard(64, 1, at(5_000), &LIMITS), Some(at(5_100)));
        assert_eq!(pace.heard(64, 0, at(5_100), &LIMITS), Some(at(5_164)), "bytes count, too");
        assert_eq!(
            pace.heard(64, 10, at(9_000), &LIMITS),
            None,
            "who was silent has a second's worth again, and no more"
        );
        assert_eq!(pace.heard(64, 10, at(9_000), &LIMITS), Some(at(10_000)));
    }

    #[test]
    fn the_dearer_of_both_counts() {
        let mut pace = Pace::new(at(0));
        assert_eq!(pace.heard(1_000, 1, at(0), &LIMITS), None);
        assert_eq!(pace.heard(500, 1, at(0), &LIMITS), Some(at(500)));
    }
}
