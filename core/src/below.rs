//! Layers: what is cached over another cached value lives no longer than that.
//!
//! The layer below is asked before the value is: what is there then ends when it says, and what is loaded after that ends
//! a whole TTL later, or later still. So the bound is never too late, whoever loads the value and on whichever machine.

use crate::{
    asked,
    cache::Aging,
    cell::MaybeOwned,
    error::{Cause, Error, Refused},
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
    /// Only if nobody has an answer of that store until then, so that none of its values can have come.
    while_silent: bool,
}

impl<S: Store, O: Observer> Below<'_, S, O> {
    /// For how many milliseconds from now it is fresh; `u64::MAX` for one without an end.
    pub fn left(&self) -> u64 {
        let store = self.instance.store();
        let now = store.clock().now();
        match self.end {
            _ if self.while_silent && store.outage(now) == 0 => 0,
            Instant::MAX => u64::MAX,
            end => end.millis_since(now),
        }
    }
}

/// What was learned of a layer below before it is asked for its value.
enum Told {
    Seen(Inspection),
    /// It has a value, and cannot tell when that ends.
    Endless,
    /// It has none that it could bring, for it cannot be asked.
    Mute,
    /// There was no answer.
    Silent,
}

impl Told {
    /// `None` if it is to be asked whether there is a value at all.
    fn of(seen: Result<Inspection, Error>) -> Option<Self> {
        match seen {
            Ok(seen) => Some(Self::Seen(seen)),
            Err(Error::Store(Cause::Unreachable)) => Some(Self::Mute),
            Err(Error::Store(cause)) if cause.may_pass() => Some(Self::Silent),
            Err(_) => None,
        }
    }

    const fn by(is_there: Result<bool, Error>) -> Self {
        match is_there {
            Ok(true) => Self::Endless,
            Ok(false) => Self::Seen(Inspection::FREE),
            Err(_) => Self::Mute,
        }
    }
}

/// What the attributes call.
#[doc(hidden)]
impl<S: Store, O: Observer> Instance<S, O> {
    pub async fn below(&self, key: &S::KeyBuf, ttl: Option<Ttl>, aging: Aging) -> Below<'_, S, O>
    where
        S::Clock: Timer,
    {
        let now = self.store().clock().now();
        let told = match self.is_away(now) {
            true => Told::Silent,
            false => match Told::of(asked::inspect(&self, Kind::Cache, key).await) {
                Some(told) => told,
                None => Told::by(asked::is_there(&self, key).await),
            },
        };
        self.until(now, &told, (ttl, aging))
    }

    pub fn below_blocking(&self, key: &S::KeyBuf, ttl: Option<Ttl>, aging: Aging) -> Below<'_, S, O>
    where
        S::Clock: Sleep,
    {
        let now = self.store().clock().now();
        let told = match self.is_away(now) {
            true => Told::Silent,
            false => Told::of(asked::inspect_blocking(&self, Kind::Cache, key))
                .unwrap_or_else(|| Told::by(asked::is_there_blocking(&self, key))),
        };
        self.until(now, &told, (ttl, aging))
    }

    /// For how many milliseconds the value is fresh that is there now; zero where there is none, or that cannot be told. Asked
    /// once it was loaded, where nothing else says how long that one lives.
    pub async fn still(&self, key: &S::KeyBuf, aging: Aging) -> u64
    where
        S::Clock: Timer,
    {
        let seen = asked::inspect(&self, Kind::Cache, key).await;
        self.fresh_for(seen, aging)
    }

    pub fn still_blocking(&self, key: &S::KeyBuf, aging: Aging) -> u64
    where
        S::Clock: Sleep,
    {
        let seen = asked::inspect_blocking(&self, Kind::Cache, key);
        self.fresh_for(seen, aging)
    }

    fn fresh_for(&self, seen: Result<Inspection, Error>, aging: Aging) -> u64 {
        let now = self.store().clock().now();
        match seen {
            Ok(seen) if seen.held > 0 => match aging.fresh_until(now, seen.end(now)) {
                Instant::MAX => u64::MAX,
                end => end.millis_since(now),
            },
            _ => 0,
        }
    }

    /// Whether nobody has an answer of late: then a call waits once for its store, and not twice.
    fn is_away(&self, now: Instant) -> bool {
        self.store().outage(now) > 0
    }

    /// `ttl` is that of what is loaded there; what is stale by its rules, and may be served, has ended.
    fn until(&self, asked: Instant, told: &Told, (ttl, aging): (Option<Ttl>, Aging)) -> Below<'_, S, O> {
        let end = match told {
            Told::Seen(seen) if seen.held > 0 => aging.fresh_until(asked, seen.end(asked)),
            Told::Endless => asked,
            Told::Seen(_) | Told::Mute | Told::Silent => Ttl::resolve(ttl, self.config().ttl).end(asked),
        };
        Below { instance: self, end, while_silent: matches!(told, Told::Silent) }
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
        self.0.lasts(&out.0).min(out.1)
    }
    #[inline]
    fn refused(&self, why: impl FnOnce() -> Refused) -> Option<(R, u64)> {
        self.0.refused(why).map(|out| (out, 0))
    }
    #[inline]
    fn fails(&self, out: &(R, u64)) -> bool {
        self.0.fails(&out.0)
    }
    type Failure = K::Failure;
    #[inline]
    fn passes(&self, out: &(R, u64)) -> Option<K::Failure> {
        self.0.passes(&out.0)
    }
    #[inline]
    fn passed(&self, failure: &K::Failure) -> Option<(R, u64)> {
        self.0.passed(failure).map(|out| (out, 0))
    }
}
