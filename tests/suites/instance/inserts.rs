//! Values that are brought, not loaded: what was written comes back, and no older load comes after it.

use cachify::{Cachify, Cause, Error, ManualClock, Ttl, cached, secs};
use cachify_core::{
    FixedStore, Instance,
    store::{fixed::WhenFull, lock::NoLock},
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::Guest;
use std::{
    cell::Cell,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// One in memory, one outside the process.
fn both(clock: &ManualClock) -> [Cachify; 2] {
    let builder = || Cachify::builder().clock(clock.clone());
    [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()]
}

#[test]
fn what_was_inserted_is_there_for_its_ttl_on_both_faces() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        assert_eq!(value.remaining_blocking(), Ok(None));
        value.insert_blocking(1_u32).unwrap();
        assert_eq!(block_on(value.get()), Ok(Some(1_u32)));
        block_on(value.insert(2_u32)).unwrap();
        assert_eq!(value.get_or_insert_blocking(|| 3_u32), 2);
        clock.advance(secs(20));
        assert_eq!(value.remaining_blocking(), Ok(Some(Ttl::For(secs(40)))));
        assert_eq!(block_on(value.remaining()), Ok(Some(Ttl::For(secs(40)))));
        clock.advance(secs(41));
        assert_eq!(value.get_blocking::<u32>(), Ok(None));
        let for_ever = c.cache("for ever");
        for_ever.insert_blocking(7_u32).unwrap();
        clock.advance(secs(1 << 30));
        assert_eq!(for_ever.get_blocking(), Ok(Some(7_u32)));
        assert_eq!(for_ever.remaining_blocking(), Ok(Some(Ttl::Forever)));
    }
}

#[test]
fn a_load_that_began_before_is_not_stored_and_who_waits_for_it_gets_what_was_inserted() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let (loading, inserted) = (Barrier::new(2), Barrier::new(2));
        let value = c.cache("k").ttl(secs(60));
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                value.get_or_insert_blocking(|| {
                    loading.wait();
                    inserted.wait();
                    1_u32
                })
            });
            loading.wait();
            let waits = scope.spawn(|| c.cache("k").ttl(secs(60)).get_or_insert_blocking(|| 9_u32));
            c.cache("k").ttl(secs(60)).insert_blocking(2_u32).unwrap();
            // long before that load ends
            assert_eq!(waits.join().unwrap(), 2);
            inserted.wait();
            assert_eq!(load.join().unwrap(), 1, "its own caller has what it loaded");
        });
        assert_eq!(c.cache("k").get_blocking(), Ok(Some(2_u32)));
    }
}

#[test]
fn a_load_may_insert_its_own_key_and_others() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        let loaded = value.get_or_insert_blocking(|| {
            c.cache("k").ttl(secs(60)).insert_blocking(5_u32).unwrap();
            c.cache("other").ttl(secs(60)).insert_blocking(6_u32).unwrap();
            4_u32
        });
        assert_eq!(loaded, 4);
        // its flight was ended by what it inserted
        assert_eq!(value.get_blocking(), Ok(Some(5_u32)));
        assert_eq!(c.cache("other").get_blocking(), Ok(Some(6_u32)));
    }
}

#[test]
fn a_crowd_that_inserts_and_loads_one_key_never_goes_back() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let (source, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                for version in 1..=300 {
                    source.store(version, SeqCst);
                    c.cache("k").insert_blocking(version).unwrap();
                    // nothing that was loaded before may have come after it
                    let seen: usize = c.cache("k").get_blocking().unwrap().unwrap();
                    assert_eq!(seen, version);
                }
                is_over.store(true, SeqCst);
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(SeqCst) {
                        let at_least = source.load(SeqCst).saturating_sub(1);
                        let seen = c.cache("k").get_or_insert_blocking(|| source.load(SeqCst));
                        assert!(seen >= at_least, "{seen} after {at_least}");
                    }
                });
            }
        });
    }
}

#[test]
fn what_has_no_room_says_so() {
    let c = Cachify::builder().build_memory();
    let dropped = Arc::new(());
    c.cache("k").insert_blocking(dropped.clone()).unwrap();
    c.cache("k").insert_blocking(dropped.clone()).unwrap();
    assert_eq!(Arc::strong_count(&dropped), 2, "the older one is gone");
    let clock = ManualClock::new();
    let small = Cachify::builder().store(Guest::new(clock)).max_value_bytes(64).build().unwrap();
    small.cache("k").insert_blocking(1_u8).unwrap();
    let refused = small.cache("k").insert_blocking(vec![0_u8; 100]).unwrap_err();
    assert!(matches!(refused, Error::Store(_)), "{refused:?}");
    assert_eq!(small.cache("k").get_blocking(), Ok(Some(1_u8)), "nothing was asked");
    let clock = BareClock::new();
    let device = Instance::new(FixedStore::<NoLock, _, 2, u32>::new(&clock));
    for key in 0..2_u8 {
        device.cache(key).insert_blocking(u32::from(key)).unwrap();
    }
    assert_eq!(device.cache(2_u8).insert_blocking(2), Err(Error::Store(Cause::Full)));
    device.cache(0_u8).insert_blocking(7).unwrap();
    assert_eq!(device.cache(0_u8).get_blocking(), Ok(Some(7)));
    device.store().set_when_full(WhenFull::EvictValue);
    device.cache(2_u8).insert_blocking(2).unwrap();
    assert_eq!(device.cache(2_u8).get_blocking(), Ok(Some(2)));
}

#[test]
fn the_key_of_an_attribute_leads_to_its_value() {
    thread_local!(static LOADS: Cell<u32> = const { Cell::new(0) });
    #[cached(key = "user:{id}", ttl = 60, instance = c)]
    fn user(c: &Cachify, id: u64) -> Result<String, std::io::Error> {
        LOADS.set(LOADS.get() + 1);
        Ok(format!("user {id}"))
    }
    let c = Cachify::builder().build().unwrap();
    c.cache(user::key(&c, 42).unwrap().as_str()).ttl(secs(60)).insert_blocking("renamed".to_owned()).unwrap();
    assert_eq!(user(&c, 42).unwrap(), "renamed");
    assert_eq!((user(&c, 43).unwrap(), LOADS.get()), ("user 43".to_owned(), 1));
}
