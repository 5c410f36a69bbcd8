//! Values near their end, as users say it (feature `stale`): windows, loading again, changes.

use super::{Aging, Cache, Early, Lives, Loading, Rule, Timed, loading::Unlimited};
use crate::{
    error::Error,
    instance::Handle,
    lease::Lease,
    op::Ask,
    outcome::{InOk, Shape, Whole},
    store::{Platform, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
use core::{future::Future, time::Duration};

/// Values live as they did, and longer, for those who ask in their last time.
#[derive(Clone, Copy, Debug)]
pub struct Aged<L> {
    lives: L,
    own: Aging,
}

impl<L> Aged<L> {
    pub(super) const fn new(lives: L, own: Aging) -> Self {
        Self { lives, own }
    }
}

impl<V, L: Lives<V>> Lives<V> for Aged<L> {
    const AGES: bool = true;

    fn load<H, K, R, C>(
        &self,
        flight: &mut Lease<H>,
        shape: K,
        codec: &C,
        load: impl AsyncFnOnce() -> R,
    ) -> impl Future<Output = R>
    where
        H: Handle<Store: Values<V, C> + Platform<Clock: Timer>>,
        K: Shape<R, Value = V>,
    {
        flight.aged(Lives::<V>::aging(self), shape, codec, load)
    }
    fn load_blocking<H, K, R, C>(&self, flight: &mut Lease<H>, shape: K, codec: &C, load: impl FnOnce() -> R) -> R
    where
        H: Handle<Store: Values<V, C> + Platform<Clock: Sleep>>,
        K: Shape<R, Value = V>,
    {
        flight.aged_blocking(Lives::<V>::aging(self), shape, codec, load)
    }

    fn millis<H: Handle>(&self, value: &V, handle: &H, ttl: Option<Ttl>) -> u64 {
        self.lives.millis(value, handle, ttl)
    }
    fn aging(&self) -> Aging {
        self.lives.aging().and(self.own)
    }
}

impl<P: Handle, C, L> Cache<P, C, L> {
    /// For how long past its TTL a value is served while one caller loads it again: that one waits for what it loads, and
    /// nobody else waits.
    ///
    /// Whoever asks without this takes such a value for a fresh one: say the same wherever the key is used. A value without an
    /// end is never stale; 49 days are the longest.
    pub fn stale_for(self, window: Duration) -> Cache<P, C, Aged<L>> {
        self.aged(Aging::NONE.stale_for(window))
    }

    /// That a value within its window ([`stale_for`](Self::stale_for)) is served also when the load failed that was to bring
    /// another one; how often that fails does not matter, once the window is over it does.
    pub fn stale_on_error(self) -> Cache<P, C, Aged<L>> {
        self.aged(Aging::NONE.stale_on_error())
    }

    /// That a value is loaded again, by one caller while the others have it, when this part of its TTL is over: 0.8 is after
    /// four fifths. From 0.0 to 1.0, in whole per cents, of the TTL that was said, or the instance's: of one that each value has
    /// for itself nothing is known beforehand. Or by chance, near its end, whatever says when that is ([`Early::XFetch`]).
    /// When that load fails, its caller has the value, too, which is fresh.
    pub fn early(self, when: impl Into<Early>) -> Cache<P, C, Aged<L>> {
        self.aged(Aging::NONE.starting(when.into()))
    }

    fn aged(self, aging: Aging) -> Cache<P, C, Aged<L>> {
        let Self { handle, key, ttl, codec, lives } = self;
        Cache { handle, key, ttl, codec, lives: Aged::new(lives, aging) }
    }
}

/// For tasks.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// Loads the value again, though one is there: others have that one meanwhile. A caller that comes while another one loads
    /// waits for what that brings, which may have been read before this call: after a write [`insert`](Self::insert) what was
    /// written, or [`reset`](Self::reset). Of callers in other processes that wait, and on a device, each loads in its turn.
    ///
    /// What `load` fails with is passed on, and what is there stays. A store that fails does not matter: `load` runs. Dropping
    /// the future while it loads leaves what is there.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub async fn refresh_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.refresh(InOk, load).await
    }

    pub(super) async fn refresh<K: Shape<R>, R>(&self, shape: K, load: impl AsyncFnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let mut flight = self.flight(self.handle.clone());
        flight.anew(self.lives.aging(), Ask::AGAIN);
        flight.cached(Timed::new(shape, self), &self.codec, load).await
    }

    /// Puts in the place of the value, if there is one, what `change` makes of it: one caller at a time, while others have the
    /// old one. No load that began before comes after it.
    ///
    /// Dropping the future, or a panic of `change`, leaves what is there.
    ///
    /// # Errors
    /// [`Error`] when it is not kept, or that is not known: [`Cause::Conflict`](crate::Cause::Conflict) where something else was
    /// inserted or all was reset meanwhile; [`Cause::Unsupported`](crate::Cause::Unsupported) within a load or a change of the
    /// same value, which would wait for itself.
    pub async fn update_with<V>(&self, change: impl AsyncFnOnce(Option<V>) -> V) -> Result<V, Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let mut flight = self.flight(self.handle.clone());
        flight.anew(self.lives.aging(), Ask::ALONE);
        flight.change(Timed::new(Whole, self), &self.codec, change).await
    }
}

/// For threads.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// [`refresh_with`](Self::refresh_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub fn refresh_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.refresh_blocking(InOk, load)
    }

    pub(super) fn refresh_blocking<K: Shape<R>, R>(&self, shape: K, load: impl FnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let mut flight = self.flight_blocking();
        flight.anew(self.lives.aging(), Ask::AGAIN);
        flight.cached_blocking(Timed::new(shape, self), &self.codec, load)
    }

    /// [`update_with`](Self::update_with) for threads.
    ///
    /// # Errors
    /// As `update_with`.
    pub fn update_with_blocking<V>(&self, change: impl FnOnce(Option<V>) -> V) -> Result<V, Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let mut flight = self.flight_blocking();
        flight.anew(self.lives.aging(), Ask::ALONE);
        flight.change_blocking(Timed::new(Whole, self), &self.codec, change)
    }
}

/// For tasks.
impl<P: Handle, C, L, W> Loading<P, C, L, W>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// [`Cache::refresh_with`] by this rule.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub async fn refresh_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E>,
    {
        self.cache.refresh(self.rule.shape(), async move || self.rule.load(self.clock(), load).await).await
    }
}

/// For threads.
impl<P: Handle, C, L, W> Loading<P, C, L, W>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// [`refresh_with`](Self::refresh_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub fn refresh_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E> + Unlimited,
    {
        self.cache.refresh_blocking(self.rule.shape(), load)
    }
}
