//! One store with its defaults and its observer; what values and macros are made from.

use crate::{
    cache::{self, Cache},
    key::AsKey,
    lease::{Lease, LeaseOf, Wait},
    lock::Lock,
    observe::{Observer, Silent},
    once::Once,
    outcome::Shape,
    patience::POLL,
    pool::Pool,
    store::{Platform, Store, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
use core::time::Duration;

/// The defaults of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// TTL of cached values for which none is said; for ever if this says none either.
    pub ttl: Option<Ttl>,
    /// Lease of locks and runs for which none is said: 30 s.
    pub lease: Duration,
    /// Lease of permits for which none is said: 600 s.
    pub permit: Duration,
    /// Lease of the flight that fills a key: 10 s, renewed while it computes.
    pub flight: Duration,
    /// Longest time between two attempts of a waiter whom nothing wakes: 5 s, and 100 ms at most where the store
    /// cannot signal.
    pub poll: Duration,
}

impl Config {
    /// The values named at each field.
    pub const DEFAULT: Self = Self {
        ttl: None,
        lease: Duration::from_secs(30),
        permit: Duration::from_secs(600),
        flight: Duration::from_secs(10),
        poll: POLL,
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A store with its defaults and its observer.
///
/// ```
/// use cachify_core::{Config, FixedStore, Instance, observe::Silent, store::lock::NoLock, testing::ManualClock};
/// use core::time::Duration;
/// let clock = ManualClock::new();
/// let config = Config { lease: Duration::from_secs(5), ..Config::DEFAULT };
/// let device = Instance::with(FixedStore::<NoLock, _, 8>::new(&clock), config, Silent);
/// let guard = device.lock("bus").renew(false).acquire_blocking()?;
/// clock.advance(Duration::from_secs(5));
/// assert!(!guard.is_valid());
/// # Ok::<(), cachify_core::Refused>(())
/// ```
#[derive(Debug)]
pub struct Instance<S, O = Silent> {
    store: S,
    config: Config,
    observer: O,
}

/// Something that leads to an instance: a reference, or an owned handle that is cheap to clone.
pub trait Handle: Clone {
    /// The store of the instance.
    type Store: Store;
    /// Its observer.
    type Observer: Observer;
    /// Whether who asks through it is a thread that may be blocked.
    const MAY_BLOCK: bool = false;
    /// The instance.
    fn instance(&self) -> &Instance<Self::Store, Self::Observer>;
}

impl<S: Store, O: Observer> Handle for &Instance<S, O> {
    type Store = S;
    type Observer = O;
    #[inline]
    fn instance(&self) -> &Instance<S, O> {
        self
    }
}

impl<S> Instance<S> {
    /// An instance with the default configuration and nobody watching.
    pub const fn new(store: S) -> Self {
        Self::with(store, Config::DEFAULT, Silent)
    }
}

impl<S, O> Instance<S, O> {
    /// An instance with a configuration and an observer of its own.
    pub const fn with(store: S, config: Config, observer: O) -> Self {
        Self { store, config, observer }
    }

    /// This instance: what macros call to reach it through `&`, `LazyLock`, `Arc`, or a handle.
    #[inline]
    pub const fn instance(&self) -> &Self {
        self
    }

    /// Its store.
    #[inline]
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Its defaults.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Who is told what happens.
    #[inline]
    pub const fn observer(&self) -> &O {
        &self.observer
    }
}

/// Makes the values of all four primitives from any handle.
pub trait Primitives: Handle {
    /// A lock: at most one at a time.
    fn lock(&self, key: impl AsKey) -> Lock<Self> {
        Lock::new(self.clone(), render::<Self>(key))
    }
    /// A run: skipped while another one is under way.
    fn once(&self, key: impl AsKey) -> Once<Self> {
        Once::new(self.clone(), render::<Self>(key))
    }
    /// A pool: at most `size` at a time. A size of zero is refused when a permit is asked for.
    fn pool(&self, key: impl AsKey, size: u32) -> Pool<Self> {
        Pool::new(self.clone(), render::<Self>(key), size)
    }
    /// A cached value.
    fn cache(&self, key: impl AsKey) -> Cache<Self, <Self::Store as Platform>::Codec> {
        Cache::new(self.clone(), render::<Self>(key), <Self::Store as Platform>::Codec::default())
    }
}

impl<P: Handle> Primitives for P {}

fn render<P: Handle>(key: impl AsKey) -> <P::Store as Platform>::KeyBuf {
    let mut buf = <P::Store as Platform>::KeyBuf::default();
    key.render_key(&mut buf);
    buf
}

impl<S: Store, O: Observer> Instance<S, O> {
    /// A lock: at most one at a time.
    pub fn lock(&self, key: impl AsKey) -> Lock<&Self> {
        Primitives::lock(&self, key)
    }

    /// A run: skipped while another one is under way.
    pub fn once(&self, key: impl AsKey) -> Once<&Self> {
        Primitives::once(&self, key)
    }

    /// A pool: at most `size` at a time. A size of zero is refused when a permit is asked for.
    pub fn pool(&self, key: impl AsKey, size: u32) -> Pool<&Self> {
        Primitives::pool(&self, key, size)
    }

    /// A cached value.
    pub fn cache(&self, key: impl AsKey) -> Cache<&Self, S::Codec> {
        Primitives::cache(&self, key)
    }
}

/// What the attribute macros call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    #[inline]
    pub fn key_buf(&self) -> S::KeyBuf {
        S::KeyBuf::default()
    }

    pub fn default_codec(&self) -> S::Codec {
        S::Codec::default()
    }

    pub fn lock_of(&self, key: S::KeyBuf) -> Lock<&Self> {
        Lock::new(self, key)
    }

    pub fn once_of(&self, key: S::KeyBuf) -> Once<&Self> {
        Once::new(self, key)
    }

    pub fn pool_of(&self, key: S::KeyBuf, size: u32) -> Pool<&Self> {
        Pool::new(self, key, size)
    }

    pub fn cache_of(&self, key: S::KeyBuf) -> Cache<&Self, S::Codec> {
        Cache::new(self, key, S::Codec::default())
    }

    #[inline]
    pub fn hit<K, R, C>(&self, key: &S::KeyBuf, shape: &K, codec: &C) -> Option<R>
    where
        S: Values<K::Value, C>,
        K: Shape<R>,
    {
        cache::hit(&self, key, shape, codec)
    }

    /// A lock, a permit or a run about to be asked for by a task, without its key.
    #[inline]
    pub fn lease(&self, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Lease<&Self> {
        Lease::of(self, of, ttl, wait, renew)
    }

    #[inline]
    pub fn lease_blocking(&self, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Lease<Threads<&Self>> {
        Lease::of(Threads(self), of, ttl, wait, renew)
    }

    /// A flight about to be asked for by a task, without its key.
    #[inline]
    pub fn flight(&self, ttl: Option<Ttl>) -> Lease<&Self> {
        Lease::flight(self, ttl)
    }

    pub async fn cached<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl AsyncFnOnce() -> R,
    ) -> R
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        Lease::flight(self, ttl).of_key(key).cached(shape, codec, body).await
    }

    pub fn cached_blocking<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        ttl: Option<Ttl>,
        body: impl FnOnce() -> R,
    ) -> R
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        Lease::flight(Threads(self), ttl).of_key(key).cached_blocking(shape, codec, body)
    }
}

/// A handle whose calls block their thread until the store answers.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Threads<P>(pub P);

impl<P: Handle> Handle for Threads<P> {
    type Store = P::Store;
    type Observer = P::Observer;
    const MAY_BLOCK: bool = true;
    #[inline]
    fn instance(&self) -> &Instance<P::Store, P::Observer> {
        self.0.instance()
    }
}

/// An instance that tasks use: the one bound of logic that is the same on a device and on a server.
///
/// ```
/// use cachify_core::{FixedStore, Instance, Refused, instance::TaskHandle, store::lock::NoLock};
/// # use cachify_core::testing::{ManualClock, block_on};
/// async fn flash(c: &impl TaskHandle, image: &[u8]) -> Result<usize, Refused> {
///     c.lock("flash").run(async |_fence| image.len()).await
/// }
/// # let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8>::new(&clock); // a device; a server hands over its `Cachify`
/// assert_eq!(block_on(flash(&&Instance::new(&store), b"image"))?, 5);
/// # Ok::<(), Refused>(())
/// ```
pub trait TaskHandle: Primitives<Store: Store + Platform<Clock: Timer>> {}

impl<P> TaskHandle for P where P: Primitives<Store: Store + Platform<Clock: Timer>> {}

/// The same for logic that also caches values of type `V`.
///
/// ```
/// use cachify_core::{FixedStore, Instance, instance::CacheHandle, store::lock::NoLock};
/// # use cachify_core::testing::{ManualClock, block_on};
/// async fn reading(c: &impl CacheHandle<u32>, sensor: u8) -> u32 {
///     let cached = c.cache(("reading", sensor)).ttl(core::time::Duration::from_secs(5));
///     cached.get_or_insert(async { 21 }).await
/// }
/// # let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
/// assert_eq!(block_on(reading(&&Instance::new(&store), 1)), 21);
/// ```
pub trait CacheHandle<V>: TaskHandle<Store = <Self as CacheHandle<V>>::Values> {
    /// Its store.
    type Values: Values<V, <Self::Values as Platform>::Codec> + Platform<Clock: Timer>;
}

impl<V, P> CacheHandle<V> for P
where
    P: TaskHandle,
    P::Store: Values<V, <P::Store as Platform>::Codec>,
{
    type Values = P::Store;
}
