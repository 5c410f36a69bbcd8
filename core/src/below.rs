//! Layers: what is cached over another cached value lives no longer than that.
//!
//! The layer below is asked before the value is: what is there then ends when it says, and what is loaded after that ends
//! a whole TTL later, or later still. So the bound is never too late, whoever loads the value and on whichever machine.

use crate::{
    asked,
    cell::MaybeOwned,
    error::{Cause, Error},
    instance::Instance,
    key::Kind,
    observe::Observer,
    op::Inspection,
    outcome::Shape,
    store::Store,
    time::{Clock, Instant, Sleep, Timer},
    ttl::Ttl,
};

/// When the value of a layer below ends, at the earliest.
#[derive(Debug)]
pub struct Below<'i, S: Store, O: Observer> {
    instance: &'i Instance<S, O>,
    end: Instant,
}

impl<S: Store, O: Observer> Below<'_, S, O> {
    /// For how many milliseconds from now it is fresh; `u64::MAX` for one without an end.
    pub fn left(&self) -> u64 {
        if self.end == Instant::MAX { u64::MAX } else { self.end.millis_since(self.instance.store().clock().now()) }
    }
}

/// What the attributes call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    pub async fn below(&self, key: &S::KeyBuf, ttl: Option<Ttl>) -> Below<'_, S, O>
    where
        S::Clock: Timer,
    {
        let now = self.store().clock().now();
        let seen = if self.is_away(now) { None } else { Some(asked::inspect(&self, Kind::Cache, key).await) };
        self.until(now, seen, ttl)
    }

    pub fn below_blocking(&self, key: &S::KeyBuf, ttl: Option<Ttl>) -> Below<'_, S, O>
    where
        S::Clock: Sleep,
    {
        let now = self.store().clock().now();
        let seen = (!self.is_away(now)).then(|| asked::inspect_blocking(&self, Kind::Cache, key));
        self.until(now, seen, ttl)
    }

    /// Whether nobody has an answer of late: then a call waits once for its store, and not twice.
    fn is_away(&self, now: Instant) -> bool {
        self.store().outage(now) > 0
    }

    /// `ttl` is that of what is loaded there.
    fn until(&self, asked: Instant, seen: Option<Result<Inspection, Error>>, ttl: Option<Ttl>) -> Below<'_, S, O> {
        let end = match seen {
            Some(Ok(seen)) if seen.held > 0 => seen.end(asked),
            // a store that cannot tell may have a value that ends at once
            Some(Err(Error::Store(Cause::Unsupported(_)))) => asked,
            // a store that is away keeps no value either
            Some(Ok(_) | Err(_)) | None => Ttl::resolve(ttl, self.config().ttl).end(asked),
        };
        Below { instance: self, end }
    }
}

/// The shape of a value that comes with the number of milliseconds for which it may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Within<K>(pub K);

impl<R, K: Shape<R>> Shape<(R, u64)> for Within<K> {
    type Value = K::Value;
    fn keep<'r>(&self, out: &'r (R, u64)) -> Option<MaybeOwned<'r, Self::Value>> {
        self.0.keep(&out.0)
    }
    fn back(&self, value: Self::Value) -> (R, u64) {
        (self.0.back(value), 0)
    }
    #[inline]
    fn hides(&self) -> bool {
        self.0.hides()
    }
    #[inline]
    fn lasts(&self, out: &(R, u64)) -> u64 {
        out.1
    }
}
