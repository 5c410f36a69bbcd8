//! A load that fails: who waited for it loads at once, side by side, and not in turn; whoever only gave up is followed by one.

use crate::kinds::kinds;
use cachify::{
    Backend, Cachify, Cause, HolderToken, ManualClock,
    backend::{BoxFuture, Call, OwnedKey, Reply},
    secs,
};
use cachify_core::{
    op::{Left, Op},
    patience::Ticket,
    time::Clock,
};
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    mem::take,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::Duration,
};

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

#[test]
fn a_failure_is_shared_with_those_who_waited_for_it_and_with_nobody_else() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (loads, told) = (&Cell::new(0), &RefCell::new(Vec::new()));
        let page = &c.cache("page").share_err(|error: &String| format!("{error}, shared"));
        let mut crew = Crew::new(clock);
        let load = async || {
            loads.set(loads.get() + 1);
            let number = loads.get();
            sleep(clock, secs(1)).await;
            Err::<u32, _>(format!("failure {number}"))
        };
        for _ in 0..50 {
            crew.spawn(async move {
                let failed = page.get_or_insert_with(load).await;
                told.borrow_mut().push(failed.unwrap_err());
            });
        }
        // one who waits for a value of another type, and one of whom nothing is said
        crew.spawn(async move {
            let load = async || Ok::<String, u8>("mine".to_owned());
            let other = c.cache("page").share_err(|error: &u8| *error).get_or_insert_with(load).await;
            assert_eq!(other, Ok("mine".to_owned()), "kind {kind}");
        });
        crew.spawn(async move {
            let alone = c.cache("page").get_or_insert_with(async || Err::<u32, ()>(())).await;
            assert_eq!(alone, Err(()), "kind {kind}");
        });
        crew.run(900);
        assert_eq!(loads.get(), 1, "kind {kind}");
        crew.run(100);
        let told = told.take();
        let own = told.iter().filter(|text| *text == "failure 1").count();
        let shared = told.iter().filter(|text| text.starts_with("failure 1, shared")).count();
        assert_eq!((loads.get(), own, shared), (1, 1, 49), "kind {kind}: {told:?}");
        // who comes after it loads again
        c.cache("page").reset_blocking().unwrap();
        crew.spawn(async move {
            assert_eq!(page.get_or_insert_with(load).await.unwrap_err(), "failure 2");
        });
        crew.run(1_100);
        assert_eq!(loads.get(), 2, "kind {kind}");
    }
}

#[test]
fn a_failure_of_a_load_that_was_reset_is_nobody_elses() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let told = &RefCell::new(Vec::new());
        let page = &c.cache("page").share_err(String::clone);
        let mut crew = Crew::new(clock);
        let mut load = |name: &'static str, takes: u64| {
            crew.spawn(async move {
                let load = async || {
                    sleep(clock, Duration::from_millis(takes)).await;
                    Err::<u32, _>(name.to_owned())
                };
                let failed = page.get_or_insert_with(load).await;
                told.borrow_mut().push((name, failed.unwrap_err()));
            });
        };
        load("old", 1_000);
        load("waits", 1_000);
        crew.run(500);
        c.cache("page").reset_blocking().unwrap();
        crew.run(400);
        assert!(told.borrow().is_empty(), "kind {kind}");
        crew.run(5_000);
        let mut told = told.take();
        told.sort_unstable();
        assert_eq!(told, [("old", "old".to_owned()), ("waits", "waits".to_owned())], "kind {kind}");
    }
}

#[test]
fn a_failed_refresh_is_shared_and_what_is_there_stays() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (loads, failed) = (&Cell::new(0), &Cell::new(0));
        let page = &c.cache("page").ttl(secs(600)).share_err(String::clone);
        c.cache("page").ttl(secs(600)).insert_blocking(7_u32).unwrap();
        let mut crew = Crew::new(clock);
        for _ in 0..10 {
            crew.spawn(async move {
                let load = async || {
                    loads.set(loads.get() + 1);
                    sleep(clock, secs(1)).await;
                    Err::<u32, _>("down".to_owned())
                };
                assert_eq!(page.refresh_with(load).await.unwrap_err(), "down");
                failed.set(failed.get() + 1);
            });
        }
        crew.run(1_100);
        assert_eq!((loads.get(), failed.get()), (1, 10), "kind {kind}");
        assert_eq!(c.cache("page").get_blocking::<u32>(), Ok(Some(7)), "kind {kind}");
    }
}

#[test]
fn threads_share_a_failure_and_a_copy_that_panics_ends_its_own_call_alone() {
    // in memory nobody else sleeps by this clock
    let clock = &ManualClock::new();
    let c = &Cachify::builder().clock(clock.clone()).build_memory();
    let (loads, panics) = (&AtomicU32::new(0), &AtomicBool::new(false));
    let load = || {
        loads.fetch_add(1, SeqCst);
        while clock.sleepers() < 7 {
            thread::yield_now();
        }
        Err::<u32, _>("down".to_owned())
    };
    let copy = |error: &String| {
        assert!(!panics.load(SeqCst), "a copy that panics");
        error.clone()
    };
    let crowd = || {
        thread::scope(|scope| {
            let page = || c.cache("page").share_err(copy).get_or_insert_with_blocking(load).unwrap_err();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(page)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|error| error == "down").count()
        })
    };
    assert_eq!((crowd(), loads.swap(0, SeqCst)), (8, 1));
    panics.store(true, SeqCst);
    // the first one to load has no copy for the others, who then are too few to be waited for
    let ended = thread::scope(|scope| {
        let page = || c.cache("page").share_err(copy).get_or_insert_with_blocking(load).unwrap_err();
        let first = scope.spawn(page);
        while loads.load(SeqCst) == 0 {
            thread::yield_now();
        }
        let others: Vec<_> = (0..7)
            .map(|_| {
                scope.spawn(|| {
                    c.cache("page").share_err(copy).get_or_insert_with_blocking(|| {
                        loads.fetch_add(1, SeqCst);
                        Ok::<u32, String>(7)
                    })
                })
            })
            .collect();
        (first.join().is_err(), others.into_iter().all(|thread| thread.join().is_ok_and(|got| got == Ok(7))))
    });
    assert_eq!(ended, (true, true));
}

#[test]
fn a_failure_of_one_type_of_values_is_none_of_another_at_the_same_key() {
    let clock = &ManualClock::new();
    let c = &Cachify::builder().clock(clock.clone()).build().unwrap();
    let found = &Cell::new(false);
    let mut crew = Crew::new(clock);
    crew.spawn(async move {
        let load = async || {
            sleep(clock, secs(1)).await;
            Err::<u32, _>("no number".to_owned())
        };
        let _ = c.cache("k").share_err(String::clone).get_or_insert_with(load).await;
    });
    crew.spawn(async move {
        let load = async || Ok::<String, String>("a text".to_owned());
        let text = c.cache("k").share_err(String::clone).get_or_insert_with(load).await;
        assert_eq!(text.as_deref(), Ok("a text"));
        found.set(true);
    });
    crew.run(2_000);
    assert!(found.get());
}

/// An error that asks the cache when it goes.
#[derive(Debug)]
struct Loud(Cachify);

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = self.0.cache("page").get_blocking::<u32>();
        let _ = self.0.cache("page").reset_blocking();
    }
}

#[test]
fn an_error_may_ask_the_cache_when_it_goes() {
    let clock = &ManualClock::new();
    for c in &kinds(clock)[..2] {
        let done = &Cell::new(0);
        let page = &c.cache("page").share_err(|error: &Loud| Loud(error.0.clone()));
        let mut crew = Crew::new(clock);
        for _ in 0..3 {
            crew.spawn(async move {
                let load = async || {
                    sleep(clock, secs(1)).await;
                    Err::<u32, _>(Loud(c.clone()))
                };
                assert!(page.get_or_insert_with(load).await.is_err());
                done.set(done.get() + 1);
            });
        }
        crew.run(500);
        // those who wait stay where they are, and the load is none any more
        c.cache("page").reset_blocking().unwrap();
        crew.run(5_000);
        assert_eq!(done.get(), 3);
    }
}

/// Two processes, as far as they know.
#[test]
fn a_failure_of_a_load_that_another_process_reset_is_nobody_elses() {
    for by_group in [false, true] {
        let (clock, guest) = (&ManualClock::new(), Guest::new(ManualClock::new()));
        let build = || Cachify::builder().clock(clock.clone()).store(guest.clone()).build().unwrap();
        let (here, there) = (&build(), &build());
        let told = &RefCell::new(Vec::new());
        let call = &async |name: &'static str| {
            let load = async || {
                sleep(clock, secs(1)).await;
                Err::<u32, _>(name.to_owned())
            };
            let failed = match by_group {
                true => here.group("pages").cache("k").share_err(String::clone).get_or_insert_with(load).await,
                false => here.cache("k").share_err(String::clone).get_or_insert_with(load).await,
            };
            told.borrow_mut().push((name, failed.unwrap_err()));
        };
        let mut crew = Crew::new(clock);
        crew.spawn(call("old"));
        crew.run(500);
        crew.spawn(async move {
            match by_group {
                true => there.group("pages").reset_all().await.unwrap(),
                false => drop(there.cache("k").reset().await.unwrap()),
            }
        });
        crew.run(100);
        crew.spawn(call("came later"));
        crew.run(10_000);
        let mut told = told.take();
        told.sort_unstable();
        let expected = [("came later", "came later".to_owned()), ("old", "old".to_owned())];
        assert_eq!(told, expected, "by group {by_group}");
    }
}

/// A store that calls those who wait before it answers.
#[derive(Clone)]
struct CallsFirst(Arc<Guest>);

impl Backend for CallsFirst {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move {
            let ends = matches!(call.op, Op::Release(_));
            let reply = self.0.clone().call_blocking(call);
            let mut is_on_its_way = ends;
            poll_fn(|cx| {
                if take(&mut is_on_its_way) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            reply
        })
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        self.0.clone().changed(key, ticket)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        self.0.clone().abandon(key, token, left);
    }
}

#[test]
fn whoever_the_store_calls_before_it_answers_waits_for_the_news_of_this_process() {
    let (clock, guest) = (&ManualClock::new(), Guest::new(ManualClock::new()));
    let c = &Cachify::builder().clock(clock.clone()).store(CallsFirst(Arc::new(guest))).build().unwrap();
    let (page, loads, told) = (&c.cache("page").share_err(String::clone), &Cell::new(0), &Cell::new(0));
    let load = async || {
        loads.set(loads.get() + 1);
        sleep(clock, secs(1)).await;
        Err::<u32, _>("down".to_owned())
    };
    let (gone, found) = (&Cell::new(false), &Cell::new(0));
    let mut crew = Crew::new(clock);
    for _ in 0..10 {
        crew.spawn(async move {
            assert_eq!(page.get_or_insert_with(load).await.unwrap_err(), "down");
            told.set(told.get() + 1);
        });
    }
    crew.run(5_000);
    assert_eq!((loads.get(), told.get()), (1, 10));

    // nor does anybody wait for one whose caller went in the middle of its end
    let over = clock.now().saturating_add(secs(1));
    crew.spawn(async move {
        let mut call = pin!(page.get_or_insert_with(load));
        // its load is over, and the store has called the others
        poll_fn(|cx| {
            let polled = call.as_mut().poll(cx);
            let is_ending = clock.now() >= over;
            if polled.is_ready() || is_ending { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        gone.set(true);
    });
    crew.run(500);
    for _ in 0..3 {
        crew.spawn(async move {
            assert_eq!(page.get_or_insert_with(async || Ok(7)).await, Ok(7));
            found.set(found.get() + 1);
        });
    }
    crew.run(10_000);
    assert_eq!((gone.get(), found.get()), (true, 3));
}
