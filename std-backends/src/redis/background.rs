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
    future::Future,
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
/// A right that could not be given back for so long has ended, or its server is gone for good.
const GIVE_UP: Duration = Duration::from_secs(3_600);
/// How long the thread outlives its instance at most.
const FAREWELL: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Background {
    pub(super) runtime: Handle,
    /// How many rights wait to be given back.
    waiting: watch::Sender<usize>,
    /// How many are to be given back once more, for a copy of their question may still land.
    doubtful: watch::Sender<usize>,
    attempts: Arc<Semaphore>,
}

impl Background {
    /// Starts the thread; `None` if the system has none to give.
    pub(super) fn start(shared: &Shared) -> Option<Self> {
        let (tell, told) = mpsc::sync_channel(1);
        let (waiting, doubtful) = (watch::Sender::new(0), watch::Sender::new(0));
        let run = {
            let (mut first, mut second) = (waiting.subscribe(), doubtful.subscribe());
            let (mut closed, clock) = (shared.closed(), shared.clock.clone());
            move || {
                // built here: where the thread cannot start, no runtime is to be dropped inside another one
                let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
                let _ = tell.send(runtime.handle().clone());
                runtime.block_on(async {
                    let _ = closed.wait_for(|closed| *closed).await;
                    let limit = clock.sleep_until(clock.now().saturating_add(FAREWELL));
                    let idle = async {
                        let _ = first.wait_for(|waiting| *waiting == 0).await;
                        let _ = second.wait_for(|doubtful| *doubtful == 0).await;
                    };
                    let _ = beside(idle, limit).await;
                });
            }
        };
        thread::Builder::new().name("cachify-redis".into()).spawn(run).ok()?;
        Some(Self { runtime: told.recv().ok()?, waiting, doubtful, attempts: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Gives a right back, soon; whether there was room to note it.
    pub(super) fn give_back(&self, shared: &Arc<Shared>, name: Name, token: HolderToken) -> bool {
        self.note(&self.waiting, shared, name, token, None)
    }

    /// The same once more at `at`, when no copy of its question can be on its way any more.
    pub(super) fn give_back_again(&self, shared: &Arc<Shared>, name: Name, token: HolderToken, at: Instant) {
        self.note(&self.doubtful, shared, name, token, Some(at));
    }

    fn note(
        &self,
        count: &watch::Sender<usize>,
        shared: &Arc<Shared>,
        name: Name,
        token: HolderToken,
        at: Option<Instant>,
    ) -> bool {
        let room = count.send_if_modified(|count| {
            let room = *count < REAPER;
            *count += usize::from(room);
            room
        });
        if room {
            let noted = Noted(count.clone());
            let (shared, attempts) = (shared.clone(), self.attempts.clone());
            self.runtime.spawn(async move {
                if let Some(at) = at {
                    or_closed(&shared, shared.clock.sleep_until(at)).await;
                }
                give_back(&shared, &attempts, &name, token).await;
                drop(shared);
                drop(noted);
            });
        }
        room
    }

    /// Ends when everything dropped so far was given back once, or given up.
    pub(super) async fn idle(&self) {
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting == 0).await;
    }

    /// Subscribes, and keeps subscribed until the instance ends.
    pub(super) fn listen(&self, shared: &Arc<Shared>) {
        self.runtime.spawn(subscription::keep(shared.clone()));
    }
}

/// One right that waits to be given back.
struct Noted(watch::Sender<usize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// Until it is acknowledged, refused, or must have ended; while the instance ends, one attempt has to do.
async fn give_back(shared: &Arc<Shared>, attempts: &Semaphore, name: &Name, token: HolderToken) {
    let operation = Operation::give_back(name.kind, token);
    let began = shared.clock.now();
    let mut pause = Duration::from_millis(50);
    loop {
        let fault = {
            let Ok(_attempt) = attempts.acquire().await else { return };
            let until = shared.deadline();
            let task = Task::new(shared, until);
            let limit = shared.clock.sleep_until(until);
            match beside(call(shared, &task, name, &operation, until), limit).await {
                Ok(Ok(_)) => return,
                Ok(Err(fault)) => fault,
                Err(()) => {
                    task.timed_out();
                    Fault::TimedOut
                }
            }
        };
        let lasting = matches!(fault, Fault::Rejected(why) if !reply::PASSING.contains(&why));
        if lasting {
            // who held it learned of it by `dropped`; nobody is left to be told but the observer
            shared.tell(fault);
        }
        if lasting || shared.is_closed() || shared.clock.now().since(began) > GIVE_UP {
            return;
        }
        or_closed(shared, shared.clock.sleep_until(shared.clock.now().saturating_add(pause))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

impl Shared {
    /// Tells the observer what went wrong in the background.
    pub(super) fn tell(&self, fault: Fault) {
        self.watcher.event(&Event::Failed { key: None, fault });
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
