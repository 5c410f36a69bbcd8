//! What is made from an instance: the values of all four primitives, what the attributes call, and the bounds of logic
//! that devices and servers share.

use crate::{
    cache::{self, Cache},
    instance::{Handle, Instance, Threads, spread},
    keeping::{Keeping, Lending},
    key::AsKey,
    lease::{Lease, LeaseOf, Wait},
    lock::Lock,
    observe::Observer,
    once::Once,
    outcome::Shape,
    pool::Pool,
    store::{Platform, Store, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
use core::time::Duration;

/// Makes the values of all four primitives from any handle.
pub trait Primitives: Handle {
    /// A lock: at most one at a time.
    fn lock(&self, key: impl AsKey) -> Lock<Self> {
        Lock::new(self.clone(), render(self, key))
    }
    /// A run: skipped while another one is under way.
    fn once(&self, key: impl AsKey) -> Once<Self> {
        Once::new(self.clone(), render(self, key))
    }
    /// A pool: at most `size` at a time. A size of zero is refused when a permit is asked for.
    fn pool(&self, key: impl AsKey, size: u32) -> Pool<Self> {
        Pool::new(self.clone(), render(self, key), size)
    }
    /// A cached value.
    fn cache(&self, key: impl AsKey) -> Cache<Self, <Self::Store as Platform>::Codec> {
        Cache::new(self.clone(), render(self, key), <Self::Store as Platform>::Codec::default())
    }
}

impl<P: Handle> Primitives for P {}

/// The key, with the name that it is counted by.
#[cfg(feature = "insight")]
fn render<P: Handle>(handle: &P, key: impl AsKey) -> <P::Store as Platform>::KeyBuf {
    let mut buf = <P::Store as Platform>::KeyBuf::default();
    key.render_key(&mut buf);
    if let Some(template) = key.template() {
        crate::key::KeyBuffer::set_name(&mut buf, handle.instance().store().name(template));
    }
    buf
}

#[cfg(not(feature = "insight"))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "a device would pay for the argument")]
fn render<P: Handle>(_: &P, key: impl AsKey) -> <P::Store as Platform>::KeyBuf {
    rendered::<P>(key)
}

#[cfg(not(feature = "insight"))]
fn rendered<P: Handle>(key: impl AsKey) -> <P::Store as Platform>::KeyBuf {
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
        #[cfg(feature = "insight")]
        {
            let name = self.store().met(crate::store::Met::Look);
            let mut buf = S::KeyBuf::default();
            crate::key::KeyBuffer::set_name(&mut buf, name);
            buf
        }
        #[cfg(not(feature = "insight"))]
        S::KeyBuf::default()
    }

    /// That a key with so many bytes of text can be one of its store's.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, Refused, lock, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[lock(instance = device, key = "valve:{id}:open", companions = false)]
    /// fn valve(device: &Device<'_>, id: u8) -> Result<u8, Refused> {
    ///     Ok(id)
    /// }
    /// let clock = ManualClock::new();
    /// assert_eq!(valve(&Instance::new(FixedStore::new(&clock)), 1), Ok(1));
    /// ```
    /// ```compile_fail,E0080
    /// # use cachify_core::{FixedStore, Instance, Refused, lock, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[lock(instance = device, key = "valve:{id}:closed", companions = false)]
    /// fn valve(device: &Device<'_>, id: u8) -> Result<u8, Refused> {
    ///     Ok(id)
    /// }
    /// let clock = ManualClock::new();
    /// assert_eq!(valve(&Instance::new(FixedStore::new(&clock)), 1), Ok(1));
    /// ```
    ///
    /// On both of the ways that a cached function takes:
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, Refused, cached, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[cached(instance = device, key = "temperature:", companions = false)]
    /// async fn degrees(device: &Device<'_>) -> u32 {
    ///     21
    /// }
    /// let clock = ManualClock::new();
    /// assert_eq!(cachify_core::testing::block_on(degrees(&Instance::new(FixedStore::new(&clock)))), 21);
    /// ```
    /// ```compile_fail,E0080
    /// # use cachify_core::{FixedStore, Instance, Refused, cached, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[cached(instance = device, key = "temperatures:", companions = false)]
    /// async fn degrees(device: &Device<'_>) -> u32 {
    ///     21
    /// }
    /// let clock = ManualClock::new();
    /// assert_eq!(cachify_core::testing::block_on(degrees(&Instance::new(FixedStore::new(&clock)))), 21);
    /// ```
    /// ```compile_fail,E0080
    /// # use cachify_core::{FixedStore, Instance, Refused, cached, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[cached(instance = device, key = "temperatures:", companions = false)]
    /// fn degrees(device: &Device<'_>) -> u32 {
    ///     21
    /// }
    /// let clock = ManualClock::new();
    /// assert_eq!(degrees(&Instance::new(FixedStore::new(&clock))), 21);
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing at all on a device")]
    pub fn has_room_for<const TEXT: usize>(&self) {
        const {
            assert!(
                TEXT <= <S::KeyBuf as crate::key::KeyBuffer>::ROOM,
                "the text of the key alone is longer than the store's keys: a shorter one, or a larger `KEY` of the store"
            );
        }
    }

    /// That all permits of a pool of this size can be out at a time.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, Refused, pooled, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[pooled(instance = device, key = "slots", size = 4, companions = false)]
    /// fn radio(device: &Device<'_>) -> Result<(), Refused> {
    ///     Ok(())
    /// }
    /// let clock = ManualClock::new();
    /// assert!(radio(&Instance::new(FixedStore::new(&clock))).is_ok());
    /// ```
    /// ```compile_fail,E0080
    /// # use cachify_core::{FixedStore, Instance, Refused, pooled, store::lock::NoLock, testing::ManualClock};
    /// type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32, 12>>;
    /// #[pooled(instance = device, key = "slots", size = 5, companions = false)]
    /// fn radio(device: &Device<'_>) -> Result<(), Refused> {
    ///     Ok(())
    /// }
    /// let clock = ManualClock::new();
    /// assert!(radio(&Instance::new(FixedStore::new(&clock))).is_ok());
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing at all on a device")]
    pub fn has_permits<const SIZE: usize>(&self) {
        const {
            assert!(
                SIZE <= S::SLOTS,
                "the pool is larger than its store, each of whose slots holds one permit: a smaller `size`, or a store with more slots"
            );
        }
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

    /// For how many milliseconds a value is kept, at most for `most`, whose time is shortened by up to that many per cent.
    pub fn spread(&self, ttl: Option<Ttl>, percent: u8, most: u64) -> u64 {
        spread(&self, ttl, percent, most)
    }

    #[inline]
    pub fn keeping<K: Shape<R>, R, C>(&self, _: &K, _: &C) -> Keeping<S, K::Value, C> {
        Keeping::NEW
    }

    #[inline]
    pub fn lending<C>(&self, _: &C) -> Lending<S, C> {
        Lending::NEW
    }

    #[inline]
    pub fn hit<K, R, C>(&self, key: &S::KeyBuf, shape: &K, codec: &C) -> Option<R>
    where
        S: Values<K::Value, C>,
        K: Shape<R>,
    {
        cache::hit(&self, key, shape, codec, 0)
    }

    /// A lock, a permit or a run about to be asked for by a task, without its key.
    #[inline]
    pub fn lease(&self, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Lease<&Self> {
        #[cfg(feature = "insight")]
        return Lease::of(self, of, ttl, wait, renew).met();
        #[cfg(not(feature = "insight"))]
        Lease::of(self, of, ttl, wait, renew)
    }

    #[inline]
    pub fn lease_blocking(&self, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Lease<Threads<&Self>> {
        #[cfg(feature = "insight")]
        return Lease::of(Threads(self), of, ttl, wait, renew).met();
        #[cfg(not(feature = "insight"))]
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

/// An instance that tasks use: the one bound of logic that is the same on a device and on a server.
///
/// ```
/// use cachify_core::{FixedStore, Instance, Refused, TaskHandle, store::lock::NoLock};
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
/// use cachify_core::{CacheHandle, FixedStore, Instance, store::lock::NoLock};
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
