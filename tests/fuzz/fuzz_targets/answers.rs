//! A device that waits for answers is sent anything, as bytes, in whole frames and as whole answers: its calls end or
//! wait.
#![no_main]

use cachify_core::{
    Instance, Refused, cached,
    drive::beside,
    lock,
    store::lock::NoLock,
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Kind, Line, framed, messages};
use cachify_link::{RemoteStore, Session};
use core::{future::pending, time::Duration};
use libfuzzer_sys::fuzz_target;

const ANSWERS: [Kind; 10] = [
    (64, "nnn"),
    (65, "nb"),
    (66, "n"),
    (67, "v"),
    (68, ""),
    (69, "b"),
    (70, "b"),
    (71, "nn?n?n?n"),
    (72, "n"),
    (73, "n"),
];

type Device<'c> = Instance<RemoteStore<NoLock, &'c ManualClock, 6>>;

#[lock(instance = device, key = "l", wait = forever, companions = false)]
async fn locked(device: &Device<'_>) -> Result<(), Refused> {
    Ok(())
}

#[cached(instance = device, key = "c", ttl = 5, companions = false)]
async fn computed(device: &Device<'_>) -> u32 {
    7
}

fuzz_target!(|data: &[u8]| {
    let clock = ManualClock::new();
    let device = Instance::new(RemoteStore::<NoLock, _, 6>::new(&clock));
    device.store().start(Session { id: 1, device: [1, 2] });
    let frames = framed(data);
    // the first requests of session 1 wait for what comes
    let (lock, cache, pool) = (device.lock("k").wait(Duration::from_secs(1)), device.cache("k"), device.pool("k", 3));
    let fill = device.cache("f");
    let first = async { (lock.acquire().await.is_ok(), pending::<()>().await) };
    let second = async { (cache.get::<u32>().await.is_ok(), pending::<()>().await) };
    let third = async { (pool.in_use().await.is_ok(), pending::<()>().await) };
    let fourth = async { (fill.get_or_insert_with(async || Ok::<_, ()>(7_u32)).await.is_ok(), pending::<()>().await) };
    let fifth = async { (locked(&device).await.is_ok(), pending::<()>().await) };
    let sixth = async { (computed(&device).await, pending::<()>().await) };
    // answers to those, and notices
    let whole = messages(data, &ANSWERS, |_, request, to| to.push(request % 9));
    // on one line: when it ends, so does whatever waits
    let bytes = [data, &[0], &frames, &[0], &whole].concat();
    let line = device.store().pump(Line(&bytes), Line(&[]));
    let (handles, attributes) = (beside(beside(first, second), beside(third, fourth)), beside(fifth, sixth));
    let _ = block_on(beside(beside(handles, attributes), line));
});
