//! Timers for tasks: one thread, started at the first wait.
//!
//! Not by the runtime that polls: it may have no timers, may be driven by nobody or be gone while the task lives on, or
//! may have a clock that a test moves.

use super::system;
use crate::{process::PerProcess, sync::locked};
use cachify_core::time::Instant;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex},
    task::Waker,
    thread,
};

#[derive(Default)]
struct Timers {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    by_end: BTreeMap<(Instant, u64), Waker>,
    last: u64,
    /// When the thread looks next; zero if it is about to. Most waits are dropped before their end, so it is not woken
    /// for each.
    looks: Instant,
}

static TIMERS: PerProcess<Timers> = PerProcess::new();

fn timers() -> &'static Timers {
    TIMERS.get_or_init(|| {
        thread::Builder::new().name("cachify-timer".into()).spawn(run).map_or_else(drop, drop);
        Timers::default()
    })
}

fn run() {
    let timers = timers();
    let mut waiting = locked(&timers.waiting);
    loop {
        let now = system::now();
        let later = waiting.by_end.split_off(&(Instant::from_millis(now.as_millis() + 1), 0));
        let due = std::mem::replace(&mut waiting.by_end, later);
        if !due.is_empty() {
            waiting.looks = Instant::ZERO;
            drop(waiting);
            // a waker that panics costs its own task, not the timers of all others
            for waker in due.into_values() {
                drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
            }
            waiting = locked(&timers.waiting);
            continue;
        }
        let first = waiting.by_end.keys().next().map_or(Instant::MAX, |(end, _)| *end);
        // also where the wait it was woken for is gone: the next one will end later
        let last = if waiting.looks > now { waiting.looks } else { Instant::MAX };
        waiting.looks = first.min(last);
        waiting = match waiting.looks {
            Instant::MAX => timers.changed.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner),
            end => {
                let left = end.since(now);
                timers.changed.wait_timeout(waiting, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
            }
        };
    }
}

/// A place in the queue; leaves it when dropped.
#[derive(Debug)]
pub(super) struct Entry((Instant, u64));

impl Entry {
    /// Wakes the task at `at`, unless the entry is dropped before.
    pub(super) fn new(at: Instant, waker: &Waker) -> Self {
        let timers = timers();
        // what a waker does when it is copied, it does without the lock
        let waker = waker.clone();
        let mut waiting = locked(&timers.waiting);
        waiting.last += 1;
        let key = (at, waiting.last);
        waiting.by_end.insert(key, waker);
        if at < waiting.looks {
            waiting.looks = at;
            timers.changed.notify_one();
        }
        Self(key)
    }

    /// Another task is to be woken.
    pub(super) fn wake(&self, waker: &Waker) {
        let waker = waker.clone();
        let old = locked(&timers().waiting).by_end.insert(self.0, waker);
        drop(old);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let gone = locked(&timers().waiting).by_end.remove(&self.0);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, mpsc},
        task::Wake,
    };

    struct Told(mpsc::Sender<()>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.send(()).expect("the test listens");
        }
    }

    #[test]
    fn a_wait_that_is_dropped_keeps_no_task_in_memory() {
        let (sender, _told) = mpsc::channel();
        let task = Arc::new(Told(sender));
        let waker = Waker::from(task.clone());
        let far = Instant::from_millis(system::now().as_millis() + 3_600_000);
        let entry = Entry::new(far, &waker);
        entry.wake(&waker);
        assert_eq!(Arc::strong_count(&task), 3, "ours, the waker's, the queue's");
        drop((waker, entry));
        assert_eq!(Arc::strong_count(&task), 1);
    }
}
