//! One case, six ways: a [`Subject`] is a store seen through one face; `faces.rs` implements both.
//!
//! Cases are plain functions: whatever does not wait ends at once on both faces. What may wait is started with
//! `start_..` and is a thread on the blocking face, and on the async face a task that is polled only after it was
//! woken. The clock stands still unless a case moves it.

use crate::world::{Log, Waiting, World};
use cachify::{
    Builder, Cachify, Config, Holding, Memory, Ran, Refused, StdLock, Success, Ttl,
    cachify_core::{FixedStore, Instance, lease::Wait, lock, once, pool, primitives::Primitives, store::fixed::State},
    clock::StdClock,
};
use cachify_tests::Guest;
use std::{
    fmt::Debug,
    sync::{LazyLock, Mutex},
    time::Duration,
};

/// What cached cases keep: absent or a text.
pub type Value = Option<String>;
/// What a load fails with.
pub type Failed = &'static str;
/// Core's store of fixed size, with its instance.
pub type Fixed = Instance<FixedStore<StdLock, StdClock, 16, Value>, Log>;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What is asked for: a key, for how long, waiting how long.
#[derive(Clone)]
pub struct Ask {
    key: String,
    ttl: Option<Duration>,
    wait: Wait,
}

/// A request on a key, with the instance's defaults and without waiting.
pub fn on(key: &str) -> Ask {
    Ask { key: key.into(), ttl: None, wait: Wait::No }
}

/// Each lease ends with its TTL: where nothing renews from a thread, that is said.
impl Ask {
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait: Wait::For(wait), ..self }
    }
    pub fn wait_forever(self) -> Self {
        Self { wait: Wait::Forever, ..self }
    }

    pub fn lock<P: Primitives>(&self, handle: &P, world: &World) -> lock::Lock<P> {
        let lock = handle.lock(&self.key).renew(world.keeps);
        let lock = self.ttl.into_iter().fold(lock, lock::Lock::ttl);
        match self.wait {
            Wait::No => lock,
            Wait::For(wait) => lock.wait(wait),
            Wait::Forever => lock.wait_forever(),
        }
    }

    pub fn pool<P: Primitives>(&self, handle: &P, world: &World, size: u32) -> pool::Pool<P> {
        let pool = handle.pool(&self.key, size).renew(world.keeps);
        let pool = self.ttl.into_iter().fold(pool, pool::Pool::ttl);
        match self.wait {
            Wait::No => pool,
            Wait::For(wait) => pool.wait(wait),
            Wait::Forever => pool.wait_forever(),
        }
    }

    pub fn once<P: Primitives>(&self, handle: &P, world: &World, keep: Duration) -> once::Once<P> {
        let once = handle.once(&self.key).renew(world.keeps);
        self.ttl.into_iter().fold(once, once::Once::ttl).keep(keep)
    }
}

/// A right that is held.
pub trait Right: Debug + Send + 'static {
    fn is_valid(&self) -> bool;
    fn index(&self) -> u32;
    /// Gives it back; of a run: it succeeded.
    fn release(self) -> Holding;
}

/// A store seen through one face.
pub trait Subject: Clone + Send + 'static {
    type Lease: Right;
    type Permit: Right;
    type Run: Right;

    fn world(&self) -> &World;

    fn acquire(&self, ask: &Ask) -> Result<Self::Lease, Refused>;
    fn try_acquire(&self, ask: &Ask) -> Result<Option<Self::Lease>, Refused>;
    fn start_acquire(&self, ask: Ask) -> Waiting<Result<Self::Lease, Refused>>;
    fn under_lock<T>(&self, ask: &Ask, body: impl FnOnce() -> T) -> Result<T, Refused>;
    fn is_locked(&self, key: &str) -> bool;
    fn force_release(&self, key: &str) -> bool;

    fn take(&self, ask: &Ask, size: u32) -> Result<Self::Permit, Refused>;
    fn start_take(&self, ask: Ask, size: u32) -> Waiting<Result<Self::Permit, Refused>>;
    fn with_permit<T>(&self, ask: &Ask, size: u32, body: impl FnOnce() -> T) -> Result<T, Refused>;
    fn in_use(&self, key: &str) -> u32;

    fn begin(&self, ask: &Ask, keep: Duration) -> Result<Self::Run, Refused>;
    fn run_once<T: Success>(&self, ask: &Ask, keep: Duration, body: impl FnOnce() -> T) -> Result<Ran<T>, Refused>;
    fn is_running(&self, key: &str) -> bool;
    fn force_run(&self, key: &str) -> bool;

    fn cached(
        &self,
        key: &str,
        ttl: Option<Ttl>,
        load: impl FnOnce() -> Result<Value, Failed>,
    ) -> Result<Value, Failed>;
    fn peek(&self, key: &str) -> Option<Value>;
    fn reset(&self, key: &str) -> bool;

    /// What the observer was told since this was asked last.
    fn events(&self) -> Vec<String> {
        self.world().log.take()
    }
    fn advance(&self, by: Duration) {
        self.world().advance(by);
    }
}

/// The async face of a handle's store.
#[derive(Clone)]
pub struct Async<P>(pub P, pub World);
/// The blocking face of a handle's store.
#[derive(Clone)]
pub struct Blocking<P>(pub P, pub World);

impl<P> Async<P> {
    pub fn new((handle, world): (P, World)) -> Self {
        Self(handle, world)
    }
}
impl<P> Blocking<P> {
    pub fn new((handle, world): (P, World)) -> Self {
        Self(handle, world)
    }
}

/// The three stores, each with a world of its own.
pub fn memory(config: Config) -> (Cachify<Memory>, World) {
    let (builder, world) = builder(config);
    (builder.build_memory(), world)
}

pub fn guest(config: Config) -> (Cachify, World) {
    let (builder, world) = builder(config);
    let store = Guest::new(world.clock.clone());
    (builder.store(store).build().expect("no zeros"), World { keeps: true, ..world })
}

pub fn fixed(config: Config) -> (&'static Fixed, World) {
    let world = World::default();
    let store = FixedStore::over(Mutex::new(State::new()), world.clock.clone().into());
    (Box::leak(Box::new(Instance::with(store, config, world.log.clone()))), world)
}

fn builder(config: Config) -> (Builder, World) {
    let world = World::default();
    let builder = Cachify::builder().clock(world.clock.clone()).observer(world.log.clone());
    let builder = config.ttl.into_iter().fold(builder, Builder::default_ttl);
    let builder = builder.default_lease(config.lease).default_permit(config.permit);
    (builder.flight(config.flight).poll(config.poll), world)
}

/// Runs a case on every store through both faces: the outcome is the same, and as expected.
macro_rules! everywhere {
    ($case:path => $expected:expr) => {
        everywhere!($case, cachify::Config::DEFAULT => $expected)
    };
    ($case:path, $config:expr => $expected:expr) => {{
        use $crate::harness::{Async, Blocking, fixed, guest, memory};
        let expected = $expected;
        assert_eq!($case(&Async::new(memory($config))), expected, "memory, async");
        assert_eq!($case(&Blocking::new(memory($config))), expected, "memory, blocking");
        assert_eq!($case(&Async::new(fixed($config))), expected, "fixed, async");
        assert_eq!($case(&Blocking::new(fixed($config))), expected, "fixed, blocking");
        assert_eq!($case(&Async::new(guest($config))), expected, "guest, async");
        assert_eq!($case(&Blocking::new(guest($config))), expected, "guest, blocking");
    }};
}
/// Runs a case on every store, with both of its faces at hand.
macro_rules! face_to_face {
    ($case:path => $expected:expr) => {{
        use $crate::harness::{Async, Blocking, fixed, guest, memory};
        let (expected, config) = ($expected, cachify::Config::DEFAULT);
        let store = memory(config);
        assert_eq!($case(&Async::new(store.clone()), &Blocking::new(store)), expected, "memory");
        let store = fixed(config);
        assert_eq!($case(&Async::new(store.clone()), &Blocking::new(store)), expected, "fixed");
        let store = guest(config);
        assert_eq!($case(&Async::new(store.clone()), &Blocking::new(store)), expected, "guest");
    }};
}
/// Expands `$case!(name, crate, STORE, Subject, [async], wait)` for every store and face: for attributes.
macro_rules! attributes {
    ($case:ident) => {
        use $crate::harness::stores::*;
        $case!(memory_async, cachify, MEMORY_ASYNC, Async, [async], now);
        $case!(memory_blocking, cachify, MEMORY_BLOCKING, Blocking, [], identity);
        $case!(fixed_async, cachify_core, FIXED_ASYNC, Async, [async], now);
        $case!(fixed_blocking, cachify_core, FIXED_BLOCKING, Blocking, [], identity);
        $case!(guest_async, cachify, GUEST_ASYNC, Async, [async], now);
        $case!(guest_blocking, cachify, GUEST_BLOCKING, Blocking, [], identity);
    };
}
pub(crate) use {attributes, everywhere, face_to_face};

/// What the functions of `attributes!` use; each case has keys of its own.
pub mod stores {
    use super::{Cachify, Config, Fixed, LazyLock, Memory, World, fixed, guest, memory};

    pub static MEMORY_ASYNC: LazyLock<(Cachify<Memory>, World)> = LazyLock::new(|| memory(Config::DEFAULT));
    pub static MEMORY_BLOCKING: LazyLock<(Cachify<Memory>, World)> = LazyLock::new(|| memory(Config::DEFAULT));
    pub static FIXED_ASYNC: LazyLock<(&'static Fixed, World)> = LazyLock::new(|| fixed(Config::DEFAULT));
    pub static FIXED_BLOCKING: LazyLock<(&'static Fixed, World)> = LazyLock::new(|| fixed(Config::DEFAULT));
    pub static GUEST_ASYNC: LazyLock<(Cachify, World)> = LazyLock::new(|| guest(Config::DEFAULT));
    pub static GUEST_BLOCKING: LazyLock<(Cachify, World)> = LazyLock::new(|| guest(Config::DEFAULT));
}
