//! O: runs that happen once.
//!
//! O1's "raise wins" has no Rust meaning: the return type says what a skipped call returns, and there is one. What
//! beats it is `otherwise`.

use crate::{
    harness::{Async, Blocking, Failed, Right, Subject, attributes, everywhere, ms, on},
    world::now,
};
use cachify::{Asked, Holding, Ran, Refused, secs};
use std::convert::identity;

const fn busy(millis: u64) -> Refused {
    Refused::Running { remaining: Some(ms(millis)), asked: Asked::NOTHING }
}

#[test]
fn o1_a_duplicate_of_a_run_under_way_is_skipped() {
    fn case(s: &impl Subject) -> (Ran<Ran<u8>>, Option<Refused>) {
        let nested = s.run_once(&on("k"), ms(0), || s.run_once(&on("k"), ms(0), || 1).unwrap()).unwrap();
        let _run = s.begin(&on("k"), ms(0)).unwrap();
        (nested, s.begin(&on("k"), ms(0)).err())
    }
    everywhere!(case => (Ran::Ran(Ran::Skipped(busy(30_000))), Some(busy(30_000))));
}

mod o1_a_skipped_call_returns_what_its_type_or_otherwise_says {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::once(instance = $store.0, key = "o1")]
                $($async)? fn absent() -> Option<u8> {
                    Some(1)
                }
                #[$krate::once(instance = $store.0, key = "o1", otherwise = "x")]
                $($async)? fn default() -> &'static str {
                    "ran"
                }
                #[$krate::once(instance = $store.0, key = "o1")]
                $($async)? fn raised() -> Result<u8, Refused> {
                    Ok(1)
                }
                #[$krate::once(instance = $store.0, key = "o1", otherwise = |why| if why == busy(30_000) { Ok(9) } else { Err(why) })]
                $($async)? fn decided() -> Result<u8, Refused> {
                    Ok(1)
                }
                let s = $Subject::new($store.clone());
                let all = || ($wait(absent()), $wait(default()), $wait(raised()), $wait(decided()));
                let run = s.begin(&on("o1"), ms(0)).unwrap();
                assert_eq!(all(), (None, "x", Err(busy(30_000)), Ok(9)));
                drop(run);
                assert_eq!(all(), (Some(1), "ran", Ok(1), Ok(1)));
            }
        };
    }
    attributes!(case);
}

#[test]
fn o2_one_after_another_both_run_also_after_an_error() {
    fn case(s: &impl Subject) -> (Vec<Ran<Result<u8, &'static str>>>, bool) {
        let results = [Ok(1), Ok(2), Err("failed"), Ok(3)];
        let ran = results.map(|result| s.run_once(&on("k"), ms(0), || result).unwrap());
        drop(s.begin(&on("k"), secs(60)).unwrap());
        (ran.into(), s.is_running("k"))
    }
    let ran = [Ok(1), Ok(2), Err("failed"), Ok(3)].map(Ran::Ran);
    everywhere!(case => (ran.into(), false));
}

/// By value as by attribute: what a body returns says whether its marker is kept.
#[test]
fn a_run_that_failed_keeps_no_marker() {
    fn case(s: &impl Subject) -> [bool; 4] {
        let twice = |key, result: fn() -> Result<u32, Failed>| {
            let ran = [(); 2].map(|()| s.run_once(&on(key), ms(60_000), result).unwrap());
            matches!(ran, [Ran::Ran(_), Ran::Ran(_)])
        };
        let none = [(); 2].map(|()| s.run_once(&on("none"), ms(60_000), || None::<u32>).unwrap());
        let number = [(); 2].map(|()| s.run_once(&on("number"), ms(60_000), || 1).unwrap());
        [
            twice("err", || Err("down")),
            twice("ok", || Ok(1)),
            none == [Ran::Ran(None), Ran::Ran(None)],
            matches!(number, [Ran::Ran(1), Ran::Skipped(Refused::Done(_))]),
        ]
    }
    everywhere!(case => [true, false, true, true]);
}

#[test]
fn o3_different_arguments_run_side_by_side() {
    fn case(s: &impl Subject) -> [bool; 4] {
        let (a, b) = (s.begin(&on("k-1"), ms(0)).unwrap(), s.begin(&on("k-2"), ms(0)).unwrap());
        [a.is_valid(), b.is_valid(), s.is_running("k-1"), s.is_running("k-3")]
    }
    everywhere!(case => [true, true, true, false]);
}

#[test]
fn o4_each_function_can_say_for_how_long() {
    fn case(s: &impl Subject) -> ([Refused; 2], [bool; 2]) {
        let own = s.begin(&on("k").ttl(secs(5)), ms(0)).unwrap();
        let _default = s.begin(&on("d"), ms(0)).unwrap();
        let refused = [s.begin(&on("k"), ms(0)).unwrap_err(), s.begin(&on("d"), ms(0)).unwrap_err()];
        s.advance(secs(5));
        (refused, [own.is_valid(), s.is_running("k")])
    }
    everywhere!(case => ([busy(5_000), busy(30_000)], [false, false]));
}

mod o4_the_attribute_can_say_for_how_long {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::once(instance = $store.0, key = "o4", ttl = 5, renew = false)]
                $($async)? fn asks_inside() -> Option<Refused> {
                    $Subject::new($store.clone()).begin(&on("o4"), ms(0)).err()
                }
                assert_eq!($wait(asks_inside()), Some(busy(5_000)));
            }
        };
    }
    attributes!(case);
}

#[test]
fn o7_a_forced_release_lets_another_call_in() {
    fn case(s: &impl Subject) -> ([bool; 5], Holding, bool) {
        let before = s.is_running("k");
        let first = s.begin(&on("k"), secs(60)).unwrap();
        let running = s.is_running("k");
        let forced = s.force_run("k");
        let after = s.is_running("k");
        let second = s.begin(&on("k"), ms(0));
        // the first one comes too late: it neither ends the second run nor keeps its own marker
        let late = first.release();
        let second_runs = s.is_running("k");
        second.unwrap().release();
        ([before, running, forced, after, second_runs], late, s.is_running("k"))
    }
    everywhere!(case => ([false, true, true, false, true], Holding::Lost, false));
}

mod o7_companions_know_the_call_by_its_arguments {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::once(instance = $store.0, key = "o7-{id}", keep = 60)]
                $($async)? fn sync(id: u8) -> Option<u8> {
                    Some(id)
                }
                let locked = || ($wait(sync::is_locked(1)), $wait(sync::is_locked(2)));
                assert_eq!(($wait(sync(1)), $wait(sync(1))), (Some(1), None));
                assert_eq!(locked(), (Ok(true), Ok(false)));
                assert_eq!(($wait(sync::force_release(1)), $wait(sync::force_release(1))), (Ok(true), Ok(false)));
                assert_eq!((locked(), $wait(sync(1))), ((Ok(false), Ok(false)), Some(1)));
            }
        };
    }
    attributes!(case);
}
