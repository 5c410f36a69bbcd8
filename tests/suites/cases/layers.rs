//! C17 to C28: what cached values have to do with their stores, and with each other.
//!
//! C20's warning is not offered: two functions may share entries on purpose.

use crate::{
    harness::{Failed, Subject, Value, face_to_face, fixed, memory, ms},
    world::{Log, Waiting, now},
};
use cachify::{
    Cachify, Cause, Config, Error, HolderToken, ManualClock, Memory, Ttl,
    backend::{Backend, BoxFuture, Call, Reply},
    cached,
    cachify_core::{
        AsIs, FixedStore, Instance,
        cell::{Ask, Life, MaybeOwned},
        key::{Key, Kind},
        store::{fixed::State, lock::NoLock},
        testing::{self, Fault, Faulty, Script},
    },
    secs,
};
use cachify_core::testing::BlockingWords;
use cachify_tests::{Guest, Over};
use std::{
    cell::RefCell,
    sync::Arc,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

#[expect(clippy::unnecessary_wraps, reason = "as a load returns it")]
fn loaded(text: &str) -> Result<Value, Failed> {
    Ok(Some(text.to_owned()))
}

#[test]
fn c17_stored_bytes_are_data_and_foreign_ones_are_a_miss() {
    let guest = Guest::new(ManualClock::new());
    let c = Cachify::builder().prefix("p").store(guest.clone()).build().unwrap();
    let store = Over::new(guest);
    let key = Key::new(Kind::Cache, "p", b"k", 0);
    let put = |bytes: &[u8]| {
        let token = HolderToken([7; 4]);
        store.join(key, &AsIs, &Ask::new(token, secs(1))).unwrap();
        store.publish(key, &AsIs, token, MaybeOwned::Owned(bytes.to_vec()), Life::new(Ttl::Forever)).unwrap();
    };
    let get = |new: u32| c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(new));
    let forget = || c.cache("k").reset_blocking().unwrap();

    assert_eq!(get(300), Ok(300));
    let own = store.get(key, &AsIs).unwrap().unwrap();
    assert_eq!((own[0], own.len()), (1, 6 + 2), "format, codec, type, and the number itself");
    // a pickle, nothing, another format, another type, a number cut short: all are computed anew
    let other_type = [&own[..2], &[0; 4], &own[6..]].concat();
    for foreign in [&b"\x80\x04\x8c\x01x."[..], b"", b"\xff", &other_type, &own[..7]] {
        forget();
        put(foreign);
        assert_eq!(c.cache("k").get_blocking::<u32>(), Ok(None), "{foreign:?}");
        assert_eq!((get(5), get(6)), (Ok(5), Ok(5)), "{foreign:?}");
    }
}

#[test]
fn c19_after_a_failed_read_the_call_computes_and_asks_no_more() {
    for fault in [Fault::Refused, Fault::RequestLost, Fault::ReplyLost] {
        let clock = testing::ManualClock::new();
        let store = FixedStore::<NoLock, _, 4, u8>::over(RefCell::new(State::new()), &clock);
        let script = [fault, Fault::None, Fault::None, fault, fault];
        let faulty = Faulty::new(store, Script::new(&script));
        let log = Log::default();
        let device = Instance::with(&faulty, Config::DEFAULT, &log);
        assert_eq!(now(device.cache("k").get_or_insert_with(async || Ok::<u8, ()>(1))), Ok(1));
        assert_eq!(faulty.operations(), 1, "{fault:?}");
        assert_eq!(device.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(2)), Ok(2));
        assert_eq!(faulty.operations(), 3, "and it is stored when the store is back");
        assert_eq!(device.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(3)), Ok(3));
        let events = log.take();
        assert!(events[0].starts_with("failed k: the store ") && events.len() == 3, "{events:?}");
        // who only looks is told
        assert!(device.cache("k").get_blocking::<u8>().is_err());
    }
}

/// A store that does not answer, or answers that it cannot be reached.
struct Broken {
    silent: bool,
}

impl Backend for Broken {
    fn call(self: Arc<Self>, _: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        if self.silent { Box::pin(std::future::pending()) } else { Box::pin(async { Err(Cause::Unreachable) }) }
    }
    fn call_blocking(self: Arc<Self>, _: Call) -> Result<Reply, Cause> {
        Err(Cause::Unreachable)
    }
}

#[test]
fn c19_a_store_that_does_not_answer_costs_one_time_limit() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Broken { silent: true }).build().unwrap();
    let mut call = Waiting::task(async move { c.cache("k").get_or_insert_with(async || Ok::<u8, ()>(1)).await });
    clock.advance(ms(499));
    assert!(call.waits());
    clock.advance(ms(1));
    assert_eq!(call.end(), Ok(1));
}

#[test]
fn c20_functions_with_one_key_share_its_entry() {
    static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| memory(Config::DEFAULT).0);
    #[cached(instance = LOCAL, key = "c20-{id}")]
    fn first(id: u8) -> u32 {
        u32::from(id) + 100
    }
    #[cached(instance = LOCAL, key = "c20-{n}")]
    fn second(n: u8) -> u32 {
        u32::from(n) + 200
    }
    assert_eq!((first(1), second(1), second(2), first(2)), (101, 101, 202, 202));
}

#[test]
fn c21_what_one_face_stores_the_other_finds() {
    fn case(tasks: &impl Subject, threads: &impl Subject) -> [Option<Value>; 3] {
        threads.cached("a", None, || loaded("by a thread")).unwrap();
        tasks.cached("b", None, || loaded("by a task")).unwrap();
        let found = [tasks.peek("a"), threads.peek("b")];
        tasks.reset("a");
        let [a, b] = found;
        [a, b, threads.peek("a")]
    }
    face_to_face!(case => [Some(Some("by a thread".to_owned())), Some(Some("by a task".to_owned())), None]);
}

#[test]
fn c23_memory_is_bounded_and_ended_values_are_reclaimed_unread() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).max_entries(64).build_memory();
    let put = |n: u32, ttl: Ttl| c.cache(("n", n)).ttl(ttl).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    for n in 0..1_000 {
        put(n, Ttl::Forever);
        assert!(c.len() <= 64, "{}", c.len());
    }
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let put =
        |n: u32, ttl: u64| c.cache(("n", n)).ttl(secs(ttl)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    for n in 0..1_000 {
        put(n, 1);
    }
    assert_eq!(c.len(), 1_000);
    clock.advance(secs(1));
    // nothing of the old is read; a few are looked at with every write
    for n in 1_000..2_000 {
        put(n, 60);
    }
    assert!(c.len() <= 1_050, "{} of 1000", c.len());
}

#[test]
fn c23_a_full_store_makes_room_from_what_has_ended_and_never_from_what_lives() {
    let (device, world) = fixed(Config::DEFAULT);
    let put = |n: u8| {
        let cache = device.cache(("n", n)).ttl(secs(1));
        cache.get_or_insert_with_blocking(|| loaded("v")).unwrap();
    };
    let found = |n: u8| device.cache(("n", n)).get_blocking::<Value>().unwrap().is_some();
    (0..17).for_each(put);
    assert!((0..16).all(found) && !found(16), "sixteen places");
    assert!(
        world.log.take().iter().any(|e| e == "failed n:16: the store is full: every slot holds a live key or permit")
    );
    world.advance(secs(1));
    (20..36).for_each(put);
    assert!((20..36).all(found));
}

/// Three layers; how often the body ran.
static RUNS: AtomicU32 = AtomicU32::new(0);
static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static INNER_LOG: LazyLock<Log> = LazyLock::new(Log::default);
static OUTER: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().clock(CLOCK.clone()).build_memory());
static MIDDLE: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().clock(CLOCK.clone()).build_memory());
static INNER: LazyLock<Cachify> = LazyLock::new(|| {
    let builder = Cachify::builder().clock(CLOCK.clone()).observer(INNER_LOG.clone());
    builder.store(Guest::new(CLOCK.clone())).build().unwrap()
});

#[cached(instance = OUTER, key = "two:{id}", ttl = 5)]
#[cached(instance = INNER, key = "two:{id}", ttl = 300)]
async fn two(id: u8, new: u8) -> Result<u8, Failed> {
    RUNS.fetch_add(1, SeqCst);
    Ok(id + new)
}

#[test]
fn c25_layers_are_asked_from_the_outside_in() {
    let inner = || INNER_LOG.take().into_iter().filter(|event| event.ends_with("two:1")).collect::<Vec<_>>();
    let (call, runs) = (|new| now(two(1, new)), || RUNS.swap(0, SeqCst));
    assert_eq!((call(1), inner(), runs()), (Ok(2), vec!["miss two:1".to_owned()], 1));
    assert_eq!((call(2), inner(), runs()), (Ok(2), vec![], 0), "the inner layer is not touched");
    CLOCK.advance(secs(5));
    assert_eq!((call(3), inner(), runs()), (Ok(2), vec!["hit two:1".to_owned()], 0), "the body does not run");
    assert_eq!(now(two::reset(1)), Ok(true));
    assert_eq!((call(4), runs()), (Ok(5), 1), "both layers had forgotten");
}

#[test]
fn c27_a_layer_that_fails_to_reset_is_reported_and_the_others_are_reset() {
    static BROKEN: LazyLock<Cachify> =
        LazyLock::new(|| Cachify::builder().store(Broken { silent: false }).build().unwrap());
    #[cached(instance = OUTER, key = "broken:{id}")]
    #[cached(instance = BROKEN, key = "broken:{id}")]
    fn layered(id: u8, new: u8) -> u8 {
        id + new
    }
    assert_eq!((layered(1, 1), layered(1, 2)), (2, 2));
    assert_eq!(layered::reset(1), Err(Error::Store(Cause::Unreachable)));
    assert_eq!(layered(1, 2), 3, "the outer layer was reset all the same");
}

#[cached(instance = OUTER, key = "three:{id}", ttl = 5)]
#[cached(instance = MIDDLE, key = "three:{id}", ttl = 60)]
#[cached(instance = INNER, key = "three:{id}", ttl = 300)]
fn three(id: u8, new: u8) -> u8 {
    id + new
}

#[test]
fn c28_one_reset_clears_all_layers() {
    assert_eq!((three(1, 1), three(1, 2)), (2, 2));
    let there = || {
        (
            now(OUTER.cache(("three", 1)).get::<u8>()),
            now(MIDDLE.cache(("three", 1)).get::<u8>()),
            now(INNER.cache(("three", 1)).get::<u8>()),
        )
    };
    assert_eq!(there(), (Ok(Some(2)), Ok(Some(2)), Ok(Some(2))));
    assert_eq!(three::reset(1), Ok(true));
    assert_eq!(there(), (Ok(None), Ok(None), Ok(None)));
    assert_eq!(three(1, 2), 3);
}
