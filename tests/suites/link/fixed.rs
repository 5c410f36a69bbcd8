//! A gateway whose own store has a fixed size: what does not fit is refused, and nothing is mistaken for it.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, World, at, device, pass},
};
use cachify_core::{
    FixedStore, Instance, Refused, drive::beside, store::lock::NoLock, testing::ManualClock, time::Clock,
};
use cachify_link::Gateway;

/// Keys of up to eight bytes.
type Small<'c> = FixedStore<NoLock, &'c ManualClock, 6, Vec<u8>, 8>;

fn connect<'a>(
    world: &mut World<'a>,
    device: &'a Device<'a>,
    store: &'a Small<'a>,
    clock: &'a ManualClock,
    line: &Line,
) {
    let (near, far) = (line.clone(), line.clone());
    world.services.push(Box::pin(async move { _ = device.store().pump(near.down, near.up).await }));
    world.services.push(Box::pin(async move { _ = Gateway::new(store, clock).serve(far.up, far.down).await }));
}

#[test]
fn a_key_that_is_too_long_for_the_store_of_the_gateway_is_refused_and_takes_no_place() {
    let clock = ManualClock::new();
    let (store, device) = (Small::new(&clock), device(&clock, 1));
    let mut world = World::new(&clock, 0);
    connect(&mut world, &device, &store, &clock, &Line::new(0));
    world.spawn(async {
        for _ in 0..8 {
            assert_eq!(device.lock("123456789").try_acquire().await.unwrap_err(), Refused::KeyTooLong);
            assert_eq!(device.pool("123456789", 2).try_take().await.unwrap_err(), Refused::KeyTooLong);
            assert_eq!(device.once("123456789").begin().await.unwrap_err(), Refused::KeyTooLong);
            let filled = device.cache("123456789").get_or_insert_with(async || Ok::<u32, ()>(1)).await;
            assert_eq!(filled, Ok(1), "a cache fails open");
        }
        let first = device.lock("12345678").ttl(LONG).try_acquire().await.unwrap();
        assert!(first.is_some(), "as long as a key may be");
        assert!(device.lock("12345678").try_acquire().await.unwrap().is_none());
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_device_that_was_told_of_a_permit_and_does_not_ask_passes_its_turn_on() {
    let (clock, line) = (ManualClock::new(), Line::new(0));
    let (store, device) = (Small::new(&clock), device(&clock, 1));
    let local = Instance::new(&store);
    let mut world = World::new(&clock, 0);
    connect(&mut world, &device, &store, &clock, &line);
    world.spawn(async {
        let pool = local.pool("k", 2).ttl(LONG);
        let (first, second) = (pool.try_take().await.unwrap(), pool.try_take().await.unwrap());
        pass(&clock, 100 * MS).await;
        line.set(Faults { cut: true, ..Faults::default() });
        second.unwrap().release().await.unwrap();
        pass(&clock, LONG / 2).await;
        drop(first);
    });
    world.spawn(async {
        pass(&clock, 10 * MS).await;
        let pool = device.pool("k", 2).wait(2 * LONG);
        let _ = beside(pool.take(), pass(&clock, 2_000 * MS)).await;
    });
    world.spawn(async {
        pass(&clock, 50 * MS).await;
        drop(local.pool("k", 2).wait(LONG).take().await.unwrap());
        assert!(clock.now() < at(700), "after the device's turn, not at the next poll: {:?}", clock.now());
    });
    assert!(world.run(LONG, || ()));
}
