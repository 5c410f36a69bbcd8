//! Loads that take too long: they fail, and whoever has an old value is served that meanwhile.

use crate::kinds::kinds;
use cachify::{Asked, ManualClock, Refused, secs};
use cachify_tests::crew::{Crew, sleep};
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::pending,
    pin::pin,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(2);
const OVER: Refused = Refused::LoadTimedOut { limit: LIMIT, asked: Asked::NOTHING };

/// An error that can be shared.
#[derive(Clone, Debug, PartialEq)]
struct Failed(Refused);

impl From<Refused> for Failed {
    fn from(why: Refused) -> Self {
        Self(why)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Notes that a load was dropped.
struct Dropped<'a>(&'a Cell<u32>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_load_that_takes_too_long_is_dropped_and_its_key_is_free() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (dropped, failed) = (&Cell::new(0), &RefCell::new(Vec::new()));
        let mut crew = Crew::new(clock);
        crew.spawn(async move {
            let page = c.cache("page").ttl(secs(60)).load_timeout(LIMIT);
            let hangs = async || {
                let _dropped = Dropped(dropped);
                pending().await
            };
            let out = page.get_or_insert_with(hangs).await as Result<u32, Refused>;
            failed.borrow_mut().push(out);
            let out = page.get_or_insert_with(async || Ok(7)).await;
            failed.borrow_mut().push(out);
        });
        crew.run(1_999);
        assert_eq!((dropped.get(), failed.borrow().len()), (0, 0), "kind {kind}: not before its time");
        crew.run(1_000);
        assert_eq!(dropped.get(), 1, "kind {kind}");
        assert_eq!(*failed.borrow(), [Err(OVER), Ok(7)], "kind {kind}: the next one loads at once");
    }
}

#[test]
fn those_who_waited_are_told_of_it_as_of_any_failure() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (loads, told) = (&Cell::new(0), &RefCell::new(Vec::new()));
        let mut crew = Crew::new(clock);
        for _ in 0..10 {
            crew.spawn(async move {
                let page = c.cache("page").load_timeout(LIMIT).share_err(Failed::clone);
                let hangs = async || {
                    loads.set(loads.get() + 1);
                    pending().await
                };
                let out = page.get_or_insert_with(hangs).await as Result<u32, Failed>;
                told.borrow_mut().push(out);
            });
        }
        crew.run(2_500);
        assert_eq!((loads.get(), told.borrow().len()), (1, 10), "kind {kind}");
        assert!(told.borrow().iter().all(|told| *told == Err(Failed(OVER))), "kind {kind}: {told:?}");
    }
}

#[test]
fn a_load_that_is_ready_at_its_limit_counts_and_one_of_no_length_must_not_wait() {
    let clock = &ManualClock::new();
    let c = &kinds(clock)[0];
    let got = &RefCell::new(Vec::new());
    let mut crew = Crew::new(clock);
    crew.spawn(async move {
        let load = async || {
            sleep(clock, LIMIT).await;
            Ok(1)
        };
        let out = c.cache("at").load_timeout(LIMIT).get_or_insert_with(load).await;
        got.borrow_mut().push(out);
        let at_once = c.cache("none").load_timeout(Duration::ZERO);
        let out = at_once.get_or_insert_with(async || Ok(2)).await;
        got.borrow_mut().push(out);
        let out = c.cache("no").load_timeout(Duration::ZERO).get_or_insert_with(async || pending().await).await;
        got.borrow_mut().push(out);
    });
    crew.run(3_000);
    let none = Err(Refused::LoadTimedOut { limit: Duration::ZERO, asked: Asked::NOTHING });
    assert_eq!(*got.borrow(), [Ok(1), Ok(2), none]);
}

#[test]
fn a_stale_value_is_served_where_the_load_takes_too_long() {
    let clock = &ManualClock::new();
    // without a clock of its own a store has no windows
    for (kind, c) in kinds(clock).iter().enumerate().take(2) {
        let got = &RefCell::new(Vec::new());
        let mut crew = Crew::new(clock);
        crew.spawn(async move {
            let page = c.cache("page").ttl(secs(10)).stale_for(secs(600)).stale_on_error();
            page.insert(1_u32).await.unwrap();
            sleep(clock, secs(11)).await;
            let page = page.load_timeout(LIMIT);
            let out = page.get_or_insert_with(async || pending().await).await as Result<u32, Refused>;
            got.borrow_mut().push(out);
        });
        crew.run(12_999);
        assert!(got.borrow().is_empty(), "kind {kind}");
        crew.run(1_000);
        assert_eq!(*got.borrow(), [Ok(1)], "kind {kind}");
    }
}

#[test]
fn a_call_that_takes_long_gives_way_to_the_value_that_is_there() {
    let clock = &ManualClock::new();
    // without a clock of its own a store has no windows
    for (kind, c) in kinds(clock).iter().enumerate().take(2) {
        let got = &RefCell::new(Vec::new());
        let mut crew = Crew::new(clock);
        crew.spawn(async move {
            let page = c.cache("page").ttl(secs(10)).stale_for(secs(600));
            let load = async |value| {
                sleep(clock, secs(5)).await;
                Ok::<u32, Refused>(value)
            };
            // nothing is there: it waits
            let call = page.get_or_insert_with(async || load(1).await);
            let value = page.soft_load_timeout(secs(1), call).await.unwrap();
            got.borrow_mut().push((clock_secs(clock), value));
            sleep(clock, secs(11)).await;
            // who is polled on, as a task of its own is, brings the next one
            let mut call = pin!(page.get_or_insert_with(async || load(2).await));
            let value = page.soft_load_timeout(secs(1), call.as_mut()).await.unwrap();
            got.borrow_mut().push((clock_secs(clock), value));
            assert_eq!(call.await, Ok(2));
            let value = page.get().await.unwrap().unwrap();
            got.borrow_mut().push((clock_secs(clock), value));
        });
        crew.run(30_000);
        let began = got.borrow()[0].0 - 5;
        assert_eq!(*got.borrow(), [(began + 5, 1), (began + 17, 1), (began + 21, 2)], "kind {kind}");
    }
}

fn clock_secs(clock: &ManualClock) -> u64 {
    use cachify::cachify_core::time::Clock;
    clock.now().as_millis() / 1_000
}
