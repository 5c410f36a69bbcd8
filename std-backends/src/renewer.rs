//! Renewal in the background: one thread per instance, started when the first right is granted.
//!
//! Invariant: as long as a guard lives and its store answers, its right lives, on whichever face it was taken. A guard
//! that was forgotten with `mem::forget` is renewed like one that lives.

mod renewed;

use crate::{backend::key::OwnedKey, clock::StdClock, process, seeing::Context, sync::locked};
use cachify_core::{
    Cause, Holding,
    key::Key,
    observe::{Event, Loss},
    time::{Clock, Instant, Sleep},
    token::HolderToken,
    validity::{Validity, next_heartbeat},
};
pub use renewed::Renewed;
use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, TryLockError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

/// What a renewer needs of a store: its blocking face, for leases of any kind.
pub(crate) trait Renew: Send + Sync {
    /// Extends many by so many milliseconds, in their order.
    fn renew_all(&self, due: Vec<(OwnedKey, HolderToken, u64)>) -> Vec<Result<Holding, Cause>>;
    /// Gives a lease back.
    fn give_back(&self, key: OwnedKey, token: HolderToken);
    /// Tells the observer of the instance.
    fn tell(&self, event: &Event<'_>);
}

/// The rights of one instance that are to be renewed, by when.
#[derive(Clone)]
pub(crate) struct Renewer(Arc<Shared>);

struct Shared {
    clock: StdClock,
    queue: Mutex<Queue>,
    /// Whose it is, and whose its thread.
    process: u32,
}

#[derive(Default)]
struct Queue {
    by_due: BTreeMap<(Instant, u64), Arc<Held>>,
    /// Those that are being renewed at this moment.
    renewing: Vec<Arc<Held>>,
    last: u64,
    /// When everything was last renewed at once, and whether since what is being renewed was sent.
    rushed: Instant,
    rushing: bool,
    /// When the thread wakes; `None` while there is no thread.
    wakes: Option<Instant>,
    waker: Option<Waker>,
    stopped: bool,
}

/// One right that is held.
struct Held {
    store: Weak<dyn Renew>,
    key: OwnedKey,
    token: HolderToken,
    /// In milliseconds.
    ttl: u64,
    validity: Validity,
    /// Its present place in the queue.
    place: Mutex<Option<(Instant, u64)>>,
    alarm: Mutex<Alarm>,
    /// Whether the last renewal had no answer.
    unanswered: AtomicBool,
    /// Inside of what it was granted.
    of: Context,
}

#[derive(Default)]
struct Alarm {
    rung: bool,
    waiting: Vec<Waker>,
}

impl Held {
    fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl)
    }

    /// Tells the observer, whose panic is its own.
    fn tell(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        if let Some(store) = self.store.upgrade() {
            let _ = catch_unwind(AssertUnwindSafe(|| self.of.within(|| store.tell(&event(self.key.key())))));
        }
    }

    /// When it is renewed first: a third of what is left of it, which may be less than its TTL.
    fn next(&self, now: Instant) -> Instant {
        next_heartbeat(now, self.ttl().min(self.validity.until().since(now)), self.token)
    }

    /// Whether its guard is to hear that it is lost: who takes it out of its place, the renewer or its guard, tells it.
    fn is_lost(&self) -> bool {
        let mut place = locked(&self.place);
        let is_held = place.take().is_some();
        if is_held {
            self.validity.end();
        }
        is_held
    }

    fn lost(&self) {
        self.validity.end();
        let waiting = {
            let mut alarm = locked(&self.alarm);
            alarm.rung = true;
            std::mem::take(&mut alarm.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Renewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewer").field("held", &locked(&self.0.queue).by_due.len()).finish()
    }
}

impl Renewer {
    /// A renewer of this process.
    pub(crate) fn new(clock: StdClock) -> Self {
        Self(Arc::new(Shared { clock, queue: Mutex::default(), process: process::id() }))
    }

    /// Renews a right from now on.
    pub(crate) fn attend(
        &self,
        store: Weak<dyn Renew>,
        key: OwnedKey,
        token: HolderToken,
        ttl: u64,
        validity: Validity,
        of: Context,
    ) -> Renewed {
        let (place, alarm) = (Mutex::default(), Mutex::default());
        let unanswered = AtomicBool::new(false);
        let held = Arc::new(Held { store, key, token, ttl, validity, place, alarm, unanswered, of });
        let due = held.next(self.0.clock.now());
        self.enter(&mut locked(&self.0.queue), &held, due);
        Renewed::kept(held, self.clone())
    }

    /// How many rights it renews.
    pub(crate) fn held(&self) -> usize {
        let queue = locked(&self.0.queue);
        queue.by_due.len() + queue.renewing.len()
    }

    /// Ends all rights that are held, and gives them back; how many there were.
    pub(crate) fn drain(&self) -> usize {
        let all: Vec<_> = {
            let mut queue = locked(&self.0.queue);
            let waiting = std::mem::take(&mut queue.by_due).into_values();
            // one that was answered a moment ago stands in both
            waiting.chain(queue.renewing.clone()).filter(|held| locked(&held.place).take().is_some()).collect()
        };
        for held in &all {
            held.lost();
            if let Some(store) = held.store.upgrade() {
                store.give_back(held.key.clone(), held.token);
            }
        }
        all.len()
    }

    /// Renews everything at once, at most once a second: the store may have lost its memory.
    pub(crate) fn rush(&self) {
        let waker = {
            let mut queue = locked(&self.0.queue);
            // many connections break together, and each of them asks for this
            let now = self.0.clock.now().max(queue.rushed.saturating_add(RUSH));
            (queue.rushed, queue.rushing) = (now, true);
            for (place, held) in std::mem::take(&mut queue.by_due) {
                let place = (place.0.min(now), place.1);
                *locked(&held.place) = Some(place);
                queue.by_due.insert(place, held);
            }
            if queue.wakes.is_some() && !queue.by_due.is_empty() {
                queue.wakes = queue.wakes.min(Some(now));
            }
            queue.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the thread, soon.
    pub(crate) fn stop(&self) {
        let waker = {
            let mut queue = locked(&self.0.queue);
            queue.stopped = true;
            queue.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn enter(&self, queue: &mut Queue, held: &Arc<Held>, due: Instant) {
        queue.last += 1;
        let place = (due, queue.last);
        *locked(&held.place) = Some(place);
        queue.by_due.insert(place, held.clone());
        match queue.wakes {
            Some(wakes) if wakes <= due => {}
            Some(_) => {
                queue.wakes = Some(due);
                // under the lock: it is the renewer's own thread, which is unparked
                queue.waker.take().into_iter().for_each(Waker::wake);
            }
            None => queue.wakes = self.start().then_some(due),
        }
    }

    /// What is to be done after an answer, and when, which follows from when the right ends, however late the answer came;
    /// nothing once the guard has gone or everything was given back.
    fn answered(&self, held: &Arc<Held>, sent: Instant, kept: bool) {
        let now = self.0.clock.now();
        let mut queue = locked(&self.0.queue);
        let due = match kept {
            // the answer may be of before the store lost its memory; but a rush that waits its turn delays no heartbeat
            true if queue.rushing => queue.rushed.min(next_heartbeat(sent, held.ttl(), held.token)),
            true => next_heartbeat(sent, held.ttl(), held.token),
            false => now.saturating_add(retry(held.ttl(), held.validity.until().since(now))),
        };
        // under the lock of the queue, which `forget` and `drain` take first too
        if locked(&held.place).is_none() {
            return;
        }
        if kept {
            held.unanswered.store(false, Ordering::Relaxed);
            held.validity.extend(sent, held.ttl());
        }
        self.enter(&mut queue, held, due);
    }

    fn forget(&self, held: &Held) {
        let mut queue = match self.0.queue.try_lock() {
            // in a forked child a thread may hold it that is not there
            Err(TryLockError::WouldBlock) if self.0.process != process::id() => return,
            Err(TryLockError::WouldBlock) => locked(&self.0.queue),
            Err(TryLockError::Poisoned(queue)) => queue.into_inner(),
            Ok(queue) => queue,
        };
        if let Some(place) = locked(&held.place).take() {
            queue.by_due.remove(&place);
        }
    }

    /// Without a thread nothing is renewed: rights end after their TTL, which `is_valid` tells.
    fn start(&self) -> bool {
        let renewer = self.clone();
        thread::Builder::new().name("cachify-renewer".into()).spawn(move || renewer.run()).is_ok()
    }

    fn run(&self) {
        loop {
            let due = {
                let now = self.0.clock.now();
                let mut queue = locked(&self.0.queue);
                if queue.stopped {
                    return;
                }
                let later = queue.by_due.split_off(&(Instant::from_millis(now.as_millis().saturating_add(1)), 0));
                let due: Vec<_> = std::mem::replace(&mut queue.by_due, later).into_values().collect();
                queue.wakes = Some(queue.by_due.keys().next().map_or(Instant::MAX, |(due, _)| *due));
                queue.renewing.clone_from(&due);
                queue.rushing = false;
                due
            };
            if !due.is_empty() {
                self.renew(due);
            }
            let until = locked(&self.0.queue).wakes.unwrap_or(Instant::MAX);
            self.0.clock.wait(until, pin!(self.earlier(until)));
        }
    }

    fn renew(&self, due: Vec<Arc<Held>>) {
        let sent = self.0.clock.now();
        let asks = due.iter().map(|held| (held.key.clone(), held.token, held.ttl)).collect();
        let store = due.first().and_then(|held| held.store.upgrade());
        // a store or waker that panics costs these rights, not the renewal of all others
        let answers = store.and_then(|store| catch_unwind(AssertUnwindSafe(|| store.renew_all(asks))).ok());
        let answers = answers.unwrap_or_default().into_iter().chain(std::iter::repeat(Ok(Holding::Lost)));
        for (held, answer) in due.into_iter().zip(answers) {
            match answer {
                Ok(Holding::Held) => self.answered(&held, sent, true),
                // unknown: tried again soon, as long as the right may live
                Err(cause) if held.validity.is_valid(self.0.clock.now()) => {
                    if !held.unanswered.swap(true, Ordering::Relaxed) {
                        held.tell(|key| Event::Failed { key: Some(key), cause });
                    }
                    self.answered(&held, sent, false);
                }
                // a guard that has gone meanwhile hears nothing of it
                Ok(Holding::Lost) | Err(_) => {
                    let why = if held.validity.is_valid(self.0.clock.now()) { Loss::Taken } else { Loss::Expired };
                    if held.is_lost() {
                        let _ = catch_unwind(AssertUnwindSafe(|| held.lost()));
                        held.tell(|key| Event::Lost { key, why });
                    }
                }
            }
        }
        // what watches over one of them may end with it, which is not ours to run in there
        let renewed = std::mem::take(&mut locked(&self.0.queue).renewing);
        drop(renewed);
    }

    /// Ends when something is due before `until`, or the renewer is stopped.
    fn earlier(&self, until: Instant) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let mut queue = locked(&self.0.queue);
            if queue.stopped || queue.wakes.is_some_and(|wakes| wakes < until) {
                return Poll::Ready(());
            }
            queue.waker = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// How long after one rush the next may come.
const RUSH: Duration = Duration::from_secs(1);

/// How soon an unanswered renewal is tried again: several times within what is left of the TTL.
fn retry(ttl: Duration, left: Duration) -> Duration {
    (ttl / 10).min(left / 3).clamp(Duration::from_millis(20), Duration::from_secs(1))
}

#[cfg(test)]
mod tests;
