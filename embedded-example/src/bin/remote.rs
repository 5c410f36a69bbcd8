//! The link of a device without its UART: a pump on a line where nothing comes, and a task that locks. What the link
//! costs is the difference to `size` without features.
#![no_std]
#![no_main]

use cachify_core::{
    Instance,
    embassy::{CriticalSection, EmbassyClock},
    link::{RemoteStore, Session},
};
use core::{convert::Infallible, future::pending, hint::black_box};
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::board;
use embedded_io_async::{ErrorType, Read, Write};

type Fleet = RemoteStore<CriticalSection, EmbassyClock, 2>;
static STORE: Fleet = Fleet::new(EmbassyClock);
static FLEET: Instance<&Fleet> = Instance::new(&STORE);

struct Line;

impl ErrorType for Line {
    type Error = Infallible;
}

impl Read for Line {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        black_box(into);
        pending().await
    }
}

impl Write for Line {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        Ok(black_box(from).len())
    }
    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[embassy_executor::task]
async fn pump() {
    let _ = STORE.pump(Line, Line).await;
}

#[embassy_executor::task]
async fn lock_task() {
    if let Ok(held) = FLEET.lock("bus").acquire().await {
        Timer::after_millis(1).await;
        black_box(held.release().await.is_ok());
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    STORE.start(Session { id: black_box(1), device: [1, 2] });
    spawner.spawn(pump().unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(lock_task().unwrap_or_else(|_| board::exit(2)));
}
