//! Values near their end, as the attribute macros say it.

use super::{Aging, hit};
use crate::{
    instance::{Instance, Threads},
    lease::Lease,
    observe::Observer,
    outcome::{AtMost, Shape},
    store::{Store, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};

/// What the attribute macros call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    /// A hit where values are served whose end is near.
    #[inline]
    pub fn hit_aged<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        (ttl, aging): (Option<Ttl>, Aging),
    ) -> Option<R>
    where
        S: Values<K::Value, C>,
        K: Shape<R>,
    {
        let ttl = Ttl::resolve(ttl, self.config().ttl).millis();
        hit(&self, key, shape, codec, aging.due(ttl))
    }

    /// A cached call where values are served whose end is near.
    pub async fn aged<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        (ttl, aging): (Option<Ttl>, Aging),
        body: impl AsyncFnOnce() -> R,
    ) -> R
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        let mut flight = Lease::flight(self, ttl).of_key(key);
        flight.age(aging);
        flight.aged(aging, AtMost::new(shape, |fresh| aging.kept(fresh)), codec, body).await
    }

    pub fn aged_blocking<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        (ttl, aging): (Option<Ttl>, Aging),
        body: impl FnOnce() -> R,
    ) -> R
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        let mut flight = Lease::flight(Threads(self), ttl).of_key(key);
        flight.age(aging);
        flight.aged_blocking(aging, AtMost::new(shape, |fresh| aging.kept(fresh)), codec, body)
    }
}
