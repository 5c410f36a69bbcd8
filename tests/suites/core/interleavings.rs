//! The waiters under a scheduler that chooses the interleaving (shuttle): core's store over shuttle's mutex, with a
//! clock that stands still, so that a lost wake-up is a deadlock, which shuttle reports.

use cachify_core::{
    Instance,
    store::{growing::MapStore, lock::Lock},
    time::{Clock, Instant, Timer},
};
use shuttle::{
    check_pct, check_random, future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    task::{Context, Poll},
};

/// Shuttle's mutex as the lock of a store.
struct Scheduled;

impl Lock for Scheduled {
    type Of<T> = Mutex<T>;
    fn new<T>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
    fn with<T, R>(cell: &Mutex<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut cell.lock().unwrap())
    }
    fn stack() -> u32 {
        let mut hasher = DefaultHasher::new();
        thread::current().id().hash(&mut hasher);
        hasher.finish() as u32 | 1
    }
}

/// Time stands still: nothing but a wake-up ends a wait.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::ZERO
    }
}

impl Timer for Still {
    type Wait = ();
    fn poll_until(&self, (): &mut (), _: Instant, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

type Store = MapStore<Scheduled, Still, usize>;

fn instance() -> Arc<Instance<Store>> {
    Arc::new(Instance::new(Store::new(Still)))
}

/// Three threads take turns; each waits without limit.
fn turns() {
    let (shared, inside) = (instance(), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (shared, inside) = (shared.clone(), inside.clone());
            thread::spawn(move || {
                future::block_on(async {
                    let guard = shared.lock("k").wait_forever().acquire().await.unwrap();
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two inside");
                    thread::yield_now();
                    inside.fetch_sub(1, SeqCst);
                    guard.release().await.unwrap();
                });
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
}

/// One of three gives up after its first wait: its wake-up, if it had one, must reach another.
fn one_gives_up() {
    let shared = instance();
    let guard = future::block_on(shared.lock("k").acquire()).unwrap();
    let quitter = {
        let shared = shared.clone();
        thread::spawn(move || {
            let lock = shared.lock("k").wait_forever();
            let mut waiting = Box::pin(lock.acquire());
            let once = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_ready()));
            let got = future::block_on(once);
            thread::yield_now();
            drop(waiting);
            got
        })
    };
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                future::block_on(async { drop(shared.lock("k").wait_forever().acquire().await.unwrap()) });
            })
        })
        .collect();
    drop(guard);
    for t in waiters {
        t.join().unwrap();
    }
    quitter.join().unwrap();
}

/// Three callers of a cold key: one loads, all get its value.
fn one_flight() {
    let (shared, loads) = (instance(), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (shared, loads) = (shared.clone(), loads.clone());
            thread::spawn(move || {
                let load = || async { Ok::<usize, ()>(loads.fetch_add(1, SeqCst)) };
                future::block_on(shared.cache("k").get_or_insert_with(load)).unwrap()
            })
        })
        .collect();
    assert!(threads.into_iter().all(|t| t.join().unwrap() == 0));
    assert_eq!(loads.load(SeqCst), 1);
}

/// Four threads, two permits.
fn two_permits() {
    let (shared, inside) = (instance(), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (shared, inside) = (shared.clone(), inside.clone());
            thread::spawn(move || {
                let permit = future::block_on(shared.pool("k", 2).wait_forever().take()).unwrap();
                assert!(inside.fetch_add(1, SeqCst) < 2, "three inside");
                thread::yield_now();
                inside.fetch_sub(1, SeqCst);
                drop(permit);
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
}

const ROUNDS: usize = 1_000;

#[test]
fn waiting_threads_all_get_their_turn() {
    check_random(turns, ROUNDS);
    check_pct(turns, ROUNDS, 3);
}

#[test]
fn a_waiter_that_gives_up_takes_no_wake_up_with_it() {
    check_random(one_gives_up, ROUNDS);
    check_pct(one_gives_up, ROUNDS, 3);
}

#[test]
fn a_cold_key_is_loaded_once() {
    check_random(one_flight, ROUNDS);
    check_pct(one_flight, ROUNDS, 3);
}

#[test]
fn a_pool_of_two_lets_two_in() {
    check_random(two_permits, ROUNDS);
    check_pct(two_permits, ROUNDS, 3);
}
