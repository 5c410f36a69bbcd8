//! A store that is lent is the store itself.

use super::{Cause, Fresh, Store, Values};
use crate::{
    key::Key,
    op::{Answer, Left, Request, Watched},
    patience::Ticket,
    time::Instant,
    token::HolderToken,
};
use core::task::{Context, Poll};

impl<S: Store> Store for &S {
    type InFlight = S::InFlight;
    type Error = S::Error;
    const LONGEST_KEY: usize = S::LONGEST_KEY;
    const SLOTS: usize = S::SLOTS;
    const IS_IMMEDIATE: bool = S::IS_IMMEDIATE;

    fn poll_op(
        &self,
        state: &mut S::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, S::Error>> {
        (**self).poll_op(state, request, cx)
    }
    fn poll_changed(&self, state: &mut S::InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_changed(state, key, ticket, cx)
    }
    fn cancel(&self, state: &mut S::InFlight) {
        (**self).cancel(state);
    }
    fn abandon(&self, state: &mut S::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        (**self).abandon(state, key, token, left);
    }
    const PASSES_ON: bool = S::PASSES_ON;
    fn unkept<T: Send + Sync + 'static>(
        &self,
        state: &mut S::InFlight,
        key: &Key<'_>,
        failure: impl FnOnce() -> Option<T>,
    ) {
        (**self).unkept(state, key, failure);
    }
    fn passed<T: 'static, R>(state: &S::InFlight, with: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        S::passed(state, with)
    }
    fn unasked(state: &S::InFlight) -> Option<Cause> {
        S::unasked(state)
    }
    fn is_local(&self) -> bool {
        (**self).is_local()
    }
    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        (**self).is_held(key, token)
    }
    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        (**self).ends(key, token)
    }
    fn watch(
        &self,
        state: &mut S::InFlight,
        key: &Key<'_>,
        token: HolderToken,
        cx: &mut Context<'_>,
    ) -> Option<Watched> {
        (**self).watch(state, key, token, cx)
    }
    fn unwatch(&self, state: &mut S::InFlight, key: &Key<'_>) {
        (**self).unwatch(state, key);
    }
    fn is_sent(state: &S::InFlight) -> bool {
        S::is_sent(state)
    }
    fn lasts(state: &S::InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        S::lasts(state, now, ttl)
    }
    fn poll_at_most(&self) -> u32 {
        (**self).poll_at_most()
    }
    #[cfg(feature = "insight")]
    fn named(state: &mut S::InFlight, buf: &S::KeyBuf, kind: crate::key::Kind) {
        S::named(state, buf, kind);
    }
    #[cfg(feature = "insight")]
    fn noted(&self, state: &S::InFlight, event: &crate::observe::Event<'_>) {
        (**self).noted(state, event);
    }
    #[cfg(feature = "insight")]
    fn seen(state: &mut S::InFlight) -> S::InFlight {
        S::seen(state)
    }
    #[cfg(feature = "insight")]
    fn within<T>(state: &S::InFlight, step: impl FnOnce() -> T) -> T {
        S::within(state, step)
    }
}

#[diagnostic::do_not_recommend]
impl<V, C, S: Values<V, C>> Values<V, C> for &S {
    #[inline]
    fn peek(&self, key: &Key<'_>, codec: &C) -> Option<V> {
        (**self).peek(key, codec)
    }
    #[inline]
    fn peek_within(&self, key: &Key<'_>, codec: &C, window: u32) -> Option<V> {
        (**self).peek_within(key, codec, window)
    }
    fn fetch(&self, state: &mut S::InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        (**self).fetch(state, key, codec)
    }
    fn poll_publish(
        &self,
        state: &mut S::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, S::Error>> {
        (**self).poll_publish(state, request, fresh, cx)
    }
    fn poll_insert(
        &self,
        state: &mut S::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, S::Error>> {
        (**self).poll_insert(state, request, fresh, cx)
    }
}
