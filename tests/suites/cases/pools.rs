//! P: pools.
//!
//! P7's "raise beats handler" has no Rust meaning: a full pool is the handler's where there is one, else the return
//! type's; `on_full` and `otherwise` together are a compile error. P20's negative sizes do not exist: a size is a
//! `u32`.

use crate::{
    harness::{Async, Blocking, Right, Subject, attributes, everywhere, fixed, guest, memory, ms, on},
    world::now,
};
use cachify::{
    Asked, Cachify, Config, Error, HolderToken, Holding, Label, ManualClock, Refused,
    cachify_core::{
        cell::{
            Fences,
            map::Map,
            ram::Ram,
            waiters::{Crowd, Place, Waiters, Woken},
        },
        key::{Key, Kind},
        op::{Answer, Ask},
        primitives::Primitives,
        time::Instant,
    },
    secs,
};
use cachify_tests::Guest;
use std::{
    convert::identity,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    thread,
};

const fn full(millis: u64) -> Refused {
    Refused::Full { next: Some(ms(millis)), asked: Asked::NOTHING }
}

#[test]
fn p1_a_full_pool_refuses_until_one_leaves() {
    fn case(s: &impl Subject) -> (String, [u32; 3], Vec<String>) {
        let (a, b) = (s.take(&on("k"), 2).unwrap(), s.take(&on("k"), 2).unwrap());
        let message = s.take(&on("k"), 2).unwrap_err().to_string();
        let (first, second) = (a.index(), b.index());
        a.release();
        (message, [first, second, s.take(&on("k"), 2).unwrap().index()], s.events())
    }
    let message = "pool has no permit left for 10 min more; `inspect` tells by whom";
    let events = ["granted k", "granted k", &format!("refused k: {message}"), "granted k"];
    everywhere!(case => (message.to_owned(), [0, 1, 0], events.map(str::to_owned).to_vec()));
}

#[test]
fn p2_in_use_counts_who_is_inside() {
    fn case(s: &impl Subject) -> [u32; 4] {
        let before = s.in_use("k");
        let permit = s.take(&on("k"), 3).unwrap();
        let inside = s.in_use("k");
        permit.release();
        let after = s.in_use("k");
        let _expired = s.take(&on("k").ttl(secs(1)), 3).unwrap();
        s.advance(secs(1));
        [before, inside, after, s.in_use("k")]
    }
    everywhere!(case => [0, 1, 0, 0]);
}

#[test]
fn p3_an_error_inside_frees_the_permit() {
    fn case(s: &impl Subject) -> (Result<Result<(), &'static str>, Refused>, u32) {
        let failed = s.with_permit(&on("k"), 1, || Err("inside"));
        drop(s.take(&on("k"), 1).unwrap());
        (failed, s.in_use("k"))
    }
    everywhere!(case => (Ok(Err("inside")), 0));
}

#[test]
fn p4_a_holder_that_stopped_is_replaced_and_comes_too_late() {
    fn case(s: &impl Subject) -> ([bool; 2], Holding, u32, Refused) {
        let stopped = s.take(&on("k").ttl(secs(1)), 1).unwrap();
        s.advance(ms(1_100));
        let next = s.take(&on("k"), 1).unwrap();
        let valid = [stopped.is_valid(), next.is_valid()];
        (valid, stopped.release(), s.in_use("k"), s.take(&on("k"), 1).unwrap_err())
    }
    everywhere!(case => ([false, true], Holding::Lost, 1, full(600_000)));
}

#[test]
fn p5_a_permit_said_beats_the_default_and_always_ends() {
    fn case(s: &impl Subject) -> ([Refused; 2], [u32; 2]) {
        let _default = s.take(&on("d"), 1).unwrap();
        let _own = s.take(&on("k").ttl(secs(5)), 1).unwrap();
        let refused = [s.take(&on("d"), 1).unwrap_err(), s.take(&on("k"), 1).unwrap_err()];
        s.advance(secs(600));
        (refused, [s.in_use("d"), s.in_use("k")])
    }
    everywhere!(case => ([full(600_000), full(5_000)], [0, 0]));
}

#[test]
fn p6_a_pool_of_size_zero_is_an_error() {
    fn case(s: &impl Subject) -> Refused {
        s.take(&on("k"), 0).unwrap_err()
    }
    everywhere!(case => Refused::Zero);
}

mod p7_a_full_pool_is_the_handlers_or_the_return_types {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                $($async)? fn later(id: u8, body: String) -> String {
                    format!("later {id} {body}")
                }
                #[$krate::pooled(instance = $store.0, key = "p7", size = 1)]
                $($async)? fn absent() -> Option<u8> {
                    Some(1)
                }
                #[$krate::pooled(instance = $store.0, key = "p7", size = 1, on_full = later)]
                $($async)? fn handled(id: u8, body: String) -> String {
                    format!("now {id} {body}")
                }
                #[$krate::pooled(instance = $store.0, key = "p7", size = 1)]
                $($async)? fn raised() -> Result<u8, Refused> {
                    Ok(1)
                }
                let s = $Subject::new($store.clone());
                let all = || ($wait(absent()), $wait(handled(7, "b".into())), $wait(raised()));
                let permit = s.take(&on("p7"), 1).unwrap();
                assert_eq!(all(), (None, "later 7 b".into(), Err(full(600_000))));
                drop(permit);
                assert_eq!(all(), (Some(1), "now 7 b".into(), Ok(1)));
            }
        };
    }
    attributes!(case);
}

mod p9_each_user_has_a_pool {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::pooled(instance = $store.0, key = "p9-{user_id}", size = 1)]
                $($async)? fn call(user_id: u8) -> Result<u8, Refused> {
                    Ok(user_id)
                }
                let s = $Subject::new($store.clone());
                let _permit = s.take(&on("p9-1"), 1).unwrap();
                assert_eq!(($wait(call(1)), $wait(call(2))), (Err(full(600_000)), Ok(2)));
                assert_eq!(($wait(call::in_use(1)), $wait(call::in_use(2))), (Ok(1), Ok(0)));
                let seen = [1, 2].map(|user| $wait(call::inspect(user)).unwrap().held);
                assert_eq!(seen, [1, 0]);
            }
        };
    }
    attributes!(case);
}

/// Many threads, each with `turns` turns inside a pool of three; the most that were inside, and how many got in.
fn crowd(s: &(impl Subject + Sync), turns: u32) -> (u32, u32) {
    let (inside, most, granted) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for turn in 0..turns {
                    let ran = s.with_permit(&on("k"), 3, || {
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, SeqCst);
                        turn
                    });
                    // the body's result comes back, or the pool was full: nothing in between
                    assert!(ran == Ok(turn) || matches!(ran, Err(Refused::Full { .. })), "{ran:?}");
                    granted.fetch_add(u32::from(ran.is_ok()), SeqCst);
                }
            });
        }
    });
    assert_eq!(s.in_use("k"), 0, "nothing leaks");
    (most.into_inner(), granted.into_inner())
}

#[test]
fn p11_never_more_inside_than_the_size_says() {
    /// Who stalls inside keeps its own place and nobody else's.
    fn case(s: &impl Subject) -> [bool; 4] {
        let _stalled = s.take(&on("k"), 2).unwrap();
        [(); 4].map(|()| {
            let (other, third) = (s.take(&on("k"), 2), s.take(&on("k"), 2));
            other.is_ok() && third.is_err()
        })
    }
    for (most, granted) in [
        crowd(&Blocking::new(memory(Config::DEFAULT)), 200),
        crowd(&Blocking::new(fixed(Config::DEFAULT)), 200),
        crowd(&Blocking::new(guest(Config::DEFAULT)), 200),
        crowd(&Async::new(memory(Config::DEFAULT)), 200),
        crowd(&Async::new(guest(Config::DEFAULT)), 200),
    ] {
        assert!(most <= 3 && granted > 0, "{most} inside, {granted} got in");
    }
    everywhere!(case => [true; 4]);
}

#[test]
fn p12_contention_neither_fails_a_release_nor_loses_a_result() {
    fn case(s: &impl Subject) -> Vec<Holding> {
        let permits: Vec<_> = (0..10).map(|_| s.take(&on("k"), 10).unwrap()).collect();
        let refused: Vec<_> = (0..10).map(|_| s.take(&on("k"), 10).unwrap_err()).collect();
        assert_eq!(refused, [full(600_000); 10]);
        permits.into_iter().map(Right::release).collect()
    }
    everywhere!(case => vec![Holding::Held; 10]);
    let (_, granted) = crowd(&Blocking::new(memory(Config::DEFAULT)), 50);
    assert!(granted >= 50, "{granted}");
}

#[test]
fn p19_only_the_stores_clock_ends_a_permit() {
    let (stores, ours) = (ManualClock::new(), ManualClock::new());
    let store = Guest::new(stores.clone());
    let fast = Cachify::builder().clock(ours.clone()).store(store.clone()).build().unwrap();
    let slow = Cachify::builder().clock(ManualClock::new()).store(store).build().unwrap();
    let permit = slow.pool("k", 1).ttl(secs(1)).try_take_blocking().unwrap().unwrap();
    ours.advance(secs(3_600));
    assert!(fast.pool("k", 1).try_take_blocking().unwrap().is_none(), "the fast client's hour ends nothing");
    stores.advance(secs(1));
    assert!(permit.is_valid(), "the slow client cannot know");
    assert!(fast.pool("k", 1).try_take_blocking().unwrap().is_some(), "but the store does");
}

#[test]
fn p20_times_of_zero_are_refused_when_they_are_said() {
    fn case(s: &impl Subject) -> (Refused, u32) {
        (s.take(&on("k").ttl(ms(0)), 1).unwrap_err(), s.in_use("k"))
    }
    everywhere!(case => (Refused::Zero, 0));
    let builder = Cachify::builder().default_permit(ms(0));
    assert_eq!(builder.build().err(), Some(Error::Config("`default_permit` is zero")));
}

mod p21_a_value_and_an_attribute_speak_of_one_pool {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::pooled(instance = $store.0, key = "p21:{user}:{what}", size = 1)]
                $($async)? fn call(user: usize, what: &str) -> Result<usize, Refused> {
                    Ok(user + what.len())
                }
                let pool = Primitives::pool(&$store.0, ("p21", 7, "a:b"), 1);
                let permit = now(pool.take()).unwrap();
                // in memory a permit has no end
                let next = $store.1.keeps.then_some(ms(600_000));
                assert_eq!($wait(call(7, "a:b")), Err(Refused::Full { next, asked: Asked::NOTHING }));
                assert_eq!($wait(call(7, "a")), Ok(8));
                assert_eq!($wait(call::in_use(7, "a:b")), Ok(1));
                // the same pool under the text that both render
                assert_eq!($Subject::new($store.clone()).in_use("p21:7:a%3Ab"), 1);
                drop(permit);
            }
        };
    }
    attributes!(case);
}

#[test]
fn p23_a_call_leaves_no_memory_behind() {
    // sixteen places, and ten thousand pools one after another
    fn case(s: &impl Subject) -> bool {
        (0..10_000).all(|n| s.with_permit(&on(&format!("k-{n}")), 2, || n) == Ok(n))
    }
    everywhere!(case => true);
    // what grows shrinks again: the table of the stores that have no bound
    let mut ram = Ram::new(Map::<()>::new(), Waiters::new(Crowd::new()), Fences::default());
    for n in 0..10_000_u32 {
        let (text, token) = (format!("k-{n}"), HolderToken([n, 1, 0, 0]));
        let key = Key::new(Kind::Pool, "", text.as_bytes(), 0);
        // each ends before the next begins, given back or not
        let (now, ask) =
            (Instant::from_millis(n.into()), Ask { ttl: 1, wait: 0, size: 2, window: 0, label: Label::NONE });
        let answer = ram.ask(&key, &ask, token, &mut Place::default(), (now, 0), &mut Woken::default());
        assert!(matches!(answer, Answer::Granted { .. }));
        assert!(ram.table.len() <= 64, "{} pools are remembered", ram.table.len());
    }
}

#[test]
fn p24_a_wait_for_a_permit_ends_at_its_deadline_or_with_a_permit() {
    fn case(s: &impl Subject) -> (bool, Option<Refused>, u32, u64) {
        let (a, b) = (s.take(&on("k").ttl(secs(60)), 2).unwrap(), s.take(&on("k"), 2).unwrap());
        let mut waiting = s.start_take(on("k").wait(ms(250)), 2);
        s.advance(ms(249));
        let early = !waiting.waits();
        s.advance(ms(1));
        let refused = waiting.end().err();
        let waiting = s.start_take(on("k").wait(ms(250)), 2);
        b.release();
        let index = waiting.end().unwrap().index();
        a.release();
        (early, refused, index, s.world().now().as_millis())
    }
    everywhere!(case => (false, Some(full(59_750)), 1, 250));
}
