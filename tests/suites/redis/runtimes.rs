//! Tokio runtimes that cannot connect, have no timers, are driven by nobody, or are gone while a task lives on.

use super::world::{millis, over, patient, run, timed};
use cachify::{Cachify, Cause, Error, Refused, secs};
use cachify_tests::server::{Engine, Server};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// How long an operation may take where nothing drives it.
const LIMIT: Duration = millis(400);
/// What the machine may add.
const STALL: Duration = secs(2);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor that drives no runtime.
fn by_hand<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return out;
        }
        thread::park();
    }
}

/// Each kind of a runtime, with its parts.
fn runtimes(parts: impl Fn(&mut Builder) -> &mut Builder) -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()].map(|mut kind| parts(&mut kind).build().unwrap())
}

/// All that a task waits for: a connection, an answer, a wake-up, a deadline.
async fn works(c: &Cachify) {
    c.ping().await.unwrap();
    let held = c.lock("k").acquire().await.unwrap();
    let late = c.lock("k").wait(millis(50));
    assert!(matches!(late.acquire().await.map(drop), Err(Refused::Busy { .. })));
    let next = c.lock("k").wait(secs(20));
    let (next, _) = tokio::join!(next.acquire(), held.release());
    next.unwrap().release().await.unwrap();
}

fn quick(server: &Server) -> Cachify {
    patient(server.url()).op_timeout(LIMIT).build().unwrap()
}

#[test]
fn a_runtime_without_timers_is_as_good_as_another() {
    let server = Server::start(Engine::Redis);
    for runtime in runtimes(Builder::enable_io) {
        runtime.block_on(works(&over(&server)));
    }
    for runtime in runtimes(|builder| builder) {
        let memory = Cachify::builder().build().unwrap();
        runtime.block_on(works(&memory));
    }
}

#[test]
fn a_runtime_that_cannot_connect_is_said_and_harms_no_other() {
    let server = Server::start(Engine::Redis);
    for runtime in runtimes(|builder| builder).into_iter().chain(runtimes(Builder::enable_time)) {
        let c = over(&server);
        for _ in 0..3 {
            let (why, took) = timed(|| runtime.block_on(c.ping()).unwrap_err());
            assert!(matches!(why, Error::Store(Cause::Unsupported(what)) if what.contains("enable_io")), "{why:?}");
            assert!(took < STALL, "{took:?}");
        }
        c.ping_blocking().unwrap();
        run(works(&c));
    }
}

#[test]
fn a_runtime_that_nobody_drives_costs_the_limit() {
    let server = Server::start(Engine::Redis);
    let idle = Builder::new_current_thread().enable_all().build().unwrap();
    for is_known in [false, true] {
        let c = quick(&server);
        if is_known {
            idle.block_on(works(&c));
        }
        for _ in 0..3 {
            let _inside = idle.enter();
            let (refused, took) = timed(|| by_hand(c.lock("k").acquire()).map(drop).unwrap_err());
            let (asked, more) = timed(|| by_hand(c.ping()).unwrap_err());
            assert!(took < LIMIT + STALL && more < LIMIT + STALL, "{took:?}, {more:?}");
            let Error::Store(why) = asked else { panic!("{asked:?}") };
            assert!(why.may_pass(), "{refused:?}, {why:?}");
            c.ping_blocking().unwrap();
        }
        by_hand(c.ping()).unwrap();
        run(async { c.ping().await.unwrap() });
        // and once it is driven again, it connects
        idle.block_on(async { c.ping().await.unwrap() });
    }
}

#[test]
fn a_runtime_that_is_gone_is_said_and_harms_no_other() {
    let server = Server::start(Engine::Redis);
    for (is_known, runtime) in
        [false, true].into_iter().flat_map(|known| runtimes(Builder::enable_all).map(|r| (known, r)))
    {
        let c = quick(&server);
        if is_known {
            runtime.block_on(works(&c));
        }
        let handle = runtime.handle().clone();
        drop(runtime);
        {
            let _inside = handle.enter();
            for _ in 0..3 {
                let (why, took) = timed(|| by_hand(c.ping()).unwrap_err());
                assert!(took < LIMIT + STALL, "{took:?}");
                assert!(matches!(why, Error::Store(Cause::Unsupported(_) | Cause::Unreachable)), "{why:?}");
                c.ping_blocking().unwrap();
            }
        }
        c.ping_blocking().unwrap();
        by_hand(c.ping()).unwrap();
        run(works(&c));
    }
}

/// Polls once; it is to wait.
async fn begins<T>(future: &mut Pin<Box<impl Future<Output = T>>>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn what_began_in_a_runtime_that_is_gone_is_finished_elsewhere() {
    let server = Server::start(Engine::Redis);
    for c in [over(&server), Cachify::builder().build().unwrap()] {
        let held = c.lock("k").acquire_blocking().unwrap();
        let lock = c.lock("k").wait(millis(300));
        for in_another in [false, true] {
            for first in runtimes(Builder::enable_all) {
                let mut waits = Box::pin(lock.acquire());
                first.block_on(async {
                    begins(&mut waits).await;
                    tokio::time::sleep(millis(100)).await;
                });
                drop(first);
                let (refused, took) = timed(|| {
                    let rest = async { waits.as_mut().await.map(drop) };
                    if in_another { run(rest) } else { by_hand(rest) }
                });
                assert!(matches!(refused, Err(Refused::Busy { .. })), "{refused:?}");
                assert!(took < STALL, "{took:?}");
            }
        }
        held.release().unwrap();
    }
}
