//! The brackets once more for stores in RAM whose clock needs no timer objects: what firmware runs.
//!
//! Nothing is awaited but a turn, so one small hand-written future (`Pause`) serves every kind of right, and the
//! brackets are compiled once per store. They ask the same `judge` and the same store as `hold` and `cache` do, and a
//! test holds the two against each other. Which of them a call uses is decided by the types ([`Via`]).

mod via;

pub use via::{Via, ViaAny, ViaRam};

use crate::{
    cell::{Ask, Grant, Holding, Life, waiters::Place},
    drive::next_heartbeat,
    hold::Claim,
    instance::Instance,
    key::Key,
    observe::{Event, Observer},
    outcome::{Refused, Shape},
    patience::{Busy, Contended, Ticket, Verdict},
    store::{AtOnce, Attendance, CacheStore, Fault, Host, Peek, Tasks, Want},
    time::{Clock, Instant, PollTimer},
    token::HolderToken,
    ttl::Ttl,
};
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// All rights of a store in RAM, without a future.
pub trait Rights: AtOnce + Host {
    /// Asks once.
    fn ask_now(&self, key: &Key<'_>, want: Want, ask: &Ask<'_>) -> Result<Contended<Grant>, Fault>;
    /// Extends a right by its whole TTL.
    fn prolong_now(&self, key: &Key<'_>, ask: &Ask<'_>) -> Holding;
    /// Gives a right back; `success` is the body's.
    fn settle_now(&self, key: &Key<'_>, want: Want, token: HolderToken, success: bool) -> Holding;
    /// Whether a wait is over; else the waker is remembered.
    fn poll_changed(&self, place: &mut Place, key: &Key<'_>, ticket: Ticket, waker: &Waker) -> bool;
    /// Ends a wait; passes its wake-up on if it had one.
    fn leave(&self, place: Place, key: &Key<'_>);
}

impl<S: Rights> Rights for &S {
    fn ask_now(&self, key: &Key<'_>, want: Want, ask: &Ask<'_>) -> Result<Contended<Grant>, Fault> {
        (**self).ask_now(key, want, ask)
    }
    fn prolong_now(&self, key: &Key<'_>, ask: &Ask<'_>) -> Holding {
        (**self).prolong_now(key, ask)
    }
    fn settle_now(&self, key: &Key<'_>, want: Want, token: HolderToken, success: bool) -> Holding {
        (**self).settle_now(key, want, token, success)
    }
    fn poll_changed(&self, place: &mut Place, key: &Key<'_>, ticket: Ticket, waker: &Waker) -> bool {
        (**self).poll_changed(place, key, ticket, waker)
    }
    fn leave(&self, place: Place, key: &Key<'_>) {
        (**self).leave(place, key);
    }
}

/// Waits for a release and for a point in time, whichever comes first.
struct Pause<'a, S: Rights> {
    store: &'a S,
    key: Key<'a>,
    ticket: Ticket,
    at: Instant,
    place: Place,
}

impl<S: Rights> Future for Pause<'_, S>
where
    S::Clock: PollTimer,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { store, key, ticket, at, place } = self.get_mut();
        if *ticket != Ticket::NONE && store.poll_changed(place, key, *ticket, cx.waker()) {
            return Poll::Ready(());
        }
        store.clock().poll_until(*at, cx)
    }
}

impl<S: Rights> Drop for Pause<'_, S> {
    fn drop(&mut self) {
        self.store.leave(self.place, &self.key);
    }
}

type Face<'i, S, O> = Tasks<&'i Instance<S, O>>;

impl<S: Rights, O: Observer> Claim<Face<'_, S, O>>
where
    S::Clock: PollTimer,
{
    fn store(&self) -> &S {
        self.face().0.store()
    }

    /// A store that answers at once needs no deadline.
    fn bare(&self) -> Ask<'static> {
        Ask::new(self.token(), self.ttl())
    }

    /// The wait after a busy reply; none when patience has run out.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn pause(&self, busy: Busy) -> Option<Pause<'_, S>> {
        match self.patience().judge::<()>(self.store().clock().now(), Contended::Busy(busy)) {
            Verdict::Over(_) => None,
            Verdict::Again { at, ticket } => {
                Some(Pause { store: self.store(), key: self.key().ok()?, ticket, at, place: Place::default() })
            }
        }
    }

    /// Asks once: the conclusion, or the wait before asking again.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn attempt(&mut self) -> Result<Option<Refused>, Busy> {
        let sent = self.store().clock().now();
        let reply = match self.key() {
            Ok(key) => self.store().ask_now(&key, self.want(), &self.bare()),
            Err(why) => return Ok(Some(why.into())),
        };
        match reply {
            Ok(Contended::Busy(busy)) if sent < self.patience().deadline => Err(busy),
            reply => Ok(self.concluded(reply, sent)),
        }
    }

    /// Asks until granted or out of patience; `None` when granted.
    async fn turn(&mut self) -> Option<Refused> {
        loop {
            match self.attempt() {
                Ok(conclusion) => return conclusion,
                Err(busy) => {
                    if let Some(pause) = self.pause(busy) {
                        pause.await;
                    }
                }
            }
        }
    }

    /// Renews if a heartbeat is due; asks to be woken for the next one.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn beat(&self, due: &mut Instant, cx: &mut Context<'_>) {
        let clock = self.store().clock();
        while let (Poll::Ready(()), Some(attendance), Ok(key)) =
            (clock.poll_until(*due, cx), self.attendance(), self.key())
        {
            let now = clock.now();
            if self.store().prolong_now(&key, &self.bare()) == Holding::Kept {
                attendance.validity().extend(now, self.ttl());
                *due = next_heartbeat(now, self.ttl(), self.token());
            } else {
                attendance.validity().end();
                self.say(|key| Event::Lost { key });
                *due = Instant::MAX;
            }
        }
    }

    async fn carry_now<T>(&self, body: impl Future<Output = T>) -> T {
        let mut body = pin!(body);
        let mut due = self.first_beat();
        poll_fn(|cx| {
            let polled = body.as_mut().poll(cx);
            if polled.is_pending() {
                self.beat(&mut due, cx);
            }
            polled
        })
        .await
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn first_beat(&self) -> Instant {
        next_heartbeat(self.store().clock().now(), self.ttl(), self.token())
    }

    /// Notes that the flight's body is being polled on this stack, or no longer.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn mark(&self, inside: bool) {
        if let Ok(key) = self.key() {
            self.store().mark(key, self.token(), inside);
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn settle_now(mut self, success: bool) {
        if let Ok(key) = self.key()
            && self.store().settle_now(&key, self.want(), self.token(), success) == Holding::Lost
        {
            self.say(|key| Event::Lost { key });
        }
        self.disarm();
    }
}

/// Marks a flight while its body is polled, so that a recursive call computes instead of waiting.
///
/// Unmarked by `Drop`, so also when the body panics.
struct Inside<'a, 'i, S: Rights, O: Observer>(&'a Claim<Face<'i, S, O>>)
where
    S::Clock: PollTimer;

impl<'a, 'i, S: Rights, O: Observer> Inside<'a, 'i, S, O>
where
    S::Clock: PollTimer,
{
    fn enter(claim: &'a Claim<Face<'i, S, O>>) -> Self {
        claim.mark(true);
        Self(claim)
    }
}

impl<S: Rights, O: Observer> Drop for Inside<'_, '_, S, O>
where
    S::Clock: PollTimer,
{
    fn drop(&mut self) {
        self.0.mark(false);
    }
}

/// Looks, and waits for somebody else's flight: the value, or the flight in its place, or neither.
async fn look<'i, S, O, V, C>(
    instance: &'i Instance<S, O>,
    flight: &mut Option<Claim<Face<'i, S, O>>>,
    codec: &C,
) -> Option<V>
where
    S: Rights + Peek<V, C>,
    S::Clock: PollTimer,
    O: Observer,
{
    let (mut waited, mut granted) = (false, false);
    loop {
        let claim = flight.as_mut()?;
        if let Some(v) = instance.store().peek(claim.key().ok()?, codec) {
            claim.say(|key| if waited { Event::Joined { key } } else { Event::Hit { key } });
            // a flight granted meanwhile, between two looks, is given back as it came
            if !granted {
                claim.disarm();
            }
            *flight = None;
            return Some(v);
        }
        if granted {
            claim.say(|key| Event::Miss { key });
            return None;
        }
        match claim.attempt() {
            Ok(None) => granted = true,
            Ok(Some(_)) => *flight = None,
            Err(busy) => {
                waited = true;
                if let Some(pause) = claim.pause(busy) {
                    pause.await;
                }
            }
        }
    }
}

/// A cached call. The body stands here once, so it is compiled once.
async fn fill<S, O, K, R, C>(
    instance: &Instance<S, O>,
    key: S::KeyBuf,
    shape: K,
    codec: &C,
    ttl: Option<Ttl>,
    body: impl AsyncFnOnce() -> R,
) -> R
where
    S: Rights + CacheStore<K::Value, C> + Peek<K::Value, C>,
    S::Clock: PollTimer,
    O: Observer,
    K: Shape<R>,
{
    let ttl = Ttl::resolve(ttl, instance.config().ttl);
    let mut claim = Claim::flight(&Tasks(instance), key, ttl);
    if let Some(v) = look(instance, &mut claim, codec).await {
        return shape.back(v);
    }
    let out = {
        let mut body = pin!(body());
        let mut due = claim.as_ref().map(Claim::first_beat);
        poll_fn(|cx| {
            let inside = claim.as_ref().map(Inside::enter);
            let polled = body.as_mut().poll(cx);
            drop(inside);
            if let (Some(claim), Some(due), true) = (&claim, &mut due, polled.is_pending()) {
                claim.beat(due, cx);
            }
            polled
        })
        .await
    };
    if let Some(mut claim) = claim {
        match (shape.keep(&out), claim.key()) {
            (Some(value), Ok(key)) => {
                let life = Life::new(ttl);
                let done = CacheStore::publish(instance.store(), key, codec, claim.token(), value, life);
                if !matches!(done, Ok(Holding::Kept)) {
                    claim.say(|key| Event::Lost { key });
                }
                claim.disarm();
            }
            _ => claim.settle_now(false),
        }
    }
    out
}
