//! The public conformance suite, on the target: the very words that every other store is held to.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance,
    embassy::{CriticalSection, EmbassyClock},
    store::Tasks,
    testing::conformance,
};
use core::time::Duration;
use embassy_executor::Spawner;
use embassy_time::Instant;
use embedded_example::board;
use semihosting::println;

type Store = FixedStore<CriticalSection, EmbassyClock, 16, u32>;
static STORE: Store = Store::new(EmbassyClock);
static CACHIFY: Instance<&Store> = Instance::new(&STORE);

/// The suite lets time pass between two questions; nothing else runs meanwhile.
fn advance(by: Duration) {
    let until = Instant::now() + embassy_time::Duration::from_millis(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
    while Instant::now() < until {}
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    board::start();
    STORE.set_epoch(1);
    match conformance::all(&Tasks(&CACHIFY), &advance, [7, 8]).await {
        Ok(()) => println!("the store conforms"),
        Err(broken) => {
            println!("{broken}");
            board::exit(1);
        }
    }
    board::exit(0);
}
