//! The public suite on every store this workspace has, both faces; and on stores broken on purpose.

use cachify::{
    Cachify, Cause, HolderToken, ManualClock, StdLock,
    backend::{Backend, BoxFuture, Call, Left, OwnedKey, Reply},
    cachify_core,
    clock::StdClock,
    testing,
};
use cachify_core::{
    FixedStore, Instance,
    store::{fixed::State, growing::MapStore, lock::NoLock},
    testing::{
        ManualClock as BareClock, block_on,
        conformance::{self, Broken},
    },
};
use cachify_tests::Guest;
use std::sync::{Arc, Mutex};

#[test]
fn memory_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let fresh = || Cachify::builder().clock(clock.clone()).build_memory();
    block_on(conformance::all(fresh(), &advance, ["a".to_owned(), "b".to_owned()]))?;
    conformance::all_blocking(fresh(), &advance, [1, 2])
}

#[test]
fn memory_behind_any_store_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let fresh = || Cachify::builder().clock(clock.clone()).build().unwrap();
    block_on(conformance::all(fresh(), &advance, [1_u64, 2]))?;
    conformance::all_blocking(fresh(), &advance, [1_u64, 2])
}

#[test]
fn an_erased_store_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let fresh = || Cachify::builder().clock(clock.clone()).store(Guest::new(clock.clone())).build().unwrap();
    block_on(conformance::all(fresh(), &advance, ["a".to_owned(), "b".to_owned()]))?;
    conformance::all_blocking(fresh(), &advance, [vec![1_u8], vec![]])
}

#[test]
fn an_erased_store_keeps_what_backends_promise() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let (advance, store) = (|by| clock.advance(by), Guest::new(clock.clone()));
    let open = || Cachify::builder().clock(clock.clone()).store(store.clone());
    block_on(testing::backend(open, "suite:", &advance))?;
    testing::backend_blocking(open, "suite:", &advance)
}

/// The store of somebody who was careless beside each single operation.
#[derive(Clone)]
struct Careless {
    guest: Guest,
    /// Many calls at once are answered from their end.
    backwards: bool,
    /// What is abandoned is forgotten.
    forgetful: bool,
}

impl Backend for Careless {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Arc::new(self.guest.clone()).call(call)
    }
    fn call_many_blocking(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        let mut answers: Vec<_> = calls.into_iter().map(|call| self.clone().call_blocking(call)).collect();
        if self.backwards {
            answers.rotate_left(1);
        }
        answers
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if !self.forgetful {
            Arc::new(self.guest.clone()).abandon(key, token, left);
        }
    }
}

#[test]
fn backends_that_are_careless_beside_the_operations_are_found_out() {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let found = |backwards, forgetful| {
        let careless = Careless { guest: Guest::new(clock.clone()), backwards, forgetful };
        let open = || Cachify::builder().clock(clock.clone()).store(careless.clone());
        [block_on(testing::backend(open, "suite:", &advance)), testing::backend_blocking(open, "suite:", &advance)]
    };
    assert_eq!(found(false, false), [Ok(()); 2]);
    assert_eq!(found(true, false), [Ok(()), Err(Broken("answer many calls in their order"))]);
    assert_eq!(found(false, true), [Err(Broken("take back what was abandoned, before `flush` ends")); 2]);
}

#[test]
fn the_fixed_store_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let fresh = || FixedStore::<StdLock, StdClock, 8, u8>::over(Mutex::new(State::new()), clock.clone().into());
    let (tasks, threads) = (fresh(), fresh());
    block_on(conformance::all(&Instance::new(&tasks), &advance, [1, 2]))?;
    conformance::all_blocking(&Instance::new(&threads), &advance, [1, 2])
}

#[test]
fn the_growing_store_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = BareClock::new();
    let advance = |by| clock.advance(by);
    let (tasks, threads) = (MapStore::<NoLock, _, u8>::new(&clock), MapStore::<NoLock, _, u8>::with_seed(&clock, 7));
    block_on(conformance::all(&Instance::new(&tasks), &advance, [1, 2]))?;
    conformance::all_blocking(&Instance::new(&threads), &advance, [1, 2])
}

/// A suite that cannot fail shows nothing: time that stands still breaks every MUST about ends.
#[test]
fn a_store_whose_leases_never_end_is_found_out() {
    let clock = BareClock::new();
    let store = MapStore::<NoLock, _, u8>::new(&clock);
    let stuck = block_on(conformance::all(&Instance::new(&store), &|_| (), [1, 2]));
    assert_eq!(stuck, Err(Broken("answer `Lost` at the end of a lease")));
}
