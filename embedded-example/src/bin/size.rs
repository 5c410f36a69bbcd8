//! One task per primitive, empty or not as the features say: what a primitive costs is the difference.
#![no_std]
#![no_main]

#[cfg(any(feature = "lock", feature = "once", feature = "pool", feature = "cache"))]
mod device {
    use cachify_core::{
        FixedStore, Instance,
        embassy::{CriticalSection, EmbassyClock},
    };
    pub type Store = FixedStore<CriticalSection, EmbassyClock, 8, [u8; 16]>;
    pub static STORE: Store = Store::new(EmbassyClock);
    pub static CACHIFY: Instance<&Store> = Instance::new(&STORE);
}
#[cfg(any(feature = "lock", feature = "once", feature = "pool", feature = "cache"))]
use device::CACHIFY;

use core::hint::black_box;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::board;

#[cfg_attr(feature = "lock", cachify_core::lock(instance = CACHIFY, key = "bus:{n}", wait = "250ms"))]
async fn on_bus(n: u8) -> Result<u8, cachify_core::Refused> {
    Timer::after_millis(1).await;
    Ok(black_box(n))
}

#[cfg_attr(feature = "once", cachify_core::once(instance = CACHIFY, key = "upload:{n}", keep = 1))]
async fn upload(n: u8) -> Option<u8> {
    Timer::after_millis(1).await;
    Some(black_box(n))
}

#[cfg_attr(feature = "pool", cachify_core::pooled(instance = CACHIFY, key = "radio:{n}", size = 4))]
async fn radio(n: u8) -> Option<u8> {
    Timer::after_millis(1).await;
    Some(black_box(n))
}

#[cfg_attr(feature = "cache", cachify_core::cached(instance = CACHIFY, key = "sensor:{n}", ttl = 5))]
async fn sensor(n: u8) -> [u8; 16] {
    Timer::after_millis(1).await;
    [black_box(n); 16]
}

#[embassy_executor::task]
async fn lock_task() {
    black_box(on_bus(black_box(1)).await.is_ok());
}
#[embassy_executor::task]
async fn once_task() {
    black_box(upload(black_box(1)).await);
}
#[embassy_executor::task]
async fn pool_task() {
    black_box(radio(black_box(1)).await);
}
#[embassy_executor::task]
async fn cache_task() {
    black_box(sensor(black_box(1)).await);
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    spawner.spawn(lock_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(once_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(pool_task().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(cache_task().unwrap_or_else(|_| board::exit(2)));
}
