//! A device behind a gateway: it shares a run, a lock and a value with the servers of its fleet, over its UART.
//!
//! Twenty rounds; whatever the line does meanwhile, a round is tried until it is done. What it prints is what a test on
//! the host checks.
#![no_std]
#![no_main]

use cachify_core::{
    Instance, Refused,
    embassy::{CriticalSection, EmbassyClock},
    once,
};
use cachify_link::{
    RemoteStore, Session,
    keyed::{DeviceKey, Keyed},
};
use core::time::Duration;
use embassy_executor::Spawner;
use embassy_time::Timer;
use embedded_example::board::{self, identity, uart};
use semihosting::println;

/// The fleet's store, behind the gateway: 4 requests under way, frames of 128 bytes.
type Fleet = RemoteStore<CriticalSection, EmbassyClock>;
static STORE: Fleet = Fleet::new(EmbassyClock);
static FLEET: Instance<&Fleet> = Instance::new(&STORE);

/// What tells this unit from all others: two that share an identity hold one lock together, and the gateway serves the
/// one that came first. This board has no serial number to read, so it is said when the image is built.
const DEVICE: [u32; 2] = identity(env!(
    "DEVICE_IDENTITY",
    "each unit needs an identity of its own: build it with DEVICE_IDENTITY=, 16 hexadecimal digits such as its serial number"
));

const ROUNDS: u32 = 20;

/// The line's only owner. It ends when the line does, and begins anew.
#[embassy_executor::task]
async fn line(session: Session, key: Option<[u8; 16]>) {
    let (mut receiver, mut sender) = uart::open();
    let keyed = key.map(|key| Keyed::new(DeviceKey::new(key), session, EmbassyClock));
    loop {
        match &keyed {
            // a gateway that knows this unit's key, and nobody else
            Some(keyed) => {
                if let Ok((receiver, sender)) = keyed.open(&mut receiver, &mut sender).await {
                    let _ = STORE.pump(receiver, sender).await;
                }
            }
            // for a bench: whoever is at the other end is believed
            None => {
                let _ = STORE.pump(&mut receiver, &mut sender).await;
            }
        }
        Timer::after_millis(100).await;
    }
}

/// Done by whoever comes first, device or server, and kept for an hour.
#[once(instance = FLEET, key = "job:{round}", keep = 3600)]
async fn job(round: u32) -> Option<u32> {
    Timer::after_millis(2).await;
    Some(round)
}

/// The same value for all of the fleet, computed by whoever asks first.
#[cachify_core::cached(instance = FLEET, key = "price:{round}", ttl = 3600)]
async fn price(round: u32) -> u32 {
    1_000 + round
}

async fn play(round: u32) -> Result<(), Refused> {
    // who computes does not depend on the line, so the shared value is asked for first: it tells whether there is one
    let price = price(round).await;
    let lock = FLEET.lock("shared").ttl(Duration::from_secs(2)).wait(Duration::from_secs(5));
    let held = lock.acquire().await?;
    println!("holds {}", held.fence().0);
    Timer::after_millis(10).await;
    held.release().await?;
    let job = if job(round).await.is_some() { "ran" } else { "skipped" };
    println!("round {round}: job {job}, price {price}");
    Ok(())
}

#[embassy_executor::task]
async fn rounds() {
    for round in 0..ROUNDS {
        while let Err(why) = play(round).await {
            println!("round {round}: {why}");
            Timer::after_millis(50).await;
        }
    }
    println!("done");
    board::exit(0);
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::start();
    let boot = board::boot_count();
    println!("boot {boot}");
    let session = Session { id: boot, device: DEVICE };
    STORE.start(session);
    spawner.spawn(line(session, board::key()).unwrap_or_else(|_| board::exit(2)));
    spawner.spawn(rounds().unwrap_or_else(|_| board::exit(2)));
}
