//! The end of an instance: from its call a state, not a moment.

use cachify::{Cachify, Holding, ManualClock, Ran, Refused, cachify_core::testing::block_on, secs};
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn instance() -> (ManualClock, Cachify) {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    (clock, c)
}

#[test]
fn nothing_new_is_asked_from_the_call_on() {
    let (clock, c) = instance();
    let guard = c.lock("k").acquire_blocking().unwrap();
    let lock = c.lock("k").wait(secs(60));
    let mut waits = pin!(lock.acquire());
    assert!(poll(waits.as_mut()).is_pending());
    let mut shutdown = pin!(c.shutdown(secs(10)));
    assert!(poll(shutdown.as_mut()).is_pending(), "the lock is held");

    assert!(matches!(poll(waits), Poll::Ready(Err(Refused::ShutDown))), "who waited");
    assert!(matches!(c.lock("other").acquire_blocking().map(drop), Err(Refused::ShutDown)));
    assert!(matches!(c.pool("p", 1).take_blocking().map(drop), Err(Refused::ShutDown)));
    assert!(matches!(c.once("o").run_blocking(|_| ()), Err(Refused::ShutDown)));
    let computed = c.cache("v").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<u8, ()>(1));
    assert_eq!(computed, Ok(1), "a cached call computes");
    assert!(c.lock("k").is_locked_blocking().unwrap(), "it may be looked at");

    assert!(guard.is_valid(), "what is held ends by itself");
    assert_eq!(guard.release(), Ok(Holding::Held));
    assert_eq!(poll_after(&clock, shutdown), 0);
}

/// What a shutdown says that looks once more.
fn poll_after(clock: &ManualClock, mut shutdown: Pin<&mut impl Future<Output = usize>>) -> usize {
    for _ in 0..3 {
        clock.advance(Duration::from_millis(10));
        if let Poll::Ready(held) = poll(shutdown.as_mut()) {
            return held;
        }
    }
    panic!("nothing is held any more")
}

#[test]
fn what_is_held_to_the_last_is_given_back_and_its_guards_know() {
    let (clock, c) = instance();
    let (guard, permit) = (c.lock("k").acquire_blocking().unwrap(), c.pool("p", 2).take_blocking().unwrap());
    {
        let mut shutdown = pin!(c.shutdown(secs(10)));
        assert!(poll(shutdown.as_mut()).is_pending());
        clock.advance(secs(9));
        assert!(poll(shutdown.as_mut()).is_pending() && guard.is_valid());
        clock.advance(secs(1));
        assert_eq!(poll(shutdown), Poll::Ready(2));
    }
    assert!(!guard.is_valid() && !permit.is_valid());
    assert!(!c.lock("k").is_locked_blocking().unwrap());
    assert_eq!((guard.release(), permit.release()), (Ok(Holding::Lost), Ok(Holding::Lost)));
    assert_eq!(block_on(c.shutdown(secs(10))), 0, "once more changes nothing");
}

#[test]
fn a_shutdown_that_is_dropped_gives_back_at_once() {
    let (_clock, c) = instance();
    let guard = c.lock("k").acquire_blocking().unwrap();
    {
        let mut shutdown = pin!(c.shutdown(secs(10)));
        assert!(poll(shutdown.as_mut()).is_pending() && guard.is_valid());
    }
    assert!(!guard.is_valid());
    assert!(matches!(c.lock("k").acquire_blocking().map(drop), Err(Refused::ShutDown)));
}

#[test]
fn a_run_under_way_is_let_to_its_end() {
    let c = Cachify::builder().build_memory();
    let mut ending = None;
    let ran = c.once("o").keep(secs(60)).run_blocking(|_| {
        let shut = c.clone();
        ending = Some(thread::spawn(move || block_on(shut.shutdown(secs(60)))));
        // once the shutdown has begun
        while c.lock("probe").acquire_blocking().map(drop) != Err(Refused::ShutDown) {
            thread::yield_now();
        }
        Some(1)
    });
    assert!(matches!(ran, Ok(Ran::Ran(Some(1)))), "{ran:?}");
    assert_eq!(ending.map(|ending| ending.join().unwrap()), Some(0), "nothing was taken from anybody");
}
