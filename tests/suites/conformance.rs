//! The public suite on every store this workspace has, both faces; and on stores broken on purpose.

use cachify::{Cachify, ManualClock, StdLock, cachify_core, clock::StdClock};
use cachify_core::{
    FixedStore, Instance,
    store::{fixed::State, growing::MapStore, lock::NoLock},
    testing::{
        ManualClock as BareClock, block_on,
        conformance::{self, Broken},
    },
};
use cachify_tests::Guest;
use std::sync::Mutex;

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
