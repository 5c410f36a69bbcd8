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

/// The id of all waits that are polled: nobody says when one is over.
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
    /// A task that polls the clock by hand ([`PollTimer`]) counts once, until the last of its waits would have ended.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        let state = locked(&self.0);
        let mut polling: Vec<&Waker> = Vec::new();
        for (_, id, waker) in &state.sleepers {
            if *id == POLLED && !polling.iter().any(|known| known.will_wake(waker)) {
                polling.push(waker);
            }
        }
        polling.len() + state.sleepers.iter().filter(|(_, id, _)| *id != POLLED).count()
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
        if !state.sleepers.iter().any(|(until, _, waker)| *until == at && waker.will_wake(cx.waker())) {
            state.sleepers.push((at, POLLED, cx.waker().clone()));
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
    use std::{
        sync::atomic::{AtomicU32, Ordering::Relaxed},
        task::Wake,
    };

    struct Woken(Arc<AtomicU32>);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_task_that_polls_is_one_sleeper_and_is_woken_for_each_wait() {
        let clock = ManualClock::new();
        let woken = Arc::default();
        let waker = Waker::from(Arc::new(Woken(Arc::clone(&woken))));
        let mut cx = Context::from_waker(&waker);
        for at in [70, 50, 60] {
            assert!(clock.poll_until(Instant::from_millis(at), &mut cx).is_pending());
        }
        assert!(clock.poll_until(Instant::MAX, &mut cx).is_pending());
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (1, 0));
        clock.advance(Duration::from_millis(49));
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (1, 0));
        clock.advance(Duration::from_millis(1));
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (1, 1));
        clock.advance(Duration::from_millis(20));
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (0, 3), "for each of its waits");
        assert!(clock.poll_until(Instant::from_millis(50), &mut cx).is_ready());
    }
}
