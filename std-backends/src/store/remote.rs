//! A store outside the process, with what an instance adds to it: a time limit, renewal, and where threads call from.

use super::{
    timed::{Renewing, Timed},
    vain,
};
use crate::{
    backend::{Backend, Broom, Call, News, OTHER, Op, OwnedKey, Reply, Runtime, park},
    clock::StdClock,
    closing::Closing,
    health::Node,
    lines::{self, Lines},
    loads::{self, Loads},
    observe::Watcher,
    process::PerProcess,
    renewer::{Renew, Renewer},
};
use cachify_core::{
    Cause, Holding,
    drive::beside,
    key::Kind,
    observe::Event,
    op::Left,
    patience::Ticket,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// For how many milliseconds a missed answer says anything of the next one.
const FORGOTTEN: u64 = 10_000;

/// What the user set of an instance outside the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Unless said, the backend's own.
    pub(crate) op_timeout: Option<Duration>,
    pub(crate) max_value_bytes: usize,
}

/// The store. Every clone is the same.
#[derive(Clone)]
pub(crate) struct Remote(Arc<Inner>);

/// What the instance shares with renewal.
struct Inner {
    backend: Arc<dyn Backend>,
    clock: StdClock,
    renewer: Arc<PerProcess<Renewer>>,
    limits: Limits,
    /// Where tasks called from: threads call inside of it.
    runtime: OnceLock<Runtime>,
    watcher: Watcher,
    closing: Closing,
    lines: Arc<Lines>,
    loads: Arc<Loads>,
    broom: Broom,
    /// Since when nobody has had an answer, in milliseconds of the clock, zero while they have; and when one was missed
    /// last.
    silent_since: AtomicU64,
    missed: AtomicU64,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("renewer", &self.renewer.get()).finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(backend: Arc<dyn Backend>, clock: StdClock, limits: Limits, watcher: Watcher) -> Self {
        if let Some(policy) = backend.evicts() {
            watcher.tell(&Event::Evicts { policy: &policy });
        }
        let (renewer, runtime, closing, lines, loads, broom) = Default::default();
        let (silent_since, missed) = Default::default();
        let inner = Inner {
            backend,
            clock,
            renewer,
            limits,
            runtime,
            watcher,
            closing,
            lines,
            loads,
            broom,
            silent_since,
            missed,
        };
        // now: a child of a fork amid the first lease would wait for that for ever
        inner.renewer();
        inner.backend.clone().attach(News::to(Arc::downgrade(&inner.renewer)));
        Self(Arc::new(inner))
    }

    /// An operation within the instance's time limit.
    pub(super) fn question(&self, key: OwnedKey, token: HolderToken, op: Op) -> Call {
        let Inner { backend, broom, clock, runtime, .. } = &*self.0;
        broom.sweep(clock.coarse(), backend, runtime.get());
        Call { clock: self.0.clock.clone(), ..Call::new(key, token, op, self.0.limit()) }
    }

    /// One operation; past its limit the outcome is unknown.
    pub(super) async fn call(self, call: Call) -> Result<Reply, Cause> {
        let (Inner { backend, clock, runtime, .. }, limit) = (&*self.0, call.limit);
        if runtime.get().is_none() {
            let here = Runtime::current();
            if here.is_any() {
                let _ = runtime.set(here);
            }
        }
        let (freed, asked) = (self.frees(&call), Timed::of(&self.0.watcher, &call));
        self.forgets(&call);
        let called = backend.clone().call(call);
        let answer = if backend.about().keeps_limits {
            called.await
        } else {
            let limit = clock.sleep_until(clock.now().saturating_add(limit));
            beside(called, limit).await.unwrap_or(Err(Cause::TimedOut))
        };
        self.call_next(freed);
        asked.over(&self.0.watcher, &answer);
        self.0.heard(answer)
    }

    /// One operation, blocking; past its limit the outcome is unknown.
    pub(super) fn call_blocking(&self, call: Call) -> Result<Reply, Cause> {
        let _inside = self.0.runtime.get().map(Runtime::enter);
        let (freed, asked) = (self.frees(&call), Timed::of(&self.0.watcher, &call));
        self.forgets(&call);
        let answer = self.0.backend.clone().call_blocking(call);
        self.call_next(freed);
        asked.over(&self.0.watcher, &answer);
        self.0.heard(answer)
    }

    /// The key that a call may free for somebody who waits here.
    fn frees(&self, call: &Call) -> Option<OwnedKey> {
        let frees =
            matches!(call.op, Op::Release(_) | Op::Clear | Op::Insert { .. }) && !lines::are_empty(&self.0.lines);
        frees.then(|| call.key.clone())
    }

    /// Whoever comes after an invalidation waits for nothing that was loaded before it.
    fn forgets(&self, call: &Call) {
        if matches!(call.op, Op::Clear | Op::Insert { .. }) && call.key.key().kind == Kind::Cache {
            loads::forget(&self.0.loads, &call.key);
        }
    }

    fn call_next(&self, freed: Option<OwnedKey>) {
        if let Some(key) = freed {
            lines::call(&self.0.lines, &key);
        }
    }

    /// Who waits in this process for what the store cannot signal.
    pub(super) fn lines(&self) -> &Arc<Lines> {
        &self.0.lines
    }

    /// Who waits in this process for what another caller of it loads.
    pub(super) fn loads(&self) -> &Arc<Loads> {
        &self.0.loads
    }

    /// Ends when the one who has that place is to ask, or nothing may be asked any more.
    pub(super) async fn turn(&self, turn: impl Future<Output = ()>) {
        let _ = beside(turn, self.0.closing.closed()).await;
    }

    pub(super) fn clock(&self) -> &StdClock {
        &self.0.clock
    }

    pub(super) fn limit(&self) -> Duration {
        self.0.limit()
    }

    /// How many bytes a value may have.
    pub(super) fn max_value_bytes(&self) -> usize {
        self.0.limits.max_value_bytes
    }

    /// Whether threads may ask.
    pub(crate) fn serves_threads(&self) -> bool {
        self.0.backend.about().anywhere
    }

    /// For how many milliseconds nobody has had an answer.
    pub(super) fn outage(&self, now: Instant) -> u64 {
        match self.0.silent_since.load(Ordering::Relaxed) {
            0 => 0,
            // at once more than none
            since => now.as_millis().saturating_sub(since).max(1),
        }
    }

    /// The store itself.
    #[cfg(feature = "testing")]
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        self.0.backend.clone()
    }

    pub(super) async fn changed(self, key: OwnedKey, ticket: Ticket) {
        self.turn(self.0.backend.clone().changed(key, ticket)).await;
    }

    pub(super) fn abandon(&self, key: OwnedKey, token: HolderToken, left: Left) {
        self.0.backend.clone().abandon(key, token, left);
    }

    pub(super) fn closing(&self) -> &Closing {
        &self.0.closing
    }

    pub(super) fn renewer(&self) -> &Renewer {
        self.0.renewer()
    }

    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// What renews its leases in the background. A store that not every thread may call has none: the machine renews
    /// beside the body.
    pub(super) fn renews(&self) -> Option<Weak<dyn Renew>> {
        let store: Arc<dyn Renew> = self.0.clone();
        self.0.backend.about().anywhere.then(|| Arc::downgrade(&store))
    }

    /// When an operation that begins now is to end.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.clock.now().saturating_add(self.0.limit())
    }

    /// Whether a thread that drops a guard may wait for the answer: outside any runtime, in no panic, and if it has not
    /// waited in vain a moment ago.
    pub(super) fn may_wait(&self) -> bool {
        let now = self.0.clock.now();
        let about = self.0.backend.about();
        let is_bounded = about.keeps_limits && !about.is_patient;
        is_bounded && !thread::panicking() && !Runtime::current().is_any() && vain::trusts(now)
    }

    /// Ends when everything dropped so far was given back.
    pub(crate) async fn flush(&self) {
        self.0.backend.clone().flush().await;
    }

    pub(crate) fn kept_in(&self) -> &'static str {
        self.0.backend.about().kept_in
    }

    /// What its servers say of themselves.
    pub(crate) async fn nodes(&self) -> Vec<Node> {
        self.0.backend.clone().nodes().await
    }

    pub(crate) fn nodes_blocking(&self) -> Vec<Node> {
        park(self.0.backend.clone().nodes(), self.0.limit() * 2).unwrap_or_default()
    }

    /// The policy by which the server may drop live leases, if it said one.
    pub(crate) fn evicts(&self) -> Option<String> {
        self.0.backend.evicts()
    }
}

impl Inner {
    /// Notes whether there was an answer, be it a refusal.
    fn heard(&self, answer: Result<Reply, Cause>) -> Result<Reply, Cause> {
        let is_silent = answer.as_ref().is_err_and(|cause| cause.may_pass() && *cause != Cause::Conflict);
        if is_silent {
            let now = self.clock.now().as_millis().max(1);
            let missed = self.missed.swap(now, Ordering::Relaxed);
            // of an outage long ago nothing is known when nobody asked since
            if self.silent_since.load(Ordering::Relaxed) == 0 || now.saturating_sub(missed) > FORGOTTEN {
                self.silent_since.store(now, Ordering::Relaxed);
            }
        } else if self.silent_since.load(Ordering::Relaxed) > 0 {
            self.silent_since.store(0, Ordering::Relaxed);
        }
        answer
    }

    fn limit(&self) -> Duration {
        self.limits.op_timeout.unwrap_or_else(|| self.backend.limit())
    }

    fn renewer(&self) -> &Renewer {
        self.renewer.get_or_init(|| Renewer::new(self.clock.clone()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(renewer) = self.renewer.get() {
            renewer.stop();
        }
    }
}

impl Renew for Inner {
    fn renew_all(&self, due: Vec<(OwnedKey, HolderToken, u64)>) -> Vec<Result<Holding, Cause>> {
        let _inside = self.runtime.get().map(Runtime::enter);
        let limit = self.limit();
        let call =
            |(key, token, ttl)| Call { clock: self.clock.clone(), ..Call::new(key, token, Op::Renew { ttl }, limit) };
        let (count, renewing) = (due.len(), Renewing::of(&self.watcher, &due));
        let replies = self.backend.clone().call_many_blocking(due.into_iter().map(call).collect());
        // what a store leaves out is not known to be lost
        let replies = replies.into_iter().chain(std::iter::repeat_with(|| Err(OTHER))).take(count);
        let answers: Vec<_> = replies.map(|reply| self.heard(reply)?.holding()).collect();
        renewing.over(&self.watcher, &answers);
        answers
    }

    fn give_back(&self, key: OwnedKey, token: HolderToken) {
        self.backend.clone().abandon(key, token, Left::Lease);
    }

    fn tell(&self, event: &Event<'_>) {
        self.watcher.tell(event);
    }
}
