//! A bus that one task at a time may use: one waits for its turn, one has no patience.

use crate::CACHIFY;
use cachify_core::{Refused, lock};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

static ON_BUS: Tally = Tally::new();
static COLLISIONS: Tally = Tally::new();
static SENT: Tally = Tally::new();
static GAVE_UP: Tally = Tally::new();
static ENDED: Tally = Tally::new();

async fn transfer(takes: u64) {
    if ON_BUS.add() > 1 {
        COLLISIONS.add();
    }
    Timer::after_millis(takes).await;
    ON_BUS.sub();
    SENT.add();
}

#[lock(instance = CACHIFY, key = "bus", wait = 1, ttl = "500ms")]
async fn patient(takes: u64) -> Result<(), Refused> {
    transfer(takes).await;
    Ok(())
}

#[lock(instance = CACHIFY, key = "bus", wait = "20ms", ttl = "500ms")]
async fn hasty(takes: u64) -> Result<(), Refused> {
    transfer(takes).await;
    Ok(())
}

#[embassy_executor::task(pool_size = 3)]
async fn user(after: u64, wait: bool, takes: u64) {
    Timer::after_millis(after).await;
    let done = if wait { patient(takes).await } else { hasty(takes).await };
    if done.is_err_and(|why| why.is_contended()) {
        GAVE_UP.add();
    }
    ENDED.add();
}

pub async fn play(spawner: Spawner) -> bool {
    for (after, wait, takes) in [(0, true, 60), (5, false, 10), (10, true, 10)] {
        super::start(spawner, user(after, wait, takes));
    }
    let all = ENDED.reaches(3).await;
    let counts = [&SENT, &GAVE_UP, &COLLISIONS].map(Tally::get);
    println!("bus: {} transfers, {} gave up after 20 ms, {} collisions", counts[0], counts[1], counts[2]);
    all && counts == [2, 1, 0]
}
