//! A button that bounces: five edges within 20 ms are one press.

use crate::CACHIFY;
use cachify_core::once;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::tally::Tally;
use semihosting::println;

static PRESSES: Tally = Tally::new();
static EDGES: Tally = Tally::new();

/// Skipped while it runs, and for 50 ms after that: a bounce.
#[once(instance = CACHIFY, key = "press:{button}", ttl = "200ms", keep = "50ms")]
async fn pressed(button: u8) -> Option<u32> {
    Timer::after_millis(5).await;
    Some(PRESSES.add())
}

#[embassy_executor::task(pool_size = 5)]
async fn edge(after: u64) {
    Timer::after_millis(after).await;
    pressed(1).await;
    EDGES.add();
}

pub async fn play(spawner: Spawner) -> bool {
    for after in [0, 3, 7, 12, 20] {
        super::start(spawner, edge(after));
    }
    let all = EDGES.reaches(5).await;
    let first = PRESSES.get();
    Timer::after_millis(100).await;
    let again = pressed(1).await.is_some();
    println!("button: {} edges, {first} press; pressed again later: {again}", EDGES.get());
    all && first == 1 && again
}
