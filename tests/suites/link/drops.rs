//! A future dropped anywhere leaves nothing behind but a give-back.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, Memory, Task, World, connected, device, named, once_more, pass, world},
};
use cachify_core::testing::BlockingWords;
use cachify_core::{
    AsIs, Instance, Ran, Refused, cached,
    cell::Ask,
    drive::beside,
    key::{Key, Kind},
    lock, once, pooled,
    testing::ManualClock,
    time::Clock,
    token::HolderToken,
};
use cachify_core::{op::Left, store::abandon};
use std::{
    future::Future,
    task::{Context, Waker},
};

#[test]
fn full_queues_forget_dropped_rights_and_count_them() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let mut guards = Vec::new();
        for n in 0..10_u32 {
            guards.push(device.lock(("k", n)).ttl(LONG).acquire().await.unwrap());
        }
        drop(guards);
        pass(&clock, 100 * MS).await;
    });
    assert!(world.run(LONG, || ()));
    assert_eq!(device.store().stats().forgotten, 6);
    let held = (0..10).filter(|n| {
        let name = format!("k:{n}");
        store.remaining(Key::new(Kind::Lock, "", name.as_bytes(), 0)).unwrap().is_some()
    });
    assert_eq!(held.count(), 6);
}

/// More of them than there are places to remember what is dropped.
#[test]
fn turns_of_those_who_hold_nothing_give_way_to_a_right_that_is_dropped() {
    for by_attribute in [false, true] {
        world!(clock, store, local, device, line, world);
        let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap();
        world.spawn(async {
            let held = device.lock("held").ttl(LONG).acquire().await.unwrap();
            let mut waiting = [(); 6].map(|()| Box::pin(locked(&device)));
            for _ in 0..40 {
                let mut cx = Context::from_waker(Waker::noop());
                for waiting in &mut waiting {
                    assert!(waiting.as_mut().poll(&mut cx).is_pending());
                }
                pass(&clock, MS).await;
            }
            // all of this before the pump runs
            if by_attribute {
                drop(waiting);
            } else {
                let lock = named(Kind::Lock);
                (0..6).for_each(|n| abandon(device.store(), lock, HolderToken([n; 4]), Left::WakeUp));
            }
            drop(held);
            pass(&clock, 50 * MS).await;
            let key = Key::new(Kind::Lock, "", b"held", 0);
            assert_eq!(store.remaining(key), Ok(None), "by attribute: {by_attribute}");
        });
        assert!(world.run(LONG, || ()));
        assert_eq!(device.store().stats().forgotten, 0);
        drop(guard);
    }
}

#[test]
fn what_was_asked_and_is_not_answered_gives_way_to_nothing() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let held = device.lock("held").acquire().await.unwrap();
        let mut asked = Box::pin(async {
            beside(beside(locked(&device), permitted(&device)), beside(run(&device), computed(&device))).await
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut cx).is_pending());
        drop(asked);
        drop(held);
        assert_eq!(device.store().stats().forgotten, 1);
    });
    assert!(world.run(LONG, || ()));
}

type Operation = for<'a> fn(&'a Device<'a>) -> Task<'a>;

/// Each operation whole: asked for, used, given back.
const OPERATIONS: [(&str, Operation); 9] = [
    ("lock", |d| Box::pin(async { d.lock("k").run(async |_| once_more().await).await.unwrap() })),
    ("guard", |d| {
        Box::pin(async {
            let guard = d.lock("k").wait(LONG).acquire().await.unwrap();
            guard.run(once_more()).await;
            guard.release().await.unwrap();
        })
    }),
    ("pool", |d| Box::pin(async { d.pool("k", 1).run(async |_| once_more().await).await.unwrap() })),
    ("once", |d| Box::pin(async { assert_eq!(d.once("k").run(async |_| once_more().await).await, Ok(Ran::Ran(()))) })),
    ("lock by attribute", |d| Box::pin(async { locked(d).await.unwrap() })),
    ("pool by attribute", |d| Box::pin(async { permitted(d).await.unwrap() })),
    ("once by attribute", |d| Box::pin(async { run(d).await.unwrap() })),
    ("cache by attribute", |d| Box::pin(async { assert_eq!(computed(d).await, 1) })),
    ("cache", |d| {
        Box::pin(async {
            let load = || async {
                once_more().await;
                Ok::<u32, ()>(1)
            };
            assert_eq!(d.cache("k").get_or_insert_with(load).await, Ok(1));
        })
    }),
];

#[lock(instance = device, key = "k", wait = forever, ttl = "100s", companions = false)]
async fn locked(device: &Device<'_>) -> Result<(), Refused> {
    once_more().await;
    Ok(())
}

#[pooled(instance = device, key = "k", size = 1, ttl = "100s", companions = false)]
async fn permitted(device: &Device<'_>) -> Result<(), Refused> {
    once_more().await;
    Ok(())
}

#[once(instance = device, key = "k", keep = "1ms", ttl = "100s", companions = false)]
async fn run(device: &Device<'_>) -> Result<(), Refused> {
    once_more().await;
    Ok(())
}

#[cached(instance = device, key = "k", ttl = "100s", companions = false)]
async fn computed(device: &Device<'_>) -> u32 {
    once_more().await;
    1
}

/// Drops the operation after so many rounds; whether it had ended before.
fn dropped_after(rounds: usize, operation: Operation) -> bool {
    world!(clock, store, local, device, line, world);
    world.tasks.push(Some(operation(&device)));
    let ended = (0..rounds).any(|_| !world.round());
    world.tasks.clear();
    world.spawn(pass(&clock, 50 * MS));
    assert!(world.run(LONG, || ()));
    for kind in [Kind::Lock, Kind::Once] {
        assert_eq!(store.remaining(named(kind)), Ok(None), "{kind:?} stays held after {rounds} rounds");
    }
    assert_eq!(BlockingWords::in_use(&store, named(Kind::Pool)), Ok(0), "a permit stays held after {rounds} rounds");
    let ask = Ask::new(HolderToken([9; 4]), LONG);
    let flight = BlockingWords::join(&store, named(Kind::Cache), &AsIs, &ask).unwrap();
    assert!(flight.granted().is_some(), "a flight stays under way after {rounds} rounds");
    assert_eq!(device.store().stats().forgotten, 0);
    ended
}

#[test]
fn an_operation_dropped_anywhere_leaves_nothing_held() {
    for (name, operation) in OPERATIONS {
        let points = (0..100).find(|rounds| dropped_after(*rounds, operation)).expect("ends");
        assert!(points >= 4, "{name} has only {points} await points");
    }
}

#[test]
fn a_waiter_dropped_anywhere_leaves_nobody_stuck() {
    for (rounds, by_attribute) in (0..30).flat_map(|rounds| [(rounds, false), (rounds, true)]) {
        world!(clock, store, local, device, line, world);
        let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap();
        for _ in 0..2 {
            world.spawn(async {
                if by_attribute {
                    return locked(&device).await.unwrap();
                }
                drop(device.lock("k").ttl(LONG).wait_forever().acquire().await.unwrap());
            });
            (0..10).for_each(|_| assert!(world.round()));
        }
        drop(guard);
        for _ in 0..rounds {
            world.round();
        }
        world.tasks[0] = None;
        let before = clock.now();
        assert!(world.run(LONG, || ()));
        assert!(clock.now().since(before) < 50 * MS, "{rounds} rounds: stuck until {:?}", clock.now());
    }
}

/// The gateway remembers 64 requests; what is older counts as done.
#[test]
fn a_right_dropped_during_a_long_silence_is_given_back_after_it() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let guard = device.lock("k").ttl(LONG).acquire().await.unwrap();
        line.set(Faults { cut: true, ..Faults::default() });
        drop(guard);
        for _ in 0..80 {
            assert!(device.lock("other").try_acquire().await.is_err());
        }
        assert!(store.remaining(named(Kind::Lock)).unwrap().is_some());
        line.set(Faults::default());
        device.cache("newer").get::<u32>().await.unwrap();
        pass(&clock, 4_000 * MS).await;
        assert_eq!(store.remaining(named(Kind::Lock)), Ok(None));
    });
    assert!(world.run(LONG, || ()));
}
