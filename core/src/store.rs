//! What a store does: each operation of the table ([`op`](crate::op)) on a key, and typed values beside it.
//!
//! Each trait lists what an implementation MUST do; the conformance suite has a test of each. That somebody else holds
//! a lease is an answer, not an error. Not here: waiting, renewing and giving back, which the machine does for every
//! store.

mod asking;
pub mod fixed;
#[cfg(feature = "alloc")]
pub mod growing;
mod leases;
mod lent;
pub mod lock;
pub mod ram;

pub use crate::error::Cause;
pub(crate) use asking::OTHER;
pub use asking::{Asking, abandon, changed};
pub use leases::{Fresh, Store, Values};

use crate::{
    key::{Key, KeyBuffer, KeyError, Kind},
    time::{Clock, Instant},
    token::HolderToken,
    validity::Validity,
};
use core::task::{Context, Poll};

/// What an instance needs beside the operations: time, tokens, keys.
pub trait Platform {
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
    ///
    /// # Errors
    /// [`KeyError`] where no key was rendered.
    #[inline]
    fn key<'a>(&'a self, kind: Kind, buf: &'a Self::KeyBuf) -> Result<Key<'a>, KeyError> {
        Ok(Key::new(kind, self.prefix(), buf.bytes()?, self.seed()))
    }

    /// Whether `token` is this process's to give back: a forked child has copies of guards that its parent holds.
    fn owns(&self, token: HolderToken) -> bool {
        let _ = token;
        true
    }

    /// For how many milliseconds nobody has had an answer, from a store that keeps count of it.
    fn outage(&self, now: Instant) -> u64 {
        let _ = now;
        0
    }

    /// Whether a thread that drops a guard may wait until the store has heard of it; asked before it does.
    fn may_wait(&self) -> bool {
        false
    }
    /// A thread that waited for that was not answered.
    fn waited_in_vain(&self) {}

    /// Remembers that the flight of `token` is being computed on this very stack, or no longer.
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        let _ = (key, token, inside);
    }

    /// The name of a template that is given by value.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    fn name(&self, template: &str) -> u16 {
        let _ = template;
        0
    }
    /// The name of the attribute that the instance met last, whose key is made now.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    #[inline]
    fn met(&self, what: Met) -> u16 {
        let _ = what;
        0
    }
    /// What an observer is told of a key that no lease was asked for.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    #[inline]
    fn served(&self, buf: &Self::KeyBuf, event: &crate::observe::Event<'_>) {
        let _ = (buf, event);
    }
}

/// What an attribute does with the instance that it met.
#[cfg(feature = "insight")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It looks for a value.
    Look,
    /// It takes a lease round its body.
    Lease,
}

impl<S: Platform> Platform for &S {
    type Clock = S::Clock;
    type KeyBuf = S::KeyBuf;
    type Monitor = S::Monitor;
    type Codec = S::Codec;
    fn clock(&self) -> &S::Clock {
        (**self).clock()
    }
    fn token(&self) -> HolderToken {
        (**self).token()
    }
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> S::Monitor {
        (**self).monitor(key, token, ttl, validity)
    }
    fn prefix(&self) -> &str {
        (**self).prefix()
    }
    fn seed(&self) -> u64 {
        (**self).seed()
    }
    fn key<'a>(&'a self, kind: Kind, buf: &'a S::KeyBuf) -> Result<Key<'a>, KeyError> {
        (**self).key(kind, buf)
    }
    fn owns(&self, token: HolderToken) -> bool {
        (**self).owns(token)
    }
    fn outage(&self, now: Instant) -> u64 {
        (**self).outage(now)
    }
    fn may_wait(&self) -> bool {
        (**self).may_wait()
    }
    fn waited_in_vain(&self) {
        (**self).waited_in_vain();
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        (**self).mark(key, token, inside);
    }
    #[cfg(feature = "insight")]
    fn name(&self, template: &str) -> u16 {
        (**self).name(template)
    }
    #[cfg(feature = "insight")]
    #[inline]
    fn met(&self, what: Met) -> u16 {
        (**self).met(what)
    }
    #[cfg(feature = "insight")]
    fn served(&self, buf: &S::KeyBuf, event: &crate::observe::Event<'_>) {
        (**self).served(buf, event);
    }
}

/// Watches over one granted lease, where a store renews by itself; `()` where it does not.
pub trait Monitor: Default {
    /// Whether any lease of this store may be watched over; if not, nothing of it is compiled.
    const MAY_RENEW: bool = true;

    /// Whether it renews this one; else the machine does, beside the body.
    fn renews(&self) -> bool;

    /// Renews it no more. What is lost after this the monitor does not tell.
    fn end(&self) {}

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
