//! Cached values: a hit, or one flight that fills the key while everybody else waits for it.
//!
//! Caches fail open: after the store's first failure, or without a key, the body simply runs.

mod lives;

use crate::{
    asked,
    cell::MaybeOwned,
    codec::Tagged,
    error::Error,
    instance::{Handle, Threads},
    key::Kind,
    lease::Lease,
    observe::{Event, Observer},
    op::Inspection,
    outcome::{InOk, Shape, Whole},
    store::{Platform, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
use core::{fmt, future::Future};
#[doc(hidden)]
pub use lives::Lives;
use lives::Timed;
pub use lives::{Alike, By, Spread};

/// A cached value by its key; can be kept and used again. Made by `Instance::cache`.
///
/// ```
/// use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
/// use core::{fmt, time::Duration};
/// let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
/// let device = Instance::new(&store);
/// let reading = device.cache(("sensor", 3)).ttl(Duration::from_secs(5));
/// let mut loads = 0;
/// for _ in 0..2 {
///     let value = reading.get_or_insert_with_blocking(|| {
///         loads += 1;
///         Ok::<u32, ()>(21)
///     });
///     assert_eq!(value, Ok(21));
/// }
/// assert_eq!(loads, 1);
/// assert!(reading.reset_blocking()?);
/// # Ok::<(), cachify_core::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is read before `get`"]
pub struct Cache<P: Handle, C, L = Alike> {
    handle: P,
    key: <P::Store as Platform>::KeyBuf,
    ttl: Option<Ttl>,
    codec: C,
    lives: L,
}

/// Without its instance.
impl<P: Handle, C, L> fmt::Debug for Cache<P, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("key", &self.key).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl<P: Handle, C> Cache<P, C> {
    pub(crate) const fn new(handle: P, key: <P::Store as Platform>::KeyBuf, codec: C) -> Self {
        Self { handle, key, ttl: None, codec, lives: Alike }
    }

    /// How long each value lives, decided when it is there: a `Duration`, a [`Ttl`], seconds, or an `Option` of these; at
    /// most for the TTL, if one is said. Of `None`, or a time of no length, only those have it who waited for it.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
    /// # use core::time::Duration;
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// // a reading of zero is not to be trusted for long
    /// let reading = device.cache("reading").ttl_with(|value: &u32| Duration::from_secs(if *value == 0 { 1 } else { 60 }));
    /// assert_eq!(reading.get_or_insert_blocking(|| 0), 0);
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(reading.get_or_insert_blocking(|| 7), 7);
    /// ```
    pub fn ttl_with<F>(self, of: F) -> Cache<P, C, By<F>> {
        let Self { handle, key, ttl, codec, lives: Alike } = self;
        // what is said here is not cut by a default
        let ttl = ttl.or(Some(Ttl::Forever));
        Cache { handle, key, ttl, codec, lives: By::new(of) }
    }
}

impl<P: Handle, C, L> Cache<P, C, L> {
    /// How long the value lives: a `Duration`, or `Ttl::Forever`; else the instance's default.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// Shortens each TTL by a part of it between none and this one, 0.0 to 1.0, whole per cents: what was stored at once does
    /// not end at once.
    pub fn jitter(self, most: f64) -> Cache<P, C, Spread<L>> {
        let Self { handle, key, ttl, codec, lives } = self;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        let percent = (most * 100.0).clamp(0.0, 100.0) as u8;
        Cache { handle, key, ttl, codec, lives: Spread::new(lives, percent) }
    }

    /// How the value becomes bytes, where the store needs bytes.
    pub fn codec<D>(self, codec: D) -> Cache<P, D, L> {
        let Self { handle, key, ttl, lives, .. } = self;
        Cache { handle, key, ttl, codec, lives }
    }

    /// For how many milliseconds a value is fresh; `u64::MAX` for ever.
    fn fresh<V>(&self, value: &V) -> u64
    where
        L: Lives<V>,
    {
        let ttl = Ttl::resolve(self.ttl, self.handle.instance().config().ttl).millis();
        ttl.min(self.lives.millis(value, &self.handle, self.ttl))
    }

    fn flight<H: Handle<Store = P::Store>>(&self, handle: H) -> Lease<H> {
        Lease::flight(handle, self.ttl).of_key(self.key.clone())
    }

    /// What the stored bytes are of; bytes of something else are a miss. The type's name unless said.
    pub fn type_tag(self, tag: &'static str) -> Cache<P, Tagged<C>, L> {
        let Self { handle, key, ttl, codec, lives } = self;
        Cache { handle, key, ttl, codec: Tagged::new(codec, tag), lives }
    }
}

/// For tasks.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// The value, if it is there and fresh.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked; bytes of another type count for no value.
    pub async fn get<V>(&self) -> Result<Option<V>, Error>
    where
        P::Store: Values<V, C>,
    {
        asked::get(&self.handle, &self.key, &self.codec).await
    }

    /// For how long the value is fresh; `None` if it is not there. Of whatever type it is.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked, or cannot tell.
    pub async fn remaining(&self) -> Result<Option<Ttl>, Error> {
        asked::inspect(&self.handle, Kind::Cache, &self.key).await.map(life)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings. A hit drops `make` unpolled.
    ///
    /// A store that fails does not matter: `make` runs. Dropping the future while it runs lets the next waiter make it.
    pub async fn get_or_insert<V>(&self, make: impl Future<Output = V>) -> V
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill(Whole, async move || make.await).await
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    ///
    /// What `load` fails with is passed on and not kept. A store that fails does not matter: `load` runs.
    /// Dropping the future while it loads lets the next waiter load.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub async fn get_or_insert_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill(InOk, load).await
    }

    async fn fill<K: Shape<R>, R>(&self, shape: K, load: impl AsyncFnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        match hit(&self.handle, &self.key, &shape, &self.codec) {
            Some(out) => out,
            None => self.flight(self.handle.clone()).cached(Timed::new(shape, self), &self.codec, load).await,
        }
    }

    /// Keeps a value, whatever is there: write it where it comes from first. What a flight under way brings will not be
    /// stored, so nothing older comes after it. Of two at once the one that the store hears of last stays.
    ///
    /// # Errors
    /// [`Error`] when it is not kept, or that is not known: for what may be old by now, [`reset`](Self::reset) it.
    pub async fn insert<V>(&self, value: V) -> Result<(), Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let fresh = self.fresh(&value);
        asked::insert(&self.handle, &self.key, &self.codec, MaybeOwned::Owned(value), fresh).await
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn reset(&self) -> Result<bool, Error> {
        asked::clear(&self.handle, Kind::Cache, &self.key).await
    }
}

/// For threads.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// The value, if it is there and fresh.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked; bytes of another type count for no value.
    pub fn get_blocking<V>(&self) -> Result<Option<V>, Error>
    where
        P::Store: Values<V, C>,
    {
        asked::get_blocking(&self.handle, &self.key, &self.codec)
    }

    /// [`remaining`](Self::remaining) for threads.
    ///
    /// # Errors
    /// As `remaining`.
    pub fn remaining_blocking(&self) -> Result<Option<Ttl>, Error> {
        asked::inspect_blocking(&self.handle, Kind::Cache, &self.key).map(life)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings.
    ///
    /// A store that fails does not matter: `make` runs.
    pub fn get_or_insert_blocking<V>(&self, make: impl FnOnce() -> V) -> V
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill_blocking(Whole, make)
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub fn get_or_insert_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill_blocking(InOk, load)
    }

    fn fill_blocking<K: Shape<R>, R>(&self, shape: K, load: impl FnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        match hit(&self.handle, &self.key, &shape, &self.codec) {
            Some(out) => out,
            None => self.miss_blocking(shape, load),
        }
    }

    // apart: a hit then has the frame of a hit
    #[cold]
    #[inline(never)]
    fn miss_blocking<K: Shape<R>, R>(&self, shape: K, load: impl FnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let flight = self.flight(Threads(self.handle.clone()));
        { flight }.cached_blocking(Timed::new(shape, self), &self.codec, load)
    }

    /// [`insert`](Self::insert) for threads.
    ///
    /// # Errors
    /// As `insert`.
    pub fn insert_blocking<V>(&self, value: V) -> Result<(), Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let fresh = self.fresh(&value);
        asked::insert_blocking(&self.handle, &self.key, &self.codec, MaybeOwned::Owned(value), fresh)
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn reset_blocking(&self) -> Result<bool, Error> {
        asked::clear_blocking(&self.handle, Kind::Cache, &self.key)
    }
}

fn life(seen: Inspection) -> Option<Ttl> {
    (seen.held > 0).then(|| seen.remaining().map_or(Ttl::Forever, Ttl::For))
}

/// A hit, without a future where the value is in this process.
#[inline]
pub(crate) fn hit<P: Handle, K, R, C>(
    handle: &P,
    key: &<P::Store as Platform>::KeyBuf,
    shape: &K,
    codec: &C,
) -> Option<R>
where
    P::Store: Values<K::Value, C>,
    K: Shape<R>,
{
    let instance = handle.instance();
    let key = instance.store().key(Kind::Cache, key).ok()?;
    let value = instance.store().peek(&key, codec)?;
    instance.observer().event(&Event::Hit { key });
    Some(shape.back(value))
}
