//! The thread of one instance: it gives back what was dropped, and keeps the subscription.
//!
//! It outlives any runtime of the user's, serves users who have none, and ends with the instance, after one more
//! attempt to give back what was dropped before. Each right is given back by a task of its own, so that one which the
//! server refuses keeps no other waiting. Not here: what a message means, which is the subscription's.

use super::{Shared, call::call, name::Name, reply, subscription, tasks::Task};
use crate::erased::Operation;
use cachify_core::{
    Fault,
    drive::beside,
    observe::{Event, Observer},
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use std::{
    collections::BTreeSet,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle},
    sync::{Semaphore, watch},
};

/// How many rights may wait to be given back; more end by themselves.
const REAPER: usize = 4_096;
/// How many of them are on their way at a time.
const AT_ONCE: usize = 32;
/// For how long a right is tried to be given back; then it ends by itself.
const GIVE_UP: Duration = Duration::from_secs(3_600);
/// How long the thread outlives its instance at most.
const FAREWELL: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Background {
    pub(super) runtime: Handle,
    waiting: watch::Sender<Waiting>,
    attempts: Arc<Semaphore>,
}

/// The rights that wait to be given back, by the number they came with.
#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    numbers: BTreeSet<u64>,
}

impl Background {
    /// Starts the thread; `None` if the system has none to give.
    pub(super) fn start(shared: &Shared) -> Option<Self> {
        let (tell, told) = mpsc::sync_channel(1);
        let waiting = watch::Sender::<Waiting>::default();
        let run = {
            let (mut idle, mut closed, clock) = (waiting.subscribe(), shared.closed(), shared.clock.clone());
            move || {
                // built here: where the thread cannot start, no runtime is to be dropped inside another one
                let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
                let _ = tell.send(runtime.handle().clone());
                runtime.block_on(async {
                    let _ = closed.wait_for(|closed| *closed).await;
                    let limit = clock.sleep_until(clock.now().saturating_add(FAREWELL));
                    let _ = beside(idle.wait_for(|waiting| waiting.numbers.is_empty()), limit).await;
                });
                // not by being dropped, which waits for a search of the system's for an address
                runtime.shutdown_background();
            }
        };
        thread::Builder::new().name("cachify-redis".into()).spawn(run).ok()?;
        Some(Self { runtime: told.recv().ok()?, waiting, attempts: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Gives a right back, soon, but not before `at`; whether there was room to note it.
    pub(super) fn give_back(&self, shared: &Arc<Shared>, right: Dropped, at: Instant, room: Room) -> bool {
        let Some(noted) = Noted::new(&self.waiting, room) else { return false };
        let (shared, attempts) = (shared.clone(), self.attempts.clone());
        self.runtime.spawn(async move {
            if at > shared.clock.now() {
                shared.clock.sleep_until(at).await;
            }
            give_back(&shared, &attempts, &right).await;
            drop(shared);
            drop(noted);
        });
        true
    }

    /// Ends when everything dropped so far was given back, or given up.
    pub(super) async fn idle(&self) {
        let mut waiting = self.waiting.subscribe();
        let last = waiting.borrow().last;
        let _ = waiting.wait_for(|waiting| waiting.numbers.first().is_none_or(|first| *first > last)).await;
    }

    /// Subscribes, and keeps subscribed until the instance ends.
    pub(super) fn listen(&self, shared: &Arc<Shared>) {
        self.runtime.spawn(subscription::keep(shared.clone()));
    }
}

/// A right that nobody holds any more.
pub(super) struct Dropped {
    pub(super) name: Name,
    pub(super) token: HolderToken,
}

/// Whether there is always room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Bounded,
    /// For what is given back at the end: it was held, so there is no more of it than there was.
    Unbounded,
}

/// One right that waits to be given back.
struct Noted {
    waiting: watch::Sender<Waiting>,
    number: u64,
}

impl Noted {
    fn new(waiting: &watch::Sender<Waiting>, room: Room) -> Option<Self> {
        let mut number = None;
        waiting.send_if_modified(|waiting| {
            if room == Room::Unbounded || waiting.numbers.len() < REAPER {
                waiting.last += 1;
                waiting.numbers.insert(waiting.last);
                number = Some(waiting.last);
            }
            false
        });
        number.map(|number| Self { waiting: waiting.clone(), number })
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.waiting.send_modify(|waiting| {
            waiting.numbers.remove(&self.number);
        });
    }
}

/// Until it is acknowledged, refused, or must have ended; while the instance ends, one attempt has to do.
async fn give_back(shared: &Arc<Shared>, attempts: &Semaphore, right: &Dropped) {
    let operation = Operation::give_back(right.name.kind, right.token);
    let began = shared.clock.now();
    let mut pause = Duration::from_millis(50);
    loop {
        let fault = {
            let Ok(_attempt) = attempts.acquire().await else { return };
            let until = shared.deadline();
            let task = Task::new(shared, until);
            let limit = shared.clock.sleep_until(until);
            match beside(call(shared, &task, &right.name, &operation, until), limit).await {
                Ok(Ok(_)) => return,
                Ok(Err(fault)) => fault,
                Err(()) => {
                    task.timed_out();
                    Fault::TimedOut
                }
            }
        };
        let lasting = matches!(fault, Fault::Rejected(why) if !reply::PASSING.contains(&why));
        if lasting || shared.is_closed() || shared.clock.now().since(began) > GIVE_UP {
            // nobody is left to be told but the observer
            shared.tell(&Event::Failed { key: None, fault });
            return;
        }
        or_closed(shared, shared.clock.sleep_until(shared.clock.now().saturating_add(pause))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

impl Shared {
    /// Tells the observer what happened in the background; its panic must not end that.
    pub(super) fn tell(&self, event: &Event<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.watcher.event(event)));
    }
}

/// `None` if the instance ends first.
pub(super) async fn or_closed<T>(shared: &Shared, future: impl Future<Output = T>) -> Option<T> {
    let mut closed = shared.closed();
    let closing = async move {
        let _ = closed.wait_for(|closed| *closed).await;
    };
    beside(future, closing).await.ok()
}
