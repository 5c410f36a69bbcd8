//! Values near their end, as attributes say it.

use cachify::{Cachify, ManualClock, cached, secs};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::Guest;
use std::{
    cell::Cell,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

struct World {
    clock: ManualClock,
    c: Cachify,
    loads: AtomicU32,
    fails: bool,
}

/// One whose values are in memory, one outside the process.
fn worlds() -> [World; 2] {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let instances = [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()];
    instances.map(|c| World { clock: clock.clone(), c, loads: AtomicU32::new(0), fails: false })
}

impl World {
    fn load(&self) -> Result<u32, String> {
        let n = self.loads.fetch_add(1, SeqCst) + 1;
        if self.fails { Err(format!("down at {n}")) } else { Ok(n) }
    }
}

#[cached(key = "k", ttl = 60, stale_for = 30, instance = w.c)]
fn price(w: &World, meanwhile: impl FnOnce()) -> u32 {
    meanwhile();
    w.load().unwrap_or_default()
}

#[cached(key = "a", ttl = "1m", stale_for = 30, stale_on_error, instance = w.c)]
async fn rate(w: &World) -> Result<u32, String> {
    w.load()
}

#[cached(key = "b", ttl = 60, stale_for = secs(30), stale_on_error = true, instance = w.c)]
fn rate_blocking(w: &World) -> Result<u32, String> {
    w.load()
}

#[cached(key = "e", ttl = 100, early = 0.29, instance = w.c)]
fn early(w: &World) -> Result<u32, String> {
    w.load()
}

#[cached(key = "f", ttl = 100, early = 0.5, instance = w.c)]
fn found(w: &World) -> Option<u32> {
    w.load().ok()
}

#[test]
fn in_its_window_a_value_is_served_while_one_call_loads_it_again() {
    for w in worlds() {
        assert_eq!(price(&w, || ()), 1);
        w.clock.advance(secs(60));
        let (loading, served) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                price(&w, || {
                    loading.wait();
                    served.wait();
                })
            });
            loading.wait();
            let meanwhile = price(&w, || ());
            served.wait();
            assert_eq!((meanwhile, load.join().unwrap()), (1, 2));
        });
        assert_eq!(price(&w, || ()), 2);
        w.clock.advance(secs(90));
        assert_eq!(price(&w, || ()), 3);
    }
}

#[test]
fn a_call_that_fails_is_made_good_within_the_window_and_not_past_it() {
    for mut w in worlds() {
        for _ in 0..2 {
            w.fails = false;
            let fresh = (block_on(rate(&w)).unwrap(), rate_blocking(&w).unwrap());
            w.fails = true;
            w.clock.advance(secs(60));
            assert_eq!((block_on(rate(&w)).unwrap(), rate_blocking(&w).unwrap()), fresh);
            w.clock.advance(secs(29));
            assert_eq!((block_on(rate(&w)).unwrap(), rate_blocking(&w).unwrap()), fresh);
            w.clock.advance(secs(1));
            assert!(block_on(rate(&w)).is_err() && rate_blocking(&w).is_err());
        }
    }
}

#[test]
fn early_loads_again_before_the_end_and_a_load_that_brings_nothing_costs_nothing() {
    for mut w in worlds() {
        assert_eq!(early(&w), Ok(1));
        w.clock.advance(secs(28));
        assert_eq!(early(&w), Ok(1));
        w.clock.advance(secs(1));
        w.fails = true;
        assert_eq!(early(&w), Ok(1), "it is fresh");
        assert_eq!(w.loads.load(SeqCst), 2, "29 per cent are over, not 28 of what a binary fraction makes of it");
        w.fails = false;
        assert_eq!(early(&w), Ok(3));
        w.clock.advance(secs(28));
        assert_eq!(early(&w), Ok(3), "for a whole TTL");
        w.fails = true;
        let found_it = || found(&w);
        assert_eq!(found_it(), None, "nothing was found, which is no failure");
    }
}

#[cached(key = "outer", ttl = 1_000, instance = w.c)]
#[cached(key = "inner", ttl = 60, stale_for = 30, instance = w.c)]
fn layered(w: &World, meanwhile: impl FnOnce()) -> u32 {
    meanwhile();
    w.load().unwrap_or_default()
}

#[test]
fn a_layer_keeps_no_value_that_is_stale_below() {
    for w in worlds() {
        assert_eq!(layered(&w, || ()), 1);
        w.clock.advance(secs(59));
        assert_eq!(layered(&w, || ()), 1);
        w.clock.advance(secs(1));
        assert_eq!(w.c.cache("outer").get_blocking::<u32>(), Ok(None), "to the end of what is fresh below");
        let below = || w.c.cache("inner").get_blocking::<u32>();
        assert_eq!(layered(&w, || assert_eq!(below(), Ok(Some(1)), "it is there, and stale")), 2);
    }
}

type Device<'c> = Instance<FixedStore<NoLock, &'c BareClock, 4, u32>>;

struct Board<'c> {
    device: Device<'c>,
    readings: Cell<u32>,
}

#[cachify_core::cached(
    instance = board.device, key = "t:{sensor}", ttl = 5, stale_for = 10, stale_on_error, early = 0.6,
    companions = false
)]
async fn temperature(board: &Board<'_>, sensor: u8, works: bool) -> Result<u32, ()> {
    board.readings.set(board.readings.get() + 1);
    if works { Ok(board.readings.get()) } else { Err(()) }
}

#[test]
fn a_device_serves_the_last_reading_while_its_sensor_fails() {
    let clock = BareClock::new();
    let board = Board { device: Device::new(FixedStore::<NoLock, _, 4, _>::new(&clock)), readings: Cell::new(0) };
    let read = |works| block_on(temperature(&board, 1, works));
    assert_eq!(read(false), Err(()), "there is none");
    assert_eq!(read(true), Ok(2));
    clock.advance(secs(2));
    assert_eq!((read(true), board.readings.get()), (Ok(2), 2));
    clock.advance(secs(1));
    assert_eq!((read(false), board.readings.get()), (Ok(2), 3), "due early");
    clock.advance(secs(11));
    assert_eq!(read(false), Ok(2), "stale");
    clock.advance(secs(1));
    assert_eq!(read(false), Err(()));
}
