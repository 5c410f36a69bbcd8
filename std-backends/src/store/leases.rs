//! The leases and values of [`AnyStore`], as the state machine asks for them: in memory at once, outside by futures of
//! the store's own, which an operation under way keeps in a box.

use super::{AnyStore, Kind, Remote, entry::encode};
use crate::{
    backend::{BoxFuture, OwnedKey, Reply},
    memory,
};
use cachify_core::{
    Cause,
    codec::{Codec, entry::decode},
    key::{Key, Kind as Of},
    op::{Answer, Left, Op, Request, Watched},
    patience::Ticket,
    store::{Fresh, Store, Values},
    time::Instant,
    token::HolderToken,
};
use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

/// What an operation keeps between polls.
#[derive(Debug, Default)]
pub struct InFlight {
    pub(super) memory: memory::InFlight,
    remote: Option<Box<Away>>,
}

/// An operation outside the process, from poll to poll.
#[derive(Debug, Default)]
struct Away {
    call: Held<Result<Reply, Cause>>,
    changed: Held<()>,
    /// When the question was sent: what it is granted began then, or later.
    since: Instant,
    /// For how many milliseconds, as the answer says.
    lasts: Option<u32>,
    look: Look,
    /// The value that an answer brought.
    value: Option<Vec<u8>>,
    /// One that was no value to this caller: exactly these bytes count for none.
    foreign: Option<Vec<u8>>,
    /// There was another one after that was said.
    is_hopeless: bool,
    /// Why a value is not sent, and its flight given up instead.
    unfit: Option<Cause>,
}

/// Before a flight is asked for, its value is looked at, which takes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    New,
    Looking,
    Over,
    /// A device joins with one question, and computes elsewhere.
    Never,
}

/// A future under way. Behind a mutex that is never locked, so that guards, which hold it, may be shared.
struct Held<T>(Mutex<Option<BoxFuture<'static, T>>>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl<T> Held<T> {
    fn get(&mut self) -> &mut Option<BoxFuture<'static, T>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with it; begins it if there is none.
    fn poll(&mut self, begin: impl FnOnce() -> BoxFuture<'static, T>, cx: &mut Context<'_>) -> Poll<T> {
        let out = ready!(self.get().get_or_insert_with(begin).as_mut().poll(cx));
        *self.get() = None;
        Poll::Ready(out)
    }
}

impl AnyStore {
    /// One operation outside the process, or a part of it; `bytes` are asked for when it begins.
    fn poll_away(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        op: Op,
        bytes: impl FnOnce(&mut Away) -> Option<Vec<u8>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reply, Cause>> {
        if away.call.get().is_none() {
            away.since = request.now;
            let bytes = bytes(away);
            let call = remote.question(self.own(request.key), request.token, op).with(bytes);
            let op = call.op;
            if request.may_block {
                return Poll::Ready(remote.call_blocking(call).and_then(|reply| reply.of(&op, request.key.kind)));
            }
            let (remote, kind) = (remote.clone(), request.key.kind);
            *away.call.get() = Some(Box::pin(async move { remote.call(call).await?.of(&op, kind) }));
        }
        away.call.poll(|| Box::pin(std::future::pending()), cx)
    }

    /// The key as a call keeps it; a gateway may have a prefix of its own.
    pub(super) fn own(&self, key: &Key<'_>) -> OwnedKey {
        if *key.prefix == *self.prefix { OwnedKey::under(&self.prefix, key) } else { OwnedKey::of(*key) }
    }

    fn poll_remote(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        if let Op::Acquire(_) = request.op {
            // whatever woke the caller, its wait is over
            *away.changed.get() = None;
            if request.key.kind == Of::Cache
                && away.look != Look::Never
                && let Some(answer) = ready!(self.poll_look(away, remote, request, cx))?
            {
                return Poll::Ready(Ok(answer));
            }
        }
        let foreign = |away: &mut Away| away.foreign.clone().filter(|_| matches!(request.op, Op::Acquire(_)));
        let reply = ready!(self.poll_away(away, remote, request, *request.op, foreign, cx))?;
        Poll::Ready(Ok(away.read(reply, request.now)))
    }

    /// Looks at the value before its flight is asked for, which takes nothing; `None` if that is to be asked now.
    fn poll_look(
        &self,
        away: &mut Away,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        if memory::is_marked(remote.id(), request.key) {
            return Poll::Ready(Ok(Some(Answer::Recursive)));
        }
        if away.look != Look::Over {
            away.look = Look::Looking;
            let looked = ready!(self.poll_away(away, remote, request, Op::Get, |_| None, cx))?;
            away.look = Look::Over;
            if let Reply::Filled(bytes) = looked {
                away.value = Some(bytes);
                return Poll::Ready(Ok(Some(Answer::Filled)));
            }
        }
        Poll::Ready(if away.is_hopeless { Err(Cause::Codec) } else { Ok(None) })
    }
}

impl Away {
    /// What a reply means to a caller whose clock shows `now`.
    fn read(&mut self, reply: Reply, now: Instant) -> Answer {
        // without an end that is known
        let after = |left| if left == Duration::MAX { Instant::MAX } else { now.saturating_add(left) };
        match reply {
            Reply::Granted { fence, index, remaining } => {
                self.lasts = Some(u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX));
                Answer::Granted { fence, index }
            }
            Reply::Busy { remaining, ticket } => Answer::Busy { until: after(remaining), ticket },
            Reply::Done { remaining } => Answer::Done { until: after(remaining) },
            Reply::Filled(bytes) => {
                self.value = Some(bytes);
                Answer::Filled
            }
            Reply::Absent => Answer::Absent,
            Reply::Held(holding) => Answer::Held(holding),
            Reply::Cleared(was) => Answer::Cleared(was),
            Reply::Inspected(seen) => Answer::Inspected(seen),
        }
    }
}

impl Store for AnyStore {
    type InFlight = InFlight;
    type Error = Cause;

    #[inline]
    fn poll_op(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        match &self.kind {
            Kind::Memory(memory) => memory.poll_op(&mut state.memory, request, cx),
            Kind::Remote(remote) => self.poll_remote(state.remote.get_or_insert_default(), remote, request, cx),
            Kind::Nothing => Poll::Ready(Err(Cause::NotInitialised)),
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Memory(_))
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        match &self.kind {
            Kind::Memory(memory) => memory.is_held(key, token),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        match &self.kind {
            Kind::Memory(memory) => memory.ends(key, token),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn watch(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        match &self.kind {
            Kind::Memory(memory) => memory.watch(&mut state.memory, key, token, cx),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }

    fn unwatch(&self, state: &mut InFlight, key: &Key<'_>) {
        if let Kind::Memory(memory) = &self.kind {
            memory.unwatch(&mut state.memory, key);
        }
    }

    fn poll_changed(&self, state: &mut InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        match &self.kind {
            Kind::Memory(memory) => memory.poll_changed(&mut state.memory, key, ticket, cx),
            Kind::Remote(remote) => {
                let begin = || -> BoxFuture<'static, ()> {
                    let (remote, key) = (remote.clone(), self.own(key));
                    Box::pin(remote.changed(key, ticket))
                };
                state.remote.get_or_insert_default().changed.poll(begin, cx)
            }
            Kind::Nothing => Poll::Pending,
        }
    }

    fn cancel(&self, state: &mut InFlight) {
        // what is under way notes, when it is dropped, that it may be done
        if let Some(away) = &mut state.remote {
            *away.call.get() = None;
        }
    }

    fn abandon(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        let remote = match &self.kind {
            Kind::Memory(memory) => return memory.abandon(&mut state.memory, key, token, left),
            Kind::Remote(remote) => remote,
            Kind::Nothing => return,
        };
        let away = state.remote.take();
        // a look took nothing; a wait that ends without a token passes its wake-up on by itself
        if away.is_some_and(|away| away.look == Look::Looking) || token == HolderToken::default() {
            return;
        }
        remote.abandon(self.own(key), token, left);
    }

    fn lasts(state: &InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        match &state.remote {
            Some(away) => (away.since, ttl.min(away.lasts.unwrap_or(u32::MAX))),
            None => (now, ttl),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C: Codec<V>> Values<V, C> for AnyStore {
    #[inline]
    fn peek(&self, key: &Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.peek(key, codec),
            Kind::Remote(_) => None,
            Kind::Nothing => crate::global::not_initialised(),
        }
    }

    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.fetch(&mut state.memory, key, codec),
            Kind::Remote(_) => {
                let away = state.remote.as_mut()?;
                let bytes = away.value.take()?;
                let value = decode(&bytes, codec);
                if value.is_none() {
                    // a miss that is told of. Once more such bytes come from somebody who writes them now
                    self.report(*key);
                    away.is_hopeless = away.foreign.replace(bytes).is_some();
                }
                value
            }
            Kind::Nothing => None,
        }
    }

    fn poll_publish(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let remote = match &self.kind {
            Kind::Memory(memory) => return memory.poll_publish(&mut state.memory, request, fresh, cx),
            Kind::Remote(remote) => remote,
            Kind::Nothing => return Poll::Ready(Err(Cause::NotInitialised)),
        };
        let (codec, value) = (fresh.codec, &*fresh.value);
        self.poll_landing(state, remote, request, cx, || {
            // left where it is: it tells, from poll to poll, that there is one
            value.as_ref().map_or(Err(Cause::Codec), |value| encode(value.as_ref(), codec))
        })
    }
}

impl AnyStore {
    /// A value as bytes on its way out of the process, with the end of its flight.
    pub(super) fn poll_landing(
        &self,
        state: &mut InFlight,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
        bytes: impl FnOnce() -> Result<Vec<u8>, Cause>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let away = state.remote.get_or_insert_default();
        let encoded = |away: &mut Away| match bytes() {
            Ok(bytes) => Some(bytes),
            Err(cause) => {
                away.unfit = Some(cause);
                None
            }
        };
        let reply = ready!(self.poll_away(away, remote, request, *request.op, encoded, cx))?;
        Poll::Ready(match away.unfit {
            Some(cause) => Err(cause),
            None => Ok(Some(away.read(reply, request.now))),
        })
    }

    /// The question is a device's.
    #[cfg(feature = "link")]
    pub(super) fn for_device(state: &mut InFlight) {
        state.remote.get_or_insert_default().look = Look::Never;
    }

    /// The bytes that the last answer brought from outside the process.
    #[cfg(feature = "link")]
    pub(super) fn brought(state: &mut InFlight) -> Option<Vec<u8>> {
        state.remote.as_mut()?.value.take()
    }
}
