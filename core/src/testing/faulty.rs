//! A store round a store, that fails as a script says.

use crate::{
    key::Key,
    op::{Answer, Left, Request},
    patience::Ticket,
    store::{Cause, Fresh, Platform, Store, Values},
    time::Instant,
    token::HolderToken,
    validity::Validity,
};
use core::{
    cell::RefCell,
    fmt,
    task::{Context, Poll, ready},
};

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is not done, and says so.
    Refused,
    /// It is not done, and nobody answers.
    RequestLost,
    /// It is done, but the answer is lost.
    ReplyLost,
    /// It is done twice.
    Duplicated,
}

/// What goes wrong with each operation, in order; after its end nothing does.
#[derive(Debug, Default)]
pub struct Script<'s> {
    faults: &'s [Fault],
    done: usize,
}

impl<'s> Script<'s> {
    /// Goes through `faults`, one an operation.
    #[must_use]
    pub const fn new(faults: &'s [Fault]) -> Self {
        Self { faults, done: 0 }
    }
}

/// A store that fails as its script says, and counts its operations.
pub struct Faulty<'s, S> {
    inner: S,
    script: RefCell<Script<'s>>,
}

impl<S> fmt::Debug for Faulty<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("script", &self.script).finish_non_exhaustive()
    }
}

impl<'s, S> Faulty<'s, S> {
    /// Fails as `script` says.
    pub const fn new(inner: S, script: Script<'s>) -> Self {
        Self { inner, script: RefCell::new(script) }
    }

    /// How many operations were asked for.
    pub fn operations(&self) -> usize {
        self.script.borrow().done
    }

    fn next(&self) -> Fault {
        let mut script = self.script.borrow_mut();
        let fault = script.faults.get(script.done).copied().unwrap_or_default();
        script.done += 1;
        fault
    }
}

impl<S: Platform> Platform for Faulty<'_, S> {
    type Clock = S::Clock;
    type KeyBuf = S::KeyBuf;
    type Monitor = S::Monitor;
    type Codec = S::Codec;
    fn clock(&self) -> &S::Clock {
        self.inner.clock()
    }
    fn token(&self) -> HolderToken {
        self.inner.token()
    }
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> S::Monitor {
        self.inner.monitor(key, token, ttl, validity)
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        self.inner.mark(key, token, inside);
    }
}

/// One operation under way, with what goes wrong with it.
#[derive(Debug, Default)]
pub struct InFlight<I> {
    inner: I,
    fault: Option<Fault>,
}

impl<S: Store> Faulty<'_, S> {
    /// Does one operation as the script says.
    fn poll<T>(
        &self,
        state: &mut InFlight<S::InFlight>,
        mut operation: impl FnMut(&mut S::InFlight) -> Poll<Result<T, S::Error>>,
    ) -> Poll<Result<T, Cause>> {
        let fault = *state.fault.get_or_insert_with(|| self.next());
        let done = match fault {
            Fault::Refused => Err(Cause::Unreachable),
            Fault::RequestLost => Err(Cause::TimedOut),
            Fault::None | Fault::ReplyLost => ready!(operation(&mut state.inner)).map_err(Into::into),
            Fault::Duplicated => {
                let _ = ready!(operation(&mut state.inner));
                ready!(operation(&mut state.inner)).map_err(Into::into)
            }
        };
        state.fault = None;
        Poll::Ready(if fault == Fault::ReplyLost { done.and(Err(Cause::TimedOut)) } else { done })
    }
}

impl<S: Store> Store for Faulty<'_, S> {
    type InFlight = InFlight<S::InFlight>;
    type Error = Cause;

    fn poll_op(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Cause>> {
        self.poll(state, |inner| self.inner.poll_op(inner, request, cx))
    }
    fn poll_changed(
        &self,
        state: &mut Self::InFlight,
        key: &Key<'_>,
        ticket: Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.inner.poll_changed(&mut state.inner, key, ticket, cx)
    }
    fn cancel(&self, state: &mut Self::InFlight) {
        self.inner.cancel(&mut state.inner);
    }
    fn abandon(&self, state: &mut Self::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.inner.abandon(&mut state.inner, key, token, left);
    }
    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.inner.ends(key, token)
    }
    fn lasts(state: &Self::InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        S::lasts(&state.inner, now, ttl)
    }
}

#[diagnostic::do_not_recommend]
impl<V, C, S: Values<V, C>> Values<V, C> for Faulty<'_, S> {
    fn fetch(&self, state: &mut Self::InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        self.inner.fetch(&mut state.inner, key, codec)
    }
    fn poll_publish(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let Fresh { codec, value, ttl } = fresh;
        // in two steps or in one, it is one operation
        self.poll(state, |inner| match self.inner.poll_publish(inner, request, Fresh { codec, value, ttl }, cx) {
            Poll::Ready(Ok(None)) => self.inner.poll_op(inner, request, cx).map_ok(Some),
            done => done,
        })
    }
}
