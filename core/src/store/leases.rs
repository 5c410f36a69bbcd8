//! What a store does with leases and values, one operation at a time, without a future of its own.
//!
//! Polled by the state machine ([`Lease`](crate::lease::Lease)). A store in RAM is ready at once; one behind a line or
//! a socket goes on from poll to poll. Not here: waiting, renewing and giving back, which are the machine's.

use super::{Cause, Platform};
use crate::{
    cell::MaybeOwned,
    key::Key,
    op::{Answer, Left, Op, Request, Watched},
    patience::Ticket,
    time::{Clock, Instant},
    token::HolderToken,
};
use core::task::{Context, Poll, Waker, ready};

/// A store of leases.
///
/// - MUST grant a free or ended lease to one token at a time, with a fence above every earlier one of its key.
/// - MUST answer the same token with the same grant while its lease lives.
/// - MUST answer [`Holding::Lost`](crate::Holding) to a token that does not hold it, at its end and after it.
pub trait Store: Platform {
    /// An operation or a wait under way, from poll to poll. It borrows nothing, so that a guard can be owned; who drops
    /// it calls [`cancel`](Self::cancel) first.
    type InFlight: Default + Unpin;
    /// Why an operation has no answer.
    type Error: Copy + Into<Cause>;

    /// The longest key in bytes; who brings one from elsewhere than the store's own buffer looks at this first.
    const LONGEST_KEY: usize = usize::MAX;

    /// How many keys and permits it has room for.
    const SLOTS: usize = usize::MAX;

    /// Whether every operation is done at its first poll.
    const IS_IMMEDIATE: bool = false;

    /// Does one operation, or goes on with it; an acquisition and a release end the wait that `state` holds.
    fn poll_op(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Self::Error>>;

    /// Ready at once if anything of `key` was released since `ticket`, else at the next release.
    ///
    /// MAY end early, MAY never end: waiters of a store that cannot signal poll.
    fn poll_changed(&self, state: &mut Self::InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>)
    -> Poll<()>;

    /// The operation that follows is to bring no value of more than so many bytes; a longer one is
    /// [`Cause::NO_ROOM`]. For stores outside the process: what is not taken need not travel.
    #[inline]
    fn bring_at_most(state: &mut Self::InFlight, bytes: usize) {
        let _ = (state, bytes);
    }

    /// The operation is polled no more: nobody waits for its answer.
    fn cancel(&self, state: &mut Self::InFlight) {
        let _ = state;
    }

    /// Whether those who wait for a flight hear of its end that brought nothing which is kept; if not, nothing of it is
    /// compiled.
    const PASSES_ON: bool = false;

    /// What follows is the release of a flight that brought nothing which is kept, which is none that was given up: those who
    /// wait for it have what `failure` is, or need not wait for each other.
    #[inline]
    fn unkept<T: Send + Sync + 'static>(
        &self,
        state: &mut Self::InFlight,
        key: &Key<'_>,
        failure: impl FnOnce() -> Option<T>,
    ) {
        let _ = (state, key, failure);
    }

    /// What was passed on to one who waited, if it is of that type; after [`Answer::Filled`].
    #[inline]
    fn passed<T: 'static, R>(state: &Self::InFlight, with: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        let _ = (state, with);
        None
    }

    /// Why a flight that was granted is none of the store's, which could not be asked: it loads for this process alone.
    #[inline]
    fn unasked(state: &Self::InFlight) -> Option<Cause> {
        let _ = state;
        None
    }

    /// Takes back, sooner or later, what `token` left behind, and ends the wait that `state` holds.
    ///
    /// MUST NOT block; MUST pass on a wake-up that the waiter was given. An immediate store simply releases it.
    fn abandon(&self, state: &mut Self::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        let op = Op::Release(left.outcome());
        // giving back what nobody holds calls the next one
        let token = if left == Left::HandOff { HolderToken::default() } else { token };
        let request = Request { key, token, now: self.clock().now(), op: &op, may_block: false };
        let _ = self.poll_op(state, &request, &mut Context::from_waker(Waker::noop()));
    }

    /// Whether it lies in the memory of its callers. A holder there is alive as long as the store is: its lease needs
    /// no end and no renewal.
    fn is_local(&self) -> bool {
        Self::IS_IMMEDIATE
    }

    /// Whether `token` holds the lease, from a store that can tell at once.
    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        let _ = (key, token);
        None
    }

    /// When the lease of `token` ends, from a store that can tell at once: one that is granted again to its token ends
    /// when it did.
    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        let _ = (key, token);
        None
    }

    /// Whether it holds, for a task that waits until it does not, and is woken when it is taken away before its end.
    fn watch(
        &self,
        state: &mut Self::InFlight,
        key: &Key<'_>,
        token: HolderToken,
        cx: &mut Context<'_>,
    ) -> Option<Watched> {
        let _ = (state, key, token, cx);
        None
    }

    /// The task waits for that no longer.
    fn unwatch(&self, state: &mut Self::InFlight, key: &Key<'_>) {
        let _ = (state, key);
    }

    /// Whether the operation may be done: it, or a part of it, was sent.
    fn is_sent(state: &Self::InFlight) -> bool {
        let _ = state;
        true
    }

    /// Since when and for how many milliseconds that lasts which the last operation granted or extended; it asked for
    /// `ttl`, and was answered at `now`.
    fn lasts(state: &Self::InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        let _ = state;
        (now, ttl)
    }

    /// Longest time between two attempts in milliseconds, where the store knows one.
    fn poll_at_most(&self) -> u32 {
        u32::MAX
    }

    /// Whose lease it is for which `state` is made.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    fn named(state: &mut Self::InFlight, buf: &Self::KeyBuf, kind: crate::key::Kind) {
        let _ = (state, buf, kind);
    }
    /// What an observer is told of that lease.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    fn noted(&self, state: &Self::InFlight, event: &crate::observe::Event<'_>) {
        let _ = (state, event);
    }
    /// What is seen of it still when nothing else of `state` is needed.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    fn seen(state: &mut Self::InFlight) -> Self::InFlight {
        let _ = state;
        Self::InFlight::default()
    }
    /// Runs what is part of it: its body, or one step of that.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    fn within<T>(state: &Self::InFlight, step: impl FnOnce() -> T) -> T {
        let _ = state;
        step()
    }
}

/// A value to be kept, for the holder of its flight.
#[derive(Debug)]
pub struct Fresh<'a, 'v, V, C> {
    /// How it is encoded, where it leaves the process.
    pub codec: &'a C,
    /// Taken out where it is kept as it is.
    pub value: &'a mut Option<MaybeOwned<'v, V>>,
    /// For how many milliseconds it is fresh; `u64::MAX` for ever.
    pub ttl: u64,
}

/// A store of values of one type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cache values of type `{V}` with codec `{C}`",
    note = "a `FixedStore<.., V>` keeps `Clone` values of the one type `V`; in memory a value is `Clone + Send + Sync + 'static`, and where it may leave the process it also derives `Serialize` and `Deserialize`, or say `codec = ..`"
)]
pub trait Values<V, C>: Store {
    /// A hit: the fresh value, if it lies in this process. At once, without a future.
    ///
    /// A store that must ask elsewhere has none.
    fn peek(&self, key: &Key<'_>, codec: &C) -> Option<V> {
        let _ = (key, codec);
        None
    }

    /// A hit for one to whom a value counts only while it is fresh for longer than `window` milliseconds.
    #[inline]
    fn peek_within(&self, key: &Key<'_>, codec: &C, window: u32) -> Option<V> {
        if window == 0 { self.peek(key, codec) } else { None }
    }

    /// The value that the last answer told of ([`Answer::Filled`], [`Answer::Stale`]).
    ///
    /// `None`: it is gone, or of another type. Ask again by the same state, which then counts it for none.
    fn fetch(&self, state: &mut Self::InFlight, key: &Key<'_>, codec: &C) -> Option<V>;

    /// Keeps a value and ends its flight; `None` where the end must follow by [`Op::Release`](crate::op::Op).
    fn poll_publish(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Self::Error>>;

    /// Keeps a value whoever has the flight ([`Op::Insert`](crate::op::Op)), which ends; by `poll_publish` unless written. Apart,
    /// for a device that inserts nothing has no room for it.
    fn poll_insert(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Self::Error>> {
        match ready!(self.poll_publish(state, request, fresh, cx))? {
            Some(answer) => Poll::Ready(Ok(answer)),
            None => self.poll_op(state, request, cx),
        }
    }
}
