//! Cached values: a hit, or one flight that fills the key while everybody else waits for it.
//!
//! Caches fail open: after the store's first failure, or without a key, the body simply runs.

#[cfg(feature = "stale")]
mod aged;
mod aging;
#[cfg(feature = "stale")]
pub(crate) mod chance;
mod fetched;
mod fetching;
mod limited;
mod lives;
mod loading;
#[cfg(feature = "stale")]
mod stale;
mod tasks;
mod threads;

use crate::{
    codec::Tagged,
    instance::Handle,
    key::Kind,
    lease::Lease,
    observe::{Event, Observer},
    op::Inspection,
    outcome::Shape,
    store::{Platform, Values},
    ttl::Ttl,
};
#[doc(hidden)]
pub use aging::Aging;
#[cfg(feature = "stale")]
pub use chance::Early;
use core::fmt;
pub use fetched::{Fetched, Source};
#[doc(hidden)]
pub use fetching::{Carries, brought};
#[doc(hidden)]
pub use lives::Lives;
use lives::Timed;
pub use lives::{Alike, By, Spread};
#[doc(hidden)]
pub use loading::Rule;
pub use loading::{Limited, Loading, Open, Refusing, Sharing};

/// A cached value by its key; can be kept and used again. Made by `Instance::cache`.
///
/// ```
/// use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
/// use core::time::Duration;
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
#[must_use = "nothing is read before `get`"]
pub struct Cache<P: Handle, C, L = Alike> {
    handle: P,
    key: <P::Store as Platform>::KeyBuf,
    ttl: Option<Ttl>,
    codec: C,
    lives: L,
}

impl<P: Handle, C: Clone, L: Clone> Clone for Cache<P, C, L> {
    fn clone(&self) -> Self {
        let Self { handle, key, ttl, codec, lives } = self;
        Self { handle: handle.clone(), key: key.clone(), ttl: *ttl, codec: codec.clone(), lives: lives.clone() }
    }
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
        Cache { handle, key, ttl, codec, lives: Spread::new(lives, percent(most)) }
    }

    /// How the value becomes bytes, where the store needs bytes.
    pub fn codec<D>(self, codec: D) -> Cache<P, D, L> {
        let Self { handle, key, ttl, lives, .. } = self;
        Cache { handle, key, ttl, codec, lives }
    }

    /// For how many milliseconds a value is kept; `u64::MAX` for ever.
    fn kept<V>(&self, value: &V) -> u64
    where
        L: Lives<V>,
    {
        let fresh = self.millis().min(self.lives.millis(value, &self.handle, self.ttl));
        self.lives.aging().kept(fresh)
    }

    /// Its TTL; `u64::MAX` for ever.
    fn millis(&self) -> u64 {
        Ttl::resolve(self.ttl, self.handle.instance().config().ttl).millis()
    }

    fn flight<H: Handle<Store = P::Store>>(&self, handle: H) -> Lease<H> {
        Lease::flight(handle, self.ttl).of_key(self.key.clone())
    }

    /// A value that is fresh for long enough, where it lies in this process.
    #[inline]
    fn hit<K: Shape<R>, R>(&self, shape: &K, aging: Aging) -> Option<R>
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let due = if L::AGES { aging.due(self.millis()) } else { 0 };
        hit(&self.handle, &self.key, shape, &self.codec, due)
    }

    /// How a value near its end is treated by one call.
    #[inline]
    fn aging<V>(&self) -> Aging
    where
        L: Lives<V>,
    {
        if !L::AGES {
            return Aging::NONE;
        }
        let aging = self.lives.aging();
        #[cfg(feature = "stale")]
        let aging = aging.drawn(&self.handle, &self.key);
        aging
    }

    /// What the stored bytes are of; bytes of something else are a miss. The type's name unless said.
    pub fn type_tag(self, tag: &'static str) -> Cache<P, Tagged<C>, L> {
        let Self { handle, key, ttl, codec, lives } = self;
        Cache { handle, key, ttl, codec: Tagged::new(codec, tag), lives }
    }
}

/// A part as whole per cents, the nearest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
fn percent(part: f64) -> u8 {
    ((part * 100.0).clamp(0.0, 100.0) + 0.5) as u8
}

fn life(seen: Inspection) -> Option<Ttl> {
    (seen.held > 0).then(|| seen.remaining().map_or(Ttl::Forever, Ttl::For))
}

/// A hit, without a future where the value is in this process and fresh for longer than `due` milliseconds.
#[inline]
pub(crate) fn hit<P: Handle, K, R, C>(
    handle: &P,
    key: &<P::Store as Platform>::KeyBuf,
    shape: &K,
    codec: &C,
    due: u32,
) -> Option<R>
where
    P::Store: Values<K::Value, C>,
    K: Shape<R>,
{
    let (instance, buf) = (handle.instance(), key);
    let key = instance.store().key(Kind::Cache, buf).ok()?;
    let value = instance.store().peek_within(&key, codec, due)?;
    #[cfg(feature = "insight")]
    if instance.observer().listens() {
        served(handle, buf, &Event::Hit { key });
    }
    #[cfg(not(feature = "insight"))]
    instance.observer().event(&Event::Hit { key });
    Some(shape.back(value))
}

/// Tells of a value that was served without a flight; apart, for a hit is short where nobody listens.
#[cfg(feature = "insight")]
#[inline(never)]
pub(crate) fn served<P: Handle>(handle: &P, buf: &<P::Store as Platform>::KeyBuf, event: &Event<'_>) {
    handle.instance().store().served(buf, event);
    handle.instance().observer().event(event);
}
