//! When a server that cannot be reached, or closes what it accepts, is tried again: the pauses of all callers.
//!
//! Not here: the subscription, which tries by itself, and renewals, of which there are few.

use crate::{sync::locked, token};
use cachify_core::{Cause, time::Instant};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long the first pause is, and the longest; each is between half of that and all of it, so that processes do not
/// come together.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// So many failures are followed at once by another attempt: a connection at rest may end at any time.
const FREE: u32 = 1;

/// What came of the last attempts.
#[derive(Debug, Default)]
pub(in crate::redis) struct Pauses {
    /// Whether there is nothing to remember.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many attempts failed, one after another.
    failures: u32,
    /// When the last of them did; others that had begun before are of the same failure.
    failed: Instant,
    until: Instant,
    why: Cause,
    /// Whether a connection was made on which nothing was answered yet.
    on_trial: bool,
}

impl Default for State {
    fn default() -> Self {
        let why = Cause::Unreachable;
        Self { failures: 0, failed: Instant::ZERO, until: Instant::ZERO, why, on_trial: false }
    }
}

impl Pauses {
    /// Whether to try now; else why the last attempt failed.
    pub(in crate::redis) fn may_try(&self, now: Instant) -> Result<(), Cause> {
        if !self.troubled.load(Ordering::Relaxed) {
            return Ok(());
        }
        let state = locked(&self.state);
        if now < state.until { Err(state.why) } else { Ok(()) }
    }

    /// An attempt that began then failed.
    pub(in crate::redis) fn failed(&self, began: Instant, now: Instant, why: Cause) {
        self.fail(began, now, why, token::random_word());
    }

    fn fail(&self, began: Instant, now: Instant, why: Cause, random: u64) {
        let mut state = locked(&self.state);
        if state.failures > 0 && began < state.failed {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        (state.failed, state.why) = (now, why);
        if let Some(paused) = state.failures.checked_sub(FREE + 1) {
            let pause = PAUSE[0].saturating_mul(1 << paused.min(16)).min(PAUSE[1]);
            // 256 steps are enough to keep processes apart
            state.until = now.saturating_add(pause / 2 + pause / 2 * u32::from(random as u8) / 255);
        }
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// A connection was made: whether it is of use, its first answer tells.
    pub(in crate::redis) fn made(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            locked(&self.state).on_trial = true;
        }
    }

    /// A connection broke. One on which nothing was ever answered is a failure.
    pub(in crate::redis) fn broke(&self, now: Instant) {
        let on_trial = std::mem::take(&mut locked(&self.state).on_trial);
        // the first one is not known to be on trial, and has its attempt free
        if on_trial || !self.troubled.load(Ordering::Relaxed) {
            self.failed(now, now, Cause::Unreachable);
        }
    }

    /// The server answered.
    pub(in crate::redis) fn answered(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            *locked(&self.state) = State::default();
            self.troubled.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn pauses_grow_to_a_second_and_end_with_the_first_answer() {
        let pauses = Pauses::default();
        let (mut now, mut waited) = (1_000, Vec::new());
        for _ in 0..10 {
            assert_eq!(pauses.may_try(ms(now)), Ok(()));
            pauses.fail(ms(now), ms(now + 1), Cause::Unreachable, u64::MAX);
            now += 1;
            let tries = (now..now + 2_000).find(|at| pauses.may_try(ms(*at)).is_ok()).unwrap();
            waited.push(tries - now);
            now = tries;
        }
        assert_eq!(waited, [0, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
        pauses.fail(ms(now), ms(now), Cause::Unreachable, 0);
        assert!(pauses.may_try(ms(now + 499)).is_err() && pauses.may_try(ms(now + 500)).is_ok(), "half at least");
        pauses.answered();
        assert_eq!(pauses.may_try(ms(now)), Ok(()));
    }

    #[test]
    fn a_crowd_that_fails_together_fails_once() {
        let pauses = Pauses::default();
        for _ in 0..64 {
            pauses.fail(ms(10), ms(20), Cause::Unreachable, u64::MAX);
        }
        assert_eq!(pauses.may_try(ms(20)), Ok(()));
        pauses.fail(ms(20), ms(30), Cause::Full, u64::MAX);
        assert_eq!((pauses.may_try(ms(49)), pauses.may_try(ms(50))), (Err(Cause::Full), Ok(())));
    }

    #[test]
    fn a_connection_that_ends_before_its_first_answer_is_a_failure() {
        let pauses = Pauses::default();
        for _ in 0..9 {
            pauses.made();
            pauses.broke(ms(1_000));
        }
        assert!(pauses.may_try(ms(1_010)).is_err());
        pauses.answered();
        pauses.broke(ms(1_000));
        assert_eq!(pauses.may_try(ms(1_001)), Ok(()), "one that was at rest");
    }
}
