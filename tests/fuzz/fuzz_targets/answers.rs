//! A device that waits for answers is sent anything, as bytes and in whole frames: its calls end or wait.
#![no_main]

use cachify_core::{
    Instance,
    drive::beside,
    link::{RemoteStore, Session},
    store::lock::NoLock,
    testing::{ManualClock, block_on},
};
use cachify_fuzz::{Line, framed};
use core::{future::pending, time::Duration};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let clock = ManualClock::new();
    let device = Instance::new(RemoteStore::<NoLock, _>::new(&clock));
    device.store().start(Session { id: 1, device: [1, 2] });
    let frames = framed(data);
    // the first requests of session 1 wait for what comes
    let (lock, cache, pool) = (device.lock("k").wait(Duration::from_secs(1)), device.cache("k"), device.pool("k", 3));
    let first = async { (lock.acquire().await.is_ok(), pending::<()>().await) };
    let second = async { (cache.get::<u32>().await.is_ok(), pending::<()>().await) };
    let third = async { (pool.in_use().await.is_ok(), pending::<()>().await) };
    let line = async {
        device.store().pump(Line(data), Line(&[])).await;
        device.store().pump(Line(&frames), Line(&[])).await
    };
    let _ = block_on(beside(beside(beside(first, second), third), line));
});
