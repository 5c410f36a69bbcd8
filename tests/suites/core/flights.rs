//! Single flight: one run for all who ask at once, whatever becomes of the one who runs.

use cachify::{Cachify, ManualClock, Memory, cached, secs};
use cachify_core::testing::{Faulty, Script};
use cachify_tests::{Guest, poll};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};
use tokio::sync::{Barrier, Notify};

fn memory() -> Cachify<Memory> {
    Cachify::builder().default_ttl(secs(60)).build_memory()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_and_twenty_threads_make_one_run() {
    let (c, runs, go_on) = (memory(), Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (c, runs, go_on) = (c.clone(), runs.clone(), go_on.clone());
            tokio::spawn(async move {
                let load = || async {
                    runs.fetch_add(1, SeqCst);
                    go_on.notified().await;
                    Ok::<u32, ()>(7)
                };
                c.cache("k").get_or_insert_with(load).await.unwrap()
            })
        })
        .collect();
    while runs.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let (c, runs) = (c.clone(), runs.clone());
            std::thread::spawn(move || {
                let load = || {
                    runs.fetch_add(1, SeqCst);
                    Ok::<u32, ()>(8)
                };
                c.cache("k").get_or_insert_with_blocking(load).unwrap()
            })
        })
        .collect();
    go_on.notify_one();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 7);
    }
    let values = tokio::task::spawn_blocking(|| threads.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>());
    assert_eq!(values.await.unwrap(), vec![7; 20]);
    assert_eq!(runs.load(SeqCst), 1);
}

#[tokio::test]
async fn a_caller_that_is_cancelled_passes_the_baton() {
    let (c, runs) = (memory(), AtomicU32::new(0));
    let cache = c.cache("k");
    let load = || async {
        runs.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        Ok::<u32, ()>(runs.load(SeqCst))
    };
    let mut first = Box::pin(cache.get_or_insert_with(load));
    let mut second = Box::pin(cache.get_or_insert_with(load));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(runs.load(SeqCst), 1, "the second waits");
    drop(first);
    assert_eq!(second.await, Ok(2), "the second computes");
    assert_eq!(cache.get::<u32>().await, Ok(Some(2)));
}

#[tokio::test]
async fn a_value_of_another_type_is_loaded_anew_once_for_all_who_ask() {
    let (c, runs) = (memory(), AtomicU32::new(0));
    assert_eq!(c.cache("k").get_or_insert_with(async || Ok::<_, ()>("text".to_owned())).await, Ok("text".into()));
    let cache = c.cache("k");
    let load = || async {
        runs.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        Ok::<u32, ()>(1)
    };
    let mut first = Box::pin(cache.get_or_insert_with(load));
    let mut others = [(); 3].map(|()| Box::pin(cache.get_or_insert_with(load)));
    assert!(poll(first.as_mut()).is_pending() && others.iter_mut().all(|other| poll(other.as_mut()).is_pending()));
    assert_eq!(first.await, Ok(1));
    for other in others {
        assert_eq!(other.await, Ok(1));
    }
    assert_eq!(runs.load(SeqCst), 1);
}

#[test]
fn a_reset_during_a_flight_wins() {
    let c = memory();
    let cache = c.cache("k");
    let stale = cache.get_or_insert_with_blocking(|| {
        assert!(!cache.reset_blocking().unwrap(), "nothing is there yet");
        Ok::<u32, ()>(1)
    });
    assert_eq!(stale, Ok(1), "its own caller gets the value");
    assert_eq!(cache.get_blocking::<u32>(), Ok(None), "the cache does not");
    assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u32, ()>(2)), Ok(2));
}

#[tokio::test]
async fn those_who_wait_for_a_reset_flight_compute_anew() {
    let (c, runs, go_on) = (memory(), Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let cache = c.cache("k");
    let load = || {
        let (runs, go_on) = (runs.clone(), go_on.clone());
        async move {
            let run = runs.fetch_add(1, SeqCst);
            if run == 0 {
                go_on.notified().await;
            }
            Ok::<u32, ()>(run)
        }
    };
    let mut first = Box::pin(cache.get_or_insert_with(load));
    let mut second = Box::pin(cache.get_or_insert_with(load));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    cache.reset().await.unwrap();
    assert_eq!(second.await, Ok(1), "does not wait for the value that was reset");
    go_on.notify_one();
    assert_eq!(first.await, Ok(0));
    assert_eq!(cache.get::<u32>().await, Ok(Some(1)), "the later value stays");
}

#[test]
fn a_loader_paused_past_its_flight_overwrites_nothing() {
    // a store that is not the caller's own memory, and nobody who renews: the thread is busy with its body
    let clock = cachify_core::testing::ManualClock::new();
    let store = cachify_core::store::growing::MapStore::<cachify_core::store::lock::NoLock, _, u32>::new(&clock);
    let instance = cachify_core::Instance::new(Faulty::new(store, Script::default()));
    let cache = instance.cache("k");
    let late = cache.get_or_insert_with_blocking(|| {
        clock.advance(secs(11));
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u32, ()>(2)), Ok(2), "another one takes over");
        Ok::<u32, ()>(1)
    });
    assert_eq!((late, cache.get_blocking::<u32>()), (Ok(1), Ok(Some(2))));
}

#[test]
fn a_flight_is_renewed_while_it_computes() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Guest::new(clock.clone())).build().unwrap();
    let cache = c.cache("k");
    let value = cache.get_or_insert_with_blocking(|| {
        for _ in 0..10 {
            // the renewer waits for its next heartbeat: only then does time go on
            while clock.sleepers() == 0 {
                std::thread::yield_now();
            }
            clock.advance(secs(4));
        }
        Ok::<u32, ()>(1)
    });
    assert_eq!((value, cache.get_blocking::<u32>()), (Ok(1), Ok(Some(1))));
}

#[test]
fn a_flight_in_memory_lasts_as_long_as_its_body() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let cache = c.cache("k");
    let value = cache.get_or_insert_with_blocking(|| {
        clock.advance(secs(3_600));
        assert_eq!(c.cache("k").get_blocking::<u32>(), Ok(None));
        Ok::<u32, ()>(1)
    });
    assert_eq!((value, cache.get_blocking::<u32>()), (Ok(1), Ok(Some(1))));
}

#[test]
fn a_load_that_panics_passes_the_flight_on_and_goes_on_panicking() {
    let c = memory();
    let cache = c.cache("k");
    let load = || -> Result<u32, ()> { panic!("the loader's own") };
    let panicked = catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with_blocking(load)));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"the loader's own"));
    assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u32, ()>(2)), Ok(2));
}

#[tokio::test]
async fn a_failed_load_is_not_kept_and_the_next_one_loads() {
    let (c, runs) = (memory(), AtomicU32::new(0));
    let load = || async {
        tokio::task::yield_now().await;
        if runs.fetch_add(1, SeqCst) == 0 { Err("first") } else { Ok(5_u32) }
    };
    let cache = c.cache("k");
    let (a, b) = tokio::join!(cache.get_or_insert_with(load), cache.get_or_insert_with(load));
    assert_eq!((a, b), (Err("first"), Ok(5)));
}

static HERE: LazyLock<Cachify<Memory>> = LazyLock::new(memory);
static DEPTH: AtomicU32 = AtomicU32::new(0);

#[cached(instance = HERE, key = "recursive")]
async fn recursive() -> u32 {
    if DEPTH.fetch_add(1, SeqCst) < 3 { Box::pin(recursive()).await + 1 } else { 0 }
}

#[cached(instance = HERE, key = "factorial:{n}")]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[cached(instance = HERE, key = "same")]
fn same(depth: u32) -> u32 {
    if depth == 0 { 0 } else { same(depth - 1) + 1 }
}

#[tokio::test]
async fn recursion_on_the_same_key_computes_and_never_deadlocks() {
    assert_eq!(recursive().await, 3);
    assert_eq!(same(5), 5);
    assert_eq!(factorial(10), 3_628_800);
}

#[tokio::test]
async fn a_mark_is_only_seen_on_its_own_stack() {
    // another task that asks while the first is suspended is no recursion: it waits
    let (c, runs, gate) = (memory(), Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let cache = c.cache("k");
    let load = || {
        let (runs, gate) = (runs.clone(), gate.clone());
        async move {
            runs.fetch_add(1, SeqCst);
            gate.wait().await;
            Ok::<u32, ()>(1)
        }
    };
    let mut first = pin!(cache.get_or_insert_with(load));
    let mut second = pin!(cache.get_or_insert_with(load));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    let (_, first, second) = tokio::join!(gate.wait(), first, second);
    assert_eq!((first, second, runs.load(SeqCst)), (Ok(1), Ok(1), 1));
}

#[test]
fn values_of_two_types_under_one_key_are_two_values() {
    let c = memory();
    let cache = c.cache("k");
    assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
    assert_eq!(cache.get_blocking::<String>(), Ok(None));
    assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<String, ()>("s".into())), Ok("s".into()));
    assert_eq!(cache.get_blocking::<u32>(), Ok(Some(1)));
    assert_eq!((cache.reset_blocking(), cache.get_blocking::<u32>()), (Ok(true), Ok(None)));
    assert_eq!(cache.get_blocking::<String>(), Ok(None));
}

async fn loads() -> Result<u8, ()> {
    Ok(3)
}

#[tokio::test]
async fn what_cannot_fail_is_made_once_and_not_at_all_at_a_hit() {
    let (c, runs) = (memory(), AtomicU32::new(0));
    let make = async || runs.fetch_add(1, SeqCst);
    let cache = c.cache("k");
    assert_eq!(cache.get_or_insert(make()).await, 0);
    assert_eq!(cache.get_or_insert(make()).await, 0, "the future of a hit is dropped unpolled");
    assert_eq!(cache.get_or_insert_blocking(|| 7_u32), 0);
    assert!(cache.reset().await.unwrap());
    assert_eq!(cache.get_or_insert_blocking(|| 7_u32), 7);
    assert_eq!(runs.load(SeqCst), 1);
    // with what a closure borrows, and by a plain function
    let text = String::from("borrowed");
    assert_eq!(c.cache(1).get_or_insert_with(async || Ok::<_, ()>(text.len())).await, Ok(8));
    assert_eq!(c.cache(2).get_or_insert_with(loads).await, Ok(3));
}
