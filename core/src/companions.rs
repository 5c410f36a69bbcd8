//! What the companions of a cached function ask of an instance, with the shape of what it returns.

use crate::{
    asked,
    cache::Aging,
    error::Error,
    instance::Instance,
    key::Kind,
    observe::Observer,
    outcome::Shape,
    store::{Store, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};
#[cfg(feature = "stale")]
use crate::{instance::Threads, lease::Lease, op::Ask, outcome::AtMost};

/// A type by another way than its name.
pub trait Same {
    /// Itself.
    type Type: ?Sized;
}

impl<T: ?Sized> Same for T {
    type Type = T;
}

/// For how long a result is kept, in milliseconds.
fn kept<K: Shape<R>, R, S: Store, O: Observer>(
    instance: &Instance<S, O>,
    shape: &K,
    (ttl, aging): (Option<Ttl>, Aging),
    out: &R,
) -> u64 {
    aging.kept(Ttl::resolve(ttl, instance.config().ttl).millis().min(shape.lasts(out)))
}

/// What the attribute macros call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    /// What a call would return that takes any value which is there.
    pub async fn peeked<K, R, C>(&self, key: &S::KeyBuf, shape: &K, codec: &C) -> Result<Option<R>, Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        Ok(asked::get(&self, key, codec).await?.map(|value| shape.back(value)))
    }

    pub fn peeked_blocking<K, R, C>(&self, key: &S::KeyBuf, shape: &K, codec: &C) -> Result<Option<R>, Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        Ok(asked::get_blocking(&self, key, codec)?.map(|value| shape.back(value)))
    }

    /// Keeps a result as a call would that returned it; of one that is not kept nothing stays.
    pub async fn inserted<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        terms: (Option<Ttl>, Aging),
        out: &R,
    ) -> Result<(), Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        let kept = kept(self, shape, terms, out);
        match shape.keep(out) {
            Some(value) => asked::insert(&self, key, codec, value, kept).await,
            None => asked::clear(&self, Kind::Cache, key).await.map(drop),
        }
    }

    pub fn inserted_blocking<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        terms: (Option<Ttl>, Aging),
        out: &R,
    ) -> Result<(), Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        let kept = kept(self, shape, terms, out);
        match shape.keep(out) {
            Some(value) => asked::insert_blocking(&self, key, codec, value, kept),
            None => asked::clear_blocking(&self, Kind::Cache, key).map(drop),
        }
    }
}

/// What the attribute macros call where values are kept past their end.
#[cfg(feature = "stale")]
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    /// Keeps what `change` makes of what a call would return that takes any value which is there, under the flight of its key.
    pub async fn changed<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        (ttl, aging): (Option<Ttl>, Aging),
        change: impl AsyncFnOnce(Option<R>) -> R,
    ) -> Result<R, Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        let mut flight = Lease::flight(self, ttl).of_key(key.clone());
        flight.anew(aging, Ask::ALONE);
        flight.change(AtMost::new(shape, |fresh| aging.kept(fresh)), codec, change).await
    }

    pub fn changed_blocking<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        (ttl, aging): (Option<Ttl>, Aging),
        change: impl FnOnce(Option<R>) -> R,
    ) -> Result<R, Error>
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        let mut flight = Lease::flight(Threads(self), ttl).of_key(key.clone());
        flight.anew(aging, Ask::ALONE);
        flight.change_blocking(AtMost::new(shape, |fresh| aging.kept(fresh)), codec, change)
    }
}
