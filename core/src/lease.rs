//! The one state machine: a lease of any kind, from its key to its end.
//!
//! Tasks poll it, threads poll it with a waker that unparks, attributes make it in place, guards wrap it; firmware and
//! servers run the same code. It holds no future, starts no timer (`wake_at` says when it wants to be polled)
//! and knows nothing of where its store lies. Dropping it gives back what it holds, or may hold.

mod acquire;
#[cfg(feature = "stale")]
mod aged;
mod drive;
mod ending;
mod held;
mod insight;
mod stage;
mod terms;
mod value;

pub(crate) use drive::block;
pub use drive::{begun, carried};
pub use held::{Beats, Lost};
use stage::Stage;
pub use terms::{LeaseOf, Wait};

use crate::{
    error::{Asked, Done, Refused},
    instance::Handle,
    key::{Key, KeyBuffer, Kind},
    label::Said,
    observe::{Event, Observer},
    op::{Answer, Op, Outcome, Request, WINDOWS},
    patience::{Patience, Ticket},
    store::{Cause, Monitor, Platform, Store, Values},
    time::{Clock, Instant, duration},
    token::{FencingToken, HolderToken},
    validity::Validity,
};
use core::{
    fmt,
    task::{Context, Poll},
};

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
    /// By what people know its holder.
    label: Said,
    /// Longest time between two attempts, in milliseconds.
    poll: u32,
    /// Of a pool how many permits it has; of a flight its [window](crate::op::Ask::window).
    size: u32,
    /// Which permit it is. Before the grant: since when attempts have failed, in milliseconds, zero while they do not.
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

    /// How much longer a value must be fresh to count.
    fn window(&self) -> u32 {
        if WINDOWS && self.kind == Kind::Cache { self.size } else { 0 }
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
            let event = event(key);
            #[cfg(feature = "insight")]
            self.note(&event);
            observer.event(&event);
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
        let tick = self.handle.instance().store().clock().tick();
        if zero {
            self.stage = Stage::Zero;
        } else if tick > 1 && self.kind != Kind::Cache && self.ttl < 3 * tick {
            self.stage = Stage::Short;
        } else if self.key.bytes().is_err() {
            self.stage = Stage::BadKey;
        } else {
            return true;
        }
        let observer = self.handle.instance().observer();
        if observer.listens() {
            let event = Event::Refused { key: None, why: self.why() };
            #[cfg(feature = "insight")]
            self.note(&event);
            observer.event(&event);
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
        let asked = Asked::of(self.kind);
        match (self.stage, self.key.bytes()) {
            (Stage::BadKey, Err(why)) => why.into(),
            (Stage::Zero, _) => Refused::Zero,
            (Stage::Short, _) => {
                Refused::TooShort { least: duration(3 * self.handle.instance().store().clock().tick()) }
            }
            (Stage::Busy, _) => {
                let remaining = (self.at != Instant::MAX).then(|| duration(self.at.as_millis()));
                match self.kind {
                    Kind::Pool => Refused::Full { next: remaining, asked },
                    Kind::Once => Refused::Running { remaining, asked },
                    Kind::Lock | Kind::Cache => Refused::Busy { remaining, asked },
                }
            }
            (Stage::Kept, _) => Refused::Done(Done::new(self.keep, self.at.as_millis())),
            (Stage::Failed, _) if self.is_in_doubt() => {
                Refused::Indeterminate { token: self.token, until: self.now().plus(self.ttl), asked }
            }
            _ => Refused::from(self.cause().unwrap_or(Cause::Full)).of(asked),
        }
    }

    fn failed(&self, error: ErrorOf<H>) {
        self.say(|key| Event::Failed { key: Some(key), cause: error.into() });
    }
}
