//! Values in memory that are bounded by what they weigh.

use cachify::{Cachify, Cause, Error, Event, Eviction, ManualClock, Observer, mib, secs};
use cachify_core::testing::block_on;
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use proptest::{collection::vec, prelude::*};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

fn weighed(most: u64) -> Cachify {
    let builder = Cachify::builder().max_weight(most).weigher(|text: &String| text.len() as u64);
    builder.stats(true).build().unwrap()
}

fn weight(c: &Cachify) -> (usize, u64) {
    let stats = c.stats().unwrap();
    (stats.entries, stats.weight)
}

fn text(len: usize) -> String {
    "x".repeat(len)
}

proptest! {
    /// Against a model that knows which values are there: what is counted is what they weigh, and never more than the bound.
    #[test]
    fn the_weight_is_that_of_what_is_there_and_never_over_the_bound(
        steps in vec((0..40_u32, 0..40_usize, 0..10_u8), 1..300),
        most in 1..200_u64,
    ) {
        let c = weighed(most);
        for (key, len, step) in steps {
            let value = c.cache(key).ttl(secs(600));
            match step {
                0 => {
                    value.reset_blocking().unwrap();
                }
                1 => drop(value.get_or_insert_blocking(|| text(len))),
                2 => c.reset_all_blocking().unwrap(),
                _ if len as u64 > most => prop_assert!(value.insert_blocking(text(len)).is_err()),
                _ => value.insert_blocking(text(len)).unwrap(),
            }
            let there: Vec<_> = (0..40_u32).filter_map(|key| c.cache(key).get_blocking::<String>().unwrap()).collect();
            let weighs = there.iter().map(|text| text.len().max(1) as u64).sum::<u64>();
            prop_assert_eq!(weight(&c), (there.len(), weighs));
            prop_assert!(weighs <= most, "{} of {}", weighs, most);
        }
    }
}

#[test]
fn a_bound_is_reached_and_what_is_asked_for_most_stays() {
    let c = weighed(mib(1));
    let load = |key: u32| c.cache(key).get_or_insert_blocking(|| text(10_000));
    for round in 0..40 {
        (0..10).for_each(|key| drop(load(key)));
        (0..20).for_each(|once| drop(load(1_000 + round * 20 + once)));
    }
    let (entries, weight) = weight(&c);
    assert!(entries >= 100 && weight <= mib(1), "{entries} values of a hundredth, {weight}");
    let there = (0..10_u32).filter(|key| c.cache(*key).get_blocking::<String>().unwrap().is_some()).count();
    assert_eq!(there, 10, "asked for forty times");
    c.cache("large").insert_blocking(text(1_000_000)).unwrap();
    assert!(self::weight(&c).1 <= mib(1), "all that it takes goes");
    assert!(c.cache("large").get_blocking::<String>().unwrap().is_some());
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Observer for Heard {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Failed { key: Some(key), cause } => self.0.lock().unwrap().push(format!("{}: {cause}", key.text())),
            Event::Evicted { key, why: Eviction::Full } => self.0.lock().unwrap().push(format!("{} went", key.text())),
            _ => {}
        }
    }
}

#[test]
fn what_weighs_more_than_the_bound_is_returned_and_told_and_not_kept() {
    let heard = Heard::default();
    let builder = Cachify::builder().max_weight(10).weigher(|text: &String| text.len() as u64);
    let c = builder.observer(heard.clone()).build_memory();
    c.cache("small").insert_blocking(text(10)).unwrap();
    let loads = AtomicU32::new(0);
    let large = || {
        loads.fetch_add(1, SeqCst);
        text(11)
    };
    for _ in 0..2 {
        assert_eq!(c.cache("large").get_or_insert_blocking(large).len(), 11);
        assert_eq!(block_on(c.cache("large").get_or_insert(async { large() })).len(), 11);
    }
    assert_eq!(loads.load(SeqCst), 4, "each loads");
    let refused = c.cache("large").insert_blocking(text(11));
    assert!(matches!(refused, Err(Error::Store(Cause::Unsupported(why))) if why.contains("max_weight")), "{refused:?}");
    // another one of the same key stays, as after any insertion that fails
    assert!(c.cache("small").insert_blocking(text(11)).is_err());
    assert_eq!(c.cache("small").get_blocking::<String>().unwrap().unwrap().len(), 10);
    let heard = heard.0.lock().unwrap();
    assert!(heard.len() == 4 && heard.iter().all(|told| told.starts_with("large: ")), "{heard:?}");
}

#[test]
fn those_who_waited_for_what_is_too_heavy_load_side_by_side() {
    let clock = &ManualClock::new();
    let builder = Cachify::builder().clock(clock.clone()).max_weight(10).weigher(|text: &String| text.len() as u64);
    let (c, loads, served) = (&builder.build().unwrap(), &Cell::new(0), &Cell::new(0));
    let mut crew = Crew::new(clock);
    for _ in 0..50 {
        crew.spawn(async move {
            let load = async || {
                loads.set(loads.get() + 1);
                sleep(clock, secs(1)).await;
                Ok::<_, ()>(text(11))
            };
            assert_eq!(c.cache("heavy").get_or_insert_with(load).await, Ok(text(11)));
            served.set(served.get() + 1);
        });
    }
    crew.run(900);
    assert_eq!(loads.get(), 1, "one for all, as long as it may be kept");
    crew.run(2_000);
    assert_eq!((loads.get(), served.get()), (50, 50), "in two times of a load, not in fifty");
}

#[test]
fn nothing_weighs_nothing_and_a_weigher_that_panics_stores_nothing() {
    let builder = Cachify::builder().max_weight(3).weigher(|_: &u8| 0);
    let c = builder.weigher(|n: &u16| u64::from(100 / *n)).weigher(|_: &u8| 1_000).stats(true).build().unwrap();
    for key in 0..10_u32 {
        c.cache(key).insert_blocking(7_u8).unwrap();
    }
    assert_eq!(weight(&c), (3, 3), "and what is said first counts");
    c.reset_all_blocking().unwrap();
    let panics = || c.cache("zero").get_or_insert_blocking(|| 0_u16);
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| c.cache("zero").insert_blocking(0_u16))).is_err());
    assert_eq!(c.cache("zero").get_blocking::<u16>(), Ok(None));
    assert_eq!(c.cache("zero").get_or_insert_blocking(|| 50_u16), 50, "its key is free");
    assert_eq!(c.cache("zero").get_blocking(), Ok(Some(50_u16)));
}

#[test]
fn a_group_has_a_weight_of_its_own_and_the_instances_words_unless_it_has_others() {
    let c = Cachify::builder().weigher(|text: &String| text.len() as u64).stats(true).build().unwrap();
    let pages = c.group("pages").max_weight(10).unwrap();
    let rows = c.group("rows").max_weight(4).unwrap().weigher(|_: &String| 2).unwrap();
    for key in 0..10_u32 {
        pages.cache(key).insert_blocking(text(5)).unwrap();
        rows.cache(key).insert_blocking(text(5)).unwrap();
        c.cache(key).insert_blocking(text(5)).unwrap();
    }
    assert_eq!((pages.stats().unwrap().weight, pages.entries()), (10, 2));
    assert_eq!((rows.stats().unwrap().weight, rows.entries()), (4, 2));
    assert_eq!(weight(&c), (14, 14), "its own ten are not weighed");
    assert!(c.group("pages").max_weight(10).is_ok() && c.group("pages").max_weight(11).is_err());
    assert!(c.group("rows").weigher(|_: &String| 3).is_err());
    assert!(c.group("empty").max_weight(0).unwrap().cache("k").insert_blocking(1_u8).is_err());
    let full = c.group("full");
    full.cache("k").insert_blocking(1_u8).unwrap();
    assert!(full.max_weight(10).is_err(), "what is there was not weighed");
}

#[test]
fn outside_the_process_it_is_refused_by_name() {
    let guest = || Cachify::builder().store(Guest::new(ManualClock::new()));
    let why = |refused: Result<_, Error>| format!("{:?}", refused.map(|_: Cachify| ()));
    assert!(why(guest().max_weight(1).build()).contains("`max_weight` bounds values in memory"));
    assert!(why(Cachify::builder().max_weight(0).build()).contains("`max_weight` is zero"));
    let group = guest().build().unwrap().group("pages");
    assert!(group.clone().max_weight(1).is_err() && group.weigher(|_: &u8| 1).is_err());
}

#[test]
fn threads_that_store_at_once_leave_it_within_its_bound() {
    let c = &weighed(500);
    thread::scope(|scope| {
        for thread in 0..8_u32 {
            scope.spawn(move || {
                for n in 0..2_000_u32 {
                    c.cache(n * 7 % 97 + thread % 2).insert_blocking(text(n as usize % 60)).unwrap();
                    if n % 5 == 0 {
                        c.cache(n % 97).reset_blocking().unwrap();
                    }
                }
            });
        }
    });
    let there: Vec<_> = (0..99_u32).filter_map(|key| c.cache(key).get_blocking::<String>().unwrap()).collect();
    let weighs = there.iter().map(|text| text.len().max(1) as u64).sum::<u64>();
    assert_eq!(weight(c), (there.len(), weighs));
    assert!(weighs <= 500, "{weighs}");
}

#[test]
fn what_shrinks_keeps_the_weights_of_what_stays() {
    let c = weighed(mib(1));
    let stays = |key: u32| key.is_multiple_of(100);
    for key in 0..4_000_u32 {
        c.cache(key).insert_blocking(text(key as usize % 57)).unwrap();
    }
    for key in (0..4_000_u32).filter(|key| !stays(*key)) {
        c.cache(key).reset_blocking().unwrap();
    }
    // writes go round the table, which gives its memory back
    for _ in 0..10_000 {
        c.cache("other").insert_blocking(text(1)).unwrap();
    }
    let left = (0..4_000_u64).filter(|key| stays(*key as u32)).map(|key| (key % 57).max(1)).sum::<u64>();
    assert_eq!(weight(&c), (41, left + 1));
    (0..4_000_u32).for_each(|key| {
        c.cache(key).reset_blocking().unwrap();
    });
    assert_eq!(weight(&c), (1, 1));
}
