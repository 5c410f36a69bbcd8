//! What an instance counts and measures for a recorder: the same as an independent counter sees, under few names.
#![allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "whole numbers, far from where they are cut")]

use cachify::{
    Cachify, KeyTemplate, ManualClock, Memory, Refused, cached, cachify_core::key::Arguments, lock, once, pooled, secs,
};
use cachify_core::testing::block_on;
use cachify_tests::{
    Guest,
    numbers::{Numbers, calling_back, numbers},
    poll,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

fn memory() -> Cachify<Memory> {
    numbers();
    Cachify::builder().metrics(true).build_memory()
}

fn gauges(primitive: &str, name: &str) -> (f64, f64) {
    let of = [("primitive", primitive), ("name", name)];
    (numbers().sum("cachify_held", &of), numbers().sum("cachify_waiting", &of))
}

fn acquired(numbers: &Numbers, name: &str, outcome: &str) -> f64 {
    numbers.sum("cachify_acquire_total", &[("name", name), ("outcome", outcome)])
}

static C: LazyLock<Cachify<Memory>> = LazyLock::new(memory);
static WIDTH: AtomicUsize = AtomicUsize::new(0);

#[lock(key = "mixed-lock:{id}", wait = forever, instance = C)]
fn locked(id: u32) -> Result<(), Refused> {
    WIDTH.fetch_add(1, SeqCst);
    thread::yield_now();
    let _ = id;
    Ok(())
}

#[lock(key = "mixed-try:{id}", instance = C)]
async fn tried(id: u32) -> Result<(), Refused> {
    let _ = id;
    tokio::task::yield_now().await;
    Ok(())
}

#[pooled(key = "mixed-pool", size = 2, instance = C)]
async fn taken() -> Result<(), Refused> {
    tokio::task::yield_now().await;
    Ok(())
}

#[once(key = "mixed-once:{id}", instance = C)]
fn ran(id: u32) -> Result<(), Refused> {
    let _ = id;
    thread::yield_now();
    Ok(())
}

static LOADS: AtomicU32 = AtomicU32::new(0);

#[cached(key = "mixed-cache:{id}", instance = C)]
fn kept(id: u32) -> u32 {
    LOADS.fetch_add(1, SeqCst);
    thread::yield_now();
    id
}

#[derive(Default)]
struct Tally([AtomicU32; 6]);

impl Tally {
    fn note(&self, at: usize, out: Result<(), Refused>) {
        let at = match out {
            Ok(()) => at,
            Err(why) => {
                assert!(why.is_contended(), "{why}");
                at + 1
            }
        };
        self.0[at].fetch_add(1, SeqCst);
    }

    fn seen(&self, at: usize) -> f64 {
        self.0[at].load(SeqCst).into()
    }
}

/// Threads and tasks at once; each notes for itself what it was answered.
#[test]
fn a_mixed_run_is_counted_as_those_who_called_saw_it() {
    const THREADS: u32 = 6;
    const ROUNDS: u32 = 300;
    let tally = Arc::new(Tally::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let tasks: Vec<_> = (0..THREADS)
        .map(|_| {
            let tally = tally.clone();
            runtime.spawn(async move {
                for round in 0..ROUNDS {
                    tally.note(0, tried(round % 2).await);
                    tally.note(2, taken().await);
                }
            })
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    locked(round % 3).unwrap();
                    tally.note(4, ran(round % 2));
                    assert_eq!(kept(round), round);
                }
            });
        }
    });
    for task in tasks {
        runtime.block_on(task).unwrap();
    }

    let (all, calls) = (numbers(), f64::from(THREADS * ROUNDS));
    assert_eq!(acquired(all, "mixed-lock:{id}", "granted"), calls);
    assert_eq!(WIDTH.load(SeqCst), (THREADS * ROUNDS) as usize);
    assert_eq!(acquired(all, "mixed-try:{id}", "granted"), tally.seen(0));
    assert_eq!(acquired(all, "mixed-try:{id}", "busy"), tally.seen(1));
    assert_eq!(acquired(all, "mixed-pool", "granted"), tally.seen(2));
    assert_eq!(acquired(all, "mixed-pool", "full"), tally.seen(3));
    assert_eq!(acquired(all, "mixed-once:{id}", "granted"), tally.seen(4));
    assert_eq!(acquired(all, "mixed-once:{id}", "skipped"), tally.seen(5));
    for (name, primitive) in [("mixed-lock:{id}", "lock"), ("mixed-try:{id}", "lock"), ("mixed-pool", "pooled")] {
        let (of, granted) = ([("primitive", primitive), ("name", name)], acquired(all, name, "granted"));
        assert_eq!(all.samples("cachify_hold_duration_seconds", &of).len() as f64, granted, "{name}");
        let waited = [("primitive", primitive), ("name", name), ("outcome", "granted")];
        assert_eq!(all.samples("cachify_acquire_wait_seconds", &waited).len() as f64, granted, "{name}");
        assert_eq!(gauges(primitive, name), (0.0, 0.0), "{name}");
    }
    let came = |result| all.sum("cachify_cache_requests_total", &[("name", "mixed-cache:{id}"), ("result", result)]);
    assert_eq!(came("miss"), f64::from(LOADS.load(SeqCst)));
    assert_eq!(came("hit") + came("miss") + came("joined"), calls);
    let stored = [("name", "mixed-cache:{id}"), ("outcome", "stored")];
    assert_eq!(all.samples("cachify_cache_load_duration_seconds", &stored).len() as f64, came("miss"));
}

#[test]
fn what_is_held_and_who_waits_is_what_inspect_says() {
    numbers();
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone()).metrics(true);
    let guest = builder().store(Guest::new(clock.clone())).build().unwrap();
    for (c, name) in [(builder().build().unwrap(), "gauged in memory:{}"), (guest, "gauged outside:{}")] {
        let template = KeyTemplate::parse(name).unwrap();
        let lock = c.lock(template.with(Arguments { positional: &[&7], ..Arguments::default() })).wait_forever();
        let seen = || {
            let seen = lock.inspect_blocking().unwrap();
            (f64::from(seen.held), f64::from(seen.waiting().unwrap_or_default()))
        };
        let guard = lock.acquire_blocking().unwrap();
        assert_eq!((gauges("lock", name), seen()), ((1.0, 0.0), (1.0, 0.0)), "{name}");
        let mut waiters = [(); 3].map(|()| Box::pin(lock.acquire()));
        assert!(waiters.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
        assert_eq!(gauges("lock", name), (1.0, 3.0), "{name}");
        if name.contains("memory") {
            assert_eq!(seen(), (1.0, 3.0));
        }
        let [mut first, second, third] = waiters;
        // one gives up, one is granted it
        drop(second);
        assert_eq!(gauges("lock", name), (1.0, 2.0), "{name}");
        clock.advance(secs(3));
        guard.release().unwrap();
        assert_eq!(gauges("lock", name), (0.0, 2.0), "{name}");
        let guard = block_on(first.as_mut()).unwrap();
        assert_eq!(gauges("lock", name), (1.0, 1.0), "{name}");
        clock.advance(secs(2));
        drop((guard, first, third));
        assert_eq!((gauges("lock", name), seen().0), ((0.0, 0.0), 0.0), "{name}");
        let of = |outcome| [("name", name), ("outcome", outcome)];
        assert_eq!(numbers().samples("cachify_acquire_wait_seconds", &of("granted")), [0.0, 3.0], "{name}");
        assert_eq!(numbers().samples("cachify_acquire_wait_seconds", &of("dropped")), [0.0, 5.0], "{name}");
        assert_eq!(numbers().samples("cachify_hold_duration_seconds", &[("name", name)]), [2.0, 3.0], "{name}");
    }
}

#[test]
fn a_hundred_thousand_names_are_few_series() {
    let c = memory();
    for at in 0..100_000 {
        let text = format!("many-{at}:{{}}");
        let template = KeyTemplate::parse(&text).unwrap();
        let _ = c.lock(template.with(Arguments { positional: &[&at], ..Arguments::default() })).try_acquire_blocking();
    }
    let names = numbers().values("name");
    let own = names.iter().filter(|name| name.starts_with("many-")).count();
    assert_eq!(own, 200, "so many are told apart");
    assert!(acquired(numbers(), "other", "granted") >= 99_800.0);
    // a name of any length and of any characters is a short one that can be seen
    let text = format!("loud\u{1b}[2J\n{}{{}}", "x".repeat(10_000));
    let template = KeyTemplate::parse(&text).unwrap();
    drop(memory().lock(template.with(Arguments { positional: &[&1], ..Arguments::default() })).acquire_blocking());
    let loud = numbers().values("name").into_iter().find(|name| name.starts_with("loud")).unwrap();
    assert!(loud.chars().count() <= 120 && !loud.contains(char::is_control), "{loud:?}");
}

/// As a recorder would that keeps its settings in a cache.
#[test]
fn a_recorder_may_ask_the_instance_that_tells_it() {
    let c = memory();
    let (asks, calls) = (c.clone(), Arc::new(AtomicU32::new(0)));
    let count = calls.clone();
    let back = move || {
        count.fetch_add(1, SeqCst);
        drop(asks.lock("asked by the recorder").acquire_blocking());
        assert_eq!(asks.cache("setting").get_or_insert_blocking(|| 7), 7);
    };
    let template = KeyTemplate::parse("told:{}").unwrap();
    let key = || template.with(Arguments { positional: &[&1], ..Arguments::default() });
    calling_back(back, || {
        let guard = c.lock(key()).acquire_blocking().unwrap();
        assert_eq!(c.cache(key()).get_or_insert_blocking(|| 1), 1);
        assert_eq!(c.cache(key()).get_or_insert_blocking(|| 2), 1);
        assert!(c.lock(key()).acquire_blocking().is_err());
        drop(guard);
    });
    assert!(calls.load(SeqCst) >= 8, "it was told");
    assert_eq!(gauges("lock", "told:{}"), (0.0, 0.0));
    assert_eq!((acquired(numbers(), "told:{}", "granted"), acquired(numbers(), "told:{}", "busy")), (1.0, 1.0));
}

#[lock(key = "panics:{id}", instance = C)]
fn panics(id: u32) -> Result<(), Refused> {
    panic!("{id}")
}

#[pooled(key = "panics in a task", size = 1, instance = C)]
async fn panics_in_a_task() -> Result<(), Refused> {
    tokio::task::yield_now().await;
    panic!("in a task")
}

#[cached(key = "panics in a load", instance = C)]
fn panics_in_a_load() -> u32 {
    panic!("in a load")
}

#[test]
fn a_body_that_panics_or_is_dropped_leaves_the_gauges_right() {
    numbers();
    assert!(catch_unwind(|| panics(1)).is_err());
    assert!(catch_unwind(panics_in_a_load).is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| runtime.block_on(panics_in_a_task()))).is_err());
    let mut dropped = Box::pin(panics_in_a_task());
    let of = ("pooled", "panics in a task");
    assert!(poll(dropped.as_mut()).is_pending());
    assert_eq!(gauges(of.0, of.1), (1.0, 0.0));
    drop(dropped);
    for (primitive, name) in [("lock", "panics:{id}"), ("cached", "panics in a load"), of] {
        assert_eq!(gauges(primitive, name), (0.0, 0.0), "{name}");
    }
    let loads = [("name", "panics in a load"), ("outcome", "not_kept")];
    let dropped = [("name", "panics in a load"), ("outcome", "dropped")];
    let count = |of: &[_]| numbers().samples("cachify_cache_load_duration_seconds", of).len();
    assert_eq!(count(&loads) + count(&dropped), 1);
}

#[lock(key = "inner:{id}", instance = C)]
fn inner(id: u64) -> Result<u64, Refused> {
    Ok(id + 30)
}

#[cached(key = "inner value:{id}", instance = C)]
fn inner_value(id: u64) -> u64 {
    id
}

#[lock(key = "{fn}:{id}", ttl = secs(inner(id).unwrap() + inner_value(id) + by_value(id)), instance = C)]
fn outer(id: u64) -> Result<(), Refused> {
    inner(id + 1).map(drop)
}

fn by_value(id: u64) -> u64 {
    C.cache(("by value", id)).get_or_insert_blocking(|| id)
}

#[cached(key = "grouped:{id}", group = "pages", instance = C)]
fn grouped(id: u64) -> u64 {
    id
}

#[test]
fn a_name_is_a_template_or_a_group_and_never_a_key() {
    numbers();
    outer(4711).unwrap();
    outer(4711).unwrap();
    let path = concat!(module_path!(), "::outer:{id}");
    assert_eq!(acquired(numbers(), path, "granted"), 2.0);
    assert_eq!(acquired(numbers(), "inner:{id}", "granted"), 4.0);
    let came = |name, result| numbers().sum("cachify_cache_requests_total", &[("name", name), ("result", result)]);
    assert_eq!((came("inner value:{id}", "miss"), came("inner value:{id}", "hit")), (1.0, 1.0));
    assert!(came("unnamed", "miss") >= 1.0 && came("unnamed", "hit") >= 1.0);
    assert_eq!((grouped(4711), grouped(4711)), (4711, 4711));
    assert_eq!((came("grouped:{id}", "miss"), came("grouped:{id}", "hit")), (1.0, 1.0));
    let pages = C.group("of values");
    assert_eq!(pages.cache(4711).get_or_insert_blocking(|| 1), 1);
    assert_eq!(came("of values", "miss"), 1.0);
    assert!(numbers().values("name").iter().all(|name| !name.contains("4711")));
}

/// It is not asked for: it is not counted, whatever features a program has.
#[test]
fn an_instance_that_was_not_asked_counts_nothing() {
    numbers();
    let template = KeyTemplate::parse("silent:{}").unwrap();
    let c = Cachify::builder().build_memory();
    drop(c.lock(template.with(Arguments { positional: &[&1], ..Arguments::default() })).acquire_blocking().unwrap());
    assert!(!numbers().values("name").iter().any(|name| name.starts_with("silent")));
}

#[test]
fn values_that_went_and_are_there_are_counted() {
    numbers();
    let c = Cachify::builder().prefix("counted").max_entries(10).metrics(true).build_memory();
    for at in 0..25 {
        c.cache(("v", at)).insert_blocking(at).unwrap();
    }
    let of = [("instance", "counted"), ("group", "")];
    assert_eq!(numbers().sum("cachify_cache_entries", &of), 10.0);
    assert_eq!(numbers().sum("cachify_cache_evictions_total", &[of[0], ("cause", "full")]), 15.0);
}
