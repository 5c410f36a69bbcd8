//! A clock that stands still until it is moved, shared by threads and tasks.

use crate::locked;
use cachify_core::time::{Clock, Instant, PollTimer, Timer};
use std::{
    fmt,
    future::{Future, poll_fn},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A clock moved by hand, for tests: hand a clone to the builder and keep one.
///
/// Who waits on it, task or thread, is woken when it is moved past the end of the wait.
///
/// ```
/// use cachify::{Cachify, ManualClock, secs};
/// let clock = ManualClock::new();
/// let cache = Cachify::builder().clock(clock.clone()).build_memory();
/// let lock = cache.lock("report").ttl(secs(30));
/// let guard = lock.try_acquire_blocking()?.expect("free");
/// clock.advance(secs(1));
/// assert!(guard.is_valid());
/// # Ok::<(), cachify::Refused>(())
/// ```
#[derive(Clone, Default)]
pub struct ManualClock(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Instant,
    sleepers: Vec<(Instant, u64, Waker)>,
    last: u64,
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

impl ManualClock {
    /// A clock at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves it on, rounded up to a millisecond, and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut state = locked(&self.0);
            state.now = state.now.saturating_add(by);
            let now = state.now;
            let (due, asleep) = state.sleepers.drain(..).partition::<Vec<_>, _>(|(at, ..)| *at <= now);
            state.sleepers = asleep;
            due
        };
        for (_, _, waker) in due {
            waker.wake();
        }
    }

    /// How many waits are under way: so a test can tell that everybody has come to rest.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        locked(&self.0).sleepers.len()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        locked(&self.0).now
    }
}

impl Timer for ManualClock {
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        let mut sleeper = Sleeper { clock: self, id: None };
        poll_fn(move |cx| {
            let mut state = locked(&sleeper.clock.0);
            if state.now >= at {
                return Poll::Ready(());
            }
            state.last += 1;
            let id = *sleeper.id.get_or_insert(state.last);
            state.sleepers.retain(|(_, other, _)| *other != id);
            state.sleepers.push((at, id, cx.waker().clone()));
            Poll::Pending
        })
    }
}

impl PollTimer for ManualClock {
    fn poll_until(&self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = locked(&self.0);
        if state.now >= at {
            return Poll::Ready(());
        }
        if !state.sleepers.iter().any(|(until, _, waker)| *until == at && waker.will_wake(cx.waker())) {
            state.last += 1;
            let id = state.last;
            state.sleepers.push((at, id, cx.waker().clone()));
        }
        Poll::Pending
    }
}

/// A wait under way; over when dropped.
struct Sleeper<'c> {
    clock: &'c ManualClock,
    id: Option<u64>,
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            locked(&self.clock.0).sleepers.retain(|(_, other, _)| *other != id);
        }
    }
}
