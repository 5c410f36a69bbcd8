//! The one state machine: a lease of any kind, from its key to its end.
//!
//! Tasks poll it, threads poll it with a waker that unparks, attributes make it in place, guards wrap it; firmware and
//! servers run the same code. It holds no future, starts no timer (`wake_at` says when it wants to be polled)
//! and knows nothing of where its store lies. Dropping it gives back what it holds, or may hold.

mod acquire;
mod drive;
mod held;
mod stage;
mod value;

pub(crate) use drive::block;
pub use drive::{begun, carried};
pub use held::{Beats, Lost};
use stage::Stage;

use crate::{
    cell::Holding,
    error::Refused,
    instance::{Config, Handle},
    key::{Key, KeyBuffer, Kind},
    observe::{Event, Observer},
    op::{Answer, Left, Op, Outcome, Request},
    patience::{Patience, Ticket},
    store::{Cause, Monitor, Platform, Store, Values},
    time::{Clock, Instant, duration, millis, short},
    token::{FencingToken, HolderToken},
    ttl::Ttl,
    validity::Validity,
};
use core::{
    fmt,
    mem::take,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseOf {
    /// To be the only one.
    Lock,
    /// To be one of `size`.
    Permit {
        /// How many there are.
        size: u32,
    },
    /// To run.
    Run {
        /// For how long others are skipped after a success.
        keep: Duration,
    },
}

/// How long to wait for a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    #[default]
    No,
    /// At most this long.
    For(Duration),
    /// Without limit.
    Forever,
}

/// What is asked for: times in milliseconds, a wait of zero is none.
// in an order for the same reason as that of the lease: times without an end side by side would be filled by a call
#[repr(C)]
struct Terms {
    ttl: u64,
    poll: u32,
    keep: u64,
    size: u32,
    kind: Kind,
    renew: bool,
    wait: u64,
}

/// The operation under way of who holds a lease through this handle.
type InFlightOf<H> = <<H as Handle>::Store as Store>::InFlight;
/// Why it has no answer.
type ErrorOf<H> = <<H as Handle>::Store as Store>::Error;
/// Where its key is rendered.
type KeyBufOf<H> = <<H as Handle>::Store as Platform>::KeyBuf;
/// What watches over it once it was granted.
type MonitorOf<H> = <<H as Handle>::Store as Platform>::Monitor;

/// A lease of any kind: about to be asked for, waited for, or held. Dropping it gives it back.
// in this order no row of fields begins as zeros: a compiler would clear it by a call, which costs a device 45
// instructions
#[repr(C)]
pub struct Lease<H: Handle> {
    handle: H,
    /// Longest time between two attempts, in milliseconds.
    poll: u32,
    size: u32,
    index: u32,
    /// When to give up; before the first question how long to wait, in milliseconds from zero.
    deadline: Instant,
    at: Instant,
    /// How long it lasts unless renewed, in milliseconds.
    ttl: u64,
    fence: FencingToken,
    token: HolderToken,
    kind: Kind,
    stage: Stage,
    /// Whether it is to be renewed while it is held.
    renew: bool,
    ticket: Ticket,
    validity: Validity,
    /// What the store could not do; while asked again, that the last attempt may have been done.
    error: Option<ErrorOf<H>>,
    state: InFlightOf<H>,
    monitor: MonitorOf<H>,
    /// How long a run's marker is kept, or a flight's value, in milliseconds.
    keep: u64,
    key: KeyBufOf<H>,
}

impl<H: Handle> fmt::Debug for Lease<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("kind", &self.kind).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl<H: Handle> Drop for Lease<H> {
    fn drop(&mut self) {
        // most were given back: no call for those
        if self.stage != Stage::Over {
            self.give_back();
        }
        self.handle.instance().store().cancel(&mut self.state);
    }
}

/// Before it is asked for.
impl<H: Handle> Lease<H> {
    /// A lock, a permit or a run about to be asked for, without its key.
    // thin, so that times that are written in an attribute are counted out by the compiler
    #[inline]
    pub fn of(handle: H, of: LeaseOf, ttl: Option<Duration>, wait: Wait, renew: bool) -> Self {
        let store = handle.instance().store();
        let wait = match wait {
            Wait::No => 0,
            Wait::For(time) if time.is_zero() => 0,
            Wait::For(time) => millis(time).saturating_add(store.clock().cut()),
            Wait::Forever => u64::MAX,
        };
        let config = handle.instance().config();
        let (kind, size, keep, default) = match of {
            LeaseOf::Lock => (Kind::Lock, 0, 0, config.lease),
            LeaseOf::Permit { size } => (Kind::Pool, size, 0, config.permit),
            LeaseOf::Run { keep } => (Kind::Once, 0, millis(keep), config.lease),
        };
        let poll = Self::longest_pause(store, config);
        let (ttl, renew) = Self::lasting(store, millis(ttl.unwrap_or(default)), renew);
        Self::new(handle, &Terms { ttl, poll, keep, size, kind, renew, wait })
    }

    /// A flight about to be asked for, without its key.
    #[inline]
    pub fn flight(handle: H, ttl: Option<Ttl>) -> Self {
        let (store, config) = (handle.instance().store(), handle.instance().config());
        let keep = match Ttl::resolve(ttl, config.ttl) {
            Ttl::For(ttl) => millis(ttl),
            Ttl::Forever => u64::MAX,
        };
        let poll = Self::longest_pause(store, config);
        let (ttl, renew) = if store.is_local() { (u64::MAX, false) } else { (millis(config.flight), true) };
        Self::new(handle, &Terms { kind: Kind::Cache, size: 0, poll, keep, ttl, wait: u64::MAX, renew })
    }

    /// How long it is asked for, and whether it is renewed: in the holder's own memory it needs neither.
    fn lasting(store: &H::Store, ttl: u64, renew: bool) -> (u64, bool) {
        match renew && store.is_local() {
            // zero is refused, here too
            true => (if ttl == 0 { 0 } else { u64::MAX }, false),
            false => (ttl, renew),
        }
    }

    fn longest_pause(store: &H::Store, config: &Config) -> u32 {
        short(millis(config.poll)).min(store.poll_at_most())
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn new(handle: H, terms: &Terms) -> Self {
        let Terms { ttl, poll, keep, size, kind, renew, wait } = *terms;
        Self {
            handle,
            poll,
            key: <KeyBufOf<H>>::default(),
            deadline: Instant::from_millis(wait),
            at: Instant::ZERO,
            ttl,
            keep,
            token: HolderToken([0; 4]),
            fence: FencingToken(0),
            validity: Validity::ended(),
            ticket: Ticket::NONE,
            size,
            index: 0,
            kind,
            renew,
            stage: Stage::New,
            error: None,
            state: InFlightOf::<H>::default(),
            monitor: MonitorOf::<H>::default(),
        }
    }

    /// The same with its key, which was rendered elsewhere.
    #[must_use]
    pub fn of_key(mut self, key: KeyBufOf<H>) -> Self {
        self.key = key;
        self
    }

    /// Where its key is rendered.
    pub fn key_mut(&mut self) -> &mut KeyBufOf<H> {
        &mut self.key
    }
}

/// What it knows of itself.
impl<H: Handle> Lease<H> {
    /// Grows with every grant of the key; hand it to the guarded resource.
    pub fn fence(&self) -> FencingToken {
        self.fence
    }

    /// Which permit of the pool this is; the lowest free one was taken. Zero for a lock.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Who holds it.
    pub fn token(&self) -> HolderToken {
        self.token
    }

    /// Whether it is known to be held still. A look into memory, no I/O.
    pub fn is_valid(&self) -> bool {
        let told = self.key().and_then(|key| self.handle.instance().store().is_held(&key, self.token));
        told.unwrap_or_else(|| self.validity().is_valid(self.now())) && self.is_ours()
    }

    fn validity(&self) -> &Validity {
        self.monitor.validity().unwrap_or(&self.validity)
    }

    /// Whether it was granted to this process: a copy in a forked child is the parent's.
    fn is_ours(&self) -> bool {
        self.handle.instance().store().owns(self.token)
    }

    fn now(&self) -> Instant {
        self.handle.instance().store().clock().now()
    }

    pub(crate) fn key(&self) -> Option<Key<'_>> {
        self.handle.instance().store().key(self.kind, &self.key).ok()
    }

    fn patience(&self) -> Patience {
        Patience { deadline: self.deadline, poll: self.handle.instance().config().poll }
    }

    /// Whether what was asked last may have been done all the same.
    fn is_in_doubt(&self) -> bool {
        self.cause().is_some_and(Cause::is_indeterminate)
    }

    fn cause(&self) -> Option<Cause> {
        self.error.map(Into::into)
    }
}

/// What it says and asks.
impl<H: Handle> Lease<H> {
    /// One operation of the store, or a part of it.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_op(
        &self,
        state: &mut InFlightOf<H>,
        now: Instant,
        op: &Op,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, ErrorOf<H>>> {
        // looked at where it is: a device would copy it
        match &self.key() {
            // which tells a compiler that a device has no need of the other operations
            Some(key) if op.is_of_holder() => {
                let request = Request { key, token: self.token, now, op, may_block: H::MAY_BLOCK };
                self.handle.instance().store().poll_op(state, &request, cx)
            }
            _ => Poll::Ready(Ok(Answer::Full)),
        }
    }

    fn say(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        let observer = self.handle.instance().observer();
        if observer.listens()
            && let Some(key) = self.key()
        {
            observer.event(&event(key));
        }
    }

    /// What can be refused without asking.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn begin(&mut self) -> bool {
        let zero = match self.kind {
            Kind::Pool => self.size == 0 || self.ttl == 0,
            Kind::Cache => self.keep == 0,
            Kind::Lock | Kind::Once => self.ttl == 0,
        };
        if zero {
            self.stage = Stage::Zero;
        } else if self.key.bytes().is_err() {
            self.stage = Stage::BadKey;
        } else {
            return true;
        }
        let observer = self.handle.instance().observer();
        if observer.listens() {
            observer.event(&Event::Refused { key: None, why: self.why() });
        }
        false
    }

    fn refuse(&mut self, stage: Stage) {
        self.stage = stage;
        self.say(|key| match self.kind {
            // the call runs all the same
            Kind::Cache => Event::Failed { key: Some(key), cause: self.cause().unwrap_or(Cause::Full) },
            _ => Event::Refused { key: Some(key), why: self.why() },
        });
    }

    /// Why it was refused.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn why(&self) -> Refused {
        match (self.stage, self.key.bytes()) {
            (Stage::BadKey, Err(why)) => why.into(),
            (Stage::Zero, _) => Refused::Zero,
            (Stage::Busy, _) => {
                let remaining = (self.at != Instant::MAX).then(|| duration(self.at.as_millis()));
                if self.kind == Kind::Pool { Refused::Full { next: remaining } } else { Refused::Busy { remaining } }
            }
            (Stage::Failed, _) if self.is_in_doubt() => {
                Refused::Indeterminate { token: self.token, until: self.now().plus(self.ttl) }
            }
            _ => self.cause().unwrap_or(Cause::Full).into(),
        }
    }

    fn failed(&self, error: ErrorOf<H>) {
        self.say(|key| Event::Failed { key: Some(key), cause: error.into() });
    }
}

/// How it ends.
impl<H: Handle> Lease<H> {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn give_back(&mut self) {
        // who waited may have been given a wake-up; its release, which finds nothing to release, passes that on
        let open = match self.stage {
            Stage::Asked | Stage::Waiting | Stage::Held | Stage::Done => true,
            // refused: who waited, and was woken for this, calls the next one
            Stage::Busy | Stage::Full => self.deadline != Instant::ZERO,
            Stage::Failed => self.deadline != Instant::ZERO || self.is_in_doubt(),
            _ => false,
        };
        if !open || !self.is_ours() {
            return;
        }
        let mut state = take(&mut self.state);
        if <H::Store>::IS_IMMEDIATE {
            let cx = &mut Context::from_waker(Waker::noop());
            let _ = self.poll_op(&mut state, self.now(), &Op::Release(Outcome::Free), cx);
            return;
        }
        let left = match self.stage {
            Stage::Done => Left::Done { fresh: self.keep, ttl: self.ttl },
            Stage::Held => Left::Lease,
            Stage::Asked if <H::Store>::is_sent(&state) => Left::Lease,
            _ if self.is_in_doubt() => Left::Lease,
            _ => Left::WakeUp,
        };
        // an answer that is still to come is for nobody
        self.handle.instance().store().cancel(&mut state);
        if let Some(key) = self.key() {
            self.handle.instance().store().abandon(&mut state, &key, self.token, left);
        }
    }

    /// It was refused: gives back what it may hold all the same.
    pub fn refused(&mut self) {
        self.give_back();
        self.stage = Stage::Over;
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_end(&mut self, success: bool, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_ours() {
            self.stage = Stage::Gone;
            return Poll::Ready(());
        }
        // nothing renews what is about to end
        self.monitor = MonitorOf::<H>::default();
        let now = self.now();
        let done = success && matches!(self.kind, Kind::Once | Kind::Cache);
        let outcome = if done { Outcome::Done { fresh: self.keep } } else { Outcome::Free };
        if !<H::Store>::IS_IMMEDIATE && done && self.kind == Kind::Once {
            // also if nobody hears of it, or waits for the answer
            self.stage = Stage::Done;
        }
        let mut state = take(&mut self.state);
        let polled = self.poll_op(&mut state, now, &Op::Release(outcome), cx);
        self.state = state;
        self.ended(ready!(polled));
        Poll::Ready(())
    }

    /// It was given back, or could not be.
    fn ended(&mut self, answer: Result<Answer, ErrorOf<H>>) {
        match answer {
            Ok(answer) => {
                self.stage = Stage::Over;
                if answer != Answer::Held(Holding::Held) {
                    self.stage = Stage::Gone;
                    // a heartbeat that found it lost has told so
                    if <H::Store>::IS_IMMEDIATE || !self.validity.is_over() {
                        self.say(|key| Event::Lost { key });
                    }
                }
            }
            Err(error) => {
                self.error = Some(error);
                self.failed(error);
            }
        }
    }
}
