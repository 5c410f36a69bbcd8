//! A right from its key to its end, polled by hand.

mod cached;
mod held;
mod stage;
mod turn;

pub use held::Beats;
use stage::Stage;

use super::{Answer, Deed, Fresh, KeyBufOf, Rights, StepOf, TroubleOf, Values};
use crate::{
    cell::waiters::Place,
    instance::Handle,
    key::{Key, KeyBuffer, Kind},
    observe::{Event, Observer},
    outcome::Refused,
    patience::{Patience, Ticket},
    store::{Fault, Host},
    time::{Clock, Instant, PollTimer, duration, short},
    token::{FencingToken, HolderToken},
    validity::Validity,
};
use core::{
    fmt,
    future::{Future, poll_fn},
    mem::take,
    task::{Context, Poll, Waker, ready},
};

/// What is asked for: times in milliseconds, a wait of zero is none.
pub(super) struct Terms {
    pub(super) kind: Kind,
    pub(super) size: u16,
    pub(super) poll: u32,
    pub(super) keep: u64,
    pub(super) ttl: u64,
    pub(super) wait: u64,
}

/// A right of any kind: about to be asked for, waited for, or held. Dropping it gives it back.
///
/// It is moved before its first step only: then its place and size are its future's.
pub struct Right<H: Handle>
where
    H::Store: Rights,
{
    handle: H,
    key: KeyBufOf<H>,
    /// When to give up; before the first step how long to wait, in milliseconds from zero.
    deadline: Instant,
    at: Instant,
    /// How long it lasts unless renewed, in milliseconds.
    ttl: u64,
    /// Longest time between two attempts, in milliseconds.
    poll: u32,
    /// How long a run's marker is kept, or a flight's value, in milliseconds.
    keep: u64,
    token: HolderToken,
    fence: FencingToken,
    validity: Validity,
    place: Place,
    ticket: Ticket,
    size: u16,
    index: u16,
    kind: Kind,
    stage: Stage,
    /// What the store could not do; while asked again, that the last attempt may have been done.
    trouble: Option<TroubleOf<H>>,
    step: StepOf<H>,
}

impl<H: Handle> fmt::Debug for Right<H>
where
    H::Store: Rights,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Right").field("kind", &self.kind).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl<H: Handle> Drop for Right<H>
where
    H::Store: Rights,
{
    fn drop(&mut self) {
        self.give_back();
        self.handle.instance().store().cancel(&mut self.step);
    }
}

impl<H: Handle> Right<H>
where
    H::Store: Rights,
{
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn new(handle: H, terms: &Terms) -> Self {
        let Terms { kind, size, poll, keep, ttl, wait } = *terms;
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
            place: Place::default(),
            ticket: Ticket::NONE,
            size,
            index: 0,
            kind,
            stage: Stage::New,
            trouble: None,
            step: StepOf::<H>::default(),
        }
    }

    /// Where its key is rendered.
    #[doc(hidden)]
    pub fn key_mut(&mut self) -> &mut KeyBufOf<H> {
        &mut self.key
    }

    /// Grows with every grant of the key; hand it to the guarded resource.
    pub fn fence(&self) -> FencingToken {
        self.fence
    }

    /// Which permit of the pool this is; the lowest free one was taken. Zero for a lock.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Whether it is known to be held still. A comparison, no I/O.
    pub fn is_valid(&self) -> bool {
        self.validity.is_valid(self.now())
    }

    /// Ends when it may no longer be held: it was not renewed in time, or a renewal found it taken.
    ///
    /// Dropping the future changes nothing.
    pub async fn lost(&self)
    where
        <H::Store as Host>::Clock: PollTimer,
    {
        poll_fn(|cx| {
            while self.is_valid() {
                ready!(self.handle.instance().store().clock().poll_until(self.validity.until(), cx));
            }
            Poll::Ready(())
        })
        .await;
    }

    fn now(&self) -> Instant {
        self.handle.instance().store().clock().now()
    }

    fn key(&self) -> Option<Key<'_>> {
        self.handle.instance().store().key(self.kind, &self.key).ok()
    }

    /// One step of the store, or a part of it.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_act(
        &self,
        step: &mut StepOf<H>,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, TroubleOf<H>>> {
        match self.key() {
            Some(key) => self.handle.instance().store().poll_act(step, &key, self.token, now, deed, cx),
            None => Poll::Ready(Ok(Answer::No)),
        }
    }

    /// A step that is never pending; whether it was done.
    fn act(&self, now: Instant, deed: Deed<'_>) -> bool {
        self.act_with(now, deed, &mut Context::from_waker(Waker::noop()))
    }

    /// The same with somebody to wake.
    fn act_with(&self, now: Instant, deed: Deed<'_>, cx: &mut Context<'_>) -> bool {
        matches!(self.poll_act(&mut StepOf::<H>::default(), now, deed, cx), Poll::Ready(Ok(Answer::Yes)))
    }

    fn say(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        let observer = self.handle.instance().observer();
        if observer.listens()
            && let Some(key) = self.key()
        {
            observer.event(&event(key));
        }
    }

    fn patience(&self) -> Patience {
        Patience { deadline: self.deadline, poll: self.handle.instance().config().poll }
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
            Kind::Cache => Event::Failed { key: Some(key), fault: self.fault().unwrap_or(Fault::Full) },
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
                let remaining = duration(self.at.as_millis());
                if self.kind == Kind::Pool { Refused::Full { next: remaining } } else { Refused::Busy { remaining } }
            }
            (Stage::Failed, _) if self.is_in_doubt() => {
                Refused::Indeterminate { token: self.token, until: self.now().plus(self.ttl) }
            }
            _ => self.fault().unwrap_or(Fault::Full).into(),
        }
    }

    fn fault(&self) -> Option<Fault> {
        self.trouble.map(Into::into)
    }

    /// Whether what was asked last may have been done all the same.
    fn is_in_doubt(&self) -> bool {
        self.fault().is_some_and(Fault::is_indeterminate)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn give_back(&mut self) {
        // whoever waited may have been given a turn; its release, which finds nothing to release, passes that on
        let open = match self.stage {
            Stage::Asked | Stage::Waiting | Stage::Held | Stage::Done => true,
            Stage::Busy => self.deadline != Instant::ZERO,
            Stage::Failed => self.is_in_doubt(),
            _ => false,
        };
        if !open {
            return;
        }
        let may_be_held = match self.stage {
            Stage::Held | Stage::Done => true,
            Stage::Asked if <H::Store>::is_sent(&self.step) => true,
            _ => self.is_in_doubt() || !<H::Store>::TELLS_TURNS,
        };
        // an answer that is still to come is for nobody
        self.handle.instance().store().cancel(&mut self.step);
        let now = self.now();
        let place = take(&mut self.place);
        if place != Place::default() {
            self.act(now, Deed::Leave(place));
        }
        let keep = if <H::Store>::TELLS_TURNS && self.stage == Stage::Done { short(self.keep) } else { 0 };
        self.act(now, Deed::Drop { may_be_held, keep });
    }

    /// Gives it back as the body's result says. An unknown outcome leaves it to the store, as dropping does.
    #[doc(hidden)]
    pub fn settle(&mut self, success: bool) -> impl Future<Output = ()> {
        poll_fn(move |cx| self.poll_end(success, cx))
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_end(&mut self, success: bool, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        let done = success && matches!(self.kind, Kind::Once | Kind::Cache);
        let deed = if done { Deed::Done(self.keep) } else { Deed::Release };
        if <H::Store>::TELLS_TURNS && done && self.kind == Kind::Once {
            // also if nobody hears of it, or waits for the answer; in RAM it is done when it is said
            self.stage = Stage::Done;
        }
        let mut step = take(&mut self.step);
        let polled = self.poll_act(&mut step, now, deed, cx);
        self.step = step;
        self.ended(ready!(polled), done);
        Poll::Ready(())
    }

    /// It was given back, or could not be.
    fn ended(&mut self, answer: Result<Answer, TroubleOf<H>>, done: bool) {
        match answer {
            Ok(answer) => {
                if answer != Answer::Yes {
                    self.say(|key| Event::Lost { key });
                }
                // everybody who waits for a value can have it
                while done && self.kind == Kind::Cache && self.act(Instant::ZERO, Deed::Wake) {}
                self.stage = Stage::Over;
            }
            Err(trouble) => self.failed(trouble),
        }
    }

    fn failed(&self, trouble: TroubleOf<H>) {
        self.say(|key| Event::Failed { key: Some(key), fault: trouble.into() });
    }
}
