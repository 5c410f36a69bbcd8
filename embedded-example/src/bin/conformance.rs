//! The public conformance suite, on the target: the very words that every other store is held to. Before it, the time
//! driver, on which all of them rest.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance,
    embassy::{CriticalSection, EmbassyClock},
    testing::conformance,
};
use core::time::Duration;
use embassy_executor::Spawner;
use embassy_time::{Instant, Timer};
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

/// What a time driver must do, asked as often as a tick can get in the way.
async fn time_holds() -> Result<(), &'static str> {
    let begin = Instant::now();
    let mut last = begin;
    while last < begin + embassy_time::Duration::from_millis(200) {
        // now with the tick held off, now without
        for now in [critical_section::with(|_| Instant::now()), Instant::now()] {
            if now < last {
                return Err("time went back");
            }
            last = now;
        }
    }
    let moves = critical_section::with(|_| {
        let begin = Instant::now();
        (0..100_000).any(|_| Instant::now() > begin)
    });
    if !moves {
        return Err("time stands still while the tick is held off");
    }
    for millis in [1, 7, 20] {
        let begin = Instant::now();
        Timer::after_millis(millis).await;
        if !(millis..=millis + 2).contains(&begin.elapsed().as_millis()) {
            return Err("a timer ended too soon or too late");
        }
    }
    Ok(())
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    board::start();
    match time_holds().await {
        Ok(()) => println!("time holds"),
        Err(why) => {
            println!("{why}");
            board::exit(1);
        }
    }
    STORE.set_epoch(1);
    match conformance::all(&CACHIFY, &advance, [7, 8]).await {
        Ok(()) => println!("the store conforms"),
        Err(broken) => {
            println!("{broken}");
            board::exit(1);
        }
    }
    board::exit(0);
}
