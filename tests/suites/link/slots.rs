//! A device has few slots for requests under way: who waits for one gets it in turn, whatever the others do.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, Memory, World, connected, device, pass, world},
};
use cachify_core::{Error, Instance, Refused, lock, testing::ManualClock, time::Clock};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

#[lock(instance = device, key = "k", ttl = "900ms", wait = forever, guard = held, companions = false)]
async fn hold(device: &Device<'_>, clock: &ManualClock, time: Duration) -> Result<(), Refused> {
    let end = clock.now().saturating_add(time);
    while clock.now() < end {
        assert!(held.is_valid(), "its heartbeat found no slot in time: {:?}", clock.now());
        pass(clock, MS).await;
    }
    Ok(())
}

#[test]
fn callers_that_ask_without_pause_leave_slots_to_those_who_wait() {
    world!(clock, store, local, device, line, world, asked = Cell::new(0));
    let is_over = || asked.get() > 3_000;
    for n in 0..6_u32 {
        let (device, asked) = (&device, &asked);
        world.spawn(async move {
            while !is_over() {
                // the next one is asked in the very poll that was answered
                device.lock(("other", n)).is_locked().await.unwrap();
                asked.set(asked.get() + 1);
            }
        });
    }
    world.spawn(async { hold(&device, &clock, 5_000 * MS).await.unwrap() });
    assert!(world.run(LONG, || ()));
    assert!(is_over());
}

/// Four callers have all slots, and so many wait for one of them; the line is good again.
///
/// Those who wait are polled first: so there are rounds after which they were woken and did not come yet.
fn crowd<'a>(world: &mut World<'a>, device: &'a Device<'a>, line: &Line, waiting: u32) {
    let ask = |n: u32| async move { _ = device.lock(("k", n)).is_locked().await };
    line.down.set(Faults { cut: true, ..Faults::default() });
    (0..4).for_each(|n| world.spawn(ask(n)));
    (0..5).for_each(|_| assert!(world.round()));
    (4..4 + waiting).for_each(|n| world.tasks.insert(0, Some(Box::pin(ask(n)))));
    (0..5).for_each(|_| assert!(world.round()));
    line.set(Faults::default());
    // the answers are lost; what was asked is sent again now
    world.clock.advance(100 * MS);
}

/// How long one more call takes, and what becomes of it.
fn asked<'a>(world: &mut World<'a>, device: &'a Device<'a>, clock: &'a ManualClock) -> (Duration, Result<(), Error>) {
    let (before, done) = (clock.now(), Rc::new(Cell::new(Ok(()))));
    let told = done.clone();
    world.spawn(async move { told.set(device.lock("free").is_locked().await.map(drop)) });
    assert!(world.run(LONG, || ()));
    (clock.now().since(before), done.get())
}

#[test]
fn a_slot_that_is_kept_for_one_who_goes_is_not_lost() {
    for rounds in 0..12 {
        world!(clock, store, local, device, line, world);
        crowd(&mut world, &device, &line, 4);
        (0..rounds).for_each(|_| _ = world.round());
        world.tasks.drain(..4).for_each(drop);
        let (took, done) = asked(&mut world, &device, &clock);
        assert!(took < 20 * MS && done.is_ok(), "gone after {rounds} rounds: {took:?}, {done:?}");
    }
}

#[test]
fn slots_that_are_kept_for_those_who_are_never_polled_again_are_kept_no_longer_than_a_timeout() {
    // after three rounds they have come, and have the slots themselves
    for rounds in 0..3 {
        world!(clock, store, local, device, line, world, parked = RefCell::new(Vec::new()));
        crowd(&mut world, &device, &line, 4);
        (0..rounds).for_each(|_| _ = world.round());
        parked.borrow_mut().extend(world.tasks.drain(..4));
        assert!(world.run(LONG, || ()));
        world.tasks.clear();
        let _ = asked(&mut world, &device, &clock);
        let (took, done) = asked(&mut world, &device, &clock);
        assert!(took < 20 * MS && done.is_ok(), "left alone after {rounds} rounds: {took:?}, {done:?}");
    }
}
