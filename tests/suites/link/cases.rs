//! What is promised on the link, one promise a test.

use crate::{
    pipe::{Faults, Line},
    slow::Slow,
    world::{Device, LONG, MS, Memory, World, at, connected, device, named, once_more, pass, world},
};
use cachify_core::testing::{BlockingWords, Words};
use cachify_core::{
    Cause, FixedStore, Holding, Instance, Refused,
    cell::Ask,
    drive::beside,
    key::{Key, Kind},
    store::{Platform, lock::NoLock},
    testing::ManualClock,
    time::{Clock, Instant},
    token::{FenceGate, HolderToken},
};
use cachify_link::{Gateway, LineEnd, RemoteStore, Session};
use std::cell::{Cell, RefCell};

#[test]
fn before_the_start_nothing_works_and_says_so() {
    let clock = ManualClock::new();
    let device: Device<'_> = Instance::new(RemoteStore::<NoLock, _>::new(&clock));
    let mut world = World::new(&clock, 0);
    world.spawn(async { assert_eq!(device.lock("k").try_acquire().await.unwrap_err(), Refused::NotInitialised) });
    assert!(!world.round());
}

#[test]
fn a_line_that_cannot_be_written_refuses_at_once_and_a_dead_one_after_the_timeout() {
    world!(clock, store, local, device, line, world);
    line.set(Faults { broken: true, ..Faults::default() });
    world.spawn(async {
        let refused = device.lock("k").try_acquire().await.unwrap_err();
        assert_eq!((refused, clock.now()), (Refused::from(Cause::Unreachable), at(0)));
        line.set(Faults { cut: true, ..Faults::default() });
        pass(&clock, 10 * MS).await;
        let refused = device.lock("k").try_acquire().await.unwrap_err();
        assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}");
        assert!((at(500)..at(530)).contains(&clock.now()), "{:?}", clock.now());
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn what_may_have_been_granted_is_given_back_when_the_line_heals() {
    world!(clock, store, local, device, line, world);
    // the request arrives, no answer comes back
    line.down.set(Faults { cut: true, ..Faults::default() });
    world.spawn(async {
        let refused = device.lock("k").ttl(LONG).try_acquire().await.unwrap_err();
        assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}");
        line.up.set(Faults { cut: true, ..Faults::default() });
        assert!(BlockingWords::remaining(&store, named(Kind::Lock)).unwrap().is_some());
        pass(&clock, 20_000 * MS).await;
        line.set(Faults::default());
        pass(&clock, 4_000 * MS).await;
        assert_eq!(BlockingWords::remaining(&store, named(Kind::Lock)), Ok(None));
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_device_sees_who_holds_what_it_wants() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        line.set(Faults::default());
        let (lock, run) = (device.lock("k"), device.once("k"));
        let free = lock.inspect().await.unwrap();
        assert_eq!((free.held, free.fence(), free.remaining(), free.age()), (0, None, None, None));
        let guard = local.lock("k").ttl(LONG).renew(false).acquire().await.unwrap();
        pass(&clock, 2_000 * MS).await;
        let seen = lock.inspect().await.unwrap();
        assert_eq!((seen.held, seen.fence(), seen.waiting()), (1, Some(guard.fence()), Some(0)));
        // to the few milliseconds that the line takes
        assert!(seen.age().unwrap() >= 2_000 * MS && seen.remaining().unwrap() + 2_000 * MS <= LONG, "{seen:?}");
        let endless = local.once("k").begin().await.unwrap();
        let seen = run.inspect().await.unwrap();
        assert_eq!((seen.held, seen.fence(), seen.remaining()), (1, Some(endless.fence()), None));
        let _permit = local.pool("k", 2).ttl(LONG).renew(false).take().await.unwrap();
        let seen = device.pool("k", 2).inspect().await.unwrap();
        assert_eq!((seen.held, seen.fence(), seen.waiting()), (1, None, Some(0)));
        assert!(seen.remaining().is_some_and(|left| left <= LONG), "{seen:?}");
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_right_is_valid_until_its_end_without_asking_anybody() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        line.set(Faults { delays: 2, ..Faults::default() });
        let before = clock.now();
        let guard = device.lock("k").ttl(1_000 * MS).acquire().await.unwrap();
        line.set(Faults { cut: true, ..Faults::default() });
        let end = Instant::from_millis(before.as_millis() + 990);
        while guard.is_valid() {
            assert!(clock.now() < end, "counted from when it was asked for");
            once_more().await;
        }
        guard.lost().await;
        assert!(BlockingWords::remaining(&store, named(Kind::Lock)).unwrap().is_some(), "lost before it ends");
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn more_callers_than_slots_wait_for_one() {
    let done = &Cell::new(0);
    world!(clock, store, local, device, line, world);
    let device = &device;
    for n in 0..30_u32 {
        world.spawn(async move {
            device.lock(("k", n)).run(async |_| ()).await.unwrap();
            done.set(done.get() + 1);
        });
    }
    assert!(world.run(400 * MS, || ()));
    assert_eq!(done.get(), 30);
}

#[test]
fn a_gateway_that_restarts_goes_on_with_the_session() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let (device, line) = (device(&clock, 1), Line::new(0));
    let serve = async || {
        let mut gateway = Gateway::new(&store, &clock);
        gateway.serve(line.up.clone(), line.down.clone()).await
    };
    let mut world = World::new(&clock, 0);
    world.services.push(Box::pin(async {
        device.store().pump(line.down.clone(), line.up.clone()).await;
    }));
    world.services.push(Box::pin(async {
        loop {
            assert!(beside(serve(), pass(&clock, 120 * MS)).await.is_err(), "served until stopped");
        }
    }));
    world.spawn(async {
        let mut gate = FenceGate::default();
        for _ in 0..20 {
            let guard = device.lock("k").ttl(LONG).wait(LONG).acquire().await.unwrap();
            assert!(gate.admits(guard.fence()));
            pass(&clock, 33 * MS).await;
            assert_eq!(guard.release().await, Ok(Holding::Held));
        }
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn another_life_of_a_device_gets_a_higher_fence_and_none_of_the_old_answers() {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let line = Line::new(0);
    // the boot counter in flash
    let boots = Cell::new(0);
    let mut fences = Vec::new();
    for _ in 0..3 {
        boots.set(boots.get() + 1);
        let device = device(&clock, boots.get());
        let local = FixedStore::<NoLock, _, 2>::new(&clock);
        local.set_epoch(boots.get());
        let local = Instance::new(&local);
        let fence = Cell::new((0, 0));
        let mut world = World::new(&clock, 0);
        world.services.extend(connected(&device, &store, &clock, &line));
        world.spawn(async {
            let near = local.lock("k").acquire_blocking().unwrap().fence();
            let far = device.lock("k").ttl(500 * MS).wait(LONG).acquire().await.unwrap();
            fence.set((near.0, far.fence().0));
            // the power goes while it is held
            std::mem::forget(far);
        });
        assert!(world.run(LONG, || ()));
        drop(world);
        fences.push(fence.get());
    }
    assert!(fences.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{fences:?}");
}

#[test]
fn tokens_are_new_in_every_life_and_on_every_device() {
    let clock = ManualClock::new();
    let tokens = |session| {
        let device: Device<'_> = Instance::new(RemoteStore::<NoLock, _>::new(&clock));
        device.store().start(session);
        [device.store().token(), device.store().token()]
    };
    let sessions = [(1, [0, 0]), (2, [0, 0]), (1, [0, 1]), (1, [1, 0])];
    let mut all: Vec<HolderToken> =
        sessions.iter().flat_map(|(id, device)| tokens(Session { id: *id, device: *device })).collect();
    all.sort_by_key(|token| token.0);
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn a_slow_request_blocks_its_key_only_and_keeps_its_order() {
    let clock = ManualClock::new();
    let store = Slow { store: Memory::new(&clock), clock: &clock, diary: RefCell::default() };
    let (device, line) = (device(&clock, 1), Line::new(0));
    let mut world = World::new(&clock, 0);
    world.services.push(Box::pin(async {
        device.store().pump(line.down.clone(), line.up.clone()).await;
    }));
    world.services.push(Box::pin(async {
        Gateway::new(&store, &clock).serve(line.up.clone(), line.down.clone()).await;
    }));
    world.spawn(async {
        // given up while the gateway is at it: the give-back must not overtake it
        let lock = device.lock("slow").ttl(LONG);
        assert!(beside(lock.try_acquire(), pass(&clock, 50 * MS)).await.is_err());
        let before = clock.now();
        device.lock("quick").run(async |_| ()).await.unwrap();
        assert!(clock.now().since(before) < 20 * MS, "the slow one held it up");
        pass(&clock, 500 * MS).await;
    });
    assert!(world.run(LONG, || ()));
    let slow: Vec<_> = store.diary.borrow().clone();
    let at = |what| slow.iter().rposition(|line| *line == what).unwrap();
    assert!(at("ends acquire") < at("begins release"), "{slow:?}");
    assert_eq!(BlockingWords::remaining(&store.store, Key::new(Kind::Lock, "", b"slow", 0)), Ok(None));
}

#[test]
fn a_line_that_ends_lets_the_gateway_finish_what_is_under_way() {
    let clock = ManualClock::new();
    let store = Slow { store: Memory::new(&clock), clock: &clock, diary: RefCell::default() };
    let (device, line) = (device(&clock, 1), Line::new(0));
    let mut world = World::new(&clock, 0);
    world.services.push(Box::pin(async {
        let ask = Ask::new(device.store().token(), LONG);
        let _ = Words::acquire(device.store(), Key::new(Kind::Lock, "", b"slow", 0), &ask).await;
        std::future::pending::<()>().await;
    }));
    world.services.push(Box::pin(async {
        device.store().pump(line.down.clone(), line.up.clone()).await;
        std::future::pending::<()>().await;
    }));
    world.spawn(async {
        let end = Gateway::new(&store, &clock).serve(line.up.clone(), line.down.clone()).await;
        assert_eq!(end, LineEnd::Closed);
    });
    world.run(20 * MS, || ());
    line.up.set(Faults { closed: true, ..Faults::default() });
    assert!(world.run(LONG, || ()));
    assert!(BlockingWords::remaining(&store.store, Key::new(Kind::Lock, "", b"slow", 0)).unwrap().is_some());
}
