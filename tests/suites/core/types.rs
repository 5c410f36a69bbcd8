//! What the compiler knows of guards and futures, written down: who may move and share them, and how large they are.
//!
//! Sizes are ceilings: a change that passes one says so here, and why.

use cachify::{BlockingLockGuard, BlockingPermit, BlockingRunGuard, Cachify, LockGuard, Memory, Permit, RunGuard};
use std::{fmt::Debug, future::Future};

fn is_owned<T: Send + Sync + Debug + 'static>() {}

fn is_send<T: Send>(future: T) -> T {
    future
}

/// Its size in bytes.
fn size<T: Send>(future: &T) -> usize {
    size_of_val(future)
}

#[test]
fn guards_are_owned_and_may_change_threads_and_be_shared() {
    is_owned::<Cachify>();
    is_owned::<Cachify<Memory>>();
    is_owned::<LockGuard>();
    is_owned::<BlockingLockGuard>();
    is_owned::<Permit>();
    is_owned::<BlockingPermit>();
    is_owned::<RunGuard>();
    is_owned::<BlockingRunGuard>();
    is_owned::<LockGuard<Memory>>();
    is_owned::<Permit<Memory>>();
    is_owned::<cachify::Event<'static>>();
    is_owned::<cachify::Refused>();
    is_owned::<cachify::Cause>();
    is_owned::<cachify::Error>();
}

/// Each is made, and never polled.
#[test]
fn every_future_of_the_interface_may_change_threads() {
    let c = Cachify::builder().build().unwrap();
    let (lock, pool, once, cache) = (c.lock("k"), c.pool("k", 1), c.once("k"), c.cache("k"));
    drop(is_send(lock.acquire()));
    drop(is_send(lock.try_acquire()));
    drop(is_send(lock.run(async |_| ())));
    drop(is_send(lock.is_locked()));
    drop(is_send(lock.force_release()));
    drop(is_send(pool.take()));
    drop(is_send(pool.try_take()));
    drop(is_send(pool.run(async |_| ())));
    drop(is_send(pool.in_use()));
    drop(is_send(once.begin()));
    drop(is_send(once.run(async |_| ())));
    drop(is_send(once.is_locked()));
    drop(is_send(once.force_release()));
    drop(is_send(cache.get::<u32>()));
    drop(is_send(cache.get_or_insert_with(async || Ok::<u32, ()>(1))));
    drop(is_send(cache.get_or_insert(async { 1_u32 })));
    drop(is_send(cache.reset()));
    drop(is_send(c.ping()));
    drop(is_send(c.shutdown(cachify::secs(1))));
    let guard = lock.acquire_blocking().unwrap();
    drop(is_send(guard.lost()));
    guard.release().unwrap();
}

fn at_most(what: &str, is: usize, most: usize) {
    println!("{what:<28} {is:>5} of {most:>5}");
    assert!(is <= most, "{what} takes {is} bytes, {most} at most");
}

#[test]
fn guards_and_futures_are_no_larger_than_written_down() {
    let c = Cachify::builder().build().unwrap();
    at_most("a guard", size_of::<LockGuard>(), GUARD);
    at_most("a permit", size_of::<Permit>(), GUARD);
    at_most("a run", size_of::<RunGuard>(), GUARD);
    let (lock, pool, once, cache) = (c.lock("k"), c.pool("k", 1), c.once("k"), c.cache("k"));
    at_most("lock: acquire", size(&lock.acquire()), ACQUIRE);
    at_most("pool: take", size(&pool.take()), ACQUIRE);
    at_most("once: begin", size(&once.begin()), ACQUIRE);
    at_most("cache: get_or_insert_with", size(&cache.get_or_insert_with(async || Ok::<u32, ()>(1))), FILL);
    at_most("a cached call", size(&cached_call(1)), CALL);
    at_most("a locked call", size(&locked_call(1)), LOCKED);
}

// a word of each is a label that was said; three are its name and what watches over it, which only `metrics` and `tracing`
// bring (16 more of a locked call, whose heartbeats have room for a watch of their own); 8 of it are the name of what was asked for
const GUARD: usize = 320 + 24;
const ACQUIRE: usize = 376 + 24;
const FILL: usize = 576 + 8;
const CALL: usize = 176;
const LOCKED: usize = 480 + 48;

#[cachify::cached(key = "types:{id}", ttl = 60)]
async fn cached_call(id: u32) -> u32 {
    id
}

#[cachify::lock(key = "types:{id}", wait = 1)]
async fn locked_call(id: u32) -> Result<u32, cachify::Refused> {
    Ok(id)
}

/// A caller's own future may hold any of them across its await points, and be spawned.
#[test]
fn a_task_may_hold_all_of_them() {
    fn is_spawnable<F: Future + Send + 'static>(_: F) {}
    let c = Cachify::builder().build().unwrap();
    is_spawnable(async move {
        let guard = c.lock("k").acquire().await?;
        let permit = c.pool("k", 2).take().await?;
        let run = c.once("k").begin().await?;
        tokio::select! {
            () = guard.lost() => {}
            () = permit.lost() => {}
            () = run.lost() => {}
        }
        run.complete().await.map(drop)
    });
}
