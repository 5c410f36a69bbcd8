//! How long a value lives, where that is not one TTL for all.

use cachify::{Cachify, ManualClock, Ttl, cached, secs};
use cachify_core::testing::block_on;
use std::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    time::Duration,
};

struct World {
    clock: ManualClock,
    c: Cachify,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::new();
        let c = Cachify::builder().clock(clock.clone()).default_ttl(secs(600)).build().unwrap();
        Self { clock, c }
    }
}

static LOADS: AtomicU32 = AtomicU32::new(0);

fn load() -> u32 {
    LOADS.fetch_add(1, SeqCst)
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Token {
    expires_in: Duration,
    number: u32,
}

#[cached(key = "token:{secs}", ttl = |token: &Token| token.expires_in, instance = w.c)]
async fn token(w: &World, secs: u64) -> Result<Token, String> {
    Ok(Token { expires_in: Duration::from_secs(secs), number: load() })
}

#[cached(key = "seconds:{id}", ttl = |value| if *value == 0 { None } else { Some(*value) }, instance = w.c)]
fn seconds(w: &World, id: u64, value: u64) -> Option<u64> {
    let _ = (w, id, load());
    Some(value)
}

#[cached(key = "forever:{id}", ttl = |_: &u32| Ttl::Forever, instance = w.c)]
fn forever(w: &World, id: u64) -> u32 {
    let _ = (w, id);
    load()
}

#[test]
fn a_value_says_how_long_it_lives() {
    let w = World::new();
    let first = block_on(token(&w, 10)).unwrap();
    w.clock.advance(secs(9));
    assert_eq!(block_on(token(&w, 10)).unwrap(), first);
    w.clock.advance(secs(2));
    assert_ne!(block_on(token(&w, 10)).unwrap(), first);
    // longer than the default of the instance
    let long = block_on(token(&w, 6_000)).unwrap();
    w.clock.advance(secs(5_999));
    assert_eq!(block_on(token(&w, 6_000)).unwrap(), long);
    let before = LOADS.load(SeqCst);
    assert_eq!((seconds(&w, 1, 0), seconds(&w, 1, 5), seconds(&w, 1, 9)), (Some(0), Some(5), Some(5)));
    assert!(LOADS.load(SeqCst) >= before + 2, "what is not to be kept is loaded again");
    w.clock.advance(secs(5));
    assert_eq!(seconds(&w, 1, 9), Some(9));
    let kept = forever(&w, 1);
    w.clock.advance(secs(1 << 30));
    assert_eq!(forever(&w, 1), kept);
}

#[cached(key = "fails:{id}", ttl = 60, cache_err = 5, instance = w.c)]
fn fails(w: &World, id: u64, good: bool) -> Result<u32, u32> {
    let _ = (w, id);
    if good { Ok(load()) } else { Err(load()) }
}

#[cached(key = "misses:{id}", cache_none = "500ms", instance = w.c)]
async fn misses(w: &World, id: u64, good: bool) -> Option<u32> {
    let _ = (w, id);
    let number = load();
    good.then_some(number)
}

#[cached(key = "bare:{id}", ttl = 60, cache_err, instance = w.c)]
fn bare(w: &World, id: u64) -> Result<u32, u32> {
    let _ = (w, id);
    Err(load())
}

#[test]
fn a_failure_is_kept_for_a_while() {
    let w = World::new();
    let failure = fails(&w, 1, false).unwrap_err();
    w.clock.advance(secs(4));
    assert_eq!(fails(&w, 1, true), Err(failure));
    w.clock.advance(secs(1));
    let value = fails(&w, 1, true).unwrap();
    w.clock.advance(secs(59));
    assert_eq!(fails(&w, 1, false), Ok(value), "a success for the TTL");
    w.clock.advance(secs(1));
    assert!(fails(&w, 1, false).is_err());
    assert_eq!(block_on(misses(&w, 1, false)), None);
    w.clock.advance(Duration::from_millis(499));
    assert_eq!(block_on(misses(&w, 1, true)), None);
    w.clock.advance(Duration::from_millis(1));
    let found = block_on(misses(&w, 1, true));
    w.clock.advance(secs(599));
    assert_eq!(block_on(misses(&w, 1, false)), found, "for the default TTL");
    let failure = bare(&w, 1);
    w.clock.advance(secs(59));
    assert_eq!(bare(&w, 1), failure, "a bare flag keeps it for the TTL");
}

#[cached(key = "spread:{id}", ttl = 100, jitter = 0.2, instance = w.c)]
fn spread(w: &World, id: u64) -> u32 {
    let _ = (w, id);
    load()
}

#[test]
fn what_was_stored_at_once_does_not_end_at_once() {
    let w = World::new();
    let by_value = |id: u64| w.c.cache(("spread", id)).ttl(secs(100)).jitter(0.2);
    for id in 0..200 {
        spread(&w, id);
        by_value(id).get_or_insert_blocking(|| 7_u32);
    }
    let ended = |w: &World| {
        let is_there = |id: &u64| w.c.cache(("spread", *id)).remaining_blocking().unwrap().is_some();
        let by_name = (0..200_u64).filter(|id| !is_there(id)).count();
        let before = LOADS.load(SeqCst);
        (by_name, before)
    };
    w.clock.advance(secs(79));
    assert_eq!(ended(&w).0, 0, "none before the shortest");
    w.clock.advance(secs(11));
    let half = ended(&w).0;
    assert!((50..150).contains(&half), "{half} of 200 in the first half");
    w.clock.advance(secs(11));
    assert_eq!(ended(&w).0, 200, "none after the TTL");
    let shortest = (0..500_u64).map(|id| {
        by_value(id).insert_blocking(1_u32).unwrap();
        match by_value(id).remaining_blocking().unwrap() {
            Some(Ttl::For(left)) => left,
            other => panic!("{other:?}"),
        }
    });
    let shortest = shortest.min().unwrap();
    assert!((secs(80)..secs(84)).contains(&shortest), "{shortest:?}");
}

#[cached(key = "both:{id}", ttl = |value: &u64| *value, jitter = 0.5, instance = w.c)]
fn both(w: &World, id: u64) -> u64 {
    let _ = (w, id);
    100
}

#[test]
fn a_time_by_value_is_spread_too() {
    let w = World::new();
    let mut lives = Vec::new();
    for id in 0..200_u64 {
        both(&w, id);
        let by_hand = w.c.cache(("by hand", id)).ttl_with(|value: &u64| *value).jitter(0.5);
        by_hand.insert_blocking(100).unwrap();
        let left = |told| match told {
            Some(Ttl::For(left)) => left,
            other => panic!("{other:?}"),
        };
        lives.push(left(w.c.cache(("both", id)).remaining_blocking().unwrap()));
        lives.push(left(by_hand.remaining_blocking().unwrap()));
    }
    assert!(lives.iter().all(|left| (secs(50)..=secs(100)).contains(left)), "{lives:?}");
    let short = lives.iter().filter(|left| **left < secs(75)).count();
    assert!((100..300).contains(&short), "{short} of {}", lives.len());
}

#[test]
fn a_value_by_hand_says_how_long_it_lives() {
    let w = World::new();
    let c = &w.c;
    let value = |id: u64| c.cache(("by hand", id)).ttl_with(|value: &u64| *value);
    assert_eq!(value(1).get_or_insert_blocking(|| 5), 5);
    assert_eq!(block_on(value(2).get_or_insert_with(async || Ok::<_, ()>(50))), Ok(50));
    value(3).insert_blocking(500).unwrap();
    assert_eq!(value(3).remaining_blocking(), Ok(Some(Ttl::For(secs(500)))));
    w.clock.advance(secs(6));
    assert_eq!(value(1).get_blocking::<u64>(), Ok(None));
    assert_eq!(value(2).get_blocking(), Ok(Some(50_u64)));
    let bounded = c.cache("bounded").ttl_with(|value: &u64| *value).ttl(secs(10));
    bounded.insert_blocking(5_000).unwrap();
    assert_eq!(bounded.remaining_blocking(), Ok(Some(Ttl::For(secs(10)))));
}
