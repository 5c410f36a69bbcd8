//! A clock that stands still until it is moved, shared by threads and tasks.

use crate::sync::locked;
use cachify_core::time::{Clock, Instant, Timer};
use std::{
    fmt,
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

impl ManualClock {
    /// A wait that is woken at `at`, unless it is dropped before; `None` if that is reached.
    pub(super) fn sleep(&self, at: Instant, waker: &Waker) -> Option<Sleeper> {
        // what a waker does when it is copied, it does without the lock
        let waker = waker.clone();
        let mut state = locked(&self.0);
        if state.now >= at {
            return None;
        }
        state.last += 1;
        let id = state.last;
        state.sleepers.push((at, id, waker));
        drop(state);
        Some(Sleeper { clock: self.clone(), id })
    }
}

impl Timer for ManualClock {
    type Wait = super::Wait;
    fn poll_until(&self, wait: &mut super::Wait, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        wait.poll_manual(self, at, cx)
    }
}

/// A wait under way; over when dropped.
#[derive(Debug)]
pub(super) struct Sleeper {
    clock: ManualClock,
    id: u64,
}

impl Sleeper {
    /// Another task is to be woken.
    pub(super) fn wake(&self, waker: &Waker) {
        let mut waker = waker.clone();
        let mut state = locked(&self.clock.0);
        if let Some((.., old)) = state.sleepers.iter_mut().find(|(_, id, _)| *id == self.id) {
            std::mem::swap(old, &mut waker);
        }
        drop(state);
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let mut state = locked(&self.clock.0);
        let gone: Vec<_> = state.sleepers.extract_if(.., |(_, id, _)| *id == self.id).collect();
        drop(state);
        drop(gone);
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
    fn a_wait_is_one_sleeper_and_its_task_is_woken_once() {
        let clock = ManualClock::new();
        let woken = Arc::default();
        let waker = Waker::from(Arc::new(Woken(Arc::clone(&woken))));
        let mut cx = Context::from_waker(&waker);
        let mut wait = super::super::Wait::default();
        for at in [70, 50, 60] {
            assert!(clock.poll_until(&mut wait, Instant::from_millis(at), &mut cx).is_pending());
        }
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (1, 0));
        clock.advance(Duration::from_millis(59));
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (1, 0), "only the last is waited for");
        clock.advance(Duration::from_millis(1));
        assert_eq!((clock.sleepers(), woken.load(Relaxed)), (0, 1));
        assert!(clock.poll_until(&mut wait, Instant::from_millis(60), &mut cx).is_ready());
        assert!(clock.poll_until(&mut wait, Instant::MAX, &mut cx).is_pending());
        assert_eq!(clock.sleepers(), 0, "what is never reached is no wait");
    }
}
