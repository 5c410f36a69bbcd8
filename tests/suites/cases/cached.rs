//! C: cached values; C17 to C28, about stores and layers, are in `layers.rs`.
//!
//! Every case has a Rust meaning. C7's negative TTL does not exist: a `Duration` has no sign. C11's other call style is
//! the value beside the attribute. C17's bytes are those of a store that keeps bytes. C20's warning is not offered:
//! two functions may share entries on purpose.

use crate::{
    harness::{Async, Blocking, Failed, Subject, Value, attributes, everywhere, memory, ms},
    world::{World, now},
};
use cachify::{
    Cachify, Config, Error, Memory, Ttl, cached,
    cachify_core::{
        FixedStore, Instance,
        store::{fixed::State, lock::NoLock},
        testing::{self, Faulty, Script},
    },
    secs,
};
use std::{
    cell::{Cell, RefCell},
    convert::identity,
    sync::LazyLock,
};

const MINUTE: Option<Ttl> = Some(Ttl::For(secs(60)));

#[expect(clippy::unnecessary_wraps, reason = "as a load returns it")]
fn loaded(text: &str) -> Result<Value, Failed> {
    Ok(Some(text.to_owned()))
}

/// The value under `k`, computed as `new` if it is not there.
fn k(s: &impl Subject, ttl: Option<Ttl>, new: &str) -> String {
    s.cached("k", ttl, || loaded(new)).unwrap().unwrap()
}

fn texts<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

#[test]
fn c1_a_miss_computes_and_stores_once_and_a_hit_only_reads() {
    fn case(s: &impl Subject) -> (u8, Vec<String>) {
        let computed = Cell::new(0);
        for _ in 0..2 {
            let load = || {
                computed.set(computed.get() + 1);
                loaded("v")
            };
            assert_eq!(s.cached("k", MINUTE, load), loaded("v"));
        }
        (computed.get(), s.events())
    }
    everywhere!(case => (1, texts(["miss k", "hit k"]).to_vec()));

    let clock = testing::ManualClock::new();
    let store = FixedStore::<NoLock, _, 4, u8>::over(RefCell::new(State::new()), &clock);
    let faulty = Faulty::new(store, Script::default());
    let device = Instance::new(&faulty);
    let get = || now(device.cache("k").get_or_insert_with(async || Ok::<u8, ()>(1)));
    assert_eq!((get(), faulty.operations()), (Ok(1), 2), "a question, a write");
    assert_eq!((get(), faulty.operations()), (Ok(1), 3), "a question");
}

#[test]
fn c2_a_hit_is_equal_and_nobody_elses() {
    fn case(s: &impl Subject) -> [String; 2] {
        k(s, MINUTE, "v");
        let mut mine = k(s, MINUTE, "x");
        mine.push_str(" of my own");
        [mine, k(s, MINUTE, "x")]
    }
    everywhere!(case => texts(["v of my own", "v"]));
}

#[test]
fn c4_an_absent_value_is_a_value() {
    fn case(s: &impl Subject) -> (Result<Value, Failed>, Option<Value>) {
        s.cached("k", MINUTE, || Ok(None)).unwrap();
        (s.cached("k", MINUTE, || loaded("again")), s.peek("k"))
    }
    everywhere!(case => (Ok(None), Some(None)));
}

mod c4_an_attribute_keeps_none_when_told_so {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::cached(instance = $store.0, key = "c4", cache_none = true)]
                $($async)? fn kept(value: Option<String>) -> Option<String> {
                    value
                }
                assert_eq!(($wait(kept(None)), $wait(kept(Some("b".into())))), (None, None));
                assert_eq!($Subject::new($store.clone()).peek("c4"), Some(None));
            }
        };
    }
    attributes!(case);
}

#[test]
fn c4_an_attribute_does_not_keep_none_unless_told_so() {
    static LOCAL: LazyLock<(Cachify<Memory>, World)> = LazyLock::new(|| memory(Config::DEFAULT));
    #[cached(instance = LOCAL.0, key = "k")]
    fn found(value: Option<u8>) -> Option<u8> {
        value
    }
    assert_eq!([found(None), found(Some(1)), found(None)], [None, Some(1), Some(1)]);
}

#[test]
fn c5_an_error_is_passed_on_and_not_kept() {
    fn case(s: &impl Subject) -> (Result<Value, Failed>, Option<Value>, String) {
        (s.cached("k", MINUTE, || Err("broken")), s.peek("k"), k(s, MINUTE, "next"))
    }
    everywhere!(case => (Err("broken"), None, "next".to_owned()));
}

#[test]
fn c6_the_ttl_said_beats_the_default_which_beats_for_ever() {
    /// How many seconds a value lives, up to a year.
    fn lives(s: &impl Subject, key: &str, ttl: Option<Ttl>) -> Option<u64> {
        s.cached(key, ttl, || loaded("v")).unwrap();
        let steps = [4_999, 1, 1_999, 1, 52_999, 1, 31_536_000_000];
        steps
            .into_iter()
            .scan(0, |at, step| {
                s.advance(ms(step));
                *at += step;
                Some((*at, s.peek(key).is_none()))
            })
            .find(|(_, gone)| *gone)
            .map(|(at, _)| at)
    }
    fn case(s: &impl Subject) -> [Option<u64>; 4] {
        let said = |seconds| Some(Ttl::For(secs(seconds)));
        [lives(s, "a", said(7)), lives(s, "b", Some(Ttl::Forever)), lives(s, "c", None), lives(s, "d", said(5))]
    }
    let default = Config { ttl: MINUTE, ..Config::DEFAULT };
    everywhere!(case, default => [Some(7_000), None, Some(60_000), Some(5_000)]);
    everywhere!(case => [Some(7_000), None, None, Some(5_000)]);
}

#[test]
fn c7_a_ttl_of_zero_is_refused_everywhere_alike() {
    fn case(s: &impl Subject) -> (String, Option<Value>, Vec<String>) {
        // a cache fails open: the call runs, nothing is stored, and the observer is told why
        (k(s, Some(Ttl::For(ms(0))), "ran"), s.peek("k"), s.events())
    }
    let event = "refused -: a TTL or a pool size of zero".to_owned();
    everywhere!(case => ("ran".to_owned(), None, vec![event.clone()]));
    assert_eq!(Cachify::builder().default_ttl(ms(0)).build().err(), Some(Error::Config("`default_ttl` is zero")));
}

#[test]
fn c9_a_value_lives_for_its_ttl_and_hits_do_not_extend_it() {
    fn case(s: &impl Subject) -> [String; 4] {
        let second = Some(Ttl::For(secs(1)));
        let first = k(s, second, "a");
        s.advance(ms(500));
        let half = k(s, second, "b");
        s.advance(ms(499));
        let nearly = k(s, second, "c");
        s.advance(ms(1));
        [first, half, nearly, k(s, second, "d")]
    }
    everywhere!(case => texts(["a", "a", "a", "d"]));
}

#[test]
fn c10_a_reset_forgets_one_key() {
    fn case(s: &impl Subject) -> ([bool; 3], [Option<Value>; 2], String) {
        let absent = s.reset("k");
        k(s, None, "a");
        s.cached("other", None, || loaded("o")).unwrap();
        let (there, gone) = (s.reset("k"), s.reset("k"));
        let found = [s.peek("k"), s.peek("other")];
        ([absent, there, gone], found, k(s, None, "b"))
    }
    everywhere!(case => ([false, true, false], [None, Some(Some("o".to_owned()))], "b".to_owned()));
}

mod c11_a_reset_finds_the_key_however_it_is_said {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                #[$krate::cached(instance = $store.0, key = "c11:{a}:{b}")]
                $($async)? fn both(a: u8, b: &str, new: &str) -> Result<Value, Failed> {
                    Ok(Some(format!("{a}{b}{new}")))
                }
                let again = |new| $wait(both(1, "b", new)).unwrap().unwrap();
                assert_eq!([again("x"), again("y")], ["1bx", "1bx"]);
                assert_eq!(now($store.0.cache(("c11", 1, "b")).reset()), Ok(true));
                assert_eq!(again("y"), "1by");
                assert_eq!($wait(both::reset(1, "b")), Ok(true));
                assert!(!$Subject::new($store.clone()).reset("c11:1:b"));
            }
        };
    }
    attributes!(case);
}

mod c12_c13_the_encoder_runs_before_storing_and_the_decoder_at_each_hit {
    use super::*;
    macro_rules! case {
        ($name:ident, $krate:ident, $store:ident, $Subject:ident, [$($async:ident)?], $wait:ident) => {
            #[test]
            fn $name() {
                thread_local!(static CODED: Cell<(u8, u8)> = const { Cell::new((0, 0)) });
                fn double(n: &u64) -> Value {
                    CODED.set((CODED.get().0 + 1, CODED.get().1));
                    Some((n * 2).to_string())
                }
                fn triple(stored: Value) -> u64 {
                    CODED.set((CODED.get().0, CODED.get().1 + 1));
                    stored.map_or(0, |text| text.parse().unwrap_or(0)) * 3
                }
                #[$krate::cached(instance = $store.0, key = "c12", encode = double, decode = triple)]
                $($async)? fn number() -> u64 {
                    10
                }
                assert_eq!(($wait(number()), CODED.get()), (10, (1, 0)));
                assert_eq!($Subject::new($store.clone()).peek("c12"), Some(Some("20".into())));
                assert_eq!(($wait(number()), $wait(number()), CODED.get()), (60, 60, (1, 2)));
            }
        };
    }
    attributes!(case);
}
