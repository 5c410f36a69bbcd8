//! Timers for tasks outside a tokio runtime: one thread, started at the first wait.

use super::system;
use crate::{locked, process::PerProcess};
use cachify_core::time::Instant;
use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Condvar, Mutex},
    task::{Context, Poll, Waker},
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
            drop(waiting);
            due.into_values().for_each(Waker::wake);
            waiting = locked(&timers.waiting);
            continue;
        }
        waiting = match waiting.by_end.keys().next() {
            Some((end, _)) => {
                let left = end.since(now);
                timers.changed.wait_timeout(waiting, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
            }
            None => timers.changed.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner),
        };
    }
}

/// A place in the queue; leaves it when dropped.
struct Entry(Option<(Instant, u64)>);

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(key) = self.0 {
            locked(&timers().waiting).by_end.remove(&key);
        }
    }
}

/// Until when a polled wait is remembered, in milliseconds: nobody says that it is over, and a task that ended is kept
/// in memory by its waker. Whoever still waits then is woken and asks again.
const GRID: u64 = 1_000;

/// Wakes the task at `at`, or at the next whole second to ask again; asking again for the same adds nothing.
pub(super) fn poll_until(at: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let now = system::now();
    if now >= at {
        return Poll::Ready(());
    }
    if at == Instant::MAX {
        return Poll::Pending;
    }
    let at = at.min(Instant::from_millis((now.as_millis() / GRID + 1) * GRID));
    let timers = timers();
    let mut waiting = locked(&timers.waiting);
    if !waiting.by_end.range((at, 0)..=(at, u64::MAX)).any(|(_, w)| w.will_wake(cx.waker())) {
        waiting.last += 1;
        let key = (at, waiting.last);
        waiting.by_end.insert(key, cx.waker().clone());
        if waiting.by_end.keys().next() == Some(&key) {
            timers.changed.notify_one();
        }
    }
    Poll::Pending
}

pub(super) async fn sleep_until(at: Instant) {
    let mut entry = Entry(None);
    poll_fn(|cx| {
        if system::now() >= at {
            return Poll::Ready(());
        }
        let timers = timers();
        let mut waiting = locked(&timers.waiting);
        waiting.last += 1;
        let key = *entry.0.get_or_insert((at, waiting.last));
        waiting.by_end.insert(key, cx.waker().clone());
        if waiting.by_end.keys().next() == Some(&key) {
            timers.changed.notify_one();
        }
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, mpsc},
        task::Wake,
        time::Duration,
    };

    struct Told(mpsc::Sender<()>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.send(()).expect("the test listens");
        }
    }

    #[test]
    fn a_wait_that_is_polled_no_more_is_forgotten_before_its_end() {
        let (sender, told) = mpsc::channel();
        let task = Arc::new(Told(sender));
        let waker = Waker::from(task.clone());
        let far = Instant::from_millis(system::now().as_millis() + 3_600_000);
        for _ in 0..3 {
            assert!(poll_until(far, &mut Context::from_waker(&waker)).is_pending());
        }
        drop(waker);
        told.recv_timeout(Duration::from_secs(30)).expect("woken to ask again");
        while Arc::strong_count(&task) > 1 {
            thread::yield_now();
        }
    }
}
