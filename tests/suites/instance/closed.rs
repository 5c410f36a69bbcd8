//! Cached values that are closed: where the store cannot be asked nothing is loaded.

use cachify::{Cachify, Cause, Error, ManualClock, Refused, Source, secs};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::Guest;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// A guest that fails on demand.
mod failing {
    use super::{Arc, AtomicBool, Cause, Guest, SeqCst};
    use cachify::{
        Backend, HolderToken,
        backend::{BoxFuture, Call, OwnedKey, Reply},
    };
    use cachify_core::{op::Left, patience::Ticket};

    #[derive(Clone, Debug)]
    pub(super) struct Failing(pub(super) Arc<Guest>, pub(super) Arc<AtomicBool>);

    impl Backend for Failing {
        fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
            Box::pin(async move { self.call_blocking(call) })
        }
        fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
            if self.1.load(SeqCst) { Err(Cause::Unreachable) } else { self.0.clone().call_blocking(call) }
        }
        fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
            self.0.clone().changed(key, ticket)
        }
        fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
            self.0.clone().abandon(key, token, left);
        }
    }
}

fn down() -> (Cachify, Arc<AtomicBool>) {
    let (clock, is_down) = (ManualClock::new(), Arc::new(AtomicBool::new(false)));
    let store = failing::Failing(Arc::new(Guest::new(clock.clone())), is_down.clone());
    (Cachify::builder().clock(clock).store(store).build().unwrap(), is_down)
}

#[test]
fn where_the_store_is_down_nothing_is_loaded_and_the_call_says_why() {
    let (c, is_down) = down();
    let loads = AtomicU32::new(0);
    let load = || Ok::<u32, Refused>(loads.fetch_add(1, SeqCst) + 1);
    let value = c.cache("k").ttl(secs(60)).closed();
    let all = || {
        [
            value.get_or_insert_with_blocking(load),
            block_on(value.get_or_insert_with(async || load())),
            value.fetch_with_blocking(load).map(|fetched| fetched.value),
            block_on(value.fetch_with(async || load())).map(|fetched| fetched.value),
            value.refresh_with_blocking(load),
            block_on(value.refresh_with(async || load())),
        ]
    };
    is_down.store(true, SeqCst);
    for answer in all() {
        assert_eq!(answer, Err(Refused::from(Cause::Unreachable)));
    }
    assert_eq!(loads.load(SeqCst), 0);
    is_down.store(false, SeqCst);
    assert_eq!(all(), [Ok(1), Ok(1), Ok(1), Ok(1), Ok(2), Ok(3)]);
    assert_eq!(value.fetch_with_blocking(load).map(|fetched| fetched.source), Ok(Source::Hit));
    is_down.store(true, SeqCst);
    let open = c.cache("k").ttl(secs(60));
    assert_eq!(open.get_or_insert_with_blocking(load), Ok(4), "another one is open");
}

/// An error type that is made from `cachify::Error`, or from `Refused`.
#[test]
fn the_reason_becomes_the_callers_error() {
    let (c, is_down) = down();
    is_down.store(true, SeqCst);
    let refused = c.cache("k").closed().get_or_insert_with_blocking(|| Ok::<u32, Error>(1));
    assert_eq!(refused, Err(Error::Refused(Refused::from(Cause::Unreachable))));
    let memory = Cachify::builder().build().unwrap();
    let no_key = memory.cache("{}").closed().get_or_insert_with_blocking(|| Ok::<u32, Refused>(1));
    assert!(matches!(no_key, Err(Refused::BadKey(_))), "{no_key:?}");
    memory.shutdown_blocking(Duration::ZERO);
    let shut = memory.cache("k").closed().get_or_insert_with_blocking(|| Ok::<u32, Refused>(1));
    assert_eq!(shut, Err(Refused::ShutDown));
}

#[test]
fn a_closed_call_within_its_own_load_loads() {
    let c = Cachify::builder().build().unwrap();
    let value = c.cache("k").ttl(secs(60)).closed();
    let outer = value.get_or_insert_with_blocking(|| {
        assert_eq!(value.get_or_insert_with_blocking(|| Ok::<_, Refused>(1_u32)), Ok(1));
        Ok::<_, Refused>(2_u32)
    });
    assert_eq!(outer, Ok(2));
}

#[test]
fn a_value_that_cannot_be_stored_any_more_is_not_lost() {
    let (c, is_down) = down();
    let value = c.cache("k").ttl(secs(60)).closed();
    let paid = value.get_or_insert_with_blocking(|| {
        is_down.store(true, SeqCst);
        Ok::<_, Refused>(1_u32)
    });
    assert_eq!(paid, Ok(1), "it was done");
}

#[test]
fn a_device_without_room_refuses() {
    let clock = BareClock::new();
    let store = FixedStore::<NoLock, _, 1, u32>::new(&clock);
    let device = Instance::new(&store);
    let held = block_on(device.lock("held").acquire()).unwrap();
    let value = device.cache("k").ttl(secs(60));
    let load = async || Ok::<_, Refused>(1);
    assert_eq!(block_on(value.get_or_insert_with(load)), Ok(1), "open");
    assert_eq!(block_on(value.clone().closed().get_or_insert_with(load)), Err(Refused::StoreFull));
    block_on(held.release()).unwrap();
    assert_eq!(block_on(value.closed().get_or_insert_with(load)), Ok(1));
}
