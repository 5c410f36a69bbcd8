//! What a store can do: one capability per trait, each with a blocking and an async face of the same words.
//!
//! Each trait lists what an implementation MUST do; the conformance suite has a test of each. `Busy` is an outcome,
//! not an error. Not here: waiting and renewing, which `drive` and the brackets do for every store.

mod face;
pub mod fixed;
#[cfg(feature = "alloc")]
pub mod growing;
#[cfg(feature = "alloc")]
pub mod kv;
mod leases;
pub mod lock;
pub mod ram;
mod words;

pub use face::*;
#[cfg(feature = "alloc")]
pub use kv::{AsyncKvStore, Kv, KvStore};
pub use leases::{Fresh, Leases, Values};

use crate::{
    cell::Life,
    key::{Key, KeyBuffer, KeyError},
    patience::Ticket,
    time::Clock,
    token::HolderToken,
    validity::Validity,
};
use core::{
    convert::Infallible,
    fmt,
    future::{Future, pending},
    task::{Context, Poll},
    time::Duration,
};

/// What all faces of a store share.
pub trait Store {
    /// What goes wrong; a [`Fault`] for callers that cannot name the store.
    type Error: fmt::Debug + Into<Fault>;

    /// Ends at once if anything was released since `ticket`, else at the next release of `key`.
    ///
    /// MAY end early, MAY never end: a store that cannot signal leaves it out, and its waiters poll.
    /// MUST pass a wake-up on when the future is dropped between being woken and being polled.
    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        let _ = (key, ticket);
        pending()
    }

    /// Takes back, sooner or later, what `token` holds or may hold under `key`; the holder was dropped.
    ///
    /// MUST NOT block. MAY do nothing: the right ends by itself.
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        let _ = (key, token);
    }

    /// The same of a caller that waited and was refused: it holds nothing, but may have been given a turn.
    ///
    /// For a store with little room to remember what was dropped.
    fn turned_away(&self, key: Key<'_>, token: HolderToken) {
        self.dropped(key, token);
    }

    /// Repeats, until it is acknowledged or the run must have ended, that the run of `token` succeeded and keeps its
    /// marker for `keep`: its holder told so, and was not heard.
    ///
    /// MUST NOT block, nor take the run back, which would let it happen twice. MAY do nothing: the run ends by itself
    /// within `ttl`.
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        let _ = (key, token, ttl, keep);
    }

    /// Passes on the turn that a waiter may have been given; it was refused by `token` and will not ask again.
    ///
    /// MUST NOT block, nor take back what `token` may hold. A turn that is not passed on costs others a poll.
    fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        let _ = token;
        // giving back what nobody holds calls the next one
        self.dropped(key, HolderToken::default());
    }
}

/// What an instance needs beside the capabilities: time, tokens, keys.
pub trait Host {
    /// The clock deadlines are measured on.
    type Clock: Clock;
    /// Where keys are rendered.
    type KeyBuf: KeyBuffer;
    /// Watches over a granted lease.
    type Monitor: Monitor;
    /// The codec of values for which none is named.
    type Codec: Default;

    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// A token for one more attempt.
    fn token(&self) -> HolderToken;
    /// Watches over a lease of so many milliseconds that was just granted.
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> Self::Monitor {
        let _ = (key, token, ttl, validity);
        Self::Monitor::default()
    }

    /// What keys begin with, outside the process.
    #[expect(clippy::unnecessary_literal_bound, reason = "hosts with a prefix lend it")]
    fn prefix(&self) -> &str {
        ""
    }
    /// The seed of key hashes; random where keys come from strangers.
    fn seed(&self) -> u64 {
        0
    }
    /// The key that was rendered into `buf`.
    #[inline]
    fn key<'a>(&'a self, kind: crate::key::Kind, buf: &'a Self::KeyBuf) -> Result<Key<'a>, KeyError> {
        Ok(Key::new(kind, self.prefix(), buf.bytes()?, self.seed()))
    }

    /// Whether `token` is this process's to give back: a forked child has copies of guards that its parent holds.
    fn owns(&self, token: HolderToken) -> bool {
        let _ = token;
        true
    }

    /// Remembers that the flight of `token` is being computed on this very stack, or no longer.
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        let _ = (key, token, inside);
    }
}

/// Watches over one granted lease, where a store renews by itself; `()` where it does not.
pub trait Monitor: Default {
    /// Whether any lease of this store may be watched over; if not, nothing of it is compiled.
    const MAY_RENEW: bool = true;

    /// Whether it renews this one; else the machine does, beside the body.
    fn renews(&self) -> bool;

    /// How long the lease is known to last, where the monitor keeps that.
    fn validity(&self) -> Option<&Validity>;

    /// Ready when the lease may have been lost before its time; may stay pending.
    fn poll_alarm(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Monitor for () {
    const MAY_RENEW: bool = false;

    fn renews(&self) -> bool {
        false
    }
    fn validity(&self) -> Option<&Validity> {
        None
    }
    fn poll_alarm(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// A store's error, as far as a caller can tell that cannot name the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No answer in time; the operation may or may not have been done.
    TimedOut,
    /// Not reached; the operation was not done.
    Unreachable,
    /// Every slot holds something live.
    Full,
    /// The key does not fit.
    KeyTooLong,
    /// A value could not be encoded, or what was stored could not be decoded.
    Codec,
    /// The store cannot do this, or not on this face.
    Unsupported(&'static str),
    /// The store answered that it will not; says why.
    Rejected(&'static str),
    /// Nothing was initialised.
    NotInitialised,
}

impl Fault {
    /// Whether the operation may have been done all the same.
    #[must_use]
    pub const fn is_indeterminate(self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether the store did not answer in time.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::TimedOut)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the store did not answer in time",
            Self::Unreachable => "the store cannot be reached",
            Self::Full => "the store is full: every slot holds a live key or permit",
            Self::KeyTooLong => "the key is too long for this store",
            Self::Codec => "a value could not be encoded or decoded",
            Self::Unsupported(what) | Self::Rejected(what) => what,
            Self::NotInitialised => NOT_INITIALISED,
        })
    }
}

pub(crate) const NOT_INITIALISED: &str =
    "cachify is not initialised: call `Cachify::builder()....init()` before the first call";

impl core::error::Error for Fault {}

impl From<Infallible> for Fault {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Refuses a stale window, for a store that keeps none: a value that outlives its TTL there would pass for fresh.
pub fn fresh_only(life: &Life) -> Result<(), Fault> {
    if life.stale_for.is_zero() { Ok(()) } else { Err(Fault::Unsupported("this store keeps no value past its TTL")) }
}

/// Never waits: its blocking face serves tasks as well.
pub trait AtOnce: Store {}
