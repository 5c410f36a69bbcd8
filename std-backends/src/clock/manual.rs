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

/// The id of a wait that is polled, of which there is one for each task.
const POLLED: u64 = 0;

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
    ///
    /// A task that polls the clock by hand ([`PollTimer`]) counts once, until its next wait would have ended.
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
        if at == Instant::MAX {
            return Poll::Pending;
        }
        // nobody says that such a wait is over: so one for each task, which asks for all of its waits when it is woken
        match state.sleepers.iter_mut().find(|(_, id, waker)| *id == POLLED && waker.will_wake(cx.waker())) {
            Some((until, ..)) => *until = at.min(*until),
            None => state.sleepers.push((at, POLLED, cx.waker().clone())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_task_that_polls_is_one_sleeper_and_is_woken_for_its_next_wait() {
        let clock = ManualClock::new();
        let waker = Waker::from(Arc::new(Nobody));
        let mut cx = Context::from_waker(&waker);
        for at in [70, 50, 60] {
            assert!(clock.poll_until(Instant::from_millis(at), &mut cx).is_pending());
        }
        assert!(clock.poll_until(Instant::MAX, &mut cx).is_pending());
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_millis(49));
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.sleepers(), 0);
        assert!(clock.poll_until(Instant::from_millis(50), &mut cx).is_ready());
    }
}
