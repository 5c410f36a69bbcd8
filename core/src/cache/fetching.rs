//! Calls that tell where their value came from, or load it again, as the attribute macros make them.

use super::{Aging, Fetched, Source, hit};
use crate::{
    instance::{Handle, Instance, Threads},
    lease::Lease,
    observe::Observer,
    op::Ask,
    outcome::{AtMost, Shape},
    store::{Store, Values},
    time::{Sleep, Timer},
    ttl::Ttl,
};

/// Companions that only a build with the feature `stale` has: no attribute sees which one it is for.
#[cfg(feature = "stale")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_stale {
    ($($items:tt)*) => { $($items)* };
}

#[cfg(not(feature = "stale"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_stale {
    ($($items:tt)*) => {};
}

/// What is returned where what a function returns says of its value where that came from.
pub trait Carries {
    /// The same, with its source beside the value.
    type Fetched;
    /// Puts the source where the value is.
    fn carry(fetched: Fetched<Self>) -> Self::Fetched
    where
        Self: Sized;
}

impl<T, E> Carries for Result<T, E> {
    type Fetched = Result<Fetched<T>, E>;
    fn carry(Fetched { value, source }: Fetched<Self>) -> Self::Fetched {
        value.map(|value| Fetched::new(value, source))
    }
}

impl<T> Carries for Option<T> {
    type Fetched = Option<Fetched<T>>;
    fn carry(Fetched { value, source }: Fetched<Self>) -> Self::Fetched {
        value.map(|value| Fetched::new(value, source))
    }
}

/// Without for how long it may be kept, which a layer below had to say.
pub fn brought<R>(fetched: Fetched<(R, u64)>) -> Fetched<R> {
    Fetched::new(fetched.value.0, fetched.source)
}

/// A flight of one call, with how the value is treated that is there.
fn begun<H: Handle>(flight: &mut Lease<H>, aging: Aging, again: bool) -> Aging {
    if again {
        flight.anew(aging, Ask::AGAIN);
        // who wants another value is not served the old one, also where that fails
        Aging::NONE
    } else {
        flight.age(aging);
        aging
    }
}

/// What the attribute macros call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    /// A cached call, or one that loads again; and where its value came from.
    pub async fn fetched<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        (ttl, aging, again): (Option<Ttl>, Aging, bool),
        body: impl AsyncFnOnce() -> R,
    ) -> Fetched<R>
    where
        S: Values<K::Value, C>,
        S::Clock: Timer,
        K: Shape<R>,
    {
        if let Some(out) = self.found(&key, &shape, codec, (ttl, aging, again)) {
            return Fetched::new(out, Source::Hit);
        }
        let mut flight = Lease::flight(self, ttl).of_key(key);
        let shape = AtMost::new(shape, |fresh| aging.kept(fresh));
        let aging = begun(&mut flight, aging, again);
        #[cfg(feature = "stale")]
        let out = flight.aged(aging, shape, codec, body).await;
        #[cfg(not(feature = "stale"))]
        let (out, Aging { .. }) = (flight.cached(shape, codec, body).await, aging);
        Fetched::new(out, flight.source())
    }

    pub fn fetched_blocking<K, R, C>(
        &self,
        key: S::KeyBuf,
        shape: K,
        codec: &C,
        (ttl, aging, again): (Option<Ttl>, Aging, bool),
        body: impl FnOnce() -> R,
    ) -> Fetched<R>
    where
        S: Values<K::Value, C>,
        S::Clock: Sleep,
        K: Shape<R>,
    {
        if let Some(out) = self.found(&key, &shape, codec, (ttl, aging, again)) {
            return Fetched::new(out, Source::Hit);
        }
        let mut flight = Lease::flight(Threads(self), ttl).of_key(key);
        let shape = AtMost::new(shape, |fresh| aging.kept(fresh));
        let aging = begun(&mut flight, aging, again);
        #[cfg(feature = "stale")]
        let out = flight.aged_blocking(aging, shape, codec, body);
        #[cfg(not(feature = "stale"))]
        let (out, Aging { .. }) = (flight.cached_blocking(shape, codec, body), aging);
        Fetched::new(out, flight.source())
    }

    /// A value that is fresh for long enough, where one is wanted.
    fn found<K, R, C>(
        &self,
        key: &S::KeyBuf,
        shape: &K,
        codec: &C,
        (ttl, aging, again): (Option<Ttl>, Aging, bool),
    ) -> Option<R>
    where
        S: Values<K::Value, C>,
        K: Shape<R>,
    {
        let ttl = Ttl::resolve(ttl, self.config().ttl).millis();
        if again { None } else { hit(&self, key, shape, codec, aging.due(ttl)) }
    }
}
