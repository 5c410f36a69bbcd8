//! Stores that fail at some moment: nothing stays held, nothing is lost.

use cachify::{Holding, secs};
use cachify_core::{
    Instance,
    store::{growing::MapStore, lock::NoLock},
    testing::{Fault, Faulty, ManualClock as BareClock, Script},
    time::Clock,
};
use std::time::Duration;

#[test]
fn an_unknown_outcome_is_asked_again_by_the_same_token() {
    let script = [Fault::ReplyLost, Fault::None];
    let clock = BareClock::new();
    let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
    let instance = Instance::new(&store);
    let guard = instance.lock("k").wait(secs(1)).acquire_blocking().unwrap();
    assert_eq!((guard.fence().0, store.operations()), (1, 2), "granted once, found again by its token");
    assert!(clock.now().as_millis() < 1_000);
    assert_eq!(guard.release(), Ok(Holding::Held));
}

#[test]
fn giving_up_on_an_unknown_outcome_leaves_nothing_held() {
    for fault in [Fault::ReplyLost, Fault::RequestLost] {
        let script = [fault; 3];
        let clock = BareClock::new();
        let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
        let instance = Instance::new(&store);
        let why = instance.lock("k").wait(Duration::from_millis(90)).acquire_blocking().unwrap_err();
        assert!(why.is_indeterminate());
        assert!(!instance.lock("k").is_locked_blocking().unwrap(), "the token was handed to the store");
    }
}

#[test]
fn a_failing_store_never_replaces_the_body_s_result() {
    for fault in [Fault::Refused, Fault::RequestLost, Fault::ReplyLost, Fault::Duplicated] {
        for at in 0..4 {
            let mut script = [Fault::None; 5];
            script[at] = fault;
            let clock = BareClock::new();
            let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
            let instance = Instance::new(&store);
            let value = instance.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(7));
            assert_eq!(value, Ok(7), "caches fail open: {fault:?} at {at}");
            match instance.lock("k").run_blocking(|_| 9) {
                Ok(out) => assert_eq!(out, 9),
                Err(why) => assert!(!why.is_contended(), "leases fail closed, and say why: {why:?}"),
            }
        }
    }
}
