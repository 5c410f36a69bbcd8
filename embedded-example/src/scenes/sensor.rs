//! A slow sensor that three tasks want to read: one reads, all get the value, which is then kept.

use crate::CACHIFY;
use cachify_core::cached;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

/// What is cached: any type that can be cloned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub millidegrees: i32,
    pub number: u32,
}

static READ: Tally = Tally::new();
static SERVED: Tally = Tally::new();
static FIRST: Tally = Tally::new();

#[cached(instance = CACHIFY, key = "temperature:{sensor}", ttl = "200ms")]
async fn temperature(sensor: u8) -> Reading {
    Timer::after_millis(20).await;
    Reading { millidegrees: 21_000 + i32::from(sensor), number: READ.add() }
}

#[embassy_executor::task(pool_size = 3)]
async fn reader() {
    if temperature(1).await.number == 1 {
        FIRST.add();
    }
    SERVED.add();
}

pub async fn play(spawner: Spawner) -> bool {
    for _ in 0..3 {
        super::start(spawner, reader());
    }
    let all = SERVED.reaches(3).await;
    let shared = FIRST.get();
    Timer::after_millis(250).await;
    let later = temperature(1).await;
    println!("sensor: {shared} tasks got reading 1; 250 ms later it is reading {}", later.number);
    all && shared == 3 && later == Reading { millidegrees: 21_001, number: 2 }
}
