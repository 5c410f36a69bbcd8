//! The door out of the process: Redis, key-value stores and stores of the user's own, behind one pointer.
//!
//! Operations travel as owned values, so that a call can go on after whoever asked it has gone. Only
//! [`call`](Backend::call) must be written; threads, renewal, giving back and time limits come with it.

mod broom;
mod call;
pub(crate) mod key;
pub(crate) mod many;
mod reaper;
mod runtime;

use crate::{clock::StdClock, process::PerProcess, renewer::Renewer};
pub(crate) use broom::Broom;
pub use cachify_core::op::{Ask, Inspection, Left, Op, Outcome};
use cachify_core::{
    Cause,
    patience::Ticket,
    time::{Clock, Instant},
    token::HolderToken,
};
pub use call::{Call, Reply};
pub(crate) use call::{OTHER, lasting};
pub use key::OwnedKey;
use reaper::Forgone;
pub(crate) use reaper::Owner;
pub(crate) use runtime::Runtime;
pub(crate) use runtime::park;
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

/// A boxed future that may change threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of the user's own: `Cachify::builder().store(MyStore::new())`.
///
/// | the store | is plugged in as |
/// |---|---|
/// | blocking, and can compare and exchange ([`KvStore`](crate::KvStore)) | `Kv(Arc::new(store))` |
/// | async, and can compare and exchange ([`AsyncKvStore`](crate::AsyncKvStore)) | `AsyncKv(store)` |
/// | does each operation in one step | an implementation of this trait |
///
/// - MUST do each operation as a whole or not at all, by the rules that the suite (`cachify::testing::backend`) tells
///   one by one; the same token twice gets the same answer.
/// - MUST end every lease after its TTL, by a clock of its own, and none before it.
/// - MUST tell keys apart byte for byte: keys are texts of any character, of 4 KiB and more, under a prefix; a value
///   may have a mebibyte and more.
///
/// Dropping a call's future leaves the operation done or not done; what it may have taken is given back by its token.
pub trait Backend: Send + Sync + 'static {
    /// Does one operation.
    ///
    /// # Errors
    /// [`Cause::TimedOut`] and [`Cause::Unknown`] say that it may have been done, every other that it was not.
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>>;

    /// Does one operation, blocking: for threads, renewal in the background, and what is given back there.
    ///
    /// Parks on [`call`](Self::call) unless written, at most for its limit.
    ///
    /// # Errors
    /// As `call`; and [`Cause::Unsupported`] where its futures do not run [anywhere](About::anywhere).
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        if !self.about().anywhere {
            return Err(NO_BLOCKING_FACE);
        }
        let limit = call.limit;
        runtime::park(self.call(call), limit).unwrap_or(Err(Cause::TimedOut))
    }

    /// Does many operations, blocking, in any order; an answer for each, in theirs: the heartbeats of one moment.
    ///
    /// Through [`call`](Self::call) unless written, 64 side by side, each within its limit; a store that can send many at
    /// once does. A panic costs all of them.
    fn call_many_blocking(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        if !self.about().anywhere {
            return calls.into_iter().map(|_| Err(NO_BLOCKING_FACE)).collect();
        }
        many::futures(calls, self.about().keeps_limits, |call| self.clone().call(call))
    }

    /// Is told once, before the first call, whom it may tell what.
    fn attach(self: Arc<Self>, news: News) {
        let _ = news;
    }

    /// Ends at once if anything of the key was released since `ticket`, else at the next release.
    ///
    /// MAY end early, MAY never end: of those who wait in a process for what a store cannot signal
    /// ([`Ticket::NONE`]) the first asks again, after 20 to 250 ms, and hands on to the next.
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        let _ = (key, ticket);
        Box::pin(pending())
    }

    /// Takes back what `token` left behind, sooner or later; may overtake its own call.
    ///
    /// MUST NOT block. Whoever hands this on to a backend inside hands [`flush`](Self::flush) on too, to the same `Arc`.
    /// Done unless written by a thread that is there while anything is owed to this backend, through
    /// [`call_blocking`](Self::call_blocking).
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        if self.about().anywhere {
            give_back(self, key, token, left);
        }
    }

    /// Ends when everything that was abandoned so far was given back.
    fn flush(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(reaper::idle(Owner::of(&self)))
    }

    /// What it is like; a constant.
    fn about(&self) -> About {
        About::default()
    }

    /// How long one operation may take where the user set no limit; asked before each.
    fn limit(&self) -> Duration {
        OP_TIMEOUT
    }

    /// The policy by which a full server drops what it holds, live leases among it, once that is known; told when an
    /// instance is built, if it is known by then.
    fn evicts(&self) -> Option<String> {
        None
    }

    /// What its servers say of themselves, for [`about`](crate::Cachify::about); each within one `op_timeout`.
    #[doc(hidden)]
    fn nodes(self: Arc<Self>) -> BoxFuture<'static, Vec<crate::health::Node>> {
        Box::pin(async { Vec::new() })
    }

    /// Forgets what has ended, where that needs an effort. Called by a thread of its own, once a minute at most while the
    /// instance is used.
    fn sweep(self: Arc<Self>) {}
}

/// How long one operation outside the process may take unless said.
const OP_TIMEOUT: Duration = Duration::from_millis(500);

/// The same through a backend's own calls, inside the runtime of whoever left it.
pub(crate) fn give_back<B: Backend + ?Sized>(backend: Arc<B>, key: OwnedKey, token: HolderToken, left: Left) {
    let runtime = Runtime::current();
    abandoned(Owner::of(&backend), key, token, left, move |call| {
        let _inside = runtime.enter();
        Some(backend.clone().call_blocking(call).is_ok())
    });
}

/// Has a thread of the backend tell what was left behind, by `tell`, which says whether it was heard; `None` if it is too
/// early, and asked again later.
pub(crate) fn abandoned(
    owner: Owner,
    key: OwnedKey,
    token: HolderToken,
    left: Left,
    tell: impl Fn(Call) -> Option<bool> + Send + 'static,
) {
    let clock = StdClock::system();
    let call = match left {
        Left::Done { fresh, .. } => Call::new(key, token, Op::Release(Outcome::Done { fresh }), GIVE_BACK),
        Left::Lease | Left::WakeUp => Call::give_back(key, token, GIVE_BACK),
        // giving back what nobody holds calls the next one
        Left::HandOff => Call::give_back(key, HolderToken::default(), GIVE_BACK),
    };
    let ends = ends(left, &clock);
    let forgone = if ends.is_none() { Forgone::EndsByItself } else { Forgone::Never };
    // a lease of which nothing is heard for so long has ended by itself, or nearly
    let until = ends.unwrap_or_else(|| clock.now().saturating_add(UNHEARD));
    let is_over = move || clock.now() >= until;
    reaper::reap(owner, forgone, Box::new(move || tell(call.clone()).is_some_and(|is_heard| is_heard || is_over())));
}

/// Until when it is told again that a run succeeded: then it must have ended.
pub(crate) fn ends(left: Left, clock: &StdClock) -> Option<Instant> {
    match left {
        Left::Done { ttl, .. } => Some(clock.now().saturating_add(lasting(ttl))),
        Left::Lease | Left::WakeUp | Left::HandOff => None,
    }
}

/// What a backend may tell its instance.
#[derive(Clone, Debug, Default)]
pub struct News(Weak<PerProcess<Renewer>>);

impl News {
    pub(crate) const fn to(renewer: Weak<PerProcess<Renewer>>) -> Self {
        Self(renewer)
    }

    /// The server may have been replaced by one that knows less: all that is held is renewed at once, at most once a
    /// second.
    pub fn reconnected(&self) {
        if let Some(renewer) = self.0.upgrade().as_deref().and_then(PerProcess::get) {
            renewer.rush();
        }
    }
}

/// For how long a store that does not answer is told that a lease was dropped.
const UNHEARD: Duration = Duration::from_secs(60);

/// How long one attempt to give something back may take.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// A store that says of itself nothing else.
const OWN: &str = "own store";

/// What a backend is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Whether its calls may be made from any thread, as those of most clients may. If not, threads are refused by
    /// name, nothing is renewed or given back in the background, and a lease that is dropped ends by itself.
    pub anywhere: bool,
    /// Whether each call ends by itself within its limit. If not, the instance ends it then, by a timer.
    pub keeps_limits: bool,
    /// Whether a thread waits for as long as its store takes: then none waits in a drop.
    pub(crate) is_patient: bool,
    /// What it is called in [`Health`](crate::Health).
    pub(crate) kept_in: &'static str,
}

impl Default for About {
    fn default() -> Self {
        Self { anywhere: true, keeps_limits: false, is_patient: false, kept_in: OWN }
    }
}

impl About {
    /// One whose futures need the runtime of their caller.
    #[must_use]
    pub const fn tasks_only() -> Self {
        Self { anywhere: false, keeps_limits: false, is_patient: false, kept_in: OWN }
    }
}

/// What a store whose futures do not run anywhere answers to threads.
pub const NO_BLOCKING_FACE: Cause =
    Cause::Unsupported("this store has only an async face: use it from async functions");

/// What stores outside the process answer to a clearing of a pool.
pub(crate) const NO_CLEARING: Cause = Cause::Unsupported("a pool is not cleared: its permits are given back, or end");
