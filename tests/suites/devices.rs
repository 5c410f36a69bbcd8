//! The macros as firmware uses them, on both brackets: the small ones, which the types choose for a store in RAM whose
//! clock needs no timer objects, and the ones for stores that must be awaited. Both must do the same.

use cachify::StdLock;
use cachify_core::{
    Config, FixedStore, Holding, Instance, Refused, WhenFull, cached, lock,
    observe::{Event, Observer},
    once, pooled,
    store::fixed::State,
    testing::ManualClock,
    time::{Clock, Instant, Timer},
};
use proptest::prelude::*;
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Told apart only by its type: it is no `PollTimer`, so its calls go through the brackets that await.
struct Awaited(ManualClock);

impl Clock for Awaited {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Timer for Awaited {
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        self.0.sleep_until(at)
    }
}

type Fixed<C> = FixedStore<StdLock, C, 3, u32, 12, 8>;

/// Notes every event.
#[derive(Debug)]
struct Told;

thread_local! {
    static EVENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        EVENTS.with_borrow_mut(|events| events.push(format!("{event:?}")));
    }
}

/// Steps of the bodies, so that a schedule can hold a call inside.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Pending three times, so that a heartbeat can fall between two polls of a body.
async fn pause() {
    let mut left = 3;
    std::future::poll_fn(|_| {
        left -= 1;
        if left < 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

macro_rules! device {
    ($module:ident, $clock:ty, $new:expr) => {
        mod $module {
            use super::*;
            pub(super) static CLOCK: std::sync::LazyLock<$clock> = std::sync::LazyLock::new(|| $new);
            pub(super) type Store = Fixed<&'static $clock>;

            /// A device of its own for each history; leaked, as a firmware's statics never end.
            pub(super) fn device() -> &'static Instance<&'static Store, Told> {
                let store: &'static Store = Box::leak(Box::new(Store::over(Mutex::new(State::new()), &CLOCK)));
                Box::leak(Box::new(Instance::with(store, Config::default(), Told)))
            }

            #[lock(instance = device, key = "bus:{n}", wait = "20ms", ttl = "9ms", companions = false)]
            pub(super) async fn bus(device: &'static Instance<&'static Store, Told>, n: u8) -> Result<u32, Refused> {
                pause().await;
                Ok(RUNS.fetch_add(1, SeqCst))
            }
            #[once(instance = device, key = "up:{n}", keep = "15ms", ttl = "9ms", companions = false)]
            pub(super) async fn upload(device: &'static Instance<&'static Store, Told>, n: u8) -> Result<u32, Refused> {
                pause().await;
                Ok(RUNS.fetch_add(1, SeqCst))
            }
            #[pooled(instance = device, key = "radio:{n}", size = 2, wait = "5ms", ttl = "9ms", companions = false)]
            pub(super) async fn radio(device: &'static Instance<&'static Store, Told>, n: u8) -> Result<u32, Refused> {
                pause().await;
                Ok(RUNS.fetch_add(1, SeqCst))
            }
            #[cached(instance = device, key = "t:{n}", ttl = "12ms", companions = false)]
            pub(super) async fn sensor(device: &'static Instance<&'static Store, Told>, n: u8) -> Result<u32, Refused> {
                pause().await;
                Ok(RUNS.fetch_add(1, SeqCst))
            }

            #[lock(instance = device, key = "motor", ttl = "30ms", guard = held, companions = false)]
            async fn motor(device: &'static Instance<&'static Store, Told>) -> Result<u32, Refused> {
                held.lost().await;
                Ok(0)
            }

            /// A body that waits for its loss, with everything that a test does to it.
            pub(super) fn learns_of_its_loss(pass: impl Fn(u64)) {
                let device = device();
                let flag = Arc::<Flag>::default();
                let waker = Waker::from(flag.clone());
                let mut cx = Context::from_waker(&waker);
                let mut body = Box::pin(motor(device));
                assert!(body.as_mut().poll(&mut cx).is_pending());
                assert_eq!(device.lock("motor").force_release_blocking(), Ok(true));
                pass(12);
                flag.0.store(false, SeqCst);
                // the heartbeat, after the body
                assert!(body.as_mut().poll(&mut cx).is_pending());
                assert!(flag.0.load(SeqCst), "the body is to look again");
                assert_eq!(body.as_mut().poll(&mut cx), Poll::Ready(Ok(0)), "long before its old end");
            }

            pub(super) fn call(device: &'static Instance<&'static Store, Told>, what: u8, n: u8) -> super::Call {
                match what {
                    0 => Box::pin(bus(device, n)),
                    1 => Box::pin(upload(device, n)),
                    2 => Box::pin(radio(device, n)),
                    _ => Box::pin(sensor(device, n)),
                }
            }
        }
    };
}

type Call = Pin<Box<dyn Future<Output = Result<u32, Refused>>>>;
device!(small, ManualClock, ManualClock::new());
device!(awaited, Awaited, Awaited(ManualClock::new()));

#[derive(Clone, Copy, Debug)]
enum Step {
    Start(u8, u8),
    Poll(usize),
    Cancel(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // mostly one key of each kind; now and then so many that the store is full
        3 => (0_u8..4, prop_oneof![3 => Just(0), 2 => 1_u8..9]).prop_map(|(what, n)| Step::Start(what, n)),
        6 => (0_usize..6).prop_map(Step::Poll),
        1 => (0_usize..6).prop_map(Step::Cancel),
        3 => (1_u64..8).prop_map(Step::Pass),
    ]
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// Plays a history; what every call returned and when, what the observer was told, and who was woken.
fn play(history: &[Step], start: impl Fn(u8, u8) -> Call, pass: impl Fn(u64)) -> Vec<String> {
    RUNS.store(0, SeqCst);
    EVENTS.take();
    let mut calls: Vec<Option<(Call, Arc<Flag>)>> = Vec::new();
    let mut diary = Vec::new();
    for step in history {
        match *step {
            Step::Start(what, n) => calls.push(Some((start(what, n), Arc::default()))),
            Step::Pass(ms) => pass(ms),
            Step::Cancel(i) => drop(calls.get_mut(i).map(Option::take)),
            Step::Poll(i) => {
                if let Some(slot) = calls.get_mut(i)
                    && let Some((call, flag)) = slot
                {
                    flag.0.store(false, SeqCst);
                    let waker = Waker::from(flag.clone());
                    if let Poll::Ready(out) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
                        diary.push(format!("{i} returns {out:?}"));
                        *slot = None;
                    }
                }
            }
        }
        EVENTS.with_borrow_mut(|events| diary.append(events));
        let woken: Vec<_> = calls.iter().map(|c| c.as_ref().is_some_and(|(_, f)| f.0.load(SeqCst))).collect();
        diary.push(format!("{step:?}: woken {woken:?}"));
    }
    diary
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// The small brackets and the awaiting ones agree on every history of calls.
    #[test]
    fn both_brackets_do_the_same(history in prop::collection::vec(step(), 1..90)) {
        let (one, other) = (small::device(), awaited::device());
        let by_small = play(&history, |w, n| small::call(one, w, n), |ms| small::CLOCK.advance(Duration::from_millis(ms)));
        let by_awaited =
            play(&history, |w, n| awaited::call(other, w, n), |ms| awaited::CLOCK.0.advance(Duration::from_millis(ms)));
        prop_assert_eq!(by_small, by_awaited);
    }
}

static CLOCK: ManualClock = ManualClock::new();
static STORE: std::sync::LazyLock<Fixed<&'static ManualClock>> =
    std::sync::LazyLock::new(|| Fixed::over(Mutex::new(State::new()), &CLOCK));
static DEVICE: std::sync::LazyLock<Instance<&'static Fixed<&'static ManualClock>>> =
    std::sync::LazyLock::new(|| Instance::new(&STORE));

#[once(instance = DEVICE, key = "once:{n}")]
async fn skipped(n: u8) -> Option<u8> {
    pause().await;
    Some(n)
}

#[lock(instance = DEVICE, key = "a rather long key:{n}")]
async fn too_long(n: u64) -> Result<u64, Refused> {
    Ok(n)
}

#[cached(instance = DEVICE, key = "a rather long key:{n}")]
async fn uncached(n: u64) -> u32 {
    n as u32
}

#[lock(instance = DEVICE, key = "deep", guard = held)]
async fn fenced() -> Result<u64, Refused> {
    assert!(held.is_valid());
    Ok(held.fence().0)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    cachify_core::testing::block_on(future)
}

#[test]
fn a_device_refuses_in_its_own_words_and_never_panics() {
    assert_eq!(block_on(too_long(u64::MAX)), Err(Refused::KeyTooLong));
    assert_eq!(block_on(uncached(7)), 7, "a cache fails open");
    assert!(too_long::key(1).is_err());
    let mut first = Box::pin(skipped(1));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(block_on(skipped(1)), None);
    assert!(block_on(skipped::is_locked(1)).unwrap());
    drop(first);
    assert_eq!(block_on(skipped(1)), Some(1));
    assert!(block_on(fenced()).unwrap() < block_on(fenced()).unwrap());
}

#[test]
fn a_full_store_says_so_and_evicts_no_lease_for_a_value() {
    let clock = ManualClock::new();
    let store = FixedStore::<cachify_core::store::lock::NoLock, _, 2, u32>::new(&clock);
    let device = Instance::new(&store);
    let (a, b) = (device.lock("a").acquire_blocking().unwrap(), device.pool("b", 1).take_blocking().unwrap());
    assert_eq!(device.lock("c").acquire_blocking().unwrap_err(), Refused::StoreFull);
    assert_eq!(device.once("d").begin_blocking().unwrap_err(), Refused::StoreFull);
    assert_eq!(device.cache("e").get_or_insert_with_blocking(|| Ok::<u32, ()>(5)), Ok(5), "a cache fails open");
    assert_eq!((a.release(), b.release()), (Ok(Holding::Kept), Ok(Holding::Kept)));
    assert_eq!(device.cache("e").get_or_insert_with_blocking(|| Ok::<u32, ()>(5)), Ok(5));
    assert_eq!(device.cache("e").get_blocking(), Ok(Some(5)), "ended leases made room");
}

#[test]
fn a_full_store_may_forget_the_value_that_ends_soonest_and_nothing_else() {
    let clock = ManualClock::new();
    let store = FixedStore::<cachify_core::store::lock::NoLock, _, 4, u32>::new(&clock);
    store.set_when_full(WhenFull::EvictValue);
    let device = Instance::new(&store);
    let fill = |key: &'static str, secs| {
        let cache = device.cache(key).ttl(Duration::from_secs(secs));
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
    };
    let has = |key: &'static str| device.cache(key).get_blocking() == Ok(Some(1_u32));
    let held = device.lock("held").ttl(Duration::from_secs(1)).acquire_blocking().unwrap();
    device.once("ran").keep(Duration::from_secs(1)).run_blocking(|_| Some(())).unwrap();
    fill("late", 60);
    fill("soon", 30);
    // a third one takes the place of the one that ends soonest, not of what ends sooner still
    fill("other", 50);
    assert_eq!([has("late"), has("soon"), has("other")], [true, false, true]);
    let (_second, _third) =
        (device.lock("b").acquire_blocking().unwrap(), device.lock("c").acquire_blocking().unwrap());
    assert_eq!([has("late"), has("other")], [false, false], "a lease is worth more than a value");
    assert_eq!(device.lock("d").acquire_blocking().unwrap_err(), Refused::StoreFull);
    assert_eq!(held.release(), Ok(Holding::Kept));
    assert!(device.once("ran").is_locked_blocking().unwrap(), "nor does a marker go");
    // a value that is being filled keeps its place
    let inner = device.cache("outer").ttl(Duration::from_secs(1)).get_or_insert_with_blocking(|| {
        assert_eq!(device.lock("e").acquire_blocking().unwrap_err(), Refused::StoreFull);
        Ok::<u32, ()>(2)
    });
    assert_eq!(inner, Ok(2));
}

#[test]
fn fences_outlive_a_reset() {
    let clock = ManualClock::new();
    let fence = |epoch| {
        let store = FixedStore::<cachify_core::store::lock::NoLock, _, 2>::new(&clock);
        store.set_epoch(epoch);
        let device = Instance::new(&store);
        let first = device.lock("k").acquire_blocking().unwrap().fence();
        (first, device.lock("k").acquire_blocking().unwrap().fence())
    };
    let (before, after) = (fence(1), fence(2));
    assert!(before.0 < before.1 && before.1 < after.0, "{before:?} {after:?}");
}

#[test]
fn a_slot_keeps_within_its_budget() {
    type Sixteen = FixedStore<cachify_core::store::lock::NoLock, ManualClock, 8, [u8; 16]>;
    let (slot, budget) = (Sixteen::SLOT, 112);
    assert!(slot <= budget, "{slot} bytes");
}

#[test]
fn a_body_hears_of_its_loss_from_the_heartbeat() {
    small::learns_of_its_loss(|ms| small::CLOCK.advance(Duration::from_millis(ms)));
    awaited::learns_of_its_loss(|ms| awaited::CLOCK.0.advance(Duration::from_millis(ms)));
}
