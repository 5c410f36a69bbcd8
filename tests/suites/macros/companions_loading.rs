//! The companions that load: `load`, `refresh` and `fetch`.

use cachify::{Cachify, Fetched, ManualClock, Refused, Source, cached, lock, secs};
use cachify_core::testing::block_on;
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{
    cell::RefCell,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
};

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) c: Cachify,
    pub(crate) near: Cachify,
    pub(crate) loads: AtomicU32,
    pub(crate) fails: AtomicBool,
}

/// One whose values are in memory, one outside the process.
pub(crate) fn worlds() -> [World; 2] {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    let instances = [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()];
    instances.map(|c| World {
        clock: clock.clone(),
        c,
        near: builder().build().unwrap(),
        loads: AtomicU32::new(0),
        fails: AtomicBool::new(false),
    })
}

impl World {
    /// The number of this load.
    pub(crate) fn load(&self) -> Result<u32, String> {
        let n = self.loads.fetch_add(1, SeqCst) + 1;
        if self.fails.load(SeqCst) { Err(format!("down at {n}")) } else { Ok(n) }
    }
}

/// Takes a second, and what it is given is used up by it.
#[cached(key = "page:{name}", ttl = 60, stale_for = 60, instance = w.c)]
async fn page(w: &World, name: String, _verbose: bool, _: u8) -> Result<(u32, String), String> {
    sleep(&w.clock, secs(1)).await;
    w.load().map(|n| (n, name))
}

#[cached(key = "price:{id}", ttl = 60, instance = w.c)]
fn price(w: &World, mut id: u64, meanwhile: impl FnOnce()) -> Option<u64> {
    meanwhile();
    id *= 100;
    w.load().ok().map(|n| id + u64::from(n))
}

#[cached(key = "rate", ttl = 60, stale_for = 30, stale_on_error, instance = w.c)]
fn rate(w: &World) -> Result<u32, String> {
    w.load()
}

fn got<T, E>(fetched: Result<Fetched<T>, E>) -> Result<(T, Source), E> {
    fetched.map(|fetched| (fetched.value, fetched.source))
}

/// What tasks do at their second, in simulated time; each notes what it got.
struct Play<'w, 'c> {
    w: &'w World,
    crew: Crew<'c>,
}

impl<'c> Play<'c, 'c> {
    fn new(w: &'c World) -> Self {
        Self { w, crew: Crew::new(&w.clock) }
    }

    fn at(&mut self, ms: u64, act: impl Future<Output = ()> + 'c) -> &mut Self {
        let clock = &self.w.clock;
        self.crew.spawn(async move {
            sleep(clock, std::time::Duration::from_millis(ms)).await;
            act.await;
        });
        self
    }
}

#[test]
fn load_runs_the_body_and_neither_looks_nor_keeps() {
    for w in &worlds() {
        let seen = &RefCell::new(Vec::new());
        let mut play = Play::new(w);
        play.at(0, async {
            let name = || "a".to_owned();
            let first = page::load(w, name(), true, 0).await.unwrap();
            assert_eq!(page::peek(w, "a").await, Ok(None), "nothing is kept");
            let second = page(w, name(), true, 0).await.unwrap();
            let third = page::load(w, name(), true, 0).await.unwrap();
            let again = page(w, name(), true, 0).await.unwrap();
            seen.borrow_mut().extend([first, second, third, again].map(|(n, _)| n));
        });
        play.crew.run(5_000);
        assert_eq!(*seen.borrow(), [1, 2, 3, 2], "and what was there stays");
        assert_eq!((price::load(w, 3, || ()), price::peek(w, 3)), (Some(304), Ok(None)));
    }
}

#[test]
fn fetch_tells_where_a_value_came_from() {
    for w in &worlds() {
        let seen = &RefCell::new(Vec::new());
        let fetch = |at| async move {
            let got = got(page::fetch(w, "a".to_owned(), true, 0).await).unwrap();
            seen.borrow_mut().push((at, got.0.0, got.1));
        };
        let mut play = Play::new(w);
        for at in [0, 500, 1_500, 61_500, 62_000] {
            play.at(at, fetch(at));
        }
        play.crew.run(64_000);
        seen.borrow_mut().sort_by_key(|(at, ..)| *at);
        let expected = [
            (0, 1, Source::Loaded),
            (500, 1, Source::Joined),
            (1_500, 1, Source::Hit),
            (61_500, 2, Source::Loaded),
            (62_000, 1, Source::Stale),
        ];
        assert_eq!(*seen.borrow(), expected);
    }
}

#[test]
fn refresh_loads_once_for_all_who_want_that_while_others_have_the_old_value() {
    for w in &worlds() {
        let seen = &RefCell::new(Vec::new());
        let mut play = Play::new(w);
        for at in [0, 1_500, 2_600] {
            play.at(at, async move {
                let n = page(w, "a".to_owned(), true, 0).await.unwrap().0;
                seen.borrow_mut().push((at, n));
            });
        }
        for at in [1_200, 1_300] {
            play.at(at, async move {
                let n = page::refresh(w, "a".to_owned(), true, 0).await.unwrap().0;
                seen.borrow_mut().push((at, n));
            });
        }
        play.crew.run(4_000);
        seen.borrow_mut().sort_unstable();
        assert_eq!(*seen.borrow(), [(0, 1), (1_200, 2), (1_300, 2), (1_500, 1), (2_600, 2)]);
        assert_eq!(w.loads.load(SeqCst), 2, "one for both who wanted it anew");
    }
}

#[test]
fn a_refresh_of_one_thread_lets_the_others_read() {
    for w in &worlds() {
        assert_eq!(price(w, 1, || ()), Some(101));
        let (loading, read) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let refresh = scope.spawn(|| {
                price::refresh(w, 1, || {
                    loading.wait();
                    read.wait();
                })
            });
            loading.wait();
            let meanwhile = price(w, 1, || unreachable!("a reader does not load"));
            let fetched = price::fetch(w, 1, || unreachable!("nor does who asks for the source")).unwrap();
            read.wait();
            assert_eq!((meanwhile, fetched.value, fetched.source), (Some(101), 101, Source::Hit));
            assert_eq!(refresh.join().unwrap(), Some(102));
        });
        assert_eq!((price(w, 1, || ()), w.loads.load(SeqCst)), (Some(102), 2));
        assert_eq!(price::refresh(w, 2, || ()), Some(203), "also where there is none");
        assert_eq!(price(w, 2, || ()), Some(203));
    }
}

#[test]
fn a_load_that_fails_is_told_and_what_is_there_stays() {
    for w in &worlds() {
        assert_eq!(got(rate::fetch(w)), Ok((1, Source::Loaded)));
        w.fails.store(true, SeqCst);
        assert_eq!(rate::refresh(w), Err("down at 2".to_owned()), "whoever wants it anew is not served the old one");
        assert_eq!(rate::load(w), Err("down at 3".to_owned()));
        assert_eq!(got(rate::fetch(w)), Ok((1, Source::Hit)));
        w.clock.advance(secs(60));
        assert_eq!(got(rate::fetch(w)), Ok((1, Source::Stale)), "who only asks is");
        w.clock.advance(secs(30));
        assert_eq!(got(rate::fetch(w)), Err("down at 5".to_owned()));
        assert!(price::fetch(w, 1, || ()).is_none(), "nothing was found, so it came from nowhere");
    }
}

type Answer<T> = Result<T, String>;

#[cached(key = "alias", ttl = 60, instance = w.c)]
fn alias(w: &World) -> Answer<u32> {
    w.load()
}

#[cached(key = "kept", ttl = 60, cache_err, instance = w.c)]
fn kept(w: &World) -> Result<u32, String> {
    w.load()
}

#[cached(key = "plain", ttl = 60, instance = w.c)]
async fn plain(w: &World) -> u32 {
    w.load().unwrap_or_default()
}

#[cached(key = "nothing", ttl = 60, instance = w.c)]
async fn nothing(w: &World) {
    _ = w.load();
}

#[test]
fn the_source_stands_where_the_value_does() {
    for w in &worlds() {
        let whole: Fetched<Answer<u32>> = alias::fetch(w);
        assert_eq!((whole.value, whole.source), (Ok(1), Source::Loaded), "nobody sees what is behind the name");
        w.fails.store(true, SeqCst);
        let failed: Fetched<Result<u32, String>> = kept::fetch(w);
        assert_eq!((failed.value, failed.source), (Err("down at 2".to_owned()), Source::Loaded));
        assert_eq!(kept::fetch(w).source, Source::Hit, "a failure that is kept is a hit");
        w.fails.store(false, SeqCst);
        assert_eq!(kept::refresh(w), Ok(3));
        assert_eq!(kept::fetch(w).value, Ok(3));
        block_on(async {
            assert_eq!((plain::load(w).await, plain::fetch(w).await.source), (4, Source::Loaded));
            assert_eq!((plain::refresh(w).await, plain::fetch(w).await.value), (6, 6));
            nothing::load(w).await;
            nothing::refresh(w).await;
            assert_eq!(nothing::fetch(w).await.source, Source::Hit);
        });
        assert_eq!(w.loads.load(SeqCst), 8);
    }
}

#[cached(key = "near:{id}", ttl = 10, instance = w.near)]
#[lock(key = "layers:{id}", wait = 1, instance = w.c)]
#[cached(key = "far:{id}", ttl = 60, instance = w.c)]
#[lock(key = "below:{id}", guard = held, instance = w.c)]
fn layers(w: &World, id: u64) -> Result<u32, Refused> {
    Ok(if held.is_valid() { w.load().unwrap() } else { 0 })
}

#[lock(key = "above", instance = w.c)]
#[cached(key = "above", ttl = 60, instance = w.c)]
fn above(w: &World, meanwhile: impl FnOnce()) -> Result<u32, Refused> {
    meanwhile();
    Ok(w.load().unwrap())
}

#[test]
fn of_a_stack_load_is_what_stands_below_all_caches_and_refresh_fills_all_of_them() {
    for w in &worlds() {
        assert_eq!(layers::load(w, 1), Ok(1));
        assert_eq!(layers::peek(w, 1), Ok(None));
        let guard = w.c.lock(("below", 1)).try_acquire_blocking().unwrap();
        assert!(layers::load(w, 1).is_err(), "the lock below is asked");
        drop(guard);
        assert_eq!(got(layers::fetch(w, 1)).unwrap(), (2, Source::Loaded));
        assert_eq!(got(layers::fetch(w, 1)).unwrap(), (2, Source::Hit));
        assert_eq!(layers::refresh(w, 1), Ok(3));
        for (c, name) in [(&w.near, "near"), (&w.c, "far")] {
            assert_eq!(c.cache((name, 1)).get_blocking::<u32>(), Ok(Some(3)), "{name}");
        }
        w.clock.advance(secs(10));
        assert_eq!((layers(w, 1), w.loads.load(SeqCst)), (Ok(3), 3), "the far one has it still");

        let refreshed = above(w, || {
            assert!(above(w, || ()).is_err(), "the lock is taken");
            assert_eq!(above::load(w, || ()), Ok(4), "which nobody asks who begins below it");
        });
        assert_eq!((refreshed, above::refresh(w, || ())), (Ok(5), Ok(6)));
    }
}

fn never() -> u32 {
    unreachable!("it is there")
}

#[test]
fn a_body_that_is_called_once_is_handed_on() {
    #[cached(key = "once:{id}", ttl = 60, instance = w.c)]
    async fn once_only<F: FnOnce() -> u32>(w: &World, id: u8, body: F) -> Option<u32> {
        // one static for all ways to this body
        static RUNS: AtomicU32 = AtomicU32::new(0);
        Some(body() + RUNS.fetch_add(1, SeqCst))
    }
    for (round, w) in (0..).zip(&worlds()) {
        let base = 10 * round;
        block_on(async {
            let owned = [base];
            assert_eq!(once_only(w, 1, move || owned[0]).await, Some(base + 3 * round));
            assert_eq!(once_only::load(w, 1, || base).await, Some(base + 3 * round + 1));
            assert_eq!(once_only::refresh(w, 1, || base).await, Some(base + 3 * round + 2));
            let hit = once_only::fetch(w, 1, never).await.unwrap();
            assert_eq!((hit.value, hit.source), (base + 3 * round + 2, Source::Hit));
        });
    }
}

#[test]
fn of_two_updates_at_once_one_begins_with_what_the_other_made() {
    for w in &worlds() {
        let seen = &RefCell::new(Vec::new());
        let mut play = Play::new(w);
        for at in [0, 500] {
            play.at(at, async move {
                let change = async |old: Option<(u32, String)>| {
                    sleep(&w.clock, secs(1)).await;
                    (old.map_or(0, |(n, _)| n) + 1, String::new())
                };
                let made = page::update(w, "a", change).await.unwrap();
                seen.borrow_mut().push(made.0);
            });
        }
        play.crew.run(8_000);
        assert_eq!((&*seen.borrow(), w.loads.load(SeqCst)), (&vec![1, 2], 0));
    }
}
