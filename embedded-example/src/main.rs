//! Firmware that locks, runs once, pools and caches, with embassy and without a heap: six scenes, one a file.
//!
//! To start a product from it: replace `board.rs` by your board's, the scenes by your own, and choose capacities here.
#![no_std]
#![no_main]

mod scenes;

use cachify_core::{
    FixedStore, Instance,
    embassy::{CriticalSection, EmbassyClock},
};
use embassy_executor::Spawner;
use embedded_example::board;
use scenes::{bus, button, lease, radio, sensor, urgent};
use semihosting::println;

/// Sixteen keys or permits at a time, and cached values of one type.
type Store = FixedStore<CriticalSection, EmbassyClock, 16, sensor::Reading>;
// a static of its own lies in zeroed memory; inside the instance it would be copied there from flash
static STORE: Store = Store::new(EmbassyClock);
static CACHIFY: Instance<&Store> = Instance::new(&STORE);

#[embassy_executor::task]
async fn director(spawner: Spawner) {
    let ended_well = [
        button::play(spawner).await,
        sensor::play(spawner).await,
        bus::play(spawner).await,
        radio::play(spawner).await,
        lease::play(spawner).await,
        urgent::play(spawner).await,
    ];
    let failed = ended_well.iter().filter(|well| !**well).count();
    println!("{} scenes, {failed} failed", ended_well.len());
    board::exit(i32::from(failed > 0));
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    STORE.set_epoch(1); // a product counts its starts in flash, so that fences outlive a reset
    STORE.set_seed([0x6a09_e667, 0xbb67_ae85]); // and takes these from a source of randomness
    spawner.spawn(director(spawner).unwrap_or_else(|_| board::exit(2)));
}
