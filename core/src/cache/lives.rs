//! For how long the values of one [`Cache`] live, where that is not its TTL alone.

use super::{Aging, Cache};
use crate::{
    cell::MaybeOwned,
    error::Refused,
    instance::{Handle, spread},
    lease::Lease,
    outcome::{Life, Shape, inner},
    store::{Platform, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
use core::future::Future;

/// All values live alike, for the TTL.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alike;

/// Each value lives for as long as a function says.
#[derive(Clone, Copy, Debug)]
pub struct By<F>(F);

impl<F> By<F> {
    pub(super) const fn new(of: F) -> Self {
        Self(of)
    }
}

/// Each value lives for a part of its time less, by chance.
#[derive(Clone, Copy, Debug)]
pub struct Spread<L> {
    lives: L,
    percent: u8,
}

/// For how long a value lives.
pub trait Lives<V> {
    /// Whether values are served whose end is near.
    const AGES: bool = false;
    /// In milliseconds at most, where the handle's TTL is this.
    fn millis<H: Handle>(&self, value: &V, handle: &H, ttl: Option<Ttl>) -> u64;
    /// How those are treated whose end is near.
    fn aging(&self) -> Aging {
        Aging::NONE
    }

    /// Loads by that flight, unless there is a value by then.
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
        flight.cached(shape, codec, load)
    }
    /// The same for threads.
    fn load_blocking<H, K, R, C>(&self, flight: &mut Lease<H>, shape: K, codec: &C, load: impl FnOnce() -> R) -> R
    where
        H: Handle<Store: Values<V, C> + Platform<Clock: Sleep>>,
        K: Shape<R, Value = V>,
    {
        flight.cached_blocking(shape, codec, load)
    }
}

impl<L> Spread<L> {
    pub(super) const fn new(lives: L, percent: u8) -> Self {
        Self { lives, percent }
    }
}

impl<V> Lives<V> for Alike {
    #[inline]
    fn millis<H: Handle>(&self, _: &V, _: &H, _: Option<Ttl>) -> u64 {
        u64::MAX
    }
}

impl<V, L: Life, F: Fn(&V) -> L> Lives<V> for By<F> {
    fn millis<H: Handle>(&self, value: &V, _: &H, _: Option<Ttl>) -> u64 {
        (self.0)(value).millis()
    }
}

impl<V, L: Lives<V>> Lives<V> for Spread<L> {
    const AGES: bool = L::AGES;

    fn aging(&self) -> Aging {
        self.lives.aging()
    }
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
        self.lives.load(flight, shape, codec, load)
    }
    fn load_blocking<H, K, R, C>(&self, flight: &mut Lease<H>, shape: K, codec: &C, load: impl FnOnce() -> R) -> R
    where
        H: Handle<Store: Values<V, C> + Platform<Clock: Sleep>>,
        K: Shape<R, Value = V>,
    {
        self.lives.load_blocking(flight, shape, codec, load)
    }

    fn millis<H: Handle>(&self, value: &V, handle: &H, ttl: Option<Ttl>) -> u64 {
        spread(handle, ttl, self.percent, self.lives.millis(value, handle, ttl))
    }
}

/// A shape with the times of a cached value; one reference, for it is kept while a value is loaded.
pub(super) struct Timed<'c, K, P: Handle, C, L> {
    inner: K,
    of: &'c Cache<P, C, L>,
}

impl<'c, K, P: Handle, C, L> Timed<'c, K, P, C, L> {
    pub(super) const fn new(inner: K, of: &'c Cache<P, C, L>) -> Self {
        Self { inner, of }
    }
}

impl<R, K: Shape<R>, P: Handle, C, L: Lives<K::Value>> Shape<R> for Timed<'_, K, P, C, L> {
    type Value = K::Value;
    inner! { keep back hides fails refused passes }
    fn lasts(&self, out: &R) -> u64 {
        let Cache { handle, ttl, lives, .. } = self.of;
        let fresh = self.inner.keep(out).map_or(u64::MAX, |value| lives.millis(value.as_ref(), handle, *ttl));
        lives.aging().kept(fresh)
    }
}
