//! The smallest scene, for the smallest board: two tasks, one lock, one run, on 16 KiB of RAM without compare-and-swap.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance, Refused,
    embassy::{CriticalSection, EmbassyClock},
    lock, once,
};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::{board, tally::Tally};
use semihosting::println;

type Store = FixedStore<CriticalSection, EmbassyClock, 4>;
static STORE: Store = Store::new(EmbassyClock);
static CACHIFY: Instance<&Store> = Instance::new(&STORE);

static ON_BUS: Tally = Tally::new();
static MOST: Tally = Tally::new();
static STARTED: Tally = Tally::new();
static ENDED: Tally = Tally::new();

#[lock(instance = CACHIFY, key = "bus", wait = 1, ttl = "500ms")]
async fn on_bus() -> Result<(), Refused> {
    MOST.at_least(ON_BUS.add());
    Timer::after_millis(10).await;
    ON_BUS.sub();
    Ok(())
}

#[once(instance = CACHIFY, key = "start", keep = 1)]
async fn start() -> Option<u32> {
    Some(STARTED.add())
}

#[embassy_executor::task(pool_size = 2)]
async fn worker() {
    start().await;
    if on_bus().await.is_ok() {
        ENDED.add();
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    STORE.set_epoch(1);
    for _ in 0..2 {
        spawner.spawn(worker().unwrap_or_else(|_| board::exit(2)));
    }
    let all = ENDED.reaches(2).await;
    println!("{} of 2 had the bus, {} at a time; started {} time", ENDED.get(), MOST.get(), STARTED.get());
    board::exit(i32::from(!all || MOST.get() != 1 || STARTED.get() != 1));
}
