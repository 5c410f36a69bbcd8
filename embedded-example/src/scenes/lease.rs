//! A holder that stalls past its lease: the next one gets in, and what the first one writes late is refused.

use crate::CACHIFY;
use cachify_core::{
    Holding,
    token::{FenceGate, FencingToken},
};
use core::{cell::RefCell, time::Duration};
use critical_section::Mutex;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

/// The motor that the lock guards lets no older holder move it.
static MOTOR: Mutex<RefCell<FenceGate>> = Mutex::new(RefCell::new(FenceGate::new(FencingToken(0))));
static MOVED: Tally = Tally::new();
static TOO_LATE: Tally = Tally::new();
static LOST: Tally = Tally::new();
static ENDED: Tally = Tally::new();

fn turn_motor(fence: FencingToken) {
    let admitted = critical_section::with(|cs| MOTOR.borrow_ref_mut(cs).admits(fence));
    if admitted {
        MOVED.add()
    } else {
        TOO_LATE.add()
    };
}

#[embassy_executor::task(pool_size = 2)]
async fn driver(after: u64, stalls: u64) {
    Timer::after_millis(after).await;
    // a guard in this store's own memory would hold for as long as it lives; so this one ends with its TTL
    let lock = CACHIFY.lock("motor").ttl(Duration::from_millis(50)).wait(Duration::from_secs(1)).renew(false);
    if let Ok(held) = lock.acquire().await {
        Timer::after_millis(stalls).await;
        turn_motor(held.fence());
        if held.release().await == Ok(Holding::Lost) {
            LOST.add();
        }
    }
    ENDED.add();
}

pub async fn play(spawner: Spawner) -> bool {
    for (after, stalls) in [(0, 120), (5, 10)] {
        super::start(spawner, driver(after, stalls));
    }
    let all = ENDED.reaches(2).await;
    let counts = [&MOVED, &TOO_LATE, &LOST].map(Tally::get);
    println!("lease: {} moved the motor, {} came too late, {} learned of it", counts[0], counts[1], counts[2]);
    all && counts == [1, 1, 1]
}
