//! Cached layers of one function: what lies above lives no longer than what lies below, whoever loaded it.

use crate::shelf::{Hooked, Shelf};
use cachify::{Cachify, Cause, Kv, ManualClock, Memory, cached, lock};
use cachify_core::testing::block_on;
use cachify_tests::{AsyncGuest, Guest};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// One process: layers of its own over one that all share.
struct Process {
    near: Cachify<Memory>,
    middle: Cachify,
    far: Cachify,
    loads: AtomicU32,
}

impl Process {
    fn new(clock: &ManualClock, far: Cachify, loads: u32) -> Self {
        let builder = || Cachify::builder().clock(clock.clone());
        let (near, middle) = (builder().build_memory(), builder().build().unwrap());
        Self { near, middle, far, loads: loads.into() }
    }

    #[cached(instance = self.near, key = "near:{n}", ttl = 60)]
    #[cached(instance = self.far, key = "far:{n}", ttl = 10)]
    fn two(&self, n: u8) -> Result<u32, String> {
        Ok(self.loads.fetch_add(1, SeqCst) + u32::from(n))
    }

    /// With a lock between them, and one that says no TTL.
    #[cached(instance = self.near, key = "near:{n}", ttl = 60)]
    #[lock(instance = self.middle, key = "between:{n}", otherwise = |_| None)]
    #[cached(instance = self.middle, key = "middle:{n}")]
    #[cached(instance = self.far, key = "far:{n}", ttl = 10)]
    async fn three(&self, n: u8) -> Option<u32> {
        Some(self.loads.fetch_add(1, SeqCst) + u32::from(n))
    }
}

type Call<'a> = &'a dyn Fn(&Process) -> u32;

const CALLS: [Call<'static>; 2] = [&|p| p.two(0).unwrap(), &|p| block_on(p.three(0)).unwrap()];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Of a value that is `age` old when another process first hears of it.
fn is_served_until_its_end(clock: &ManualClock, far: &dyn Fn() -> Cachify, call: Call<'_>, age: u64) {
    let [first, second] = [0, 100].map(|loads| Process::new(clock, far(), loads));
    assert_eq!(call(&first), 0);
    clock.advance(ms(age));
    assert_eq!(call(&second), if age < 10_000 { 0 } else { 100 });
    // one that had ended was loaded anew
    let age = if age < 10_000 { age } else { 0 };
    let before = call(&second);
    clock.advance(ms(9_999 - age));
    assert_eq!(call(&second), before, "a millisecond before its end");
    clock.advance(ms(1));
    assert_eq!(call(&second), if before == 0 { 100 } else { 101 }, "at its end");
    // that the second one loaded is no younger for the first
    clock.advance(ms(9_999));
    let last = call(&first);
    clock.advance(ms(1));
    assert_ne!(call(&first), last);
}

#[test]
fn a_near_layer_keeps_nothing_past_the_far_value_s_end() {
    for call in CALLS {
        for age in [0, 1, 5_000, 9_998, 9_999, 10_000, 17_000] {
            let clock = ManualClock::new();
            let builder = || Cachify::builder().clock(clock.clone());
            let (guest, memory) = (Guest::new(clock.clone()), builder().build().unwrap());
            is_served_until_its_end(&clock, &|| memory.clone(), call, age);
            is_served_until_its_end(&clock, &|| builder().store(guest.clone()).build().unwrap(), call, age);
            for wall in [false, true] {
                let shelf = Shelf::new(&clock, wall);
                let far = || builder().store(Kv(Arc::new(shelf.clone()))).build().unwrap();
                is_served_until_its_end(&clock, &far, call, age);
            }
        }
    }
}

/// As long as it may: where the store can tell when its values end.
#[test]
fn a_near_layer_asks_nothing_until_then() {
    for (wall, call) in [(false, CALLS[0]), (true, CALLS[0]), (false, CALLS[1]), (true, CALLS[1])] {
        let clock = ManualClock::new();
        let shelf = Shelf::new(&clock, wall);
        let far = || Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(shelf.clone()))).build().unwrap();
        let [first, second] = [0, 100].map(|loads| Process::new(&clock, far(), loads));
        for process in [&first, &second] {
            call(process);
            let asked = shelf.calls();
            assert!(asked > 0);
            clock.advance(ms(4_999));
            call(process);
            // what another process loaded is kept where its end is known
            let is_told = wall || std::ptr::eq(process, &raw const first);
            assert_eq!(shelf.calls() == 0, is_told, "{wall}");
        }
    }
}

/// While a store does not answer a call asks it once, but for the first one, which learns of it.
#[test]
fn a_far_layer_that_is_away_is_waited_for_once() {
    for call in CALLS {
        let clock = ManualClock::new();
        let asked = Arc::new(AtomicU32::new(0));
        let (counted, time) = (asked.clone(), clock.clone());
        let silent = Hooked::new(Shelf::new(&clock, true), move |_, _: &str| {
            counted.fetch_add(1, SeqCst);
            time.advance(ms(500));
            Err(Cause::TimedOut)
        });
        let far = Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(silent))).build().unwrap();
        let process = Process::new(&clock, far, 0);
        let questions = [0, 1, 2].map(|loads| {
            assert_eq!(call(&process), loads);
            // what the store does not have is kept near for as long as it would be there
            assert_eq!(call(&process), loads);
            clock.advance(ms(10_000));
            asked.swap(0, SeqCst)
        });
        assert_eq!(questions, [2, 1, 1]);
    }
}

/// A value may come all the same.
#[test]
fn a_question_about_the_end_that_has_no_answer_is_no_answer() {
    for call in CALLS {
        for cause in [Cause::TimedOut, Cause::Unknown, Cause::Conflict, Cause::rejected("at times")] {
            let clock = ManualClock::new();
            let shelf = Shelf::new(&clock, true);
            let far = || Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(shelf.clone()))).build().unwrap();
            let first = Process::new(&clock, far(), 0);
            assert_eq!(call(&first), 0);
            clock.advance(ms(9_000));
            let flaky = Hooked::new(shelf.clone(), move |n, _: &str| if n == 0 { Err(cause) } else { Ok(()) });
            let far = Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(flaky))).build().unwrap();
            let second = Process::new(&clock, far, 100);
            call(&second);
            clock.advance(ms(1_000));
            assert!(call(&second) >= 100, "{cause:?}: it ended");
        }
    }
}

/// And what cannot be asked at all brings no value.
#[test]
fn a_near_layer_over_a_store_for_tasks_only_serves_threads() {
    let clock = ManualClock::new();
    let store = AsyncGuest::new(Guest::new(clock.clone()));
    let far = Cachify::builder().clock(clock.clone()).store(store).build().unwrap();
    let process = Process::new(&clock, far, 0);
    assert_eq!([(); 3].map(|()| process.two(0)), [Ok(0), Ok(0), Ok(0)]);
    clock.advance(ms(10_000));
    assert_eq!(process.two(0), Ok(1));
}

/// Nor does a layer that has no end of its own make the upper one forget its own.
#[test]
fn the_shortest_life_counts() {
    struct Layers(Cachify<Memory>, Cachify);
    impl Layers {
        #[cached(instance = self.0, key = "near", ttl = 2)]
        #[cached(instance = self.1, key = "far", ttl = forever)]
        fn call(&self, loads: &AtomicU32) -> u32 {
            loads.fetch_add(1, SeqCst)
        }
    }
    let clock = ManualClock::new();
    let far = Cachify::builder().clock(clock.clone()).build().unwrap();
    let layers = Layers(Cachify::builder().clock(clock.clone()).build_memory(), far);
    let loads = AtomicU32::new(0);
    assert_eq!(layers.call(&loads), 0);
    let is_near = || layers.0.cache("near").get_blocking::<u32>().unwrap().is_some();
    assert!(is_near());
    clock.advance(ms(2_000));
    assert!(!is_near());
    assert_eq!(layers.call(&loads), 0);
    assert!(is_near());
}
