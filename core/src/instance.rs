//! One store with its defaults and its observer, and what leads to it. Not here: what is made from it (`primitives`).

use crate::{
    label::Label,
    observe::{Observer, Silent},
    patience::POLL,
    store::{Platform, Store},
    time::duration,
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
    /// By what people know who holds something, where it says nothing else; of no size on a device.
    pub label: Label,
}

impl Config {
    /// The values named at each field.
    pub const DEFAULT: Self = Self {
        ttl: None,
        lease: Duration::from_secs(30),
        permit: Duration::from_secs(600),
        flight: Duration::from_secs(10),
        poll: POLL,
        label: Label::NONE,
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

/// What `instance = ..` of an attribute wants; no store is one, and says so by it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`instance = ..` names a store, and wants an instance over it",
    label = "this is a store",
    note = "write `static CACHIFY: Instance<&Store> = Instance::new(&STORE);` and `instance = CACHIFY`"
)]
pub trait IsInstance: Sized {
    fn itself(&self) -> &Instance<Self>;
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

/// For how many milliseconds a value is kept, at most for `most`, whose time is shortened by up to that many per cent.
pub(crate) fn spread<H: Handle>(handle: &H, ttl: Option<Ttl>, percent: u8, most: u64) -> u64 {
    let instance = handle.instance();
    let ms = Ttl::resolve(ttl, instance.config().ttl).millis().min(most);
    // tokens differ, if only by a count: multiplied so their upper bits go round evenly (Knuth, TAOCP 3, 6.4)
    let [a, b, c, d] = instance.store().token().0;
    let random = (a ^ b ^ c ^ d).wrapping_mul(0x9E37_79B9);
    if ms == u64::MAX { ms } else { Ttl::For(duration(ms)).jittered(percent, random).millis() }
}
