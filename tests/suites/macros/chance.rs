//! Attributes whose values are loaded again by chance, near their end.

use cachify::{Cachify, Early, ManualClock, cached, secs};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::Guest;
use std::cell::Cell;

/// What is loaded, and what passes meanwhile.
struct Source<C, I> {
    clock: C,
    c: I,
    loads: Cell<u32>,
    lasts: u64,
}

impl<C, I> Source<C, I> {
    const fn new(clock: C, c: I, lasts: u64) -> Self {
        Self { clock, c, loads: Cell::new(0), lasts }
    }

    fn load(&self, pass: impl FnOnce(&C, u64)) -> u32 {
        pass(&self.clock, self.lasts);
        self.loads.set(self.loads.get() + 1);
        self.loads.get()
    }
}

type Server = Source<ManualClock, Cachify>;
type Device<'c> = Source<&'c BareClock, Instance<FixedStore<NoLock, &'c BareClock, 4, u32>>>;

fn on(clock: &ManualClock, lasts: u64) {
    clock.advance(secs(lasts));
}

#[cached(instance = source.c, key("{fn}:{lasts}", lasts = source.lasts), ttl = 10, early = Early::XFetch, companions = false)]
fn price(source: &Server) -> u32 {
    source.load(on)
}

/// In its window, and with a time by value, of which nothing is known beforehand.
#[cached(
    instance = source.c, key("{fn}:{lasts}", lasts = source.lasts), ttl = |_: &u32| 10, stale_for = 5,
    early = cachify::Early::XFetch, companions = false
)]
async fn rate(source: &Server) -> Result<u32, String> {
    Ok(source.load(on))
}

#[cachify_core::cached(instance = source.c, key = "chance", ttl = 10, early = Early::XFetch, companions = false)]
async fn reading(source: &Device<'_>) -> u32 {
    source.load(|clock, lasts| clock.advance(secs(lasts)))
}

#[test]
fn what_takes_a_thousand_lives_to_load_is_nearly_always_due_and_what_takes_no_time_never() {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let sources = |lasts| {
        let instances = [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()];
        instances.map(|c| Source::new(clock.clone(), c, lasts))
    };
    let calls = |call: &dyn Fn() -> u32| (0..30).map(|_| call()).max().unwrap();
    for source in sources(10_000) {
        // a draw of less than a thousandth is one in a thousand
        assert!(calls(&|| price(&source)) > 20 && calls(&|| block_on(rate(&source)).unwrap()) > 20);
    }
    for source in sources(0) {
        assert_eq!((calls(&|| price(&source)), calls(&|| block_on(rate(&source)).unwrap())), (1, 2));
    }
    let clock = BareClock::new();
    let device = |lasts| Device::new(&clock, Instance::new(FixedStore::<NoLock, _, 4, _>::new(&clock)), lasts);
    let (slow, quick) = (device(10_000), device(0));
    assert_eq!(calls(&|| block_on(reading(&quick))), 1);
    assert!(calls(&|| block_on(reading(&slow))) > 20);
}
