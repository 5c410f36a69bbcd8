//! What nobody waits for any more is given back, by one thread, after it was taken.

use crate::{
    conformance::instance,
    shelf::{Shelf, Slow},
};
use cachify::{
    AsyncKv, AsyncKvStore, Cause, Kv, KvStore, ManualClock, Ran, cachify_core::time::Clock, clock::StdClock, secs,
};
use cachify_core::testing::block_on;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

async fn poll_once<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Waits for other threads, by real time: how many turns they need is the machine's business.
pub(crate) fn soon(what: &str, is: impl Fn() -> bool) {
    let clock = StdClock::system();
    let until = clock.now().saturating_add(secs(10));
    while !is() {
        assert!(clock.now() < until, "{what} never comes");
        std::thread::yield_now();
    }
}

/// Half an hour passes for a lease of 30 s, as fast as it is renewed: no question has a limit that this could exceed.
fn renewed(clock: &ManualClock, shelf: &Shelf) {
    for _ in 0..1_800 {
        let left = || shelf.ends("cachify:l:{k}").map(|end| end.since(clock.now()));
        soon("the renewal", || left().is_none_or(|left| left > secs(12)));
        // the store renewed it; the guard knows once the renewer sleeps again
        soon("the renewer's rest", || clock.sleepers() > 0);
        clock.advance(secs(1));
    }
}

fn without_limit(clock: &ManualClock, store: impl cachify::Backend) -> cachify::Cachify {
    cachify::Cachify::builder().clock(clock.clone()).op_timeout(secs(86_400)).store(store).build().unwrap()
}

/// Without a runtime a task's drop, like a thread's, goes to the thread that gives back.
#[test]
fn what_is_dropped_is_given_back_in_the_background() {
    let clock = ManualClock::new();
    let c = instance(&clock, Kv(Shelf::new(&clock, false)));
    drop(c.lock("k").acquire_blocking().unwrap());
    drop(block_on(c.pool("k", 1).take()).unwrap());
    drop(c.once("k").begin_blocking().unwrap());
    soon("the lock", || !c.lock("k").is_locked_blocking().unwrap());
    soon("the permit", || c.pool("k", 1).in_use_blocking().unwrap() == 0);
    soon("the run", || !c.once("k").is_locked_blocking().unwrap());
}

/// An async store through the same door: threads, renewal of a guard that is merely kept, and giving back.
#[test]
fn an_async_store_gets_threads_renewal_and_giving_back() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = without_limit(&clock, AsyncKv(Slow { shelf: shelf.clone(), after: true }));
    let lock = c.lock("k").ttl(secs(30));
    let guard = block_on(lock.acquire()).unwrap();
    renewed(&clock, &shelf);
    assert!(guard.is_valid());
    assert!(lock.try_acquire_blocking().unwrap().is_none(), "it is renewed");
    drop(guard);
    drop(block_on(c.pool("k", 1).take()).unwrap());
    drop(c.once("k").begin_blocking().unwrap());
    soon("the lock", || !lock.is_locked_blocking().unwrap());
    soon("the permit", || c.pool("k", 1).in_use_blocking().unwrap() == 0);
    soon("the run", || !c.once("k").is_locked_blocking().unwrap());
    c.shutdown_blocking(secs(10));
}

/// A client that needs its tokio runtime: threads, the one that renews and the one that gives back call inside of it.
#[derive(Clone)]
struct Timed(Shelf);

impl AsyncKvStore for Timed {
    type Error = Cause;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        KvStore::get(&self.0, key)
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        KvStore::compare_exchange(&self.0, key, old, new, ttl)
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        KvStore::remove(&self.0, key)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_needs_its_runtime_serves_threads_too() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let c = without_limit(&clock, AsyncKv(Timed(shelf.clone())));
    let lock = c.lock("k").ttl(secs(30));
    let guard = lock.acquire().await.unwrap();
    renewed(&clock, &shelf);
    let tried = std::thread::spawn({
        let lock = lock.clone();
        move || lock.try_acquire_blocking().unwrap().is_none()
    });
    assert!(tried.join().unwrap(), "renewed, and seen by a thread");
    drop(guard);
    let freed = std::thread::spawn(move || soon("the lock", || !lock.is_locked_blocking().unwrap()));
    freed.join().unwrap();
}

/// A call that is dropped while it runs elsewhere is given back after it, never before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_leaves_nothing_held_inside_tokio() {
    let clock = ManualClock::new();
    let c = instance(&clock, Kv(Shelf::new(&clock, false)));
    for round in 0..200 {
        let lock = c.lock("k");
        let mut acquire = Box::pin(lock.acquire());
        for _ in 0..round % 3 {
            if poll_once(&mut acquire).await.is_ready() {
                break;
            }
        }
        drop(acquire);
        soon("the lock", || !c.lock("k").is_locked_blocking().unwrap());
    }
}

/// A store that is told what to do with an exchange: to answer, or one of the ways not to.
#[derive(Clone)]
struct Faulty {
    shelf: Shelf,
    how: Arc<AtomicUsize>,
    /// How many exchanges it was asked for.
    asked: Arc<AtomicUsize>,
    /// How many of them it left unanswered.
    unanswered: Arc<AtomicUsize>,
}

const ANSWERS: usize = 0;
const LOST_BEFORE: usize = 1;
const LOST_AFTER: usize = 2;
const STUCK: usize = 3;
/// Waits until it is told to go on.
const HELD: usize = 4;

impl Faulty {
    fn new(clock: &ManualClock, how: usize) -> Self {
        let zero = || Arc::new(AtomicUsize::new(0));
        Self { shelf: Shelf::new(clock, false), how: Arc::new(how.into()), asked: zero(), unanswered: zero() }
    }
}

impl KvStore for Faulty {
    type Error = Cause;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.shelf.get(key)
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.asked.fetch_add(1, SeqCst);
        while self.how.load(SeqCst) == HELD {
            std::thread::yield_now();
        }
        let how = self.how.load(SeqCst);
        if how == STUCK {
            // so slow that the thread never has nothing to do
            let clock = StdClock::system();
            let until = clock.now().saturating_add(Duration::from_millis(30));
            while clock.now() < until {
                std::thread::yield_now();
            }
        }
        if how == LOST_BEFORE || how == STUCK {
            self.unanswered.fetch_add(1, SeqCst);
            return Err(Cause::TimedOut);
        }
        let done = self.shelf.compare_exchange(key, old, new, ttl);
        if how == LOST_AFTER {
            self.unanswered.fetch_add(1, SeqCst);
            return Err(Cause::TimedOut);
        }
        done
    }
    fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.shelf.remove(key)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dropped_call_still_takes_is_given_back_after_it() {
    let clock = ManualClock::new();
    let held = Faulty::new(&clock, HELD);
    let c = instance(&clock, Kv(held.clone()));
    let lock = c.lock("k");
    let mut acquire = Box::pin(lock.acquire());
    assert!(poll_once(&mut acquire).await.is_pending());
    soon("the call", || held.asked.load(SeqCst) == 1);
    drop(acquire);
    // time enough for whoever would not wait for the call to end
    for _ in 0..10_000 {
        std::thread::yield_now();
    }
    held.how.store(ANSWERS, SeqCst);
    soon("its last exchange", || held.asked.load(SeqCst) >= 3);
    soon("the lock", || !c.lock("k").is_locked_blocking().unwrap());
}

/// What one store of the process does not answer keeps no other waiting.
#[test]
fn a_store_that_does_not_answer_keeps_no_other_waiting() {
    let clock = ManualClock::new();
    let sick = Faulty::new(&clock, ANSWERS);
    let (how, unanswered) = (sick.how.clone(), sick.unanswered.clone());
    let (sick, well) = (instance(&clock, Kv(sick)), instance(&clock, Kv(Shelf::new(&clock, false))));
    let once = |n: u32| sick.once(("job", n)).ttl(secs(60)).keep(secs(60));
    let runs: Vec<_> = (0..50).map(|n| once(n).begin_blocking().unwrap()).collect();
    how.store(STUCK, SeqCst);
    for run in runs {
        run.complete().unwrap_err();
    }
    // all of them have been tried again, and are due once more as soon as the thread comes to them
    soon("another round", || unanswered.load(SeqCst) > 200);
    for _ in 0..3 {
        let tried = unanswered.load(SeqCst);
        drop(well.lock("k").acquire_blocking().unwrap());
        soon("the other store's lock", || !well.lock("k").is_locked_blocking().unwrap());
        let meanwhile = unanswered.load(SeqCst) - tried;
        assert!(meanwhile <= 2, "it waited for {meanwhile} attempts of another store");
    }
    how.store(ANSWERS, SeqCst);
}

/// What succeeded is not done again, however late the store hears of it.
#[test]
fn the_completion_of_a_run_that_was_not_answered_is_repeated() {
    for lost in [LOST_BEFORE, LOST_AFTER] {
        for way in 0..3 {
            let clock = ManualClock::new();
            let mute = Faulty::new(&clock, ANSWERS);
            let (how, unanswered) = (mute.how.clone(), mute.unanswered.clone());
            let c = instance(&clock, Kv(mute));
            let once = c.once("job").ttl(secs(60)).keep(secs(600));
            let lose = || how.store(lost, SeqCst);
            match way {
                0 => {
                    let run = once.begin_blocking().unwrap();
                    lose();
                    run.complete().unwrap_err();
                }
                1 => assert_eq!(once.run_blocking(|_| lose()), Ok(Ran::Ran(()))),
                _ => assert_eq!(block_on(once.run(async |_| lose())), Ok(Ran::Ran(()))),
            }
            let first = unanswered.load(SeqCst);
            if lost == LOST_BEFORE {
                soon("another attempt", || unanswered.load(SeqCst) > first);
            }
            how.store(ANSWERS, SeqCst);
            // what is inspected is a marker, and nobody's run
            soon("the marker", || once.inspect_blocking().is_ok_and(|seen| seen.held == 1 && seen.fence().is_none()));
            // past its lease: what skips others is the marker
            clock.advance(secs(61));
            let beside = once.run_blocking(|_| ());
            assert!(matches!(beside, Ok(Ran::Skipped(_))), "{lost}, {way}: {beside:?}");
            clock.advance(secs(600));
            assert_eq!(once.run_blocking(|_| ()), Ok(Ran::Ran(())), "its marker ended");
        }
    }
}
