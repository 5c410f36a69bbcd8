//! One question to a store, for whoever asks without a lease of the machine: companions, gateways, conformance, tests.

use super::{Cause, Fresh, Store, Values};
use crate::{
    cell::MaybeOwned,
    key::Key,
    op::{Answer, Left, Op, Request},
    patience::Ticket,
    time::{Clock, Instant, duration, short},
    token::HolderToken,
};
use core::{
    fmt,
    future::{Future, poll_fn},
    task::{Context, Poll},
    time::Duration,
};

/// An operation under way. Dropping it leaves the operation done or not done, and nobody waits for the answer.
pub struct Asking<'s, 'k, S: Store> {
    store: &'s S,
    key: Key<'k>,
    token: HolderToken,
    op: Op,
    may_block: bool,
    /// When it was polled last.
    now: Instant,
    state: S::InFlight,
}

impl<S: Store> fmt::Debug for Asking<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("op", &self.op).finish_non_exhaustive()
    }
}

impl<S: Store> Drop for Asking<'_, '_, S> {
    fn drop(&mut self) {
        self.store.cancel(&mut self.state);
    }
}

/// What a store said that answered something else than it was asked.
pub(crate) const OTHER: Cause = Cause::Unsupported("the store answered another question");

impl<'s, 'k, S: Store> Asking<'s, 'k, S> {
    /// An operation of a task, or of a thread that may be blocked until there is an answer.
    pub fn new(store: &'s S, may_block: bool, key: Key<'k>, token: HolderToken, op: Op) -> Self {
        Self { store, key, token, op, may_block, now: Instant::ZERO, state: S::InFlight::default() }
    }

    /// The same for a caller who has room for a value of so many bytes.
    #[must_use]
    pub fn with_room(mut self, bytes: usize) -> Self {
        S::bring_at_most(&mut self.state, bytes);
        self
    }

    /// Asks, or goes on asking.
    ///
    /// # Errors
    /// What keeps the store from answering; [`Cause::KeyTooLong`] for a key that it has no room for.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Cause>> {
        if self.key.bytes.len() > S::LONGEST_KEY {
            return Poll::Ready(Err(Cause::KeyTooLong));
        }
        self.now = self.store.clock().now();
        let (key, token, op) = (&self.key, self.token, &self.op);
        let request = Request { key, token, now: self.now, op, may_block: self.may_block };
        self.store.poll_op(&mut self.state, &request, cx).map_err(Into::into)
    }

    /// The answer. May be asked again by the same state, as after [`Answer::Filled`] with nothing to fetch.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub async fn answer(&mut self) -> Result<Answer, Cause> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The value that the last answer told of; `None` if it is gone, or of another type.
    pub fn fetch<V, C>(&mut self, codec: &C) -> Option<V>
    where
        S: Values<V, C>,
    {
        self.store.fetch(&mut self.state, &self.key, codec)
    }

    /// Ends the flight of the token with a value; the operation is its release.
    ///
    /// # Errors
    /// As [`poll`](Self::poll); and what keeps the value from being stored, whose flight then ends without it.
    pub async fn publish<V, C>(&mut self, codec: &C, value: MaybeOwned<'_, V>) -> Result<Answer, Cause>
    where
        S: Values<V, C>,
    {
        let (ttl, mut value) = (self.op.lasts(), Some(value));
        let landed = poll_fn(|cx| {
            let Self { store, key, token, op, may_block, state, .. } = self;
            let request = Request { key, token: *token, now: store.clock().now(), op, may_block: *may_block };
            store.poll_publish(state, &request, Fresh { codec, value: &mut value, ttl }, cx)
        })
        .await
        .map_err(Into::into)?;
        match landed {
            Some(answer) => Ok(answer),
            None => self.answer().await,
        }
    }

    /// Keeps a value, whoever has the flight of the key; the operation is [`Op::Insert`].
    ///
    /// # Errors
    /// As [`poll`](Self::poll); and what keeps the value from being stored, whereupon nothing was done.
    pub async fn insert<V, C>(&mut self, codec: &C, value: MaybeOwned<'_, V>) -> Result<Answer, Cause>
    where
        S: Values<V, C>,
    {
        let mut value = Some(value);
        poll_fn(|cx| self.poll_insert(codec, &mut value, cx)).await
    }

    /// The same from poll to poll; `value` is taken out where it is kept as it is.
    pub(crate) fn poll_insert<V, C>(
        &mut self,
        codec: &C,
        value: &mut Option<MaybeOwned<'_, V>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>>
    where
        S: Values<V, C>,
    {
        if self.key.bytes.len() > S::LONGEST_KEY {
            return Poll::Ready(Err(Cause::KeyTooLong));
        }
        let Op::Insert { fresh: ttl } = self.op else { return Poll::Ready(Err(OTHER)) };
        let Self { store, key, token, op, may_block, state, .. } = self;
        let request = Request { key, token: *token, now: store.clock().now(), op, may_block: *may_block };
        store.poll_insert(state, &request, Fresh { codec, value, ttl }, cx).map_err(Into::into)
    }

    /// When it was answered, by the store's clock.
    pub fn answered_at(&self) -> Instant {
        self.now
    }

    /// How long that lasts which was granted, as the store says: a token that asks again is granted what it has.
    pub fn remaining(&self) -> Duration {
        let (since, lasts) = match S::lasts(&self.state, self.now, u32::MAX) {
            // it says nothing
            (since, u32::MAX) => (since, short(self.op.lasts())),
            told => told,
        };
        let told = || duration(lasts.into()).saturating_sub(self.now.since(since));
        self.store.ends(&self.key, self.token).map_or_else(told, |end| end.since(self.now))
    }
}

/// A wait under way; passes its wake-up on when it is dropped before its end.
struct Waiting<'s, 'k, S: Store> {
    store: &'s S,
    key: Key<'k>,
    state: S::InFlight,
    over: bool,
}

impl<S: Store> Drop for Waiting<'_, '_, S> {
    fn drop(&mut self) {
        // in memory it stands in the line by its token, not by this
        if !self.over && !self.store.is_local() {
            self.store.abandon(&mut self.state, &self.key, HolderToken::default(), Left::HandOff);
        }
    }
}

/// Ends at once if anything of `key` was released since `ticket`, else at the next release.
///
/// May end early, may never end ([`Store::poll_changed`]). Dropping it does not end the wait: who will not ask again
/// says so ([`abandon`]).
pub fn changed<S: Store>(store: &S, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
    let mut waiting = Waiting { store, key, state: S::InFlight::default(), over: false };
    poll_fn(move |cx| {
        let polled = waiting.store.poll_changed(&mut waiting.state, &waiting.key, ticket, cx);
        waiting.over = polled.is_ready();
        polled
    })
}

/// Takes back what `token` left behind, sooner or later.
pub fn abandon<S: Store>(store: &S, key: Key<'_>, token: HolderToken, left: Left) {
    store.abandon(&mut S::InFlight::default(), &key, token, left);
}
