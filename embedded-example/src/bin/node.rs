//! A node of a fleet with four tasks: it uploads each batch once in the whole fleet, shares its bus and its DMA channels among
//! its own tasks, and reads a sensor whose value lies near, and behind the line for all others.
//!
//! Beside a gateway, from the project's folder, each in a terminal:
//!
//! ```sh
//! cargo run --release -p cachify --features gateway --bin cachify-gateway -- --insecure --memory --listen tcp:127.0.0.1:7400
//! DEVICE_IDENTITY=0042133700000007 bash embedded-example/image.sh thumbv7em-none-eabihf node --features link
//! qemu-system-arm -M mps2-an386 -display none -monitor none -serial null \
//!     -chardev socket,id=line,host=127.0.0.1,port=7400,reconnect=1 -serial chardev:line \
//!     -semihosting-config enable=on,target=native -kernel embedded-example/target/thumbv7em-none-eabihf/release/node
//! ```
//!
//! Without the gateway it does all but the uploads: what is near needs no line.
#![no_std]
#![no_main]

use cachify_core::{
    FixedStore, Instance, Refused, cached,
    embassy::{CriticalSection, EmbassyClock},
    lock, once, pooled,
};
use cachify_link::{RemoteStore, Session};
use embassy_executor::{SpawnError, SpawnToken, Spawner};
use embassy_time::Timer;
use embedded_example::{
    board::{self, identity, uart},
    tally::Tally,
};
use semihosting::println;

/// Near: the bus, two DMA channels, and readings.
type Near = FixedStore<CriticalSection, EmbassyClock, 8, u32>;
static OWN: Near = Near::new(EmbassyClock);
static NEAR: Instance<&Near> = Instance::new(&OWN);

/// Behind the line: what is the fleet's.
type Fleet = RemoteStore<CriticalSection, EmbassyClock>;
static STORE: Fleet = Fleet::new(EmbassyClock);
static FLEET: Instance<&Fleet> = Instance::new(&STORE);

const DEVICE: [u32; 2] = identity(env!("DEVICE_IDENTITY", "build it with DEVICE_IDENTITY=, 16 hexadecimal digits"));

static ENDED: Tally = Tally::new();
static READ: Tally = Tally::new();
static TRIED: Tally = Tally::new();

/// The line's only owner; it begins anew whenever the line does.
#[embassy_executor::task]
async fn line() {
    let (mut receiver, mut sender) = uart::open();
    loop {
        let _ = STORE.pump(&mut receiver, &mut sender).await;
        Timer::after_millis(100).await;
    }
}

/// By whoever of the fleet comes first; the others are told that it was done.
#[once(instance = FLEET, key = "upload:{batch}", keep = 3600)]
async fn upload(batch: u32) -> Result<u32, Refused> {
    Timer::after_millis(5).await;
    Ok(batch)
}

/// One transfer at a time on this node's bus.
#[lock(instance = NEAR, key = "bus", wait = 5)]
async fn transfer() -> Result<(), Refused> {
    Timer::after_millis(2).await;
    Ok(())
}

/// One of two channels.
#[pooled(instance = NEAR, key = "dma", size = 2, wait = 5)]
async fn copy() -> Result<(), Refused> {
    Timer::after_millis(5).await;
    Ok(())
}

/// Near for half a minute. Then the fleet is asked, and where that has none, or the line is down, the sensor itself.
#[cached(instance = NEAR, key = "temperature:{sensor}", ttl = 30)]
#[cached(instance = FLEET, key = "temperature:{sensor}", ttl = 60)]
async fn temperature(sensor: u32) -> u32 {
    READ.add();
    Timer::after_millis(20).await;
    21_000 + sensor
}

#[embassy_executor::task]
async fn uploads() {
    let mut patience = 10;
    for batch in 0..3 {
        let mut sent = upload(batch).await;
        while let Err(Refused::Unavailable { .. } | Refused::Indeterminate { .. }) = sent
            && patience > 0
        {
            patience -= 1;
            Timer::after_millis(100).await;
            sent = upload(batch).await;
        }
        match sent {
            Ok(batch) => println!("upload: batch {batch} is sent"),
            Err(Refused::Done(_) | Refused::Running { .. }) => {
                println!("upload: batch {batch} was sent by another one")
            }
            Err(why) => println!("upload: batch {batch} stays here: {why}"),
        }
    }
    TRIED.add();
    ENDED.add();
}

#[embassy_executor::task(pool_size = 2)]
async fn transfers() {
    let mut done = 0;
    for _ in 0..10 {
        done += u32::from(transfer().await.is_ok());
    }
    println!("bus: {done} transfers");
    ENDED.add();
}

#[embassy_executor::task(pool_size = 3)]
async fn copies() {
    let mut done = 0;
    for _ in 0..5 {
        done += u32::from(copy().await.is_ok());
    }
    println!("dma: {done} copies");
    ENDED.add();
}

#[embassy_executor::task]
async fn readings() {
    // by then the line is up, or known to be down
    while !TRIED.reaches(1).await {}
    let mut last = 0;
    for _ in 0..50 {
        last = temperature(1).await;
        Timer::after_millis(10).await;
    }
    println!("sensor: 50 readings, the last {last}; the sensor itself was asked {} times", READ.get());
    ENDED.add();
}

#[embassy_executor::task]
async fn ends() {
    while !ENDED.reaches(7).await {}
    board::exit(0);
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    let boot = board::boot_count();
    OWN.set_epoch(boot);
    STORE.start(Session { id: boot, device: DEVICE });
    start(spawner, line());
    start(spawner, uploads());
    start(spawner, readings());
    start(spawner, ends());
    for _ in 0..2 {
        start(spawner, transfers());
    }
    for _ in 0..3 {
        start(spawner, copies());
    }
}

/// Starts a task; one too many is a mistake above.
fn start<S>(spawner: Spawner, task: Result<SpawnToken<S>, SpawnError>) {
    spawner.spawn(task.unwrap_or_else(|_| board::exit(2)));
}
