//! One load for all who wait in a process: when the value ends before they have it, and when there is no store.

use cachify::{AsyncKv, AsyncKvStore, Cachify, Cause, Kv, KvStore, ManualClock, secs};
use cachify_tests::crew::{Crew, late_herd, sleep};
use std::{
    cell::{Cell, RefCell},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A store that is away: it says so, or does not answer.
#[derive(Clone, Copy)]
struct Away {
    is_silent: bool,
}

impl Away {
    async fn ask<T>(self) -> Result<T, Cause> {
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        Err(Cause::Unreachable)
    }
}

impl AsyncKvStore for Away {
    type Error = Cause;
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.ask().await
    }
    async fn compare_exchange(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.ask().await
    }
    async fn remove(&self, _: &str) -> Result<bool, Cause> {
        self.ask().await
    }
}

impl KvStore for Away {
    type Error = Cause;
    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Cause> {
        Err(Cause::Unreachable)
    }
    fn compare_exchange(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<Duration>,
    ) -> Result<bool, Cause> {
        Err(Cause::Unreachable)
    }
    fn remove(&self, _: &str) -> Result<bool, Cause> {
        Err(Cause::Unreachable)
    }
}

fn away(clock: &ManualClock) -> [Cachify; 2] {
    [false, true].map(|is_silent| {
        let store = AsyncKv(Away { is_silent });
        Cachify::builder().clock(clock.clone()).store(store).build().unwrap()
    })
}

#[test]
fn without_the_store_one_caller_loads_for_all() {
    let clock = &ManualClock::new();
    for c in &away(clock) {
        let (loads, done) = (&Cell::new(0), &RefCell::new(Vec::new()));
        let mut crew = Crew::new(clock);
        for _ in 0..50 {
            crew.spawn(async move {
                let load = async || {
                    loads.set(loads.get() + 1);
                    // of many heartbeats, which need no store either
                    sleep(clock, secs(20)).await;
                    Ok::<_, ()>(7)
                };
                let value = c.cache("page").get_or_insert_with(load).await;
                done.borrow_mut().push(value);
            });
        }
        crew.run(21_000);
        assert_eq!((loads.get(), done.borrow().len()), (1, 50));
        assert!(done.borrow().iter().all(|value| *value == Ok(7)));
        // nothing was kept: the next one loads again
        let again = crew.spawn(async move {
            c.cache("page").get_or_insert_with(async || Ok::<_, ()>(loads.replace(9))).await.unwrap();
        });
        crew.run(600);
        assert_eq!((loads.get(), again), (9, 50));
    }
}

/// Else each failure would be waited for by all the others, one after another.
#[test]
fn a_load_that_fails_without_the_store_lets_everybody_try_at_once() {
    let clock = &ManualClock::new();
    let [c, _] = &away(clock);
    let (loads, failed) = (&Cell::new(0), &Cell::new(0));
    let mut crew = Crew::new(clock);
    for _ in 0..50 {
        crew.spawn(async move {
            let load = async || {
                loads.set(loads.get() + 1);
                sleep(clock, secs(1)).await;
                Err::<u32, ()>(())
            };
            assert_eq!(c.cache("page").get_or_insert_with(load).await, Err(()));
            failed.set(failed.get() + 1);
        });
    }
    crew.run(2_100);
    assert_eq!((loads.get(), failed.get()), (50, 50));
}

#[test]
fn whoever_loads_and_goes_is_followed_by_another() {
    let clock = &ManualClock::new();
    let [c, _] = &away(clock);
    let (loads, done) = (&Cell::new(0), &Cell::new(0));
    let mut crew = Crew::new(clock);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            crew.spawn(async move {
                let load = async || {
                    loads.set(loads.get() + 1);
                    sleep(clock, secs(1)).await;
                    Ok::<_, ()>(7)
                };
                assert_eq!(c.cache("page").get_or_insert_with(load).await, Ok(7));
                done.set(done.get() + 1);
            })
        })
        .collect();
    crew.run(500);
    crew.drop_task(tasks[0]);
    crew.run(1_100);
    assert_eq!((loads.get(), done.get()), (2, 9));
}

#[test]
fn nobody_who_comes_after_a_reset_waits_for_what_was_loaded_before_it() {
    let clock = &ManualClock::new();
    let [c, _] = &away(clock);
    let world = &Cell::new("old");
    let seen = &RefCell::new(Vec::new());
    let mut crew = Crew::new(clock);
    let caller = || async move {
        let load = async || {
            let value = world.get().to_owned();
            sleep(clock, secs(1)).await;
            Ok::<_, ()>(value)
        };
        let value = c.cache("page").get_or_insert_with(load).await.unwrap();
        seen.borrow_mut().push(value);
    };
    crew.spawn(caller());
    crew.run(300);
    world.set("new");
    crew.spawn(async move {
        let _ = c.cache("page").reset().await;
    });
    crew.run(100);
    crew.spawn(caller());
    crew.spawn(caller());
    crew.run(2_000);
    assert_eq!(*seen.borrow(), ["old", "new", "new"]);
}

/// Its own key, and the key of one that waits for it.
#[test]
fn a_load_without_the_store_that_wants_itself_computes() {
    let clock = &ManualClock::new();
    let [c, _] = &away(clock);
    let done = &Cell::new(0);
    let mut crew = Crew::new(clock);
    for [key, other] in [["a", "a"], ["b", "d"], ["d", "b"]] {
        crew.spawn(async move {
            let load = async || {
                sleep(clock, ms(10)).await;
                let inner = c.cache(other).get_or_insert_with(async || Ok::<_, ()>(1)).await.unwrap();
                Ok::<_, ()>(inner + 1)
            };
            assert!(c.cache(key).get_or_insert_with(load).await.unwrap() > 0);
            done.set(done.get() + 1);
        });
    }
    crew.run(1_000);
    assert_eq!(done.get(), 3, "somebody waits for ever");
}

/// The one who loads is not polled any more, or its instance is shut down: its waiters compute.
#[test]
fn nobody_waits_for_ever_for_a_load_without_the_store() {
    for is_shut in [false, true] {
        let clock = &ManualClock::new();
        let [c, _] = &away(clock);
        let done = &Cell::new(0);
        let mut crew = Crew::new(clock);
        let leader = crew.spawn(async move {
            let load = async || {
                sleep(clock, secs(900)).await;
                Ok::<_, ()>(())
            };
            let _ = c.cache("page").get_or_insert_with(load).await;
        });
        crew.run(10);
        for _ in 0..3 {
            crew.spawn(async move {
                c.cache("page").get_or_insert_with(async || Ok::<_, ()>(())).await.unwrap();
                done.set(done.get() + 1);
            });
        }
        crew.run(1_000);
        assert_eq!(done.get(), 0);
        crew.asleep.push(leader);
        if is_shut {
            crew.spawn(async move { assert_eq!(c.shutdown(ms(1)).await, 0) });
        } else {
            clock.advance(secs(300));
        }
        crew.run(100);
        assert_eq!(done.get(), 3, "{is_shut}");
    }
}

#[test]
fn threads_load_once_too() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(Away { is_silent: false }))).build().unwrap();
    let loads = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let value = c.cache("page").get_or_insert_blocking(|| {
                    loads.fetch_add(1, SeqCst);
                    // until the others wait
                    while clock.sleepers() < 7 {
                        thread::yield_now();
                    }
                    7
                });
                assert_eq!(value, 7);
            });
        }
    });
    assert_eq!(loads.load(SeqCst), 1);
}

#[test]
fn whoever_waited_has_the_value_that_was_loaded_also_when_it_has_ended() {
    let clock = &ManualClock::new();
    let loads = Cell::new(0);
    let load = async || {
        loads.set(loads.get() + 1);
        sleep(clock, ms(50)).await;
        Ok::<_, ()>(7)
    };
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let call = async || assert_eq!(c.cache("cold").ttl(ms(1)).get_or_insert_with(&load).await, Ok(7));
    assert_eq!((late_herd(clock, 40, call), loads.replace(0)), (40, 1));
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    let call = async || assert_eq!(c.cache("cold").ttl(ms(1)).get_or_insert_with(&load).await, Ok(7));
    assert_eq!((late_herd(clock, 40, call), loads.get()), (40, 1));
}
