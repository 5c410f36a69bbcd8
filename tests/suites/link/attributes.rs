//! The attributes on a device behind a gateway: rights that are polled by hand, over a line on which anything goes
//! wrong.

use crate::{
    bodies::{Inside, locked, locked_at_once, locked_within_a_minute, pooled_two, run_once},
    pipe::{Faults, Line},
    world::{LONG, MS, Memory, World, at, connected, device, named, pass, world},
};
use cachify_core::testing::BlockingWords;
use cachify_core::{
    Asked, Cause, Instance, Refused, cell::Ask, key::Kind, testing::ManualClock, time::Clock, token::HolderToken,
};
use std::{cell::Cell, time::Duration};

/// Notes how long the right was valid, and asks the store whether it was held all that time.
struct Watch<'c> {
    clock: &'c ManualClock,
    store: &'c Memory<'c>,
    time: Duration,
    succeeds: bool,
    /// Cut when the body begins.
    line: Option<Line>,
    entered: Cell<u32>,
    valid_until: Cell<u64>,
}

impl<'c> Watch<'c> {
    fn new(clock: &'c ManualClock, store: &'c Memory<'c>, time: Duration) -> Self {
        Self { clock, store, time, succeeds: true, line: None, entered: Cell::new(0), valid_until: Cell::new(0) }
    }

    fn is_held(&self) -> bool {
        let held = |kind| self.store.remaining(named(kind)).unwrap().is_some();
        held(Kind::Lock) || held(Kind::Once) || BlockingWords::in_use(self.store, named(Kind::Pool)).unwrap() > 0
    }
}

impl Inside for Watch<'_> {
    fn enter(&self, _: Kind, fence: u64, index: u32, _: bool) {
        assert!(fence > 0 && index == 0);
        self.entered.set(self.entered.get() + 1);
        if let Some(line) = &self.line {
            line.set(cut());
        }
    }
    fn look(&self, is_valid: bool) {
        if is_valid {
            assert!(self.is_held(), "thought to be valid at {:?}", self.clock.now());
            self.valid_until.set(self.clock.now().as_millis());
        }
    }
    fn time(&self) -> Duration {
        self.time
    }
    fn clock(&self) -> &ManualClock {
        self.clock
    }
    fn succeeds(&self) -> bool {
        self.succeeds
    }
}

fn cut() -> Faults {
    Faults { cut: true, ..Faults::default() }
}

#[test]
fn a_right_is_renewed_while_its_body_runs_and_given_back_after_it() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 5_000 * MS));
    world.spawn(async {
        locked(&device, &watch).await.unwrap();
        assert!(!watch.is_held());
        pooled_two(&device, &watch).await.unwrap();
        assert!(!watch.is_held());
        run_once(&device, &watch).await.unwrap();
        assert!(watch.is_held(), "its marker is kept");
        assert!(matches!(run_once(&device, &watch).await, Err(Refused::Done(_))));
        assert_eq!(watch.entered.get(), 3);
        assert!(watch.valid_until.get() + 5 > clock.now().as_millis(), "valid to the end");
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_run_that_fails_is_given_back_and_may_run_again() {
    world!(
        clock,
        store,
        local,
        device,
        line,
        world,
        watch = Watch { succeeds: false, ..Watch::new(&clock, &store, 5 * MS) }
    );
    world.spawn(async {
        assert_eq!(run_once(&device, &watch).await, Err(Refused::Zero));
        assert!(!watch.is_held());
        assert_eq!(run_once(&device, &watch).await, Err(Refused::Zero));
        assert_eq!(watch.entered.get(), 2);
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_right_behind_a_line_that_is_cut_is_valid_until_its_end_and_no_longer() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 2_000 * MS));
    world.spawn(async { assert!(locked(&device, &watch).await.is_ok()) });
    world.spawn(async {
        pass(&clock, 100 * MS).await;
        line.set(cut());
    });
    assert!(world.run(LONG, || ()));
    assert!((580..600).contains(&watch.valid_until.get()), "{}", watch.valid_until.get());
}

#[test]
fn what_an_unanswered_request_was_granted_is_as_old_as_the_gateway_says() {
    world!(
        clock,
        store,
        local,
        device,
        line,
        world,
        watch = Watch { line: Some(line.clone()), ..Watch::new(&clock, &store, 2_000 * MS) }
    );
    // requests arrive, answers do not, until the same token asks again
    line.down.set(cut());
    world.spawn(async {
        pass(&clock, 510 * MS).await;
        line.down.set(Faults::default());
    });
    world.spawn(async { assert!(locked(&device, &watch).await.is_ok()) });
    assert!(world.run(LONG, || ()));
    assert_eq!(watch.entered.get(), 1);
    // the lease ends 600 ms after the first request: `look` asserted that nobody relied on it longer
    assert!((560..600).contains(&watch.valid_until.get()), "{}", watch.valid_until.get());
}

#[test]
fn what_is_granted_after_a_long_silence_is_valid_for_its_whole_time() {
    world!(
        clock,
        store,
        local,
        device,
        line,
        world,
        watch = Watch { line: Some(line.clone()), ..Watch::new(&clock, &store, 2_000 * MS) }
    );
    line.set(cut());
    world.spawn(async {
        pass(&clock, 3_000 * MS).await;
        line.set(Faults::default());
    });
    world.spawn(async { assert!(locked_within_a_minute(&device, &watch).await.is_ok()) });
    assert!(world.run(LONG, || ()));
    // counted from the first sending of the request that was answered; it asks anew after a second at most
    assert!((3_080..4_700).contains(&watch.valid_until.get()), "{}", watch.valid_until.get());
}

#[test]
fn what_lasts_shorter_than_asked_is_not_relied_on_longer() {
    world!(
        clock,
        store,
        local,
        device,
        line,
        world,
        watch = Watch { line: Some(line.clone()), ..Watch::new(&clock, &store, 2_000 * MS) }
    );
    // the first token of this device, by a request that was long on its way
    let ask = Ask::new(HolderToken([1, 1, 1, !1]), 300 * MS);
    assert!(BlockingWords::acquire(&store, named(Kind::Lock), &ask).unwrap().granted().is_some());
    world.spawn(async { assert!(locked(&device, &watch).await.is_ok()) });
    assert!(world.run(LONG, || ()));
    assert!((280..300).contains(&watch.valid_until.get()), "{}", watch.valid_until.get());
}

#[test]
fn what_may_have_been_granted_is_given_back_when_the_line_heals() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 5 * MS));
    line.down.set(cut());
    world.spawn(async {
        let refused = locked_at_once(&device, &watch).await.unwrap_err();
        assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}");
        assert!(watch.is_held());
        line.set(Faults::default());
        pass(&clock, 60 * MS).await;
        assert!(!watch.is_held(), "given back long before its end");
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_failure_after_an_unknown_outcome_leaves_the_outcome_unknown_until_there_is_an_answer() {
    for answered in [false, true] {
        world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 5 * MS));
        let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap();
        line.down.set(cut());
        world.spawn(async {
            let refused = locked(&device, &watch).await.unwrap_err();
            match answered {
                true => assert_eq!(refused, Refused::from(Cause::Unreachable)),
                false => assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}"),
            }
        });
        world.spawn(async {
            pass(&clock, 520 * MS).await;
            if answered {
                line.set(Faults::default());
                pass(&clock, 200 * MS).await;
            }
            line.set(Faults { broken: true, ..Faults::default() });
        });
        assert!(world.run(LONG, || ()));
        drop(guard);
    }
}

#[test]
fn a_line_that_is_down_refuses_at_once() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 5 * MS));
    line.set(Faults { broken: true, ..Faults::default() });
    world.spawn(async {
        let refused = locked_at_once(&device, &watch).await.unwrap_err();
        assert_eq!((refused, clock.now()), (Refused::from(Cause::Unreachable), at(0)));
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_lock_that_is_held_elsewhere_is_told_of_at_once_and_waited_for() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 5 * MS));
    let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap().unwrap();
    world.spawn(async {
        // a guard in the gateway's own memory: it has no end
        let refused = locked_at_once(&device, &watch).await.unwrap_err();
        assert_eq!(refused, Refused::Busy { remaining: None, asked: Asked::NOTHING });
        assert!(clock.now() < at(50));
        let waited = cachify_core::drive::beside(locked(&device, &watch), pass(&clock, 300 * MS)).await;
        assert!(waited.is_err(), "it is held");
    });
    assert!(world.run(LONG, || ()));
    let released = clock.now();
    world.spawn(async { locked(&device, &watch).await.unwrap() });
    (0..40).for_each(|_| assert!(world.round()));
    drop(guard);
    assert!(world.run(LONG, || ()));
    assert!(clock.now().since(released) < 60 * MS, "woken by a notice, at {:?}", clock.now());
}

#[test]
fn more_callers_than_slots_wait_for_one() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, Duration::ZERO));
    for _ in 0..30 {
        world.spawn(async { locked(&device, &watch).await.unwrap() });
    }
    assert!(world.run(4_000 * MS, || ()));
    assert_eq!(watch.entered.get(), 30);
    assert_eq!(device.store().stats().forgotten, 0);
}

#[test]
fn a_lost_notice_costs_one_poll_of_the_store() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, Duration::ZERO));
    let guard = local.lock("k").ttl(LONG).try_acquire_blocking().unwrap().unwrap();
    world.spawn(async { locked(&device, &watch).await.unwrap() });
    for _ in 0..40 {
        assert!(world.round());
    }
    line.set(cut());
    drop(guard);
    for _ in 0..40 {
        assert!(world.round());
    }
    line.set(Faults::default());
    assert!(world.run(LONG, || ()));
    assert!(clock.now() < at(1_100), "not the five seconds of the instance: {:?}", clock.now());
}

/// Times on the link are half as long as those of a clock, and wrap.
#[test]
fn a_device_that_runs_for_a_month_goes_on() {
    world!(clock, store, local, device, line, world, watch = Watch::new(&clock, &store, 100 * MS));
    clock.set(at((1 << 31) - 250));
    world.spawn(async {
        line.set(Faults { delays: 20, losses: 40, ..Faults::default() });
        for _ in 0..10 {
            locked(&device, &watch).await.unwrap();
        }
        line.set(Faults::default());
        // a guard that is dropped is given back by a request of its own
        drop(device.lock("k").ttl(LONG).wait(LONG).acquire().await.unwrap());
        pass(&clock, 4_000 * MS).await;
        assert!(!watch.is_held());
    });
    assert!(world.run(LONG, || ()));
    assert!(clock.now() > at(1 << 31));
    assert_eq!(watch.entered.get(), 10);
}
