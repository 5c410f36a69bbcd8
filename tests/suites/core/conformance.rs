//! The public suite on every store this workspace has, both faces; and on stores broken on purpose.

use cachify::{
    Cachify, Cause, HolderToken, ManualClock, StdLock,
    backend::{Backend, BoxFuture, Call, Left, Op, OwnedKey, Reply},
    cachify_core,
    clock::StdClock,
    testing,
};
use cachify_core::{
    FixedStore, Instance,
    key::{Key, Kind},
    store::{fixed::State, growing::MapStore, lock::NoLock},
    testing::{
        ManualClock as BareClock, block_on,
        conformance::{self, Broken},
    },
};
use cachify_tests::{AsyncGuest, Guest};
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

/// The store of somebody who was careless: `bend` changes a call on its way, the rest is beside each single operation.
#[derive(Clone)]
struct Careless {
    guest: Guest,
    bend: Arc<dyn Fn(&mut Call) + Send + Sync>,
    /// Many calls at once are answered from their end.
    backwards: bool,
    /// What is abandoned is forgotten.
    forgetful: bool,
}

impl Backend for Careless {
    fn call(self: Arc<Self>, mut call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        (self.bend)(&mut call);
        Arc::new(self.guest.clone()).call(call)
    }
    fn call_many_blocking(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        let mut answers: Vec<_> = calls.into_iter().map(|call| self.clone().call_blocking(call)).collect();
        if self.backwards {
            answers.reverse();
        }
        answers
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if !self.forgetful {
            Arc::new(self.guest.clone()).abandon(key, token, left);
        }
    }
}

fn bent(bend: impl Fn(&mut Call) + Send + Sync + 'static) -> Arc<dyn Fn(&mut Call) + Send + Sync> {
    Arc::new(bend)
}

/// What both suites say of a careless store.
fn found(careless: impl FnOnce(Careless) -> Careless) -> [Result<(), Broken>; 2] {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let guest = Guest::new(clock.clone());
    let careless = careless(Careless { guest, bend: bent(|_| ()), backwards: false, forgetful: false });
    let open = || Cachify::builder().clock(clock.clone()).store(careless.clone());
    [block_on(testing::backend(open, "suite:", &advance)), testing::backend_blocking(open, "suite:", &advance)]
}

#[test]
fn backends_that_are_careless_beside_the_operations_are_found_out() {
    assert_eq!(found(|careless| careless), [Ok(()); 2]);
    let backwards = found(|careless| Careless { backwards: true, ..careless });
    assert_eq!(backwards, [Ok(()), Err(Broken("answer many calls in their order"))]);
    let forgetful = found(|careless| Careless { forgetful: true, ..careless });
    assert_eq!(forgetful, [Err(Broken("take back what was abandoned, before `flush` ends")); 2]);
}

#[test]
fn backends_that_do_less_than_they_say_are_found_out() {
    // what is left of the suite's TTL when it renews: nothing is gained
    let lazily = |kind| {
        bent(move |call| {
            if let Op::Renew { ttl } = &mut call.op
                && call.key.key().kind == kind
            {
                *ttl /= 2;
            }
        })
    };
    let extension = "count an extended TTL from the extension";
    let says = [
        (Kind::Lock, "count a renewed TTL from the renewal"),
        (Kind::Pool, extension),
        (Kind::Once, extension),
        (Kind::Cache, extension),
    ];
    for (kind, what) in says {
        assert_eq!(found(|careless| Careless { bend: lazily(kind), ..careless }), [Err(Broken(what)); 2], "{kind:?}");
    }
    let prefixes = bent(|call| {
        let key = call.key.key();
        call.key = OwnedKey::of(Key::new(key.kind, "", key.bytes, key.hash));
    });
    let mixed = found(|careless| Careless { bend: prefixes, ..careless })[0];
    assert!(mixed.is_err(), "prefixes are mixed up");
    let kinds = bent(|call| {
        let key = call.key.key();
        if key.kind == Kind::Pool {
            let bytes = key.bytes.to_vec();
            call.key = OwnedKey::of(Key::new(Kind::Lock, key.prefix, &bytes, key.hash));
        }
    });
    assert!(found(|careless| Careless { bend: kinds, ..careless }).iter().all(Result::is_err), "kinds are mixed up");
}

/// What only tasks can use gives nothing back in the background, and is not asked to.
#[test]
fn a_store_for_tasks_keeps_what_backends_promise_to_tasks() {
    let clock = ManualClock::new();
    let (advance, guest) = (|by| clock.advance(by), Guest::new(clock.clone()));
    let open = || Cachify::builder().clock(clock.clone()).store(AsyncGuest::new(guest.clone()));
    assert_eq!(block_on(testing::backend(open, "suite:", &advance)), Ok(()));
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
    assert_eq!(stuck, Err(Broken("answer `Lost` to a renewal after the end of a lease")));
}
