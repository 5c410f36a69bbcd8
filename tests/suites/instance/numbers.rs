//! What an instance counts, and what it tells of values that nobody removed.

use cachify::{Cachify, Event, Eviction, ManualClock, Observer, Stats, secs};
use cachify_core::testing::block_on;
use cachify_tests::Guest;
use std::{
    sync::{Arc, Barrier, Mutex},
    thread,
};

#[derive(Clone, Default)]
struct Gone(Arc<Mutex<Vec<(String, Eviction)>>>);

impl Observer for Gone {
    fn event(&self, event: &Event<'_>) {
        if let Event::Evicted { key, why } = event {
            self.0.lock().unwrap().push((key.to_string(), *why));
        }
    }
}

impl Gone {
    fn take(&self) -> Vec<(String, Eviction)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn text(key: u32) -> String {
    format!("app:c:{{k:{key}}}")
}

#[test]
fn what_makes_room_or_ended_is_told_once_and_what_was_removed_or_replaced_is_not() {
    let (clock, gone) = (ManualClock::new(), Gone::default());
    let builder = Cachify::builder().prefix("app").clock(clock.clone()).observer(gone.clone()).stats(true);
    let c = builder.max_entries(4).build().unwrap();
    let put = |key: u32| c.cache(("k", key)).ttl(secs(60)).insert_blocking(key).unwrap();
    (0..4).for_each(put);
    (0..4).for_each(put);
    assert!(c.cache(("k", 3)).reset_blocking().unwrap());
    put(3);
    assert_eq!(gone.take(), [], "replaced and reset");
    put(4);
    let first = gone.take();
    assert!(matches!(&first[..], [(_, Eviction::Full)]), "{first:?}");
    clock.advance(secs(60));
    put(100);
    // each write looks at a few places, so all that ended go within a round of them
    (0..64).for_each(|_| put(100));
    let mut ended = gone.take();
    ended.sort_by(|one, other| one.0.cmp(&other.0));
    let left: Vec<_> = (0..5).map(text).filter(|key| *key != first[0].0).map(|key| (key, Eviction::Expired)).collect();
    assert_eq!(ended, left);
    let stats = c.stats().unwrap();
    assert_eq!((stats.evicted, stats.expired, stats.entries), (1, 4, 1));
    clock.advance(secs(60));
    put(100);
    assert_eq!(gone.take(), [(text(100), Eviction::Expired)], "it was over before it was replaced");
}

#[test]
fn a_store_without_room_tells_that_nothing_stays() {
    let gone = Gone::default();
    let c = Cachify::builder().prefix("app").observer(gone.clone()).max_entries(0).build_memory();
    assert_eq!(c.cache(("k", 1)).get_or_insert_blocking(|| 1), 1);
    assert_eq!(gone.take(), [(text(1), Eviction::Full)]);
    assert_eq!(c.stats(), None, "unless it is asked to it counts nothing");
}

/// An observer may ask the instance, also of the key that it is told of: no lock is held.
#[test]
fn an_observer_of_what_is_gone_may_use_the_instance() {
    struct Asks(Mutex<Option<Cachify>>);
    impl Observer for Asks {
        fn event(&self, event: &Event<'_>) {
            if let (Event::Evicted { .. }, Some(c)) = (event, &*self.0.lock().unwrap()) {
                assert!(c.stats().is_some_and(|stats| stats.evicted > 0));
                for key in 0..3 {
                    assert!(c.cache(("k", key)).get_blocking::<u32>().is_ok());
                }
            }
        }
    }
    let asks = Arc::new(Asks(Mutex::new(None)));
    let c = Cachify::builder().stats(true).observer(asks.clone()).max_entries(1).build().unwrap();
    *asks.0.lock().unwrap() = Some(c.clone());
    for key in 0..3 {
        c.cache(("k", key)).insert_blocking(key).unwrap();
    }
    *asks.0.lock().unwrap() = None;
    assert_eq!(c.stats().map(|stats| stats.evicted), Some(2));
}

#[test]
fn calls_are_counted_on_both_faces_and_by_any_number_of_threads() {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone()).stats(true);
    for c in [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()] {
        let is_here = usize::from(format!("{c:?}").contains("Memory"));
        let value = c.cache("k").ttl(secs(60)).stale_for(secs(60)).stale_on_error();
        assert_eq!(c.stats(), Some(Stats::default()));
        assert_eq!(value.get_or_insert_with_blocking(|| Err::<u32, _>("down")), Err("down"));
        assert_eq!(value.get_or_insert_blocking(|| 1_u32), 1);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(value.get_or_insert_blocking(|| 2_u32), 1)));
                scope.spawn(|| (0..50).for_each(|_| assert_eq!(block_on(value.get_or_insert(async { 2_u32 })), 1)));
            }
        });
        clock.advance(secs(60));
        assert_eq!(value.get_or_insert_with_blocking(|| Err::<u32, &str>("down")), Ok(1));
        let stats = c.stats().unwrap();
        assert_eq!((stats.hits, stats.misses, stats.joined, stats.stale), (2_000, 3, 0, 1));
        assert_eq!((stats.entries, stats.evicted), (is_here, 0));
    }
}

#[test]
fn who_joined_is_counted_once() {
    let c = Cachify::builder().stats(true).build().unwrap();
    let value = c.cache("k");
    let began = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            value.get_or_insert_blocking(|| {
                began.wait();
                // it has looked for the value, and waits or is about to
                while c.stats().is_none_or(|stats| stats.misses == 0) {
                    thread::yield_now();
                }
                1_u32
            })
        });
        began.wait();
        assert_eq!(value.get_or_insert_blocking(|| 2_u32), 1);
    });
    let stats = c.stats().unwrap();
    assert_eq!((stats.misses, stats.joined + stats.hits), (1, 1));
}

#[test]
fn counting_and_an_observer_are_said_in_any_order() {
    let gone = Gone::default();
    let builders = [
        Cachify::builder().stats(true).observer(gone.clone()),
        Cachify::builder().observer(gone.clone()).stats(true),
        Cachify::builder().stats(false).stats(true),
    ];
    for builder in builders {
        let c = builder.max_entries(1).build().unwrap();
        c.cache("k").insert_blocking(1).unwrap();
        c.cache("other").insert_blocking(1).unwrap();
        assert_eq!(c.stats().map(|stats| stats.evicted), Some(1));
    }
    assert_eq!(gone.take().len(), 2);
    let off = Cachify::builder().stats(true).observer(gone).stats(false).build().unwrap();
    assert_eq!(off.stats(), None);
}
