//! The companions that load, of functions of all kinds: methods, generic ones, those of a trait, of a device, with all options.

use super::companions_loading::{World, worlds};
use cachify::{Asked, Cachify, Fetched, Memory, Refused, Source, cached, lock, secs};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock as BareClock, block_on},
};
use cachify_tests::crew::{Crew, sleep};
use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

impl World {
    #[cached(key = "borrowed:{id}", ttl = 60, instance = self.c)]
    async fn borrowed(&self, id: u8) -> Result<u32, String> {
        self.load().map(|n| n + u32::from(id))
    }

    #[cached(key = "changed", ttl = 60, instance = LOCAL)]
    fn changed(&mut self, by: u32) -> u32 {
        *self.loads.get_mut() += by;
        *self.loads.get_mut()
    }

    #[cached(key = "pushed", ttl = 60, instance = LOCAL)]
    async fn pushed<'a>(&mut self, all: &mut Vec<&'a str>, one: &'a str) -> Result<usize, &'a str> {
        all.push(one);
        *self.loads.get_mut() += 1;
        async { if one.is_empty() { Err(one) } else { Ok(all.len()) } }.await
    }

    #[cached(key = "consumed", ttl = 60, instance = LOCAL)]
    fn consumed(mut self: Box<Self>) -> u32 {
        *self.loads.get_mut() += 1;
        self.loads.into_inner()
    }

    #[cached(key = "free:{id}", ttl = 60, instance = LOCAL, companions = methods)]
    async fn free(id: u8, loads: &AtomicU32) -> u32 {
        u32::from(id) + loads.fetch_add(1, SeqCst)
    }
}

#[test]
fn those_of_a_method_are_methods() {
    for mut w in worlds() {
        block_on(async {
            assert_eq!((w.borrowed_load(10).await, w.borrowed(10).await), (Ok(11), Ok(12)));
            let hit = w.borrowed_fetch(10).await.unwrap();
            assert_eq!((hit.value, hit.source, w.borrowed_refresh(10).await), (12, Source::Hit, Ok(13)));
        });
        assert!(w.changed_reset().is_ok());
        assert_eq!((w.changed_load(1), w.changed(1), w.changed(1), w.changed_refresh(1)), (4, 5, 5, 6));
        assert_eq!(w.changed_fetch(1).source, Source::Hit);
        let (loads, mut all) = (AtomicU32::new(0), Vec::new());
        block_on(async {
            assert!(w.pushed_reset().await.is_ok());
            assert_eq!((w.pushed_load(&mut all, "").await, w.pushed(&mut all, "a").await), (Err(""), Ok(2)));
            assert_eq!(
                (w.pushed_refresh(&mut all, "b").await, w.pushed_fetch(&mut all, "").await.unwrap().value),
                (Ok(3), 3)
            );
            assert!(World::free_reset(1).await.is_ok());
            assert_eq!((World::free_load(1, &loads).await, World::free(1, &loads).await), (1, 2));
            assert_eq!((World::free_refresh(1, &loads).await, World::free_fetch(1, &loads).await.value), (3, 3));
        });
        assert!(Box::new(w).consumed_load() > 0);
    }
}

/// A parameter of the `impl`.
struct Of<T>(T, AtomicU32);

impl<T: Display + Clone + Send + Sync + 'static> Of<T> {
    #[cached(instance = LOCAL, key = "of:{more[0]}", ttl = 60, companions = methods)]
    fn text<const N: usize>(&self, more: [u8; N]) -> Result<String, &'static str> {
        Ok(format!("{} {} {N}", self.0, self.1.fetch_add(1, SeqCst)))
    }
}

trait Sized3 {
    fn number(&self) -> u32;

    #[cached(instance = LOCAL, key = "default:{id}", ttl = 60)]
    fn tripled(&self, id: u8) -> u32 {
        self.number() * 3 + u32::from(id)
    }
}

impl Sized3 for AtomicU32 {
    fn number(&self) -> u32 {
        self.fetch_add(1, SeqCst)
    }
}

#[cached(instance = LOCAL, key = "shown:{id:hash}", ttl = 60)]
async fn shown<'a, T, E>(id: &'a T, seen: &AtomicU32, failed: Option<E>) -> Result<String, E>
where
    T: Display + std::hash::Hash + Sync + ?Sized,
    E: Send + Sync + 'static,
{
    match failed {
        Some(failed) => Err(failed),
        None => Ok(format!("{id} {}", seen.fetch_add(1, SeqCst))),
    }
}

#[test]
fn generic_functions_and_those_of_a_trait_have_them() {
    let dynamic: &dyn Sized3 = &AtomicU32::new(0);
    assert_eq!((dynamic.tripled_load(1), dynamic.tripled(1), dynamic.tripled_refresh(1)), (1, 4, 7));
    assert_eq!(dynamic.tripled_fetch(1), dynamic.tripled_fetch(1), "also where nobody knows which one it is");
    let seen = AtomicU32::new(0);
    block_on(async {
        assert_eq!(shown::load("a", &seen, None::<String>).await.unwrap(), "a 0");
        assert_eq!(shown::load("a", &seen, Some(7)).await, Err(7));
        assert_eq!(shown("a", &seen, None::<u8>).await.unwrap(), "a 1");
        assert_eq!(shown::refresh(&'a', &seen, None::<u8>).await.unwrap(), "a 2");
        let fetched: Result<Fetched<String>, u8> = shown::fetch("a", &seen, None).await;
        assert_eq!(fetched.unwrap().source, Source::Hit);
    });
}

#[test]
fn what_a_key_and_an_impl_are_generic_in_is_handed_on() {
    let of = Of("x", AtomicU32::new(0));
    assert_eq!(of.text_load([1]).unwrap(), "x 0 1");
    assert_eq!((of.text([1]).unwrap(), of.text_refresh([1]).unwrap()), ("x 1 1".into(), "x 2 1".into()));
    assert_eq!(of.text_fetch([1]).unwrap().value, "x 2 1");
}

static TASKS: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().build().unwrap());

#[cached(instance = TASKS, key = "slow:{n}", ttl = 60, detached)]
async fn slow(n: u32, loads: Arc<AtomicU32>) -> Result<u32, Refused> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(loads.fetch_add(1, SeqCst) + n)
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_detached_goes_on_although_its_caller_gave_up() {
    let (loads, ms) = (Arc::new(AtomicU32::new(0)), Duration::from_millis);
    for (n, source) in [(1, Source::Loaded), (2, Source::Hit), (3, Source::Hit)] {
        let fetched = slow::fetch(1, loads.clone()).await.unwrap();
        assert_eq!((fetched.value, fetched.source), (n, source));
        assert!(tokio::time::timeout(ms(50), slow::refresh(1, loads.clone())).await.is_err());
        assert!(tokio::time::timeout(ms(50), slow::load(1, loads.clone())).await.is_err(), "the body alone does not");
        tokio::time::sleep(ms(10)).await;
    }
    assert_eq!(loads.load(SeqCst), 4);
}

#[cached(instance = w.c, key = "soft", ttl = 60, stale_for = 600, load_timeout = 5)]
#[cached(instance = w.c, key = "hard", ttl = 600)]
async fn limited(w: &World, takes: u64) -> Result<u32, Refused> {
    sleep(&w.clock, secs(takes)).await;
    Ok(w.load().unwrap())
}

#[test]
fn over_another_layer_a_limit_holds_too() {
    for w in &worlds() {
        let seen = &RefCell::new(Vec::new());
        let mut crew = Crew::new(&w.clock);
        crew.spawn(async {
            let fetched = limited::fetch(w, 1).await.map(|fetched| fetched.value);
            let (late, anew) = (limited::refresh(w, 9).await, limited::refresh(w, 1).await);
            seen.borrow_mut().extend([fetched, late, anew]);
        });
        crew.run(10_000);
        let over = Err(Refused::LoadTimedOut { limit: secs(5), asked: Asked::NOTHING });
        assert_eq!(*seen.borrow(), [Ok(1), over, Ok(2)]);
        assert_eq!(w.c.cache("hard").get_blocking::<u32>(), Ok(Some(2)));
    }
}

static SERVED: LazyLock<cachify::ManualClock> = LazyLock::new(cachify::ManualClock::new);
static SOFT: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().clock(SERVED.clone()).build().unwrap());

#[cached(instance = SOFT, key = "served", ttl = 60, stale_for = 600, detached, soft_load_timeout = 1)]
async fn served(loads: Arc<AtomicU32>, takes: u64) -> u32 {
    sleep(&SERVED, secs(takes)).await;
    loads.fetch_add(1, SeqCst)
}

#[test]
fn past_a_soft_limit_fetch_says_that_its_value_is_stale() {
    let (loads, seen) = (Arc::new(AtomicU32::new(0)), &RefCell::new(Vec::new()));
    let mut crew = Crew::new(&SERVED);
    crew.spawn(async {
        for (at, takes) in [(0, 0), (60, 3)] {
            sleep(&SERVED, secs(at)).await;
            let fetched = served::fetch(loads.clone(), takes).await;
            seen.borrow_mut().push((fetched.value, Some(fetched.source)));
        }
        let anew = served::refresh(loads.clone(), 3).await;
        seen.borrow_mut().push((anew, None));
    });
    crew.run(65_000);
    let expected = [(0, Some(Source::Loaded)), (0, Some(Source::Stale)), (1, None)];
    assert_eq!(*seen.borrow(), expected, "and whoever wants it anew waits");
}

#[cached(instance = TASKS, key("closed:{no}", no = none()), ttl = 60, closed)]
fn closed(paid: &AtomicU32) -> Result<u32, Refused> {
    Ok(paid.fetch_add(1, SeqCst))
}

/// Makes no key.
const fn none() -> NoKey {
    NoKey
}

struct NoKey;

impl Display for NoKey {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

#[test]
fn what_is_closed_does_not_run_without_its_store_unless_the_body_alone_is_wanted() {
    let paid = AtomicU32::new(0);
    assert!(closed(&paid).is_err() && closed::refresh(&paid).is_err() && closed::fetch(&paid).is_err());
    assert_eq!((paid.load(SeqCst), closed::load(&paid)), (0, Ok(0)));
}

#[cached(instance = w.c, key = "form:{id}", ttl = |n: &u64| secs(*n), jitter = 0.01, encode = u64::to_string, decode = read)]
fn form(w: &World, id: u8) -> Option<u64> {
    w.load().ok().map(|n| u64::from(n) * 10 + u64::from(id))
}

fn read(text: String) -> u64 {
    text.parse().unwrap()
}

#[test]
fn a_value_has_its_form_and_its_time() {
    for w in worlds() {
        assert_eq!(form::refresh(&w, 1), Some(11));
        let stored = || w.c.cache(("form", 1)).get_blocking::<String>().unwrap();
        assert_eq!((stored().as_deref(), form::fetch(&w, 1).unwrap().value), (Some("11"), 11));
        w.clock.advance(secs(11));
        assert_eq!((stored(), form::fetch(&w, 1).unwrap().source), (None, Source::Loaded));
    }
}

type Device<'c> = Instance<FixedStore<NoLock, &'c BareClock, 4, u32>>;

#[cachify_core::cached(instance = device, key = "t:{sensor}", ttl = 5, stale_for = 10)]
async fn temperature(device: &Device<'_>, sensor: u8, readings: &Cell<u32>) -> Result<u32, ()> {
    readings.set(readings.get() + 1);
    Ok(readings.get() * 10 + u32::from(sensor))
}

#[cachify_core::cached(instance = device, key = "v:{sensor}", ttl = 5)]
fn voltage(device: &Device<'_>, sensor: u8, readings: &Cell<u32>) -> u32 {
    readings.set(readings.get() + 1);
    readings.get() * 10 + u32::from(sensor)
}

#[test]
fn a_device_has_them() {
    let (clock, readings) = (BareClock::new(), Cell::new(0));
    let device = Device::new(FixedStore::<NoLock, _, 4, _>::new(&clock));
    block_on(async {
        let fetch =
            async || temperature::fetch(&device, 1, &readings).await.map(|fetched| (fetched.value, fetched.source));
        assert_eq!((temperature::load(&device, 1, &readings).await, fetch().await), (Ok(11), Ok((21, Source::Loaded))));
        assert_eq!((temperature::refresh(&device, 1, &readings).await, fetch().await), (Ok(31), Ok((31, Source::Hit))));
    });
    assert_eq!((voltage::load(&device, 1, &readings), voltage(&device, 1, &readings)), (41, 51));
    assert_eq!(
        (voltage::refresh(&device, 1, &readings), voltage::fetch(&device, 1, &readings).source),
        (61, Source::Hit)
    );
}

/// A pattern has taken the argument apart: the body stays where it is, and other companions are as they were.
#[cached(instance = LOCAL, key = "apart:{a}", ttl = 60)]
fn apart((a, b): (u8, u8)) -> u8 {
    a + b
}

/// What leads to the instance is not handed on while it is in use.
#[cached(instance = c, key = "owned:{id}", ttl = 60)]
fn owned(c: Cachify<Memory>, id: u8) -> u8 {
    id
}

/// Nobody below sees what holds the lock.
#[lock(instance = LOCAL, key = "guarded", guard = held)]
#[cached(instance = LOCAL, key = "guarded", ttl = 60)]
fn guarded() -> Result<bool, Refused> {
    Ok(held.is_valid())
}

/// # Safety
/// It is safe.
#[cached(instance = LOCAL, key = "unsafe", ttl = 60)]
unsafe fn not_safe() -> u8 {
    1
}

#[test]
fn a_function_whose_arguments_cannot_be_handed_on_is_as_it_was() {
    assert_eq!((apart((1, 2)), apart::peek((1, 0)), apart::reset((1, 0))), (3, Ok(Some(3)), Ok(true)));
    let c = Cachify::builder().build_memory();
    assert_eq!((owned(c.clone(), 1), owned::reset(c, 1)), (1, Ok(true)));
    assert_eq!((guarded(), guarded::reset()), (Ok(true), Ok(true)));
}

/// The lint speaks where the body is; what is expected here is allowed there.
#[cached(instance = LOCAL, key = "levels", ttl = 60)]
#[expect(unused_mut, clippy::identity_op, reason = "nobody minds")]
#[deny(unused_variables)]
fn levels(_: u8, _two: u8) -> u32 {
    let mut sum = 1;
    sum + 0
}

#[test]
fn lints_are_at_the_level_that_is_said() {
    assert_eq!((levels(1, 2), levels::load(1, 2), levels::fetch(1, 2).value), (1, 1, 1));
}
