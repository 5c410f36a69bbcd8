//! A run that succeeded on a device, whose completion was not heard: told again until it is.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, Memory, World, connected, device, named, once_more, pass, world},
};
use cachify_core::testing::BlockingWords;
use cachify_core::{Instance, Ran, Refused, drive::beside, key::Kind, once, store::lock::Lock, testing::ManualClock};
use cachify_link::{Gateway, Roster};
use std::cell::Cell;

const MUTE: Faults = Faults {
    flips: 0,
    losses: 0,
    additions: 0,
    doubles: 0,
    gaps: 0,
    delays: 0,
    cut: true,
    broken: false,
    closed: false,
};

#[once(instance = device, key = "k", ttl = "1000s", keep = "2000s", companions = false)]
async fn job(device: &Device<'_>, before_its_end: impl FnOnce()) -> Result<(), Refused> {
    before_its_end();
    Ok(())
}

/// The request is lost, or its answer; the holder waits for it, or does not.
#[test]
fn the_completion_of_a_run_that_was_not_heard_is_repeated() {
    for by_attribute in [false, true] {
        for to_device in [false, true] {
            for gives_up in [false, true] {
                world!(clock, store, local, device, line, world);
                let silent = if to_device { &line.down } else { &line.up };
                world.spawn(async {
                    let lose = || silent.set(MUTE);
                    let done = async {
                        if by_attribute {
                            job(&device, lose).await.unwrap();
                        } else {
                            let once = device.once("k").ttl(10 * LONG).keep(20 * LONG);
                            assert_eq!(once.run(async |_| lose()).await, Ok(Ran::Ran(())));
                        }
                    };
                    if gives_up {
                        let _ = beside(done, pass(&clock, 20 * MS)).await;
                    } else {
                        done.await;
                    }
                    pass(&clock, 1_000 * MS).await;
                    line.set(Faults::default());
                    pass(&clock, 5_000 * MS).await;
                });
                assert!(world.run(LONG, || ()));
                let what = format!("by attribute {by_attribute}, answer lost {to_device}, gives up {gives_up}");
                // past its lease: what skips others is the marker
                clock.advance(11 * LONG);
                let remaining = store.remaining(named(Kind::Once)).unwrap();
                assert!(remaining.is_some(), "the marker was lost: {what}");
                assert!(matches!(local.once("k").run_blocking(|_| ()), Ok(Ran::Skipped(_))), "{what}");
                assert_eq!(device.store().stats().forgotten, 0, "{what}");
            }
        }
    }
}

/// The lock of the standard library, for a roster that lines share.
#[derive(Debug)]
struct StdLock;

impl Lock for StdLock {
    type Of<T> = std::sync::Mutex<T>;
    fn new<T>(value: T) -> Self::Of<T> {
        std::sync::Mutex::new(value)
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut cell.lock().unwrap())
    }
}

/// The gateway goes on hearing nothing on the old line, and takes the device on the new one for another of its
/// identity.
#[test]
fn a_device_whose_old_line_ended_unheard_loses_nothing_that_it_owes() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let local = Instance::new(&store);
    let device = device(&clock, 1);
    let (old, new) = (Line::new(0), Line::new(1));
    let (roster, moved) = (Roster::<StdLock>::new(), Cell::new(false));
    let mut world = World::new(&clock, 0);
    for line in [old.clone(), new.clone()] {
        let (store, clock, roster) = (&store, &clock, &roster);
        world.services.push(Box::pin(async move {
            let mut gateway = Gateway::new(store, clock).admission(roster);
            loop {
                gateway.serve(line.up.clone(), line.down.clone()).await;
                once_more().await;
            }
        }));
    }
    let (on_device, old_line, has_moved) = (&device, old.clone(), &moved);
    world.services.push(Box::pin(async move {
        let first = on_device.store().pump(old_line.down.clone(), old_line.up.clone());
        let leaves = async {
            while !has_moved.get() {
                once_more().await;
            }
        };
        let _ = beside(first, leaves).await;
        loop {
            on_device.store().pump(new.down.clone(), new.up.clone()).await;
            once_more().await;
        }
    }));
    world.spawn(async {
        let held = device.lock("k").ttl(10 * LONG).acquire().await.unwrap();
        let once = device.once("k").ttl(10 * LONG).keep(20 * LONG);
        let leave = async |_| {
            old.set(MUTE);
            moved.set(true);
            pass(&clock, 50 * MS).await;
        };
        assert_eq!(once.run(leave).await, Ok(Ran::Ran(())));
        drop(held);
        pass(&clock, 30_000 * MS).await;
        assert!(device.lock("other").try_acquire().await.unwrap().is_some(), "served on its new line");
    });
    assert!(world.run(LONG, || ()));
    assert_eq!(local.lock("k").is_locked_blocking(), Ok(false), "what it dropped was given back");
    // past its lease: what skips others is the marker
    clock.advance(11 * LONG);
    assert!(matches!(local.once("k").run_blocking(|_| ()), Ok(Ran::Skipped(_))), "its job was done once");
    assert_eq!(device.store().stats().forgotten, 0);
}
