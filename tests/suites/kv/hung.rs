//! A store, or one key of it, that does not answer any more: it costs itself, and no other.

use crate::{
    background::soon,
    shelf::{Shelf, gated},
};
use cachify::{Cachify, Kv, ManualClock, secs};
use cachify_core::{
    key::{Key, Kind},
    op::Left,
    token::HolderToken,
};
use cachify_tests::poll;
use std::{
    pin::pin,
    sync::{Arc, Mutex},
};

/// Whose keys with `hung` in them are not answered about while the gate is shut.
fn instance(clock: &ManualClock, gate: &Arc<Mutex<()>>) -> Cachify {
    let gated = gated(&Shelf::new(clock, false), gate, "hung");
    Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(gated))).build().unwrap()
}

#[test]
fn what_is_dropped_over_one_store_waits_for_no_other() {
    let (clock, gate) = (ManualClock::new(), Arc::new(Mutex::new(())));
    let (hung, sound) = (instance(&clock, &gate), instance(&clock, &Arc::default()));
    let guards = [&hung, &hung, &sound].map(|c| c.pool("hung", 3).take_blocking().unwrap());
    let shut = gate.lock().unwrap();
    drop(guards);
    soon("the giving back of the other store", || sound.pool("hung", 3).in_use_blocking() == Ok(0));
    drop(shut);
    soon("that of the one that hung", || hung.pool("hung", 3).in_use_blocking() == Ok(0));
}

/// More of them than any table of locks by hash has room for.
#[test]
fn a_call_that_hangs_holds_up_no_call_of_another_token() {
    let (clock, gate) = (ManualClock::new(), Arc::new(Mutex::new(())));
    let c = instance(&clock, &gate);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let shut = gate.lock().unwrap();
    runtime.block_on(async {
        let lock = c.lock("hung");
        let mut hung = pin!(lock.acquire());
        assert!(poll(hung.as_mut()).is_pending());
        let others = async {
            for n in 0..500_u32 {
                c.lock(n).acquire().await.unwrap().release().await.unwrap();
            }
        };
        tokio::time::timeout(secs(30), others).await.expect("all of them end");
    });
    drop(shut);
}

/// A lease ends by itself, so past a number nobody waits for its turn to be given back.
#[test]
fn what_is_owed_to_a_store_that_hangs_is_bounded() {
    let (clock, gate) = (ManualClock::new(), Arc::new(Mutex::new(())));
    let store = Arc::new(Kv(Arc::new(gated(&Shelf::new(&clock, false), &gate, "hung"))));
    let key = cachify::backend::OwnedKey::of(Key::new(Kind::Lock, "p", b"hung", 0));
    let shut = gate.lock().unwrap();
    let alive = Arc::downgrade(&store);
    for n in 0..70_000 {
        cachify::Backend::abandon(store.clone(), key.clone(), HolderToken([n; 4]), Left::Lease);
    }
    assert!(alive.strong_count() <= 65_536 + 2, "{} jobs hold the store", alive.strong_count());
    drop(shut);
}
