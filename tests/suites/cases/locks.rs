//! L: locks.
//!
//! Every case has a Rust meaning. L9's nearest: `try_acquire` of a lock that was told to wait. L20 and L21 are about
//! a fleet; here one process has both faces of one store.

use crate::{
    harness::{Async, Blocking, Right, Subject, attributes, everywhere, face_to_face, fixed, guest, ms, on},
    world::now,
};
use cachify::{
    Asked, Cachify, Cause, Config, Holding, Refused,
    cachify_core::{
        FixedStore, Instance,
        store::{fixed::State, lock::NoLock},
        testing::{Faulty, ManualClock, Script},
        time::Clock,
    },
    secs,
};
use cachify_tests::{AsyncGuest, Guest};
use std::{cell::RefCell, convert::identity};

const fn busy(millis: u64) -> Refused {
    Refused::Busy { remaining: Some(ms(millis)), asked: Asked::NOTHING }
}

#[test]
fn l1_a_lock_is_held_for_its_default_lease_and_free_after_it() {
    fn case(s: &impl Subject) -> (Refused, [bool; 5]) {
        let guard = s.acquire(&on("k")).unwrap();
        let (refused, held) = (s.acquire(&on("k")).unwrap_err(), s.is_locked("k"));
        guard.release();
        let after_release = s.is_locked("k");
        let failed: Result<Result<(), &str>, _> = s.under_lock(&on("k"), || Err("inside"));
        assert_eq!(failed, Ok(Err("inside")), "the body's own result");
        let after_an_error = s.is_locked("k");
        drop(s.acquire(&on("k")).unwrap());
        let after_drop = s.is_locked("k");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = s.acquire(&on("k")).unwrap();
            std::panic::resume_unwind(Box::new("inside"));
        }));
        assert!(panicked.is_err());
        (refused, [held, after_release, after_an_error, after_drop, s.is_locked("k")])
    }
    everywhere!(case => (busy(30_000), [true, false, false, false, false]));
}

#[test]
fn l2_a_lease_said_beats_the_default_and_always_ends() {
    fn case(s: &impl Subject) -> (Refused, [bool; 3]) {
        let guard = s.acquire(&on("k").ttl(secs(5))).unwrap();
        let (refused, valid) = (s.acquire(&on("k")).unwrap_err(), guard.is_valid());
        // in one step, as a paused process sees it: nobody had a chance to renew
        s.advance(secs(5));
        (refused, [valid, guard.is_valid(), s.is_locked("k")])
    }
    everywhere!(case => (busy(5_000), [true, false, false]));
}

#[test]
fn l3_a_held_lock_refuses_at_once_and_says_what_and_for_how_long() {
    fn case(s: &impl Subject) -> (String, Vec<String>, u64) {
        let _guard = s.acquire(&on("k")).unwrap();
        let message = s.acquire(&on("k")).unwrap_err().to_string();
        (message, s.events(), s.world().now().as_millis())
    }
    let message = "lock is held for 30 s more; `inspect` tells by whom";
    let events = vec!["granted k".to_owned(), format!("refused k: {message}")];
    everywhere!(case => (message.to_owned(), events.clone(), 0));
}

#[test]
fn l4_a_wait_of_zero_is_one_attempt_without_sleeping() {
    fn case(s: &impl Subject) -> Refused {
        let _guard = s.acquire(&on("k")).unwrap();
        // this ends on a clock that stands still, so nobody slept
        s.acquire(&on("k").wait(ms(0))).unwrap_err()
    }
    everywhere!(case => busy(30_000));

    let clock = ManualClock::new();
    let store = FixedStore::<NoLock, _, 4>::over(RefCell::new(State::new()), &clock);
    let faulty = Faulty::new(store, Script::default());
    let device = Instance::new(&faulty);
    let _guard = device.lock("k").acquire_blocking().unwrap();
    assert!(now(device.lock("k").wait(ms(0)).acquire()).is_err());
    assert!(device.lock("k").wait(ms(0)).acquire_blocking().is_err());
    assert_eq!((faulty.operations(), clock.now().as_millis()), (3, 0));
}

#[test]
fn l5_a_wait_ends_at_its_deadline() {
    fn case(s: &impl Subject) -> (bool, Option<Refused>, u64) {
        let _guard = s.acquire(&on("k")).unwrap();
        let mut waiting = s.start_acquire(on("k").wait(ms(250)));
        s.advance(ms(249));
        let early = !waiting.waits();
        s.advance(ms(1));
        (early, waiting.end().err(), s.world().now().as_millis())
    }
    everywhere!(case => (false, Some(busy(29_750)), 250));
}

#[test]
fn l7_a_wait_without_a_limit_lasts_until_the_lock_is_free() {
    fn case(s: &impl Subject) -> (bool, bool, u64) {
        let guard = s.acquire(&on("k").ttl(secs(3_600))).unwrap();
        let mut waiting = s.start_acquire(on("k").wait_forever());
        s.advance(secs(600));
        let early = !waiting.waits();
        guard.release();
        (early, waiting.end().unwrap().is_valid(), s.world().now().as_millis())
    }
    everywhere!(case => (false, true, 600_000));
}

#[test]
fn l8_a_released_lock_goes_to_the_longest_waiting_at_once() {
    fn case(s: &impl Subject) -> (bool, Holding, Holding, u64) {
        let a = s.acquire(&on("k")).unwrap();
        let b = s.start_acquire(on("k").wait_forever());
        let mut c = s.start_acquire(on("k").wait_forever());
        a.release();
        let b = b.end().unwrap();
        let c_waits = c.waits();
        let b = b.release();
        let c = c.end().unwrap();
        (c_waits, b, c.release(), s.world().now().as_millis())
    }
    everywhere!(case => (true, Holding::Held, Holding::Held, 0));
}

#[test]
fn l9_who_only_tries_does_not_wait_whatever_was_said() {
    fn case(s: &impl Subject) -> bool {
        let _guard = s.acquire(&on("k")).unwrap();
        s.try_acquire(&on("k").wait(secs(10))).unwrap().is_none()
    }
    everywhere!(case => true);
}

#[test]
fn l12_who_no_longer_holds_it_cannot_release_it() {
    fn case(s: &impl Subject) -> (Holding, [bool; 2], Holding, Vec<String>) {
        let late = s.acquire(&on("k").ttl(secs(5))).unwrap();
        s.advance(secs(5));
        let present = s.acquire(&on("k")).unwrap();
        let lost = late.release();
        // once: by the heartbeat that found it, or by the release
        let mut told = s.events();
        told.retain(|event| event.starts_with("lost"));
        (lost, [s.is_locked("k"), present.is_valid()], present.release(), told)
    }
    everywhere!(case => (Holding::Lost, [true, true], Holding::Held, vec!["lost k".to_owned()]));
}

#[test]
fn l13_a_forced_release_frees_whoever_holds_it() {
    fn case(s: &impl Subject) -> ([bool; 4], Holding) {
        let nobody = s.force_release("k");
        let guard = s.acquire(&on("k")).unwrap();
        let somebody = s.force_release("k");
        let again = s.force_release("k");
        let next = s.acquire(&on("k"));
        ([nobody, somebody, again, next.is_ok()], guard.release())
    }
    everywhere!(case => ([false, true, false, true], Holding::Lost));
}

#[test]
fn l14_who_holds_it_is_refused_like_everybody_else() {
    fn case(s: &impl Subject) -> Result<Result<(), Refused>, Refused> {
        s.under_lock(&on("k"), || s.under_lock(&on("k"), || ()))
    }
    everywhere!(case => Ok(Err(busy(30_000))));
}

#[test]
fn l15_is_locked_says_whether_it_is() {
    fn case(s: &impl Subject) -> [bool; 7] {
        let before = s.is_locked("k");
        let guard = s.acquire(&on("k")).unwrap();
        let held = s.is_locked("k");
        guard.release();
        let released = s.is_locked("k");
        let _expires = s.acquire(&on("k").ttl(secs(1))).unwrap();
        s.advance(secs(1));
        let expired = s.is_locked("k");
        let _forced = s.acquire(&on("k")).unwrap();
        let again = s.is_locked("k");
        s.force_release("k");
        [before, held, released, expired, again, s.is_locked("k"), s.is_locked("other")]
    }
    everywhere!(case => [false, true, false, false, true, false, false]);
}

mod l16_equal_arguments_exclude_and_different_ones_do_not {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::lock(instance = $store.0, key = "l16-{arg}")]
                $($async)? fn alone(arg: u8) -> Result<u8, Refused> {
                    Ok(arg)
                }
                let s = $Subject::new($store.clone());
                // the attribute and the value speak of one lock
                let _guard = s.acquire(&on("l16-1")).unwrap();
                assert_eq!(($wait(alone(1)), $wait(alone(2))), (Err(busy(30_000)), Ok(2)));
                assert_eq!(($wait(alone::is_locked(1)), $wait(alone::is_locked(2))), (Ok(true), Ok(false)));
                s.force_release("l16-1");
                assert_eq!($wait(alone(1)), Ok(1));
            }
        };
    }
    attributes!(case);
}

#[test]
fn l18_a_lease_of_zero_is_refused() {
    fn case(s: &impl Subject) -> (Refused, bool) {
        (s.acquire(&on("k").ttl(ms(0))).unwrap_err(), s.is_locked("k"))
    }
    everywhere!(case => (Refused::Zero, false));
}

#[test]
fn l20_both_faces_exclude_each_other() {
    fn case(tasks: &impl Subject, threads: &impl Subject) -> ([Refused; 2], bool) {
        let guard = tasks.acquire(&on("k")).unwrap();
        let first = threads.acquire(&on("k")).unwrap_err();
        let thread = threads.start_acquire(on("k").wait(secs(1)));
        guard.release();
        let guard = thread.end().unwrap();
        let second = tasks.acquire(&on("k")).unwrap_err();
        let task = tasks.start_acquire(on("k").wait(secs(1)));
        guard.release();
        ([first, second], task.end().is_ok())
    }
    face_to_face!(case => ([busy(30_000), busy(30_000)], true));
}

#[test]
fn l21_a_store_with_one_face_refuses_the_other_by_name() {
    let store = AsyncGuest::new(Guest::new(cachify::ManualClock::new()));
    let c = Cachify::builder().store(store).build().unwrap();
    let _guard = now(c.lock("k").acquire()).unwrap();
    let refused = c.lock("k").acquire_blocking().unwrap_err();
    assert!(matches!(refused, Refused::Unavailable { cause: Cause::Unsupported(_), .. }));
    assert_eq!(refused.to_string(), "lock: this store has only an async face: use it from async functions");
}

#[test]
fn l23_a_stream_under_a_lock_holds_it_until_it_is_dropped() {
    fn case(s: &impl Subject) -> (Vec<(u8, bool)>, bool) {
        let guard = s.acquire(&on("k")).unwrap();
        let mut stream = (0..3).map(move |n| (n, guard.is_valid()));
        let mut seen = vec![stream.next().unwrap()];
        seen.push((9, s.is_locked("k")));
        seen.push(stream.next().unwrap());
        drop(stream);
        (seen, s.is_locked("k"))
    }
    everywhere!(case => (vec![(0, true), (9, true), (1, true)], false));
}

#[test]
fn l25_a_holder_that_runs_long_keeps_its_lock() {
    fn case(s: &impl Subject) -> ([bool; 8], Refused) {
        let guard = s.acquire(&on("k").ttl(secs(3))).unwrap();
        let valid = [(); 8].map(|()| {
            s.advance(ms(1_500));
            guard.is_valid()
        });
        (valid, s.acquire(&on("k")).unwrap_err())
    }
    let kept = ([true; 8], busy(3_000));
    assert_eq!(case(&Async::new(guest(Config::DEFAULT))), kept);
    assert_eq!(case(&Blocking::new(guest(Config::DEFAULT))), kept);
    // in memory there is nothing to renew, not even for a body that blocks
    let (device, world) = fixed(Config::DEFAULT);
    let guard = device.lock("k").ttl(secs(3)).acquire_blocking().unwrap();
    world.clock.advance(secs(3_600));
    assert!(guard.is_valid());
    assert_eq!(
        device.lock("k").acquire_blocking().unwrap_err(),
        Refused::Busy { remaining: None, asked: Asked::NOTHING }
    );
    drop(guard);
    assert!(device.lock("k").acquire_blocking().is_ok());
}
