//! Values in memory that end when nobody asks for them.

use cachify::{Cachify, Error, Event, Eviction, ManualClock, Observer, Ttl, secs};
use cachify_tests::Guest;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

fn sliding(clock: &ManualClock) -> Cachify {
    Cachify::builder().clock(clock.clone()).idle(secs(600)).stats(true).build().unwrap()
}

#[test]
fn each_hit_lets_a_value_live_on_and_its_ttl_ends_it_all_the_same() {
    let clock = ManualClock::new();
    let c = sliding(&clock);
    let (asked, left) = (c.cache("asked").ttl(secs(3_600)), c.cache("left").ttl(secs(3_600)));
    let loads = AtomicU32::new(0);
    let load = || loads.fetch_add(1, SeqCst);
    for round in 0..7 {
        assert_eq!(asked.get_or_insert_blocking(load), 0, "round {round}");
        left.insert_blocking(7_u32).unwrap();
        clock.advance(secs(500));
    }
    assert_eq!(asked.remaining_blocking(), Ok(Some(Ttl::For(secs(100)))), "the nearer of both ends");
    assert_eq!(left.get_blocking(), Ok(Some(7_u32)), "an insertion begins anew");
    clock.advance(secs(100));
    assert_eq!(asked.get_or_insert_blocking(load), 1, "at the end of its TTL");
    clock.advance(secs(499));
    assert_eq!(left.get_blocking(), Ok(Some(7_u32)));
    clock.advance(secs(600));
    assert_eq!((left.get_blocking::<u32>(), left.remaining_blocking()), (Ok(None), Ok(None)), "nobody asked");
}

#[test]
fn without_a_ttl_it_is_the_only_end_and_a_hit_counts_to_a_sixteenth() {
    let clock = ManualClock::new();
    let c = sliding(&clock);
    c.cache("k").insert_blocking(1_u8).unwrap();
    for _ in 0..100 {
        clock.advance(secs(560));
        assert_eq!(c.cache("k").get_blocking(), Ok(Some(1_u8)));
        // within a sixteenth of the time nothing is written
        clock.advance(secs(37));
        assert_eq!(c.cache("k").get_blocking(), Ok(Some(1_u8)));
    }
    clock.advance(secs(600));
    assert_eq!(c.cache("k").get_blocking::<u8>(), Ok(None));
}

#[derive(Clone, Default)]
struct Expired(Arc<AtomicU32>);

impl Observer for Expired {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Evicted { why: Eviction::Expired, .. }) {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn what_nobody_asked_for_is_reclaimed_by_others_and_told() {
    let (clock, expired) = (ManualClock::new(), Expired::default());
    let builder = Cachify::builder().clock(clock.clone()).idle(secs(60)).observer(expired.clone());
    let c = builder.build_memory();
    for key in 0..1_000_u32 {
        c.cache(key).insert_blocking(key).unwrap();
    }
    clock.advance(secs(59));
    assert_eq!(c.cache(7_u32).get_blocking(), Ok(Some(7_u32)));
    clock.advance(secs(1));
    // in all shards
    for n in 0..4_000_u32 {
        c.cache(("other", n % 300)).insert_blocking(0_u32).unwrap();
    }
    assert_eq!(c.cache(7_u32).get_blocking(), Ok(Some(7_u32)));
    assert!(c.len() < 331 && expired.0.load(SeqCst) > 970, "{} of 1,000 are left", c.len());
}

#[test]
fn a_group_has_a_time_of_its_own_or_that_of_its_instance() {
    let clock = ManualClock::new();
    let c = sliding(&clock);
    let (short, same) = (c.group("short").idle(secs(10)).unwrap(), c.group("same"));
    for group in [&short, &same] {
        group.cache("k").insert_blocking(1_u8).unwrap();
    }
    clock.advance(secs(10));
    assert_eq!((short.cache("k").get_blocking::<u8>(), same.cache("k").get_blocking()), (Ok(None), Ok(Some(1_u8))));
    clock.advance(secs(600));
    assert_eq!(same.cache("k").get_blocking::<u8>(), Ok(None));
    assert!(c.group("short").idle(secs(10)).is_ok() && c.group("short").idle(secs(11)).is_err());
    let both = c.group("both").max_entries(2).unwrap().max_weight(100).unwrap().idle(secs(1)).unwrap();
    both.cache("k").insert_blocking(1_u8).unwrap();
    assert!(both.idle(secs(2)).is_err(), "another one, and something is there");
}

#[test]
fn no_time_and_values_elsewhere_are_refused_by_name() {
    let why = |refused: Result<Cachify, Error>| format!("{:?}", refused.map(|_| ()));
    assert!(why(Cachify::builder().idle(Duration::ZERO).build()).contains("`idle` is zero"));
    let guest = || Cachify::builder().store(Guest::new(ManualClock::new()));
    assert!(why(guest().idle(secs(1)).build()).contains("`idle` is for values in memory"));
    assert!(guest().build().unwrap().group("pages").idle(secs(1)).is_err());
}
