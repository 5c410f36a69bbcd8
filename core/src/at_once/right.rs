//! A right from its key to its end, polled by hand.

mod cached;
mod held;

pub use held::{Beats, Settled};

use super::{Answer, Deed, Rights, Values};
use crate::{
    cell::{ram::Asked, waiters::Place},
    drive::{Validity, heartbeat},
    instance::Instance,
    key::{Key, KeyBuffer, Kind},
    observe::{Event, Observer},
    outcome::Refused,
    patience::{Patience, Ticket, again},
    time::{Clock, Instant, PollTimer, duration, short},
    token::{FencingToken, HolderToken},
};
use core::{
    fmt,
    future::{Future, poll_fn},
    mem::take,
    task::{Context, Poll, ready},
};

/// How far a right has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was asked.
    New,
    /// Busy when last asked: waits for a release, or for `at`.
    Waiting,
    /// Held; the next heartbeat is due at `at`.
    Held,
    /// There is a value instead.
    Filled,
    /// Refused: somebody else holds it, for `at` more.
    Busy,
    /// Refused: no room in the store.
    Full,
    /// Refused: no key.
    BadKey,
    /// Refused: a time or a size of zero.
    Zero,
    /// Given back, or nothing to ask for.
    Over,
}

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
pub struct Right<'i, S: Rights, O: Observer> {
    instance: &'i Instance<S, O>,
    key: S::KeyBuf,
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
}

impl<S: Rights, O: Observer> fmt::Debug for Right<'_, S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Right").field("kind", &self.kind).field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl<S: Rights, O: Observer> Drop for Right<'_, S, O> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<'i, S: Rights, O: Observer> Right<'i, S, O> {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn new(instance: &'i Instance<S, O>, terms: &Terms) -> Self {
        let Terms { kind, size, poll, keep, ttl, wait } = *terms;
        Self {
            instance,
            poll,
            key: S::KeyBuf::default(),
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
        }
    }

    /// Where its key is rendered.
    #[doc(hidden)]
    pub fn key_mut(&mut self) -> &mut S::KeyBuf {
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
        S::Clock: PollTimer,
    {
        poll_fn(|cx| {
            while self.is_valid() {
                ready!(self.instance.store().clock().poll_until(self.validity.until(), cx));
            }
            Poll::Ready(())
        })
        .await;
    }

    fn now(&self) -> Instant {
        self.instance.store().clock().now()
    }

    fn key(&self) -> Option<Key<'_>> {
        self.instance.store().key(self.kind, &self.key).ok()
    }

    /// One step of the store.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn act(&self, now: Instant, deed: Deed<'_>) -> Answer {
        self.key().map_or(Answer::No, |key| self.instance.store().act(&key, self.token, now, deed))
    }

    fn say(&self, event: impl FnOnce(Key<'_>) -> Event<'_>) {
        let observer = self.instance.observer();
        if observer.listens()
            && let Some(key) = self.key()
        {
            observer.event(&event(key));
        }
    }

    fn patience(&self) -> Patience {
        Patience { deadline: self.deadline, poll: self.instance.config().poll }
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
        let observer = self.instance.observer();
        if observer.listens() {
            observer.event(&Event::Refused { key: None, why: self.why() });
        }
        false
    }

    fn refuse(&mut self, stage: Stage) {
        self.stage = stage;
        self.say(|key| Event::Refused { key: Some(key), why: self.why() });
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
            _ => Refused::StoreFull,
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn give_back(&mut self) {
        // whoever waited may have been given a turn; its release, which finds nothing to release, passes that on
        let waited = self.stage == Stage::Busy && self.deadline != Instant::ZERO;
        if !waited && !matches!(self.stage, Stage::Waiting | Stage::Held) {
            return;
        }
        let now = self.now();
        let place = take(&mut self.place);
        if place != Place::default() {
            self.act(now, Deed::Leave(place));
        }
        self.act(now, Deed::Release);
    }

    /// Gives it back as the body's result says.
    #[doc(hidden)]
    pub fn settle(&mut self, success: bool) -> Settled {
        self.end(success);
        Settled
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn end(&mut self, success: bool) {
        let now = self.now();
        let done = success && matches!(self.kind, Kind::Once | Kind::Cache);
        let deed = if done { Deed::Done(now.plus(self.keep)) } else { Deed::Release };
        if self.act(now, deed) != Answer::Yes {
            self.say(|key| Event::Lost { key });
        }
        // everybody who waits for a value can have it
        while done && self.kind == Kind::Cache && self.act(now, Deed::Wake) == Answer::Yes {}
        self.stage = Stage::Over;
    }
}

/// Asking and waiting.
impl<S: Rights, O: Observer> Right<'_, S, O>
where
    S::Clock: PollTimer,
{
    /// Asks until granted or out of patience.
    #[doc(hidden)]
    pub fn turn(&mut self) -> impl Future<Output = Result<(), Refused>> {
        poll_fn(|cx| self.poll_turn(cx))
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        if self.stage != Stage::New || self.begin() {
            ready!(self.poll_asked(cx));
        }
        Poll::Ready(if self.stage == Stage::Held { Ok(()) } else { Err(self.why()) })
    }

    /// Asks and waits until the stage says how it ended.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stage == Stage::New {
            self.token = self.instance.store().token();
            if self.deadline != Instant::ZERO {
                self.deadline = self.now().plus(self.deadline.as_millis());
            }
        }
        loop {
            if self.stage == Stage::Waiting {
                ready!(self.poll_wait(cx));
            }
            self.ask();
            if self.stage != Stage::Waiting {
                return Poll::Ready(());
            }
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ticket != Ticket::NONE {
            let mut place = self.place;
            let wait = Deed::Wait { place: &mut place, ticket: self.ticket, waker: cx.waker() };
            let over = self.act(Instant::ZERO, wait) == Answer::Yes;
            self.place = place;
            if over {
                return Poll::Ready(());
            }
        }
        self.instance.store().clock().poll_until(self.at, cx)
    }

    /// Asks once; the stage is the answer.
    fn ask(&mut self) {
        let now = self.now();
        let place = take(&mut self.place);
        match self.act(now, Deed::Ask { size: self.size, end: now.plus(self.ttl), place }) {
            Answer::Asked(Asked::Granted { fence, index }) => {
                (self.fence, self.index, self.stage) = (fence, index, Stage::Held);
                self.validity.begin(now, short(self.ttl));
                self.at = heartbeat(now, short(self.ttl), self.token);
                // a flight is told as the miss it belongs to
                if self.kind != Kind::Cache {
                    self.say(|key| Event::Granted { key, fence, patience: self.patience() });
                }
            }
            Answer::Asked(Asked::Busy { end, ticket }) => match again(now, self.deadline, self.poll, end, ticket) {
                Some(at) => (self.at, self.ticket, self.stage) = (at, ticket, Stage::Waiting),
                None => {
                    self.at = Instant::from_millis(end.millis_since(now));
                    self.refuse(Stage::Busy);
                }
            },
            Answer::Asked(Asked::Filled) => self.stage = Stage::Filled,
            Answer::Asked(Asked::Inside) => self.stage = Stage::Over,
            Answer::Full | Answer::Yes | Answer::No => self.refuse(Stage::Full),
        }
    }
}
