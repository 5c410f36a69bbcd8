//! The leases and values of [`AnyStore`], as the state machine asks for them: in memory at once, outside by futures of
//! the store's own, which an operation under way keeps in a box.

use super::{AnyStore, Kind, Outside, entry::encode};
use crate::{
    backend::{Answer as Answered, BoxFuture, Operation, OwnedKey},
    memory,
};
use cachify_core::{
    Fault, Ttl,
    cell::{Ask as Asked, Begun, Grant, Life, Lookup},
    codec::{Codec, entry::decode},
    key::{Key, Kind as Of},
    op::{Answer, Ask, Inspection, Left, Op, Outcome, Request, Watched},
    patience::{Contended, Ticket},
    store::{Fresh, Leases, Values},
    time::Instant,
    token::{FencingToken, HolderToken},
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
    outside: Option<Box<Away>>,
}

/// An operation outside the process, from poll to poll.
#[derive(Debug, Default)]
struct Away {
    call: Held<Result<Answered, Fault>>,
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
    unfit: Option<Fault>,
}

/// Before a flight is asked for, its value is looked at, which takes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    New,
    Looking,
    Over,
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
    /// One operation outside the process, or a part of it.
    fn poll_away(
        &self,
        away: &mut Away,
        outside: &Outside,
        request: &Request<'_>,
        operation: impl FnOnce(&mut Away) -> Operation,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answered, Fault>> {
        if away.call.get().is_none() {
            away.since = request.now;
            let operation = operation(away);
            if request.may_block {
                return Poll::Ready(outside.call_blocking(self.own(request.key), operation));
            }
            let (outside, key) = (outside.clone(), self.own(request.key));
            *away.call.get() = Some(Box::pin(async move { outside.call(key, operation).await }));
        }
        away.call.poll(|| Box::pin(std::future::pending()), cx)
    }

    fn own(&self, key: &Key<'_>) -> OwnedKey {
        OwnedKey::under(&self.prefix, key)
    }

    fn poll_outside(
        &self,
        away: &mut Away,
        outside: &Outside,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let Request { key, token, now, op, .. } = *request;
        let ask = |ttl| Asked::new(token, Duration::from_millis(ttl));
        let answered = match *op {
            Op::Acquire(wanted) => {
                // whatever woke the caller, its wait is over
                *away.changed.get() = None;
                if key.kind == Of::Cache {
                    return self.poll_join(away, outside, request, wanted, cx);
                }
                ready!(self.poll_away(away, outside, request, |_| asking(key.kind, wanted, token, now, None), cx))?
            }
            Op::Renew { ttl } => {
                ready!(self.poll_away(away, outside, request, |_| Operation::renewal(key.kind, ask(ttl)), cx))?
            }
            Op::Release(outcome) => {
                let operation = |_: &mut Away| match (key.kind, outcome) {
                    (Of::Once, Outcome::Done { fresh }) => Operation::Complete(token, Duration::from_millis(fresh)),
                    (Of::Once | Of::Lock | Of::Pool | Of::Cache, _) => Operation::give_back(key.kind, token),
                };
                ready!(self.poll_away(away, outside, request, operation, cx))?
            }
            Op::Clear => {
                let operation = |_: &mut Away| match key.kind {
                    Of::Cache => Operation::Invalidate,
                    Of::Lock | Of::Once | Of::Pool => Operation::ForceRelease,
                };
                ready!(self.poll_away(away, outside, request, operation, cx))?
            }
            Op::Inspect => {
                let operation = |_: &mut Away| match key.kind {
                    Of::Pool => Operation::InUse,
                    Of::Lock | Of::Once | Of::Cache => Operation::Remaining,
                };
                ready!(self.poll_away(away, outside, request, operation, cx))?
            }
            Op::Get => ready!(self.poll_away(away, outside, request, |_| Operation::Get, cx))?,
        };
        Poll::Ready(away.read(answered, now))
    }

    /// Looks at the value first, which takes nothing; then asks for its flight.
    fn poll_join(
        &self,
        away: &mut Away,
        outside: &Outside,
        request: &Request<'_>,
        wanted: Ask,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        let Request { key, token, now, .. } = *request;
        if memory::is_marked(outside.id(), key) {
            return Poll::Ready(Ok(Answer::Recursive));
        }
        if away.look != Look::Over {
            away.look = Look::Looking;
            let looked = ready!(self.poll_away(away, outside, request, |_| Operation::Get, cx))?.value()?;
            away.look = Look::Over;
            if let Some(bytes) = looked {
                away.value = Some(bytes);
                return Poll::Ready(Ok(Answer::Filled));
            }
        }
        if away.is_hopeless {
            return Poll::Ready(Err(Fault::Codec));
        }
        let join = |away: &mut Away| asking(key.kind, wanted, token, now, away.foreign.clone());
        let answered = ready!(self.poll_away(away, outside, request, join, cx))?;
        Poll::Ready(away.read(answered, now))
    }
}

/// What asks for a lease of that kind.
fn asking(kind: Of, wanted: Ask, token: HolderToken, now: Instant, foreign: Option<Vec<u8>>) -> Operation {
    let mut ask = Asked::new(token, Duration::from_millis(wanted.ttl));
    if wanted.deadline != Instant::MAX {
        ask.within = Some(wanted.deadline.since(now));
    }
    match (kind, foreign) {
        (Of::Lock, _) => Operation::Acquire(ask),
        (Of::Pool, _) => Operation::Take(wanted.size, ask),
        (Of::Once, _) => Operation::Begin(ask),
        (Of::Cache, None) => Operation::Join(ask),
        (Of::Cache, Some(bytes)) => Operation::Heal(ask, bytes),
    }
}

impl Away {
    /// What an answer means.
    fn read(&mut self, answered: Answered, now: Instant) -> Result<Answer, Fault> {
        Ok(match answered {
            Answered::Grant(Contended::Granted(Grant { fence, index, remaining })) => {
                self.granted(fence, index, remaining)
            }
            Answered::Begun(Begun::Run(Grant { fence, index, remaining })) => self.granted(fence, index, remaining),
            Answered::Lookup(Contended::Granted(Lookup::Fill { fence, remaining, .. })) => {
                self.granted(fence, 0, remaining)
            }
            Answered::Grant(Contended::Busy(busy))
            | Answered::Lookup(Contended::Busy(busy))
            | Answered::Begun(Begun::Busy(busy)) => {
                Answer::Busy { until: now.saturating_add(busy.remaining), ticket: busy.ticket }
            }
            Answered::Begun(Begun::Done { remaining }) => Answer::Done { until: now.saturating_add(remaining) },
            Answered::Holding(holding) => Answer::Held(holding),
            Answered::Flag(was) => Answer::Cleared(was),
            Answered::Count(count) => Answer::Inspected(Inspection::new(count, Instant::MAX)),
            Answered::Remaining(remaining) => {
                let until = remaining.map(|left| now.saturating_add(left));
                Answer::Inspected(Inspection::new(until.is_some().into(), until.unwrap_or_default()))
            }
            Answered::Value(None) => Answer::Absent,
            Answered::Value(Some(bytes))
            | Answered::Lookup(Contended::Granted(Lookup::Fresh(bytes) | Lookup::Stale(bytes))) => {
                self.value = Some(bytes);
                Answer::Filled
            }
            Answered::Begun(_) => return Err(Fault::Unsupported("the store answered another question")),
        })
    }

    fn granted(&mut self, fence: FencingToken, index: u16, remaining: Duration) -> Answer {
        self.lasts = Some(u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX));
        Answer::Granted { fence, index }
    }
}

impl Leases for AnyStore {
    type InFlight = InFlight;
    type Trouble = Fault;

    #[inline]
    fn poll_op(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
        match &self.kind {
            Kind::Memory(memory) => memory.poll_op(&mut state.memory, request, cx),
            Kind::Outside(outside) => self.poll_outside(state.outside.get_or_insert_default(), outside, request, cx),
            Kind::Nothing => Poll::Ready(Err(Fault::NotInitialised)),
        }
    }

    fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Memory(_))
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        match &self.kind {
            Kind::Memory(memory) => memory.is_held(key, token),
            Kind::Outside(_) | Kind::Nothing => None,
        }
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        match &self.kind {
            Kind::Memory(memory) => memory.ends(key, token),
            Kind::Outside(_) | Kind::Nothing => None,
        }
    }

    fn watch(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        match &self.kind {
            Kind::Memory(memory) => memory.watch(&mut state.memory, key, token, cx),
            Kind::Outside(_) | Kind::Nothing => None,
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
            Kind::Outside(outside) => {
                let begin = || -> BoxFuture<'static, ()> {
                    let (outside, key) = (outside.clone(), self.own(key));
                    Box::pin(async move { outside.changed(key, ticket).await })
                };
                state.outside.get_or_insert_default().changed.poll(begin, cx)
            }
            Kind::Nothing => Poll::Pending,
        }
    }

    fn cancel(&self, state: &mut InFlight) {
        // what is under way notes, when it is dropped, that it may be done
        if let Some(away) = &mut state.outside {
            *away.call.get() = None;
        }
    }

    fn abandon(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        let outside = match &self.kind {
            Kind::Memory(memory) => return memory.abandon(&mut state.memory, key, token, left),
            Kind::Outside(outside) => outside,
            Kind::Nothing => return,
        };
        let away = state.outside.take();
        if away.is_some_and(|away| away.look == Look::Looking) {
            return;
        }
        match left {
            Left::Turn => outside.waiter_gone(self.own(key), token),
            Left::WakeUp | Left::Lease | Left::Done { .. } => outside.abandon(self.own(key), token, left),
        }
    }

    fn lasts(state: &InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        match &state.outside {
            Some(away) => (away.since, away.lasts.unwrap_or(ttl)),
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
            Kind::Outside(_) => None,
            Kind::Nothing => crate::global::not_initialised(),
        }
    }

    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        match &self.kind {
            Kind::Memory(memory) => memory.fetch(&mut state.memory, key, codec),
            Kind::Outside(_) => {
                let away = state.outside.as_mut()?;
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
    ) -> Poll<Result<Option<Answer>, Fault>> {
        let outside = match &self.kind {
            Kind::Memory(memory) => return memory.poll_publish(&mut state.memory, request, fresh, cx),
            Kind::Outside(outside) => outside,
            Kind::Nothing => return Poll::Ready(Err(Fault::NotInitialised)),
        };
        let (codec, value) = (fresh.codec, &*fresh.value);
        self.poll_landing(state, outside, request, fresh.ttl, cx, |life| {
            // left where it is: it tells, from poll to poll, that there is one
            value.as_ref().map_or(Err(Fault::Codec), |value| encode(value.as_ref(), codec, life))
        })
    }
}

impl AnyStore {
    /// A value as bytes on its way out of the process, with the end of its flight.
    pub(super) fn poll_landing(
        &self,
        state: &mut InFlight,
        outside: &Outside,
        request: &Request<'_>,
        ttl: u64,
        cx: &mut Context<'_>,
        bytes: impl FnOnce(&Life) -> Result<Vec<u8>, Fault>,
    ) -> Poll<Result<Option<Answer>, Fault>> {
        let away = state.outside.get_or_insert_default();
        let publish = |away: &mut Away| {
            let life = Life::new(if ttl == u64::MAX { Ttl::Forever } else { Ttl::For(Duration::from_millis(ttl)) });
            match bytes(&life) {
                Ok(bytes) => Operation::Publish(request.token, bytes, life),
                Err(fault) => {
                    away.unfit = Some(fault);
                    Operation::Abandon(request.token)
                }
            }
        };
        let holding = ready!(self.poll_away(away, outside, request, publish, cx))?.holding()?;
        Poll::Ready(match away.unfit {
            Some(fault) => Err(fault),
            None => Ok(Some(Answer::Held(holding))),
        })
    }

    /// The bytes that the last answer brought from outside the process.
    #[cfg(feature = "link")]
    pub(super) fn brought(state: &mut InFlight) -> Option<Vec<u8>> {
        state.outside.as_mut()?.value.take()
    }
}
