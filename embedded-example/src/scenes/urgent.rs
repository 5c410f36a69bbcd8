//! A task of an executor in an interrupt wants what a task of thread mode is loading: it waits for that, and nothing is read twice.

use cachify_core::{FixedStore, Instance, cached, embassy::EmbassyClock, store::fixed::State};
use core::cell::RefCell;
use critical_section::Mutex;
use embassy_executor::Spawner;
use embassy_time::{Duration, Instant, Timer};
use embedded_example::{board, executors::Executors, tally::Tally};
use semihosting::println;

type Store = FixedStore<Executors, EmbassyClock, 2, u32>;
static STORE: Store = Store::over(Mutex::new(RefCell::new(State::new())), EmbassyClock);
static SHARED: Instance<&Store> = Instance::new(&STORE);

static READ: Tally = Tally::new();
static SERVED: Tally = Tally::new();

#[cached(instance = SHARED, key = "level", ttl = "200ms")]
async fn level() -> u32 {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(20) {} // as a bus without DMA is read
    READ.add()
}

#[embassy_executor::task]
async fn alarm() {
    Timer::after_millis(5).await; // in the middle of that
    if level().await == 1 {
        SERVED.add();
    }
}

pub async fn play(_: Spawner) -> bool {
    let Ok(alarm) = alarm() else { return false };
    board::urgent().spawn(alarm);
    let number = level().await;
    let served = SERVED.reaches(1).await;
    println!("urgent: both executors got reading {number} of {}", READ.get());
    served && READ.get() == 1
}
