//! A load that fails: who waited for it loads at once, side by side, and not in turn; whoever only gave up is followed by one.

use cachify::{AsyncKv, AsyncKvStore, Cachify, Cause, ManualClock, secs};
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Bytes in a map, without ends.
#[derive(Default)]
struct Shelf(Mutex<HashMap<String, Vec<u8>>>);

impl AsyncKvStore for Shelf {
    type Error = Cause;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        _: Option<Duration>,
    ) -> Result<bool, Cause> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = all.get(key).map(Vec::as_slice) == old;
        if is_same {
            match new {
                Some(new) => drop(all.insert(key.into(), new.into())),
                None => drop(all.remove(key)),
            }
        }
        Ok(is_same)
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key).is_some())
    }
}

/// In memory, in a store that signals, and in one that is polled.
fn kinds(clock: &ManualClock) -> [Cachify; 3] {
    let builder = || Cachify::builder().clock(clock.clone());
    [
        builder().build().unwrap(),
        builder().store(Guest::new(clock.clone())).build().unwrap(),
        builder().store(AsyncKv(Shelf::default())).build().unwrap(),
    ]
}

#[test]
fn those_who_waited_for_a_failure_load_side_by_side() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
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
        crew.run(900);
        assert_eq!(loads.get(), 1, "kind {kind}: one load for all, as long as it may succeed");
        crew.run(2_000);
        assert_eq!((loads.get(), failed.get()), (50, 50), "kind {kind}: in two times of a load, not in fifty");
    }
}

#[test]
fn one_of_them_keeps_what_it_found_for_those_to_come() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (loads, found) = (&Cell::new(0), &RefCell::new(Vec::new()));
        let mut crew = Crew::new(clock);
        for _ in 0..20 {
            crew.spawn(async move {
                let load = async || {
                    let number = loads.replace(loads.get() + 1);
                    sleep(clock, secs(1)).await;
                    // the first finds nothing
                    if number == 0 { Err(()) } else { Ok(number) }
                };
                let got = c.cache("page").ttl(secs(600)).get_or_insert_with(load).await;
                found.borrow_mut().push(got);
            });
        }
        crew.run(3_000);
        assert_eq!((loads.get(), found.borrow().len()), (20, 20), "kind {kind}");
        let kept = found.borrow().iter().filter(|found| found.is_ok()).count();
        assert_eq!(kept, 19, "each has what it loaded");
        crew.spawn(async move {
            let again = c.cache("page").get_or_insert_with(async || Err::<i32, _>("loaded again")).await;
            assert!(again.is_ok(), "{again:?}");
        });
        crew.run(100);
    }
}

#[test]
fn who_gives_up_is_followed_by_one() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (loads, done) = (&Cell::new(0), &Cell::new(0));
        let mut crew = Crew::new(clock);
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                crew.spawn(async move {
                    let load = async {
                        loads.set(loads.get() + 1);
                        sleep(clock, secs(1)).await;
                        7
                    };
                    assert_eq!(c.cache("page").ttl(secs(600)).get_or_insert(load).await, 7);
                    done.set(done.get() + 1);
                })
            })
            .collect();
        crew.run(500);
        crew.drop_task(tasks[0]);
        // what is given back in the background is so in real time, or ends with the lease of the flight
        for _ in 0..1_000 {
            crew.run(20);
            if done.get() == 19 {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!((loads.get(), done.get()), (2, 19), "kind {kind}");
    }
}
