//! Cached values: a hit, or one flight that fills the key while everybody else waits for it.
//!
//! Caches fail open: after the store's first failure, or without a key, the body simply runs.

use crate::{
    cell::{Grant, Holding, Life, Lookup},
    codec::Tagged,
    drive::{BufOf, Face, contend, instance, now, ready},
    hold::Claim,
    instance::Handle,
    key::Kind,
    observe::{Event, Observer},
    outcome::{HIDDEN, InOk, Shape, Whole},
    patience::{Contended, Patience},
    store::{AsyncCacheStore, AsyncEntryStore, AsyncRights, CacheStore, EntryStore, Fault, Host, Tasks, Threads},
    time::{Instant, Sleep, Timer},
    ttl::Ttl,
};
use core::{
    future::{Future, poll_fn},
    pin::pin,
};

/// The miss path, on either face.
///
/// Dropping the future while it computes lets the next waiter compute.
pub(crate) async fn fill<F, K, R, C>(
    face: F,
    key: BufOf<F>,
    shape: K,
    codec: &C,
    ttl: Option<Ttl>,
    body: impl AsyncFnOnce() -> R,
) -> R
where
    F: Face + AsyncRights + AsyncEntryStore + AsyncCacheStore<K::Value, C>,
    K: Shape<R>,
{
    let mut flight = match join(face, key, codec, ttl).await {
        Ok((_, Lookup::Fresh(v) | Lookup::Stale(v))) => return shape.back(v),
        Ok((flight, Lookup::Fill { .. })) => flight,
        Err(()) => return body().await,
    };
    flight.say(|key| Event::Miss { key });
    let out = flight.carry(marked(&flight, body())).await;
    land(&mut flight, &shape, codec, ttl, &out).await;
    out
}

/// Looks, then joins: a value, or the flight. The error is that there is nothing to ask any more.
async fn join<F, V, C>(face: F, key: BufOf<F>, codec: &C, ttl: Option<Ttl>) -> Result<(Claim<F>, Lookup<V>), ()>
where
    F: Face + AsyncRights + AsyncEntryStore + AsyncCacheStore<V, C>,
{
    let config = *instance(&face).config();
    let mut flight = Claim::flight(&face, key, Ttl::resolve(ttl, config.ttl)).ok_or(())?;
    let Ok(key) = flight.key() else { return Err(()) };
    match flight.face().get(key, codec).await {
        Ok(Some(v)) => {
            flight.say(|key| Event::Hit { key });
            return Ok((flight, Lookup::Fresh(v)));
        }
        Ok(None) => flight.arm(),
        Err(e) => {
            let fault = e.into();
            flight.say(|key| Event::Failed { key: Some(key), fault });
            return Err(());
        }
    }
    let mut sent = Instant::ZERO;
    let reply = {
        let Ok(key) = flight.key() else { return Err(()) };
        let (held, sent) = (&flight, &mut sent);
        // a cache that fails is asked no more: the body runs
        contend(held.face(), key, held.patience(), Patience::NONE, || {
            *sent = now(held.face());
            let ask = held.ask();
            async move { held.face().join(key, codec, &ask).await }
        })
        .await
    };
    match reply {
        Ok(Contended::Granted(lookup)) => {
            match &lookup {
                Lookup::Fill { fence, remaining, .. } => {
                    flight.granted(sent, Grant { fence: *fence, index: 0, remaining: *remaining });
                }
                Lookup::Fresh(_) | Lookup::Stale(_) => {
                    flight.disarm();
                    flight.say(|key| Event::Joined { key });
                }
            }
            Ok((flight, lookup))
        }
        // patience without a deadline never ends busy
        Ok(Contended::Busy(_)) => {
            flight.disarm();
            Err(())
        }
        Err(fault) => {
            flight.say(|key| Event::Failed { key: Some(key), fault });
            if !fault.is_indeterminate() {
                flight.disarm();
            }
            Err(())
        }
    }
}

/// Stores what the body brought, if it is worth keeping; the body's result is never replaced.
async fn land<F, K, R, C>(flight: &mut Claim<F>, shape: &K, codec: &C, ttl: Option<Ttl>, out: &R)
where
    F: Face + AsyncRights + AsyncEntryStore + AsyncCacheStore<K::Value, C>,
    K: Shape<R>,
{
    let Ok(key) = flight.key() else { return };
    let default = instance(flight.face()).config().ttl;
    if shape.hides() {
        flight.say(|key| Event::Failed { key: Some(key), fault: HIDDEN });
    }
    let done = match shape.keep(out) {
        Some(value) => {
            let life = Life::new(Ttl::resolve(ttl, default));
            flight.face().publish(key, codec, flight.token(), value, life).await
        }
        None => flight.face().abandon(key, flight.token()).await,
    };
    match done {
        Ok(holding) => {
            if holding == Holding::Lost {
                flight.say(|key| Event::Lost { key });
            }
            flight.disarm();
        }
        Err(e) => {
            let fault = e.into();
            flight.say(|key| Event::Failed { key: Some(key), fault });
        }
    }
}

/// Polls `body` with its flight marked, so that a recursive call on this stack computes instead of waiting.
async fn marked<F: Face, T>(flight: &Claim<F>, body: impl Future<Output = T>) -> T {
    struct Inside<'a, F: Face>(&'a Claim<F>);
    impl<F: Face> Inside<'_, F> {
        fn set(&self, inside: bool) {
            if let Ok(key) = self.0.key() {
                instance(self.0.face()).store().mark(key, self.0.token(), inside);
            }
        }
    }
    impl<F: Face> Drop for Inside<'_, F> {
        fn drop(&mut self) {
            self.set(false);
        }
    }
    let mut body = pin!(body);
    poll_fn(|cx| {
        // unset also when the body panics
        let inside = Inside(flight);
        inside.set(true);
        body.as_mut().poll(cx)
    })
    .await
}

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
/// # Ok::<(), cachify_core::Fault>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `get`"]
pub struct Cache<P: Handle, C> {
    handle: P,
    key: <P::Store as Host>::KeyBuf,
    ttl: Option<Ttl>,
    codec: C,
}

impl<P: Handle, C> Cache<P, C> {
    pub(crate) const fn new(handle: P, key: <P::Store as Host>::KeyBuf, codec: C) -> Self {
        Self { handle, key, ttl: None, codec }
    }

    /// How long the value lives: a `Duration`, or `Ttl::Forever`; else the instance's default.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// How the value becomes bytes, where the store needs bytes.
    pub fn codec<D>(self, codec: D) -> Cache<P, D> {
        Cache { handle: self.handle, key: self.key, ttl: self.ttl, codec }
    }

    /// What the stored bytes are of; bytes of something else are a miss. The type's name unless said.
    pub fn type_tag(self, tag: &'static str) -> Cache<P, Tagged<C>> {
        Cache { handle: self.handle, key: self.key, ttl: self.ttl, codec: Tagged::new(self.codec, tag) }
    }
}

/// For tasks.
impl<P: Handle, C> Cache<P, C>
where
    <P::Store as Host>::Clock: Timer,
{
    /// The value, if it is there and fresh.
    pub async fn get<V>(&self) -> Result<Option<V>, Fault>
    where
        P::Store: AsyncCacheStore<V, C>,
    {
        let store = self.handle.instance().store();
        let key = store.key(Kind::Cache, &self.key).map_err(|_| Fault::KeyTooLong)?;
        store.get(key, &self.codec).await.map_err(Into::into)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings. A hit drops `make` unpolled.
    ///
    /// A store that fails does not matter: `make` runs. Dropping the future while it runs lets the next waiter make it.
    pub async fn get_or_insert<V>(&self, make: impl Future<Output = V>) -> V
    where
        P::Store: AsyncCacheStore<V, C> + AsyncEntryStore,
        Tasks<P>: AsyncRights,
    {
        fill(Tasks(self.handle.clone()), self.key.clone(), Whole, &self.codec, self.ttl, async move || make.await).await
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    ///
    /// What `load` fails with is passed on and not kept. A store that fails does not matter: `load` runs.
    /// Dropping the future while it loads lets the next waiter load.
    pub async fn get_or_insert_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: AsyncCacheStore<V, C> + AsyncEntryStore,
        Tasks<P>: AsyncRights,
    {
        fill(Tasks(self.handle.clone()), self.key.clone(), InOk, &self.codec, self.ttl, load).await
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    pub async fn reset(&self) -> Result<bool, Fault>
    where
        P::Store: AsyncEntryStore,
    {
        self.handle.instance().reset(&self.key).await
    }
}

/// For threads.
impl<P: Handle, C> Cache<P, C>
where
    <P::Store as Host>::Clock: Sleep,
{
    /// The value, if it is there and fresh.
    pub fn get_blocking<V>(&self) -> Result<Option<V>, Fault>
    where
        P::Store: CacheStore<V, C>,
    {
        let store = self.handle.instance().store();
        let key = store.key(Kind::Cache, &self.key).map_err(|_| Fault::KeyTooLong)?;
        CacheStore::get(store, key, &self.codec).map_err(Into::into)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings.
    ///
    /// A store that fails does not matter: `make` runs.
    pub fn get_or_insert_blocking<V>(&self, make: impl FnOnce() -> V) -> V
    where
        P::Store: CacheStore<V, C> + EntryStore,
        Threads<P>: AsyncRights,
    {
        let face = Threads(self.handle.clone());
        ready(fill(face, self.key.clone(), Whole, &self.codec, self.ttl, async move || make()))
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    pub fn get_or_insert_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: CacheStore<V, C> + EntryStore,
        Threads<P>: AsyncRights,
    {
        let face = Threads(self.handle.clone());
        ready(fill(face, self.key.clone(), InOk, &self.codec, self.ttl, async move || load()))
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    pub fn reset_blocking(&self) -> Result<bool, Fault>
    where
        P::Store: EntryStore,
    {
        self.handle.instance().reset_blocking(&self.key)
    }
}

/// A hit, without a future where the value is in this process.
#[inline]
pub(crate) fn hit<P: Handle, K, R, C>(handle: &P, key: &<P::Store as Host>::KeyBuf, shape: &K, codec: &C) -> Option<R>
where
    P::Store: crate::store::Peek<K::Value, C>,
    K: Shape<R>,
{
    let instance = handle.instance();
    let key = instance.store().key(Kind::Cache, key).ok()?;
    let value = crate::store::Peek::peek(instance.store(), key, codec)?;
    instance.observer().event(&Event::Hit { key });
    Some(shape.back(value))
}
