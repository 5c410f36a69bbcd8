//! A store round a store, that fails as a script says.

use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    key::Key,
    op::{Answer, Left, Request},
    patience::{Contended, Ticket},
    store::{
        AtOnce, CacheStore, EntryStore, Fault, Force, Fresh, Host, Inspect, LeaseStore, Leases, OnceStore, PermitStore,
        Store, Values,
    },
    time::Instant,
    token::HolderToken,
    validity::Validity,
};
use core::{
    cell::RefCell,
    fmt,
    future::Future,
    task::{Context, Poll, ready},
    time::Duration,
};

/// What goes wrong with one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
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
    troubles: &'s [Trouble],
    done: usize,
}

impl<'s> Script<'s> {
    /// Goes through `troubles`, one an operation.
    #[must_use]
    pub const fn new(troubles: &'s [Trouble]) -> Self {
        Self { troubles, done: 0 }
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

    fn next(&self) -> Trouble {
        let mut script = self.script.borrow_mut();
        let trouble = script.troubles.get(script.done).copied().unwrap_or_default();
        script.done += 1;
        trouble
    }

    fn with<T, E: Into<Fault>>(&self, operation: impl Fn() -> Result<T, E>) -> Result<T, Fault> {
        let trouble = self.next();
        match trouble {
            Trouble::Refused => Err(Fault::Unreachable),
            Trouble::RequestLost => Err(Fault::TimedOut),
            Trouble::ReplyLost => operation().map_err(Into::into).and(Err(Fault::TimedOut)),
            Trouble::Duplicated => operation().and_then(|_| operation()).map_err(Into::into),
            Trouble::None => operation().map_err(Into::into),
        }
    }
}

impl<S: Store> Store for Faulty<'_, S> {
    type Error = Fault;
    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        self.inner.changed(key, ticket)
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.inner.dropped(key, token);
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.inner.unfinished(key, token, ttl, keep);
    }
}

impl<S: AtOnce> AtOnce for Faulty<'_, S> {}

impl<S: Host> Host for Faulty<'_, S> {
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
    trouble: Option<Trouble>,
}

impl<S: Leases> Faulty<'_, S> {
    /// Does one operation as the script says.
    fn poll<T>(
        &self,
        state: &mut InFlight<S::InFlight>,
        mut operation: impl FnMut(&mut S::InFlight) -> Poll<Result<T, S::Trouble>>,
    ) -> Poll<Result<T, Fault>> {
        let trouble = *state.trouble.get_or_insert_with(|| self.next());
        let done = match trouble {
            Trouble::Refused => Err(Fault::Unreachable),
            Trouble::RequestLost => Err(Fault::TimedOut),
            Trouble::None | Trouble::ReplyLost => ready!(operation(&mut state.inner)).map_err(Into::into),
            Trouble::Duplicated => {
                let _ = ready!(operation(&mut state.inner));
                ready!(operation(&mut state.inner)).map_err(Into::into)
            }
        };
        state.trouble = None;
        Poll::Ready(if trouble == Trouble::ReplyLost { done.and(Err(Fault::TimedOut)) } else { done })
    }
}

impl<S: Leases> Leases for Faulty<'_, S> {
    type InFlight = InFlight<S::InFlight>;
    type Trouble = Fault;

    fn poll_op(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Fault>> {
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
    fn lasts(state: &Self::InFlight, now: Instant, ttl: u32) -> (Instant, u32) {
        S::lasts(&state.inner, now, ttl)
    }
}

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
    ) -> Poll<Result<Option<Answer>, Fault>> {
        let Fresh { codec, value, ttl } = fresh;
        // in two steps or in one, it is one operation
        self.poll(state, |inner| match self.inner.poll_publish(inner, request, Fresh { codec, value, ttl }, cx) {
            Poll::Ready(Ok(None)) => self.inner.poll_op(inner, request, cx).map_ok(Some),
            done => done,
        })
    }
}

macro_rules! faulty {
    ($($Trait:ident { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* })*) => { $(
        impl<S: $Trait> $Trait for Faulty<'_, S> {
            $(fn $f(&self, $($a: $t),*) -> Result<$r, Fault> { self.with(|| $Trait::$f(&self.inner, $($a),*)) })*
        }
    )* };
}

faulty! {
    LeaseStore {
        fn acquire(key: Key<'_>, ask: &Ask) -> Contended<Grant>;
        fn renew(key: Key<'_>, ask: &Ask) -> Holding;
        fn release(key: Key<'_>, token: HolderToken) -> Holding;
    }
    PermitStore {
        fn take(key: Key<'_>, size: u16, ask: &Ask) -> Contended<Grant>;
        fn extend(key: Key<'_>, ask: &Ask) -> Holding;
        fn give_back(key: Key<'_>, token: HolderToken) -> Holding;
        fn in_use(key: Key<'_>) -> u16;
    }
    OnceStore {
        fn begin(key: Key<'_>, ask: &Ask) -> Begun;
        fn touch(key: Key<'_>, ask: &Ask) -> Holding;
        fn complete(key: Key<'_>, token: HolderToken, keep: Duration) -> Holding;
        fn fail(key: Key<'_>, token: HolderToken) -> Holding;
    }
    Inspect { fn remaining(key: Key<'_>) -> Option<Duration>; }
    Force { fn force_release(key: Key<'_>) -> bool; }
    EntryStore {
        fn keep_flying(key: Key<'_>, ask: &Ask) -> Holding;
        fn abandon(key: Key<'_>, token: HolderToken) -> Holding;
        fn invalidate(key: Key<'_>) -> bool;
    }
}

impl<V: Clone, C, S: CacheStore<V, C>> CacheStore<V, C> for Faulty<'_, S> {
    fn get(&self, key: Key<'_>, codec: &C) -> Result<Option<V>, Fault> {
        self.with(|| self.inner.get(key, codec))
    }
    fn join(&self, key: Key<'_>, codec: &C, ask: &Ask) -> Result<Contended<Lookup<V>>, Fault> {
        self.with(|| self.inner.join(key, codec, ask))
    }
    fn publish(
        &self,
        key: Key<'_>,
        codec: &C,
        token: HolderToken,
        value: Kept<'_, V>,
        life: Life,
    ) -> Result<Holding, Fault> {
        self.with(|| self.inner.publish(key, codec, token, Kept::Own(value.as_ref().clone()), life))
    }
}
