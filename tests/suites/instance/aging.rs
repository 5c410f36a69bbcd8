//! Values near their end: served while one caller loads them again, loaded before their end, refreshed and changed.

use cachify::{Cachify, Cause, Error, Event, ManualClock, Observer, Source, Ttl, secs};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::Guest;
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::Duration,
};

/// One in memory, one outside the process.
fn both(clock: &ManualClock) -> [Cachify; 2] {
    let builder = || Cachify::builder().clock(clock.clone());
    [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()]
}

#[test]
fn in_its_window_a_value_is_served_while_one_caller_loads_it_again() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60)).stale_for(secs(30));
        assert_eq!(value.get_or_insert_blocking(|| 1_u32), 1);
        clock.advance(secs(59));
        assert_eq!(value.get_or_insert_blocking(|| 9_u32), 1, "fresh");
        clock.advance(secs(1));
        let (loading, served) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                value.get_or_insert_blocking(|| {
                    loading.wait();
                    served.wait();
                    2_u32
                })
            });
            loading.wait();
            for _ in 0..3 {
                assert_eq!(value.get_or_insert_blocking(|| 9_u32), 1, "nobody waits for it");
                assert_eq!(block_on(value.get_or_insert(async { 9_u32 })), 1, "nor does a task");
            }
            served.wait();
            assert_eq!(load.join().unwrap(), 2, "who loads has what it loaded");
        });
        assert_eq!(value.get_or_insert_blocking(|| 9_u32), 2);
        clock.advance(secs(89));
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(2_u32)), "to the end of its window");
        clock.advance(secs(1));
        assert_eq!(value.get_blocking::<u32>(), Ok(None));
        assert_eq!(value.get_or_insert_blocking(|| 3_u32), 3, "past it nothing is served");
    }
}

#[test]
fn a_load_that_fails_is_made_good_by_the_value_until_the_end_of_its_window() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60)).stale_for(secs(30)).stale_on_error();
        let loads = AtomicUsize::new(0);
        let fails = || {
            loads.fetch_add(1, SeqCst);
            Err::<u32, _>("down")
        };
        assert_eq!(value.get_or_insert_with_blocking(fails), Err("down"), "there is nothing to serve");
        assert_eq!(value.get_or_insert_with_blocking(|| Ok::<_, &str>(1_u32)), Ok(1));
        for passed in [60, 29] {
            clock.advance(secs(passed));
            let before = loads.load(SeqCst);
            assert_eq!(value.get_or_insert_with_blocking(fails), Ok(1));
            assert_eq!(block_on(value.get_or_insert_with(async || fails())), Ok(1));
            assert_eq!(loads.load(SeqCst), before + 2, "each tries again");
        }
        let fetched = value.fetch_with_blocking(fails).unwrap();
        assert_eq!((fetched.value, fetched.source), (1, Source::Stale));
        assert_eq!(value.refresh_with_blocking(fails), Err("down"), "whoever wants it anew is told");
        clock.advance(secs(1));
        assert_eq!(
            value.get_or_insert_with_blocking(fails),
            Err("down"),
            "the window bounds it, however long it fails"
        );
        let without = c.cache("other").ttl(secs(60)).stale_for(secs(30));
        assert_eq!(without.get_or_insert_with_blocking(|| Ok::<_, &str>(1_u32)), Ok(1));
        clock.advance(secs(60));
        assert_eq!(without.get_or_insert_with_blocking(fails), Err("down"), "unless it was said");
        assert_eq!(without.get_blocking::<u32>(), Ok(Some(1_u32)), "and the value stays");
    }
}

#[test]
fn early_loads_again_when_that_part_of_the_ttl_is_over_and_the_instances_ttl_counts() {
    let clock = ManualClock::new();
    let build = || Cachify::builder().clock(clock.clone()).default_ttl(secs(100));
    for c in [build().build().unwrap(), build().store(Guest::new(clock.clone())).build().unwrap()] {
        for value in [c.cache("said").ttl(secs(100)).early(0.57), c.cache("default").early(0.57)] {
            assert_eq!(value.get_or_insert_blocking(|| 1_u32), 1);
            // 0.57 is a little less in binary
            clock.advance(secs(56));
            assert_eq!(value.get_or_insert_blocking(|| 2_u32), 1);
            clock.advance(secs(1));
            assert_eq!(value.get_or_insert_blocking(|| 3_u32), 3, "that part is over");
            assert_eq!(value.get_or_insert_blocking(|| 4_u32), 3);
            clock.advance(secs(80));
            let failed = value.get_or_insert_with_blocking(|| Err::<u32, _>("down"));
            assert_eq!(failed, Ok(3), "it is fresh still");
            assert_eq!(block_on(value.get_or_insert_with(async || Err::<u32, _>("down"))), Ok(3));
            assert_eq!(value.remaining_blocking(), Ok(Some(Ttl::For(secs(20)))));
        }
        let both = c.cache("both").ttl(secs(100)).early(0.8).stale_for(secs(50));
        assert_eq!(both.get_or_insert_blocking(|| 1_u32), 1);
        for (passed, right) in [(99, Ok(1)), (1, Err("down"))] {
            clock.advance(secs(passed));
            assert_eq!(both.get_or_insert_with_blocking(|| Err::<u32, _>("down")), right, "fresh, then stale");
            assert_eq!(block_on(both.get_or_insert_with(async || Err::<u32, _>("down"))), right);
        }
        let forever = c.cache("for ever").ttl(Ttl::Forever).early(0.1).stale_for(secs(5));
        assert_eq!(forever.get_or_insert_blocking(|| 1_u32), 1);
        clock.advance(secs(1 << 30));
        assert_eq!(forever.get_or_insert_blocking(|| 2_u32), 1, "of a time without an end there is no part");
    }
}

#[test]
fn windows_and_times_of_a_value_go_together() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let by = |value: &u32| (*value > 0).then(|| secs(u64::from(*value)));
        let value = c.cache("k").ttl_with(by).stale_for(secs(30));
        assert_eq!(value.get_or_insert_blocking(|| 0_u32), 0);
        assert_eq!(value.get_blocking::<u32>(), Ok(None), "what is not to be kept is not kept for its window");
        assert_eq!(value.get_or_insert_blocking(|| 10_u32), 10);
        clock.advance(secs(9));
        assert_eq!(value.get_or_insert_blocking(|| 9_u32), 10);
        clock.advance(secs(1));
        assert_eq!(value.get_or_insert_blocking(|| 20_u32), 20, "stale after ten seconds");
        value.insert_blocking(5).unwrap();
        assert_eq!(value.remaining_blocking(), Ok(Some(Ttl::For(secs(35)))));
        let long = c.cache("long").ttl(secs(1)).stale_for(secs(u64::MAX));
        assert_eq!(long.get_or_insert_blocking(|| 1_u32), 1);
        clock.advance(secs(48 * 86_400));
        assert_eq!(long.fetch_with_blocking(|| Err(())).map(|fetched| fetched.value), Err::<u32, _>(()));
        assert_eq!(long.get_blocking::<u32>(), Ok(Some(1_u32)), "49 days");
        clock.advance(secs(2 * 86_400));
        assert_eq!(long.get_blocking::<u32>(), Ok(None));
    }
}

#[test]
fn where_a_value_came_from_is_told() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60)).stale_for(secs(30));
        let source = |load: u32| value.fetch_with_blocking(|| Ok::<_, ()>(load)).map(|f| (f.value, f.source)).unwrap();
        let (loading, waits) = (Barrier::new(2), AtomicUsize::new(0));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                value.fetch_with_blocking(|| {
                    loading.wait();
                    while waits.load(SeqCst) == 0 || c.cache("k").get_blocking::<u32>() != Ok(None) {
                        thread::yield_now();
                    }
                    // the other one waits, or is about to, and finds the value then
                    Ok::<_, ()>(1_u32)
                })
            });
            loading.wait();
            let second = scope.spawn(|| {
                waits.fetch_add(1, SeqCst);
                source(9)
            });
            assert_eq!(first.join().unwrap().map(|f| f.source), Ok(Source::Loaded));
            let (seen, from) = second.join().unwrap();
            assert!(seen == 1 && matches!(from, Source::Joined | Source::Hit), "{from:?}");
        });
        assert_eq!(source(9), (1, Source::Hit));
        let fetched = block_on(value.fetch_with(async || Err::<u32, _>(()))).unwrap();
        assert_eq!((fetched.value, fetched.source), (1, Source::Hit));
        clock.advance(secs(60));
        assert_eq!(source(2), (2, Source::Loaded));
    }
}

#[test]
fn a_refresh_loads_again_while_others_have_the_old_value_and_one_that_fails_leaves_it() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        assert_eq!(value.refresh_with_blocking(|| Ok::<_, ()>(1_u32)), Ok(1), "also where there is none");
        let (loading, looked) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let refresh = scope.spawn(|| {
                value.refresh_with_blocking(|| {
                    loading.wait();
                    looked.wait();
                    Ok::<_, ()>(2_u32)
                })
            });
            loading.wait();
            assert_eq!(value.get_or_insert_blocking(|| 9_u32), 1);
            assert_eq!(block_on(value.get::<u32>()), Ok(Some(1)));
            looked.wait();
            assert_eq!(refresh.join().unwrap(), Ok(2));
        });
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(2)));
        assert_eq!(value.refresh_with_blocking(|| Err::<u32, _>("down")), Err("down"));
        assert_eq!(block_on(value.refresh_with(async || Err::<u32, _>("down"))), Err("down"));
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(2)), "it stays");
        clock.advance(secs(30));
        assert_eq!(block_on(value.refresh_with(async || Ok::<_, ()>(3_u32))), Ok(3));
        assert_eq!(value.remaining_blocking(), Ok(Some(Ttl::For(secs(60)))), "for a whole TTL");
    }
}

/// Those who come while one loads take what it brings; when it failed they load at once.
#[test]
fn of_callers_who_refresh_at_once_one_loads() {
    for fails in [false, true] {
        let c = Cachify::builder().clock(ManualClock::new()).build().unwrap();
        let value = c.cache("k").ttl(secs(60));
        value.insert_blocking(1_u32).unwrap();
        let (loads, may_land) = (Cell::new(1), Cell::new(false));
        let load = async || {
            loads.set(loads.get() + 1);
            let n = loads.get();
            poll_fn(|_| if may_land.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            if fails && n == 2 { Err(n) } else { Ok(n) }
        };
        let mut calls: Vec<_> = (0..8).map(|_| Box::pin(value.refresh_with(load))).collect();
        let mut poll = |call: usize| block_on(poll_fn(|cx| Poll::Ready(calls[call].as_mut().poll(cx))));
        for call in 0..8 {
            assert_eq!(poll(call), Poll::Pending);
        }
        assert_eq!(loads.get(), 2, "seven wait for one");
        may_land.set(true);
        let landed = [0, 1, 2, 3, 4, 5, 6, 7].map(poll);
        if fails {
            assert_eq!(landed[0], Poll::Ready(Err(2)));
            assert!(
                landed[1..].iter().all(|ended| matches!(ended, Poll::Ready(Ok(3..)))),
                "not the old one: {landed:?}"
            );
        } else {
            assert_eq!(landed, [Poll::Ready(Ok(2)); 8]);
        }
    }
}

#[test]
fn changes_are_made_in_turn_and_none_is_lost() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        let more = |old: Option<u32>| old.unwrap_or_default() + 1;
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| _ = value.update_with_blocking(more).unwrap()));
                scope.spawn(|| (0..50).for_each(|_| _ = block_on(value.update_with(async |old| more(old))).unwrap()));
            }
        });
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(400)));
        assert_eq!(
            value.update_with_blocking(|old: Option<u32>| old.map_or(0, |n| n * 2)),
            Ok(800),
            "what is kept is told"
        );
    }
}

#[test]
fn a_change_beside_which_something_else_was_written_is_told() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        value.insert_blocking(1_u32).unwrap();
        let inserted = value.update_with_blocking(|old: Option<u32>| {
            value.insert_blocking(10_u32).unwrap();
            old.unwrap() + 1
        });
        assert_eq!(inserted, Err(Error::Store(Cause::Conflict)));
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(10)));
        let reset = block_on(value.update_with(async |old: Option<u32>| {
            assert_eq!(value.reset().await, Ok(true));
            old.unwrap() + 1
        }));
        assert_eq!(reset, Err(Error::Store(Cause::Conflict)));
        assert_eq!(value.get_blocking::<u32>(), Ok(None));
        let within = value.get_or_insert_blocking(|| {
            let inside = value.update_with_blocking(|_| 7_u32);
            assert!(matches!(inside, Err(Error::Store(Cause::Unsupported(_)))), "it would wait for itself: {inside:?}");
            3_u32
        });
        assert_eq!(within, 3);
        let caught = catch_unwind(AssertUnwindSafe(|| value.update_with_blocking(|_: Option<u32>| panic!("no"))));
        assert!(caught.is_err());
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(3)), "a panic leaves it");
        assert_eq!(value.update_with_blocking(|old: Option<u32>| old.unwrap() + 1), Ok(4), "and nothing is held");
    }
}

/// Polls it a few times, then drops it.
fn given_up(future: impl Future) {
    block_on(async {
        let mut future = pin!(future);
        for _ in 0..5 {
            let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
            assert!(!polled);
        }
    });
}

#[test]
fn who_gives_up_leaves_the_value_and_the_next_one_loads() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60)).stale_for(secs(30));
        value.insert_blocking(1_u32).unwrap();
        given_up(value.refresh_with(async || pending::<Result<u32, ()>>().await));
        given_up(value.update_with(async |_: Option<u32>| pending().await));
        assert_eq!(value.get_blocking::<u32>(), Ok(Some(1)));
        clock.advance(secs(60));
        given_up(value.get_or_insert(pending::<u32>()));
        let next = || value.get_or_insert_blocking(|| 2_u32);
        // what is given back outside the process is heard a moment later
        while next() == 1 {
            thread::yield_now();
        }
        assert_eq!(next(), 2);
    }
}

#[derive(Default)]
struct Told([AtomicUsize; 2]);

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Stale { .. } => drop(self.0[0].fetch_add(1, SeqCst)),
            Event::Miss { .. } => drop(self.0[1].fetch_add(1, SeqCst)),
            _ => {}
        }
    }
}

#[test]
fn an_observer_is_told_of_what_is_served_near_its_end() {
    let (clock, told) = (ManualClock::new(), Arc::new(Told::default()));
    let c = Cachify::builder().clock(clock.clone()).observer(told.clone()).build().unwrap();
    let value = c.cache("k").ttl(secs(60)).stale_for(secs(30)).stale_on_error();
    value.insert_blocking(1_u32).unwrap();
    clock.advance(secs(60));
    let outer = value.get_or_insert_with_blocking(|| {
        let c = c.clone();
        let inner = thread::spawn(move || {
            let value = c.cache("k").ttl(secs(60)).stale_for(secs(30));
            value.get_or_insert_blocking(|| 9_u32)
        });
        assert_eq!(inner.join().unwrap(), 1);
        Err::<u32, _>(())
    });
    assert_eq!(outer, Ok(1));
    assert_eq!(told.0.each_ref().map(|count| count.load(SeqCst)), [2, 1], "served twice, loaded for once");
}

#[test]
fn a_device_has_all_of_it() {
    let clock = BareClock::new();
    let store = FixedStore::<NoLock, _, 4, u32>::new(&clock);
    let device = Instance::new(&store);
    let value = device.cache("k").ttl(secs(60)).stale_for(secs(30)).stale_on_error();
    block_on(async {
        assert_eq!(value.get_or_insert(async { 1 }).await, 1);
        clock.advance(secs(60));
        let fetched = value
            .fetch_with(async || {
                let meanwhile = device.cache("k").ttl(secs(60)).stale_for(secs(30));
                assert_eq!(meanwhile.get().await, Ok(Some(1)));
                Ok::<_, ()>(2_u32)
            })
            .await;
        assert_eq!(fetched.map(|f| (f.value, f.source)), Ok((2, Source::Loaded)));
        clock.advance(secs(61));
        let fetched = value.fetch_with(async || Err(())).await.unwrap();
        assert_eq!((fetched.value, fetched.source), (2, Source::Stale));
        assert_eq!(value.refresh_with(async || Ok::<_, ()>(3_u32)).await, Ok(3));
        assert_eq!(value.update_with(async |old| old.unwrap() + 1).await, Ok(4));
        clock.advance(secs(89));
        assert_eq!(value.get::<u32>().await, Ok(Some(4)));
        clock.advance(secs(1));
        assert_eq!(value.get::<u32>().await, Ok(None));
        assert_eq!(value.get_or_insert_with(async || Err(())).await, Err::<u32, _>(()));
    });
    // one flight beside a value, and others that want it
    let mut load = pin!(value.refresh_with(async || {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls > 1 { Poll::Ready(Ok::<_, ()>(6_u32)) } else { Poll::Pending }
        })
        .await
    }));
    block_on(value.insert(5)).unwrap();
    block_on(async {
        assert!(poll_fn(|cx| Poll::Ready(load.as_mut().poll(cx).is_pending())).await);
        clock.advance(secs(60));
        assert_eq!(value.get_or_insert(async { 9_u32 }).await, 5, "served, and nobody waits");
        assert_eq!(load.await, Ok(6));
        assert_eq!(value.get::<u32>().await, Ok(Some(6)));
    });
}

#[test]
fn who_waited_for_a_refresh_that_was_given_up_refreshes() {
    let clock = ManualClock::new();
    for c in both(&clock) {
        let value = c.cache("k").ttl(secs(60));
        for first_changes in [false, true] {
            value.insert_blocking(1_u32).unwrap();
            let mut first: Pin<Box<dyn Future<Output = ()>>> = if first_changes {
                Box::pin(async { _ = value.update_with(async |_: Option<u32>| pending().await).await })
            } else {
                Box::pin(async { _ = value.refresh_with(async || pending::<Result<u32, ()>>().await).await })
            };
            let mut second = Box::pin(value.refresh_with(async || Ok::<_, ()>(2_u32)));
            let once = |future: Pin<&mut dyn Future<Output = ()>>| block_on(once(future));
            assert!(once(first.as_mut()).is_pending());
            assert_eq!(block_on(poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx)))), Poll::Pending);
            drop(first);
            assert_eq!(block_on(second), Ok(2), "not the value that there was");
            assert_eq!(value.get_blocking::<u32>(), Ok(Some(2)));
        }
    }
}

/// Polls it once.
async fn once(mut future: Pin<&mut dyn Future<Output = ()>>) -> Poll<()> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn those_who_waited_have_a_value_that_is_not_to_be_kept_also_with_a_window() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    let value = c.cache("k").ttl_with(|_: &u32| None::<Duration>).stale_for(secs(30));
    // the load takes time: what ends as it lands was loaded for those who came before
    let (loads, landed) = (Cell::new(0), Cell::new(false));
    let load = async || {
        loads.set(loads.get() + 1);
        poll_fn(|_| if landed.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        7_u32
    };
    let mut calls: Vec<_> = (0..5).map(|_| Box::pin(value.get_or_insert(load()))).collect();
    let mut poll = |call: usize| block_on(poll_fn(|cx| Poll::Ready(calls[call].as_mut().poll(cx))));
    for call in 0..5 {
        assert_eq!(poll(call), Poll::Pending);
    }
    clock.advance(secs(1));
    landed.set(true);
    for call in 0..5 {
        assert_eq!(poll(call), Poll::Ready(7));
    }
    assert_eq!(loads.get(), 1);
    assert_eq!(value.get_blocking::<u32>(), Ok(None));
}
