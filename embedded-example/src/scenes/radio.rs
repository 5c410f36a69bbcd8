//! A radio with four slots and six tasks: never more than four at a time, each in a slot of its own.

use crate::CACHIFY;
use cachify_core::{Refused, pooled};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

static IN_USE: Tally = Tally::new();
static MOST: Tally = Tally::new();
static CLASHES: Tally = Tally::new();
static ENDED: Tally = Tally::new();
static SLOTS: [Tally; 4] = [const { Tally::new() }; 4];

/// Waits for a slot for up to a second; the permit says which one it got.
#[pooled(instance = CACHIFY, key = "radio", size = 4, wait = 1, guard = permit)]
async fn talk() -> Result<(), Refused> {
    let slot = &SLOTS[permit.index() as usize % SLOTS.len()];
    MOST.at_least(IN_USE.add());
    if slot.add() > 1 {
        CLASHES.add();
    }
    Timer::after_millis(30).await;
    slot.sub();
    IN_USE.sub();
    Ok(())
}

#[embassy_executor::task(pool_size = 6)]
async fn talker() {
    if talk().await.is_ok() {
        ENDED.add();
    }
}

pub async fn play(spawner: Spawner) -> bool {
    for _ in 0..6 {
        super::start(spawner, talker());
    }
    let all = ENDED.reaches(6).await;
    println!("radio: {} tasks talked, {} at a time, {} clashes", ENDED.get(), MOST.get(), CLASHES.get());
    all && MOST.get() == 4 && CLASHES.get() == 0
}
