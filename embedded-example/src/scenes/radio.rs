//! A radio with four slots and six tasks: never more than four at a time, each in a slot of its own.

use crate::CACHIFY;
use core::time::Duration;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

static IN_USE: Tally = Tally::new();
static MOST: Tally = Tally::new();
static CLASHES: Tally = Tally::new();
static ENDED: Tally = Tally::new();
static SLOTS: [Tally; 4] = [const { Tally::new() }; 4];

#[embassy_executor::task(pool_size = 6)]
async fn talker() {
    // the value form, for the permit says which slot it is
    let permit = CACHIFY.pool("radio", 4).wait(Duration::from_secs(1)).take().await;
    if let Ok(permit) = permit {
        let slot = &SLOTS[usize::from(permit.index()) % SLOTS.len()];
        MOST.at_least(IN_USE.add());
        if slot.add() > 1 {
            CLASHES.add();
        }
        Timer::after_millis(30).await;
        slot.sub();
        IN_USE.sub();
        let _ = permit.release().await;
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
