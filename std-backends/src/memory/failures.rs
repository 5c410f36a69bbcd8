//! Loads that failed a moment ago: who waited for one of them loads at once, beside the others, and not in turn.

use cachify_core::time::Instant;

/// How many are remembered; past that those who waited load in turn.
const MOST: usize = 16;

/// Of one shard, by the hashes of their keys.
#[derive(Debug, Default)]
pub(super) struct Failures {
    last: [(u64, Instant); MOST],
    next: usize,
}

impl Failures {
    /// A load of that key failed.
    pub(super) fn note(&mut self, hash: u64, now: Instant) {
        // one place a key: in a loop of failures the others stay
        let known = self.last.iter().position(|(key, at)| *key == hash && *at > Instant::ZERO);
        let place = known.unwrap_or(self.next);
        self.last[place] = (hash, now.max(Instant::from_millis(1)));
        if known.is_none() {
            self.next = (self.next + 1) % MOST;
        }
    }

    /// Whether one failed for which somebody waited since then.
    pub(super) fn since(&self, hash: u64, then: Instant) -> bool {
        self.last.iter().any(|(key, at)| *key == hash && *at >= then.max(Instant::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn who_waited_before_a_failure_is_told_and_nobody_else() {
        let mut failures = Failures::default();
        assert!(!failures.since(0, ms(0)) && !failures.since(7, ms(0)));
        failures.note(7, ms(50));
        assert!(failures.since(7, ms(10)) && failures.since(7, ms(50)));
        assert!(!failures.since(7, ms(51)) && !failures.since(8, ms(10)));
        for key in 100..100 + MOST as u64 - 1 {
            failures.note(key, ms(60));
            failures.note(key, ms(61));
        }
        assert!(failures.since(7, ms(10)), "one place a key");
        failures.note(1, ms(70));
        assert!(!failures.since(7, ms(10)), "past the bound the oldest is forgotten");
    }
}
