//! Who waits on a device sleeps: beside embassy's own mutex, whose place for one waker two waiters take from each other.

use cachify_core::{
    Instance,
    store::{fixed::FixedStore, lock::NoLock},
    testing::ManualClock,
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

/// Far more than anybody needs to fall asleep.
const ENOUGH: usize = 10_000;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// How often tasks are polled, each when it is woken, until all of them sleep.
fn polls(tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) -> usize {
    let mut tasks: Vec<_> = tasks.into_iter().map(|task| (task, Arc::new(Woken(AtomicBool::new(true))))).collect();
    let mut polls = 0;
    while polls < ENOUGH && tasks.iter().any(|(_, woken)| woken.0.load(SeqCst)) {
        for (task, woken) in &mut tasks {
            if woken.0.swap(false, SeqCst) {
                polls += 1;
                assert!(task.as_mut().poll(&mut Context::from_waker(&Waker::from(woken.clone()))).is_pending());
            }
        }
    }
    polls
}

#[test]
fn two_that_wait_for_a_lock_sleep() {
    let clock = ManualClock::new();
    let store = FixedStore::<NoLock, _, 4>::new(&clock);
    let device = Instance::new(&store);
    let _held = device.lock("bus").try_acquire_now().unwrap();
    let lock = device.lock("bus").wait(Duration::from_secs(1));
    let waits = || Box::pin(async { drop(lock.acquire().await) }) as Pin<Box<dyn Future<Output = ()>>>;
    assert_eq!(polls(vec![waits(), waits()]), 2, "each asks once");

    let mutex = Mutex::<NoopRawMutex, ()>::new(());
    let _guard = mutex.try_lock().unwrap();
    let waits = || Box::pin(async { drop(mutex.lock().await) }) as Pin<Box<dyn Future<Output = ()>>>;
    assert_eq!(polls(vec![waits()]), 1, "one alone sleeps");
    assert_eq!(polls(vec![waits(), waits()]), ENOUGH, "two do not: the guide says so");
}
