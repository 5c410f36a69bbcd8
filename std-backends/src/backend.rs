//! The door out of the process: a store of the user's own, behind one pointer.
//!
//! Operations travel as owned values, so that a call can go on after whoever asked it has gone. Only
//! [`call`](Backend::call) must be written; threads, renewal, giving back and time limits come with it.

mod kv;
mod operation;
mod reaper;

use crate::clock::StdClock;
use cachify_core::{
    AsIs, Fault,
    cell::Kept,
    key::{Key, Kind},
    op::Left,
    patience::Ticket,
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore,
    },
    time::{Clock, Sleep},
    token::HolderToken,
};
pub use kv::AsyncKv;
pub use operation::{Answer, Operation};
use std::{
    fmt,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

/// A boxed future that may change threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key that a call can keep.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnedKey {
    kind: Kind,
    prefix: Arc<str>,
    bytes: Box<[u8]>,
    hash: u64,
}

impl OwnedKey {
    /// A copy of `key`.
    #[must_use]
    pub fn of(key: Key<'_>) -> Self {
        Self { kind: key.kind, prefix: key.prefix.into(), bytes: key.bytes.into(), hash: key.hash }
    }

    /// The same with its prefix shared.
    pub(crate) fn under(prefix: &Arc<str>, key: &Key<'_>) -> Self {
        Self { kind: key.kind, prefix: prefix.clone(), bytes: key.bytes.into(), hash: key.hash }
    }

    /// The key; its `Display` is the text a store knows it by.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        Key { kind: self.kind, prefix: &self.prefix, bytes: &self.bytes, hash: self.hash }
    }
}

impl fmt::Display for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.key(), f)
    }
}

impl fmt::Debug for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.key().to_string(), f)
    }
}

/// One operation on one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The key.
    pub key: OwnedKey,
    /// What is to be done.
    pub operation: Operation,
    /// How long it may take; past it the caller takes the outcome for unknown.
    pub limit: Duration,
}

/// A store of the user's own: `Cachify::builder().store(MyStore::new())`.
///
/// | the store | is plugged in as |
/// |---|---|
/// | blocking, and can compare and exchange ([`KvStore`](crate::KvStore)) | `Kv(Arc::new(store))` |
/// | async, and can compare and exchange ([`AsyncKvStore`](crate::AsyncKvStore)) | `AsyncKv(store)` |
/// | does each operation in one step | an implementation of this trait |
///
/// - MUST do each operation as a whole or not at all, by the rules that the conformance suite
///   (`cachify_core::testing::conformance`) tells one by one; the same token twice gets the same answer.
/// - MUST end every lease after its TTL, by a clock of its own.
///
/// Dropping a call's future leaves the operation done or not done; what it may have taken is given back by its token.
pub trait Backend: Send + Sync + 'static {
    /// Does one operation.
    ///
    /// # Errors
    /// [`Fault::TimedOut`] says that it may have been done, every other that it was not.
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Answer, Fault>>;

    /// Does one operation, blocking: for threads, renewal in the background, and what is given back there.
    ///
    /// Parks on [`call`](Self::call) unless written, at most for its limit.
    ///
    /// # Errors
    /// As `call`; and [`Fault::Unsupported`] where its futures do not run [anywhere](About::anywhere).
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Answer, Fault> {
        if !self.about().anywhere {
            return Err(NO_BLOCKING_FACE);
        }
        let limit = call.limit;
        park(self.call(call), limit).unwrap_or(Err(Fault::TimedOut))
    }

    /// Ends at once if anything of the key was released since `ticket`, else at the next release.
    ///
    /// MAY end early, MAY never end: waiters of a store that cannot signal ask again every 100 ms.
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        let _ = (key, ticket);
        Box::pin(pending())
    }

    /// Takes back what `token` left behind, sooner or later; may overtake its own call.
    ///
    /// MUST NOT block. Done by one thread of the process unless written, through
    /// [`call_blocking`](Self::call_blocking).
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if !self.about().anywhere {
            return;
        }
        let (clock, runtime) = (StdClock::system(), Runtime::current());
        let (ends, operation) = match left {
            // told again until the run must have ended
            Left::Done { fresh, ttl } => {
                let ends = clock.now().saturating_add(Duration::from_millis(ttl));
                (Some(ends), Operation::Complete(token, Duration::from_millis(fresh)))
            }
            Left::Lease | Left::WakeUp => (None, Operation::give_back(key.kind, token)),
            // giving back what nobody holds calls the next one
            Left::Turn => (None, Operation::give_back(key.kind, HolderToken::default())),
        };
        reaper::reap(Box::new(move || {
            let call = Call { key: key.clone(), operation: operation.clone(), limit: GIVE_BACK };
            let _inside = runtime.enter();
            let told = self.clone().call_blocking(call);
            // what is not heard of a lease ends by itself
            told.is_ok() || ends.is_none_or(|ends| clock.now() >= ends)
        }));
    }

    /// Ends when everything that was abandoned so far was given back.
    fn flush(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(reaper::idle())
    }

    /// What it is like; a constant.
    fn about(&self) -> About {
        About::default()
    }
}

/// How long one attempt to give something back may take.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// What a backend is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Whether its calls may be made from any thread, as those of most clients may. If not, threads are refused by
    /// name, nothing is renewed or given back in the background, and a lease that is dropped ends by itself.
    pub anywhere: bool,
}

impl Default for About {
    fn default() -> Self {
        Self { anywhere: true }
    }
}

impl About {
    /// One whose futures need the runtime of their caller.
    #[must_use]
    pub const fn tasks_only() -> Self {
        Self { anywhere: false }
    }
}

/// The tokio runtime of a caller, if there is one: a client of that runtime works in other threads too, inside of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runtime(#[cfg(feature = "tokio")] Option<tokio::runtime::Handle>);

impl Runtime {
    pub(crate) fn current() -> Self {
        #[cfg(feature = "tokio")]
        return Self(tokio::runtime::Handle::try_current().ok());
        #[cfg(not(feature = "tokio"))]
        Self()
    }

    /// Whether there is one.
    #[cfg_attr(not(feature = "tokio"), expect(clippy::unused_self, reason = "with tokio it is used"))]
    pub(crate) const fn is_any(&self) -> bool {
        #[cfg(feature = "tokio")]
        return self.0.is_some();
        #[cfg(not(feature = "tokio"))]
        false
    }

    /// This thread is inside until what it gives is dropped.
    #[cfg(feature = "tokio")]
    pub(crate) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.0.as_ref().map(tokio::runtime::Handle::enter)
    }

    #[cfg(not(feature = "tokio"))]
    #[expect(clippy::unused_self, reason = "with tokio it is used")]
    pub(crate) const fn enter(&self) -> Option<()> {
        None
    }
}

/// The result of a future, waited for by this thread at most for `limit`.
fn park<T>(mut future: BoxFuture<'_, T>, limit: Duration) -> Option<T> {
    let clock = StdClock::system();
    let (until, mut out) = (clock.now().saturating_add(limit), None);
    loop {
        let event = poll_fn(|cx| {
            out = match future.as_mut().poll(cx) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => return Poll::Pending,
            };
            Poll::Ready(())
        });
        clock.wait(until, pin!(event));
        if out.is_some() || clock.now() >= until {
            return out;
        }
    }
}

/// What a store whose futures do not run anywhere answers to threads.
pub const NO_BLOCKING_FACE: Fault =
    Fault::Unsupported("this store has only an async face: use it from async functions");

macro_rules! dispatchers {
    ($($(#[$m:meta])* $name:ident: $Lease:ident $Permit:ident $Once:ident $Inspect:ident $Force:ident $Cache:ident
        $Entry:ident, $($asyncness:ident)?, [$($wait:tt)*];)*) => { $(
        $(#[$m])*
        #[doc(hidden)]
        pub $($asyncness)? fn $name<S>(store: &S, key: Key<'_>, operation: Operation) -> Result<Answer, Fault>
        where
            S: $Lease + $Permit + $Once + $Inspect + $Force + $Entry + $Cache<Vec<u8>, AsIs>,
        {
            use Operation as Op;
            let done = match operation {
                Op::Acquire(ask) => $Lease::acquire(store, key, &ask)$($wait)*.map(Answer::Grant),
                Op::Renew(ask) => $Lease::renew(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Release(token) => $Lease::release(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Take(size, ask) => $Permit::take(store, key, size, &ask)$($wait)*.map(Answer::Grant),
                Op::Extend(ask) => $Permit::extend(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::GiveBack(token) => $Permit::give_back(store, key, token)$($wait)*.map(Answer::Holding),
                Op::InUse => $Permit::in_use(store, key)$($wait)*.map(Answer::Count),
                Op::Begin(ask) => $Once::begin(store, key, &ask)$($wait)*.map(Answer::Begun),
                Op::Touch(ask) => $Once::touch(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Complete(token, keep) => $Once::complete(store, key, token, keep)$($wait)*.map(Answer::Holding),
                Op::Fail(token) => $Once::fail(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Remaining => $Inspect::remaining(store, key)$($wait)*.map(Answer::Remaining),
                Op::ForceRelease => $Force::force_release(store, key)$($wait)*.map(Answer::Flag),
                Op::Get => $Cache::get(store, key, &AsIs)$($wait)*.map(Answer::Value),
                Op::Join(ask) => $Cache::join(store, key, &AsIs, &ask)$($wait)*.map(Answer::Lookup),
                Op::Heal(ask, bytes) => {
                    let found = $Cache::get(store, key, &AsIs)$($wait)*.map_err(Into::into)?;
                    if found.is_some_and(|found| found == bytes) {
                        $Entry::invalidate(store, key)$($wait)*.map_err(Into::into)?;
                    }
                    $Cache::join(store, key, &AsIs, &ask)$($wait)*.map(Answer::Lookup)
                }
                Op::Publish(token, bytes, life) => {
                    $Cache::publish(store, key, &AsIs, token, Kept::Own(bytes), life)$($wait)*.map(Answer::Holding)
                }
                Op::KeepFlying(ask) => $Entry::keep_flying(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Abandon(token) => $Entry::give_up(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Invalidate => $Entry::invalidate(store, key)$($wait)*.map(Answer::Flag),
            };
            done.map_err(Into::into)
        }
    )* };
}

dispatchers! {
    dispatch: AsyncLeaseStore AsyncPermitStore AsyncOnceStore AsyncInspect AsyncForce AsyncCacheStore AsyncEntryStore,
        async, [.await];
    dispatch_blocking: LeaseStore PermitStore OnceStore Inspect Force CacheStore EntryStore, , [];
}
