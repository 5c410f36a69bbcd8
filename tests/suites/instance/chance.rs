//! Values that are loaded again by chance, near their end (`XFetch`).

use cachify::{Cachify, Early, ManualClock, cachify_core::time::Clock, secs};
use cachify_core::{FixedStore, Instance, store::lock::NoLock};
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{cell::Cell, time::Duration};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What five callers in a loop see in fifty seconds of a value that lives for ten and takes 50 ms to load: how often
/// it was loaded, and how often somebody waited.
macro_rules! seen {
    ($clock:expr, $c:expr) => {{
        let (clock, c) = ($clock, &$c);
        let (loads, waits) = (&Cell::new(0_u32), &Cell::new(0_u32));
        let mut crew = Crew::new(clock);
        for caller in 0..5 {
            crew.spawn(async move {
                let page = c.cache("page").ttl(secs(10)).early(Early::XFetch);
                // the first one alone finds nothing
                sleep(clock, ms(if caller == 0 { 0 } else { 200 + caller })).await;
                loop {
                    let began = clock.now();
                    let load = async || {
                        loads.set(loads.get() + 1);
                        sleep(clock, ms(50)).await;
                        Ok::<_, ()>(7_u32)
                    };
                    assert_eq!(page.get_or_insert_with(load).await, Ok(7));
                    waits.set(waits.get() + u32::from(clock.now() > began));
                    sleep(clock, ms(5)).await;
                }
            });
        }
        crew.run(50_000);
        (loads.get(), waits.get())
    }};
}

#[test]
fn one_loads_before_the_end_and_nobody_else_waits() {
    let clock = &ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let store = FixedStore::<NoLock, _, 8, u32>::new(clock);
    let device = Instance::new(&store);
    let seen = [
        seen!(clock, builder().build().unwrap()),
        seen!(clock, builder().store(Guest::new(clock.clone())).build().unwrap()),
        seen!(clock, device),
    ];
    for (loads, waits) in seen {
        // a draw of forty times the load is one in e^40
        assert!((5..=7).contains(&loads), "each 8 to 10 s: {loads}");
        assert_eq!(waits, loads, "who loads waits");
    }
}

#[test]
fn nothing_is_early_of_which_no_load_is_known_or_that_takes_no_time() {
    let clock = &ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    let loads = Cell::new(0);
    for second in 0..60_u32 {
        let load = || Ok::<_, ()>(loads.replace(loads.get() + 1));
        let got = c.cache("at once").ttl(secs(20)).early(Early::XFetch).get_or_insert_with_blocking(load);
        assert_eq!(got, Ok(second / 20));
        clock.advance(secs(1));
    }
}

#[test]
fn a_load_that_fails_before_the_end_leaves_its_caller_the_value() {
    let clock = &ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    let page = c.cache("page").ttl(secs(20)).early(Early::XFetch);
    let slow = |out: Result<u32, ()>| {
        clock.advance(secs(600));
        out
    };
    // it lives on from when it came
    assert_eq!(page.get_or_insert_with_blocking(|| slow(Ok(1))), Ok(1));
    let (mut tries, before) = (0, clock.now());
    for _ in 0..100 {
        let fails = || {
            tries += 1;
            Err::<u32, _>(())
        };
        assert_eq!(page.get_or_insert_with_blocking(fails), Ok(1), "at {:?}", clock.now().since(before));
    }
    assert!(tries > 50, "of ten minutes nearly every draw is more than 20 s: {tries}");
}
