//! What is kept where the attribute cannot see the type: behind a generic parameter or an associated type.

use cachify::{Cachify, Cause, Event, Memory, Observer, cached, lock, once, pooled, secs};
use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
use cachify_tests::Guest;
use std::{
    any::type_name,
    convert::identity,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};
use tokio::task::yield_now;

/// Notes what failed.
#[derive(Debug, Default)]
struct Failures(Mutex<Vec<Cause>>);

impl Observer for &'static Failures {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { key: Some(_), cause } = event {
            self.0.lock().unwrap().push(*cause);
        }
    }
}

impl Failures {
    /// How many calls were told that their type hides a failure; nothing else may fail.
    fn hidden(&self) -> usize {
        let told = std::mem::take(&mut *self.0.lock().unwrap());
        let is_hidden =
            |cause: &Cause| matches!(cause, Cause::Unsupported(why) if why.contains("return `Result<T, E>`"));
        assert!(told.iter().all(is_hidden), "{told:?}");
        told.len()
    }
}

fn told() -> &'static Failures {
    Box::leak(Box::default())
}

type Failed = Result<u32, String>;

fn failed() -> Failed {
    Err("down".to_owned())
}

/// A type behind a parameter of the `impl`, which no attribute sees.
struct Repo<T> {
    instance: Cachify<Memory>,
    loads: AtomicU32,
    value: T,
}

impl<T: Clone + Send + Sync + 'static> Repo<T> {
    fn new(told: &'static Failures, value: T) -> Self {
        Self { instance: Cachify::builder().observer(told).build_memory(), loads: AtomicU32::new(0), value }
    }

    fn loads(&self) -> u32 {
        self.loads.swap(0, SeqCst)
    }

    #[cached(instance = self.instance, key = "load:{id}")]
    fn load(&self, id: u8) -> T {
        self.loads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[cached(instance = self.instance, key = "async:{id}")]
    async fn load_async(&self, id: u8) -> T {
        yield_now().await;
        self.loads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[cached(instance = self.instance, key = "coded:{id}", encode = T::clone, decode = identity::<T>)]
    fn coded(&self, id: u8) -> T {
        self.loads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[cached(instance = self.instance, key = "result:{id}")]
    fn result(&self, id: u8) -> Result<T, String> {
        self.loads.fetch_add(1, SeqCst);
        Ok(self.value.clone())
    }

    #[once(instance = self.instance, key = "run:{id}", keep = 60, otherwise = skipped)]
    fn run(&self, id: u8, skipped: T) -> T {
        self.loads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[once(instance = self.instance, key = "run:{id}", keep = 60, otherwise = skipped)]
    async fn run_async(&self, id: u8, skipped: T) -> T {
        self.loads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[lock(instance = self.instance, key = "locked", otherwise = self.value.clone())]
    fn locked(&self) -> T {
        self.value.clone()
    }

    #[pooled(instance = self.instance, key = "pooled", size = 1, otherwise = self.value.clone())]
    async fn pooled(&self) -> T {
        self.value.clone()
    }
}

#[tokio::test]
async fn a_result_behind_a_parameter_of_the_impl_is_not_kept_and_that_is_told() {
    let told = told();
    let repo = Repo::new(told, failed());
    for _ in 0..2 {
        assert_eq!((repo.load(1), repo.load_async(1).await, repo.coded(1)), (failed(), failed(), failed()));
    }
    assert_eq!((repo.loads(), told.hidden()), (6, 6));
    let repo = Repo::new(told, None::<u8>);
    assert_eq!(
        (repo.load(1), repo.load(1), repo.load_async(1).await, repo.load_async(1).await),
        (None, None, None, None)
    );
    assert_eq!((repo.loads(), told.hidden()), (4, 4));
}

#[tokio::test]
async fn any_other_type_behind_a_parameter_of_the_impl_is_kept() {
    let told = told();
    let repo = Repo::new(told, vec![Some(1), None]);
    for _ in 0..2 {
        assert_eq!((repo.load(1), repo.load_async(1).await), (vec![Some(1), None], vec![Some(1), None]));
        assert_eq!((repo.coded(1).len(), repo.result(1).unwrap().len()), (2, 2));
    }
    assert_eq!((repo.loads(), told.hidden()), (4, 0));
    let repo = Repo::new(told, failed());
    assert_eq!((repo.result(1), repo.result(1)), (Ok(failed()), Ok(failed())), "the `Ok` of a `Result` is kept whole");
    assert_eq!((repo.loads(), told.hidden()), (1, 0));
}

#[tokio::test]
async fn a_hidden_failure_is_no_success_of_a_run() {
    let told = told();
    let repo = Repo::new(told, failed());
    for _ in 0..2 {
        assert_eq!((repo.run(1, Ok(0)), repo.run_async(1, Ok(0)).await), (failed(), failed()));
    }
    assert_eq!((repo.loads(), told.hidden()), (4, 4));
    assert_eq!(
        (repo.locked(), repo.pooled().await, told.hidden()),
        (failed(), failed(), 0),
        "nothing is kept of these"
    );
    let repo = Repo::new(told, 7);
    assert_eq!((repo.run(1, 0), repo.run(1, 0), repo.run_async(2, 0).await, repo.run_async(2, 0).await), (7, 0, 7, 0));
    assert_eq!((repo.loads(), told.hidden()), (2, 0));
}

static LOCAL_TOLD: LazyLock<&'static Failures> = LazyLock::new(told);
static LOCAL: LazyLock<Cachify<Memory>> =
    LazyLock::new(|| Cachify::builder().default_ttl(secs(5)).observer(*LOCAL_TOLD).build_memory());

/// A type that the implementor chooses.
trait Load {
    type Out: Clone + Send + Sync + 'static;
    fn fetch(&self) -> Self::Out;

    #[cached(instance = LOCAL, key = "default:{id}")]
    fn load(&self, id: u8) -> Self::Out {
        self.fetch()
    }
}

struct Flaky(AtomicU32);

impl Load for Flaky {
    type Out = Result<u32, String>;
    fn fetch(&self) -> Self::Out {
        if self.0.fetch_add(1, SeqCst) == 0 { failed() } else { Ok(1) }
    }
}

#[test]
fn a_result_that_the_implementor_of_a_trait_chose_is_not_kept_and_that_is_told() {
    let flaky = Flaky(AtomicU32::new(0));
    assert_eq!((flaky.load(1), flaky.load(1), flaky.load(1)), (failed(), Ok(1), Ok(1)));
    assert_eq!((flaky.0.load(SeqCst), LOCAL_TOLD.hidden()), (3, 3));
}

type Store<'c, T> = FixedStore<NoLock, &'c ManualClock, 4, T>;

/// The same on a device.
struct Sensor<'c, T: Clone> {
    device: Instance<Store<'c, T>, &'static Failures>,
    reads: AtomicU32,
    value: T,
}

impl<'c, T: Clone> Sensor<'c, T> {
    fn new(clock: &'c ManualClock, told: &'static Failures, value: T) -> Self {
        let device = Instance::with(Store::new(clock), cachify_core::Config::default(), told);
        Self { device, reads: AtomicU32::new(0), value }
    }

    #[cachify_core::cached(instance = &self.device, key = "r:{n}", companions = false)]
    fn read(&self, n: u8) -> T {
        self.reads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[cachify_core::cached(instance = &self.device, key = "ra:{n}", companions = false)]
    async fn read_async(&self, n: u8) -> T {
        self.reads.fetch_add(1, SeqCst);
        self.value.clone()
    }

    #[cachify_core::once(instance = &self.device, key = "u:{n}", keep = 9, otherwise = skipped, companions = false)]
    async fn upload(&self, n: u8, skipped: T) -> T {
        self.reads.fetch_add(1, SeqCst);
        self.value.clone()
    }
}

#[tokio::test]
async fn a_device_keeps_no_hidden_failure_either() {
    let (clock, told) = (ManualClock::new(), told());
    let sensor = Sensor::new(&clock, told, Err::<u32, u8>(1));
    for _ in 0..2 {
        assert_eq!(
            (sensor.read(1), sensor.read_async(1).await, sensor.upload(1, Ok(0)).await),
            (Err(1), Err(1), Err(1))
        );
    }
    assert_eq!((sensor.reads.load(SeqCst), told.hidden()), (6, 6));
    let sensor = Sensor::new(&clock, told, 7);
    for skipped in [7, 0] {
        assert_eq!((sensor.read(1), sensor.read_async(1).await, sensor.upload(1, 0).await), (7, 7, skipped));
    }
    assert_eq!((sensor.reads.load(SeqCst), told.hidden()), (3, 0));
}

type Answer<T> = Result<T, String>;
type Maybe<T> = Option<T>;

#[cached(instance = LOCAL, key = "kept-err:{id}", cache_err = true)]
fn kept_err(id: u8, runs: &AtomicU32) -> Answer<u8> {
    runs.fetch_add(1, SeqCst);
    Err("kept".to_owned())
}

#[cached(instance = LOCAL, key = "kept-none:{id}", cache_none = true, cache_err = false)]
async fn kept_none(id: u8, runs: &AtomicU32) -> Maybe<u8> {
    runs.fetch_add(1, SeqCst);
    None
}

/// All is kept, as it is said.
#[cached(instance = LOCAL, key = "kept-any:{id}", cache_err = true)]
fn kept_any<T: Clone + Send + Sync + 'static>(id: u8, runs: &AtomicU32, value: T) -> T {
    runs.fetch_add(1, SeqCst);
    value
}

#[cached(instance = LOCAL, key = "kept-out:{id}", cache_none = true)]
fn kept_out<L: Load>(id: u8, of: &L) -> <L as Load>::Out {
    of.fetch()
}

#[tokio::test]
async fn what_a_flag_says_is_kept_through_an_alias_and_behind_a_parameter() {
    let runs = AtomicU32::new(0);
    assert_eq!(kept_err(1, &runs), kept_err(1, &runs));
    assert_eq!(kept_none(1, &runs).await, kept_none(1, &runs).await);
    assert_eq!((kept_any(1, &runs, failed()), kept_any(1, &runs, Ok(1))), (failed(), failed()));
    assert_eq!(runs.load(SeqCst), 3);
    let flaky = Flaky(AtomicU32::new(0));
    assert_eq!((kept_out(1, &flaky), kept_out(1, &flaky)), (failed(), failed()));
}

static TYPES: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().max_entries(64).build_memory());

#[cached(instance = TYPES, key = "typed:{id}", cache_err = true)]
fn typed<T: Clone + Send + Sync + 'static>(id: u8, loads: &AtomicU32, value: T) -> T {
    loads.fetch_add(1, SeqCst);
    value
}

/// And so have two functions of one key.
#[test]
fn each_type_of_a_generic_function_has_a_value_of_its_own() {
    let loads = AtomicU32::new(0);
    for _ in 0..5 {
        assert_eq!(typed(1, &loads, 7_u32), 7);
        assert_eq!(typed(1, &loads, "seven".to_owned()), "seven");
        assert_eq!(typed(1, &loads, [7_u8; 7]), [7; 7]);
        assert_eq!(typed(2, &loads, 'a'), 'a');
    }
    assert_eq!(loads.load(SeqCst), 4);
    let c = TYPES.cache(("typed", 1));
    assert_eq!(c.get_blocking::<u32>(), Ok(Some(7)));
    assert_eq!(c.get_blocking::<u8>(), Ok(None));
    assert_eq!((TYPES.len(), typed::reset(1)), (4, Ok(true)));
    assert_eq!((TYPES.len(), c.get_blocking::<String>()), (1, Ok(None)), "all of them are forgotten");
    // they count each, and are evicted each
    for n in 0..100 {
        let _ = TYPES.cache(("other", n)).get_or_insert_blocking(|| n);
    }
    assert!(TYPES.len() <= 64);
}

static FAR: LazyLock<Cachify> =
    LazyLock::new(|| Cachify::builder().store(Guest::new(cachify::ManualClock::new())).build().unwrap());

/// Outside the process a key has one type, and so the type is part of the key.
#[cached(instance = FAR, key("typed:{t}:{id}", t = type_name::<T>()), companions = false, cache_err = true)]
fn typed_far<T>(id: u8, loads: &AtomicU32, value: T) -> T
where
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    loads.fetch_add(1, SeqCst);
    value
}

#[test]
fn a_type_can_be_part_of_the_key() {
    let loads = AtomicU32::new(0);
    for _ in 0..5 {
        assert_eq!(typed_far(1, &loads, 7_u32), 7);
        assert_eq!(typed_far(1, &loads, "seven".to_owned()), "seven");
    }
    assert_eq!(loads.load(SeqCst), 2);
    assert_eq!(FAR.cache("typed:u32:1").get_blocking::<u32>(), Ok(Some(7)));
}
