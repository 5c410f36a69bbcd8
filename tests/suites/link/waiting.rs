//! Who waits across the link is told, and passes a turn on that it does not take.

use crate::{
    pipe::{Faults, Line},
    world::{LONG, MS, Memory, World, at, connected, device, pass, world},
};
use cachify_core::{Instance, drive::beside, testing::ManualClock, time::Clock};
use std::cell::RefCell;

#[test]
fn a_release_at_the_gateway_wakes_a_device_at_once() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let held = local.lock("k").ttl(LONG).acquire().await.unwrap();
        pass(&clock, 300 * MS).await;
        held.release().await.unwrap();
    });
    world.spawn(async {
        pass(&clock, 10 * MS).await;
        drop(device.lock("k").wait(LONG).acquire().await.unwrap());
        assert!(clock.now() < at(340), "woken at {:?}", clock.now());
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_release_by_a_device_wakes_the_next_device_and_the_gateway() {
    let (clock, line, turns) = (ManualClock::new(), Line::new(0), RefCell::new(Vec::new()));
    let (store, device) = (Memory::new(&clock), device(&clock, 1));
    let local = Instance::new(&store);
    let (other, second) = (crate::world::device(&clock, 2), Line::new(1));
    let hold = async |name| {
        turns.borrow_mut().push(name);
        pass(&clock, 50 * MS).await;
    };
    let mut world = World::new(&clock, 0);
    world.services.extend(connected(&device, &store, &clock, &line));
    world.services.extend(connected(&other, &store, &clock, &second));
    world.spawn(async { device.lock("k").ttl(LONG).run(async |_| hold("device").await).await.unwrap() });
    world.run(20 * MS, || ());
    world.spawn(async { other.lock("k").wait(LONG).run(async |_| hold("other").await).await.unwrap() });
    world.run(20 * MS, || ());
    world.spawn(async { local.lock("k").wait(LONG).run(async |_| hold("gateway").await).await.unwrap() });
    assert!(world.run(LONG, || ()));
    assert_eq!(*turns.borrow(), ["device", "other", "gateway"]);
    assert!(clock.now() < at(250), "nobody polled: {:?}", clock.now());
}

#[test]
fn a_lost_notice_costs_one_poll_and_not_more() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let held = local.lock("k").ttl(LONG).acquire().await.unwrap();
        pass(&clock, 200 * MS).await;
        line.down.set(Faults { cut: true, ..Faults::default() });
        held.release().await.unwrap();
        pass(&clock, 20 * MS).await;
        line.down.set(Faults::default());
    });
    world.spawn(async {
        pass(&clock, 10 * MS).await;
        drop(device.lock("k").wait(LONG).acquire().await.unwrap());
        assert!((at(900)..at(1_200)).contains(&clock.now()), "{:?}", clock.now());
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_device_that_was_told_and_does_not_ask_passes_its_turn_on() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let held = local.lock("k").ttl(LONG).acquire().await.unwrap();
        pass(&clock, 100 * MS).await;
        line.set(Faults { cut: true, ..Faults::default() });
        held.release().await.unwrap();
    });
    world.spawn(async {
        pass(&clock, 10 * MS).await;
        let lock = device.lock("k").wait(2 * LONG);
        let _ = beside(lock.acquire(), pass(&clock, 2_000 * MS)).await;
    });
    world.spawn(async {
        pass(&clock, 50 * MS).await;
        drop(local.lock("k").wait(LONG).acquire().await.unwrap());
        assert!(clock.now() < at(700), "after the device's turn, not at the next poll: {:?}", clock.now());
    });
    assert!(world.run(LONG, || ()));
}
