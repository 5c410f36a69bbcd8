//! The smallest firmware that locks, runs once and caches, with embassy and without a heap.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance, Refused, cached,
    embassy::{CriticalSection, EmbassyClock},
    lock, once,
};
use core::sync::atomic::{AtomicU32, Ordering};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::board;
use semihosting::println;

/// Eight keys or permits, and cached values of one type.
type Store = FixedStore<CriticalSection, EmbassyClock, 8, u32>;
static STORE: Store = Store::new(EmbassyClock);
static CACHIFY: Instance<&Store> = Instance::new(&STORE);

static UPLOADS: AtomicU32 = AtomicU32::new(0);
static READINGS: AtomicU32 = AtomicU32::new(0);
static ON_BUS: AtomicU32 = AtomicU32::new(0);
static COLLISIONS: AtomicU32 = AtomicU32::new(0);

/// One core, and no interrupt counts: a load and a store suffice, as on cores without compare-and-swap.
fn count(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Skipped while another upload is under way, and for a second after it is done.
#[once(instance = CACHIFY, key = "upload", ttl = 5, keep = 1)]
async fn upload() -> Option<u32> {
    count(&UPLOADS);
    Timer::after_millis(30).await;
    Some(UPLOADS.load(Ordering::Relaxed))
}

/// Read once for all who ask at the same time, and kept for 5 seconds.
#[cached(instance = CACHIFY, key = "temperature:{sensor}", ttl = 5)]
async fn temperature(sensor: u8) -> u32 {
    count(&READINGS);
    Timer::after_millis(20).await;
    2_100 + u32::from(sensor)
}

/// One task at a time on the bus; the others wait for their turn.
#[lock(instance = CACHIFY, key = "bus", wait = 1, ttl = "500ms")]
async fn on_bus(task: u8) -> Result<u8, Refused> {
    if ON_BUS.load(Ordering::Relaxed) != 0 {
        count(&COLLISIONS);
    }
    ON_BUS.store(1, Ordering::Relaxed);
    Timer::after_millis(10).await;
    ON_BUS.store(0, Ordering::Relaxed);
    Ok(task)
}

static DONE: AtomicU32 = AtomicU32::new(0);

/// Three of these at once: a bouncing button, a shared sensor, a shared bus.
#[embassy_executor::task(pool_size = 3)]
async fn worker(task: u8) {
    let uploaded = upload().await;
    let celsius = temperature(1).await;
    let bus = on_bus(task).await;
    println!("task {task}: upload {uploaded:?}, {celsius} m degrees, bus {bus:?}");
    count(&DONE);
}

#[embassy_executor::task]
async fn referee() {
    while DONE.load(Ordering::Relaxed) < 3 {
        Timer::after_millis(5).await;
    }
    let counts = [&UPLOADS, &READINGS, &COLLISIONS].map(|c| c.load(Ordering::Relaxed));
    println!("uploads {}, readings {}, collisions on the bus {}", counts[0], counts[1], counts[2]);
    board::exit(i32::from(counts != [1, 1, 0]));
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    STORE.set_epoch(1); // a real device counts its starts in flash, so that fences outlive a reset
    for task in 1..=3 {
        spawner.spawn(worker(task).unwrap_or_else(|_| board::exit(2)));
    }
    spawner.spawn(referee().unwrap_or_else(|_| board::exit(2)));
}
