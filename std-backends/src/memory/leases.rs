//! The leases of memory, one step at a time by the rules of core's cells; and its values, whose end is that of a
//! flight.

use super::{
    Memory,
    node::{AnyNode, Node},
    values::{self, Seen, read, write},
    waits::{InFlight, Unkept, Waits},
};
use crate::{
    loads::{self, Failure},
    seeing::{Sight, sees_leases},
};
use cachify_core::{
    __private::Shares,
    Cause, Holding,
    cell::waiters::Woken,
    key::{Key, Kind},
    op::{Answer, Ask, Inspection, Left, Op, Outcome, Request, Watched},
    patience::Ticket,
    store::{Fresh, Store, Values},
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    mem::take,
    sync::Arc,
    task::{Context, Poll, Waker},
};

impl Store for Memory {
    type InFlight = InFlight;
    type Error = Cause;
    const IS_IMMEDIATE: bool = true;

    #[inline]
    fn poll_op(&self, state: &mut InFlight, request: &Request<'_>, _: &mut Context<'_>) -> Poll<Result<Answer, Cause>> {
        match self.0.watcher.sight() {
            None => self.asked(state, request),
            Some(sight) => self.watched(sight, state, request),
        }
    }

    const PASSES_ON: bool = true;

    fn unkept<T: Send + Sync + 'static>(
        &self,
        state: &mut InFlight,
        key: &Key<'_>,
        failure: impl FnOnce() -> Option<T>,
    ) {
        let is_waited_for = loads::is_waited_for(&self.0.loads, &self.own(key));
        let failure = if is_waited_for { failure() } else { None };
        let flight = state.flight.get_or_insert_with(|| Waits::since(self.0.clock.now(), Seen::default()).into());
        flight.unkept = Some(Unkept(failure.map(Failure::new)));
    }

    fn passed<T: 'static, R>(state: &InFlight, with: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        with(state.flight.as_ref()?.failure.as_ref()?.of.downcast_ref()?)
    }

    fn abandon(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        let now = self.0.clock.now();
        if left == Left::HandOff {
            let mut woken = Woken::NOBODY;
            self.0.step_at(key, |ram| ram.leave(key, token, &mut state.place, now, &mut woken));
            return woken.wake();
        }
        let request = Request { key, token, now, op: &Op::Release(left.outcome()), may_block: false };
        let _ = self.poll_op(state, &request, &mut Context::from_waker(Waker::noop()));
    }

    fn is_held(&self, key: &Key<'_>, token: HolderToken) -> Option<bool> {
        Some(self.0.step(key, |ram, now| ram.is_held(key, token, now)))
    }

    fn ends(&self, key: &Key<'_>, token: HolderToken) -> Option<Instant> {
        self.0.step(key, |ram, now| ram.ends(key, token, now))
    }

    fn watch(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken, cx: &mut Context<'_>) -> Option<Watched> {
        // copied and dropped outside the lock: a waker is the caller's code
        let waker = cx.waker().clone();
        let (watched, _unused) = self.0.step(key, |ram, now| match ram.is_held(key, token, now) {
            false => (Watched::Lost, Some(waker)),
            true => match ram.waiters.watch(&mut state.place, key, token, waker) {
                (true, old) => (Watched::Told, old),
                (false, unused) => (Watched::Untold, unused),
            },
        });
        Some(watched)
    }

    fn unwatch(&self, state: &mut InFlight, key: &Key<'_>) {
        let _unused = self.0.step_at(key, |ram| ram.waiters.unwatch(key, take(&mut state.place)));
    }

    fn poll_changed(&self, state: &mut InFlight, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        // copied and dropped outside the lock: a waker is the caller's code
        let waker = cx.waker().clone();
        let (is_over, _unused) = self.0.step_at(key, |ram| ram.waiters.poll(&mut state.place, key, ticket, waker));
        if is_over {
            state.watch.is_called();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    sees_leases!();
}

impl Memory {
    // apart: where nobody sees it, it is as short as it was
    #[inline(never)]
    fn watched(&self, sight: Sight<'_>, state: &mut InFlight, request: &Request<'_>) -> Poll<Result<Answer, Cause>> {
        let mut watch = take(&mut state.watch);
        let polled = watch.polled(sight, request, || self.asked(state, request));
        state.watch = watch;
        polled
    }

    #[inline]
    fn asked(&self, state: &mut InFlight, request: &Request<'_>) -> Poll<Result<Answer, Cause>> {
        let Request { key, token, now, op, .. } = *request;
        if key.kind == Kind::Cache
            && let Some(known) = self.known(state, request)
        {
            return Poll::Ready(Ok(known));
        }
        if matches!(op, Op::Acquire(_)) && key.kind == Kind::Once && self.is_full_for(key, now) {
            return Poll::Ready(Ok(Answer::Full));
        }
        let end = Instant::from_millis(now.as_millis().saturating_add(op.lasts()));
        let (mut woken, mut gone, mut is_closed, mut seat) = (Woken::NOBODY, Vec::new(), false, None);
        let waits = state.flight.as_ref().map(|flight| (flight.seen, flight.seat.is_some()));
        let (before, is_seated) = (waits.map(|(seen, _)| seen), waits.is_some_and(|(_, is_seated)| is_seated));
        let mut seen = before.unwrap_or_default();
        let (since, own) = state.flight.as_mut().map_or((now, None), |flight| flight.asks());
        let (place, has) = (&mut state.place, own.unwrap_or(values::Values::has));
        let answer = self.0.step_at(key, |ram| match op {
            // looked at under the leases: nothing is granted after they were ended
            Op::Acquire(_) if self.0.closing.check().is_err() => {
                ram.leave(key, token, place, now, &mut woken);
                is_closed = true;
                Answer::Full
            }
            Op::Acquire(ask) if key.kind == Kind::Cache => {
                seen = read(self.0.values(key)).seen(key);
                let has_come = before.is_some_and(|before| before != seen);
                let answer = self.join(ram, request, ask, place, (since, has_come, has), &mut woken);
                seat = self.seat(key, is_seated, &answer);
                answer
            }
            Op::Acquire(ask) => ram.ask(key, ask, token, place, (now, NO_STACK), &mut woken),
            Op::Renew { .. } => Answer::Held(ram.extend(key, token, end, now)),
            // without its value there is nothing to keep
            Op::Insert { .. } => Answer::Full,
            Op::Clear if key.kind != Kind::Cache => Answer::Cleared(ram.force(key, now, &mut woken)),
            Op::Clear => {
                ram.force(key, now, &mut woken);
                let (forgotten, was_fresh) = write(self.0.values(key)).remove(key, now, &self.0.room);
                gone = forgotten;
                Answer::Cleared(was_fresh)
            }
            Op::Inspect if key.kind == Kind::Cache => Answer::Inspected(self.life(key, now)),
            Op::Inspect => Answer::Inspected(ram.inspect(key, now)),
            Op::Get if read(self.0.values(key)).has(key, now) => Answer::Filled,
            Op::Get => Answer::Absent,
            // a value has an end of its own
            Op::Release(Outcome::Done { .. }) if key.kind != Kind::Cache => {
                let held = ram.end(key, token, place, (now, Some(end)), &mut woken);
                if held == Holding::Held {
                    self.0.markers.note();
                }
                Answer::Held(held)
            }
            Op::Release(_) => Answer::Held(ram.end(key, token, place, (now, None), &mut woken)),
        });
        woken.wake();
        if is_closed {
            return Poll::Ready(Err(Cause::ShutDown));
        }
        self.tell(key, op);
        // a user's `Drop` never runs under a lock
        drop(gone);
        if matches!(op, Op::Clear) {
            self.0.holds();
        }
        if key.kind != Kind::Cache {
            return Poll::Ready(Ok(answer));
        }
        Poll::Ready(Ok(self.or_compute(state, request, answer, (before.unwrap_or(seen), seat))))
    }

    /// Whether there is a value, and how long it is fresh.
    fn life(&self, key: &Key<'_>, now: Instant) -> Inspection {
        // by the clock of a hit, which may find what has ended by the other one
        let end = read(self.0.values(key)).end(key, self.0.clock.coarse());
        end.map_or(Inspection::FREE, |end| Inspection::until(1, end, now))
    }

    /// A copy of the value that was fresh then.
    #[inline]
    fn copy<V: Clone + 'static>(&self, key: &Key<'_>, then: Instant) -> Option<V> {
        values::copy(self.0.values(key), key, then)
    }

    /// How much a value weighs, where that is asked.
    fn weigh<V: 'static>(&self, key: &Key<'_>, value: &V) -> u64 {
        if self.0.room.most().is_some() { self.0.weighers.weigh(value, key.bytes.len()) } else { 0 }
    }

    /// Wakes those for whom an operation is news.
    #[inline]
    fn tell(&self, key: &Key<'_>, op: &Op) {
        match op {
            // a marker is news for everybody who waits
            Op::Release(Outcome::Done { .. }) => self.0.wake_all(key),
            // its holder hears of it at once
            Op::Insert { .. } => {
                self.0.wake_all(key);
                self.0.wake_each(key, |ram| ram.waiters.next_watching(key));
            }
            Op::Clear => self.0.wake_each(key, |ram| ram.waiters.next_watching(key)),
            _ => {}
        }
    }
}

/// Why a value is kept by nobody.
const TOO_HEAVY: Cause =
    Cause::Unsupported("the value weighs more than all values together may (`max_weight`), so it is not kept");

/// Recursion is told by the thread's own stack, not by the cell.
pub(super) const NO_STACK: u32 = u32::MAX;

impl Shares for Memory {}

#[diagnostic::do_not_recommend]
impl<V: Clone + Send + Sync + 'static, C> Values<V, C> for Memory {
    #[inline]
    fn peek(&self, key: &Key<'_>, _: &C) -> Option<V> {
        self.copy(key, self.0.clock.coarse())
    }

    #[inline]
    fn peek_within(&self, key: &Key<'_>, _: &C, window: u32) -> Option<V> {
        self.copy(key, Ask::horizon(window, self.0.clock.coarse()))
    }

    fn fetch(&self, state: &mut InFlight, key: &Key<'_>, codec: &C) -> Option<V> {
        let value = match &state.flight {
            Some(flight) => self.copy(key, flight.since),
            None => self.peek(key, codec),
        };
        if value.is_none() {
            let flight = state
                .flight
                .get_or_insert_with(|| Waits::since(self.0.clock.now(), read(self.0.values(key)).seen(key)).into());
            flight.own = Some(values::Values::has_of::<V>);
        }
        value
    }

    fn poll_publish(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, V, C>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        // copied before the lock is taken
        let (value, ttl) = (fresh.value.take().map(cachify_core::cell::MaybeOwned::into_owned), fresh.ttl);
        let Some(sight) = self.0.watcher.sight() else { return self.land(state, request, (value, ttl)) };
        let mut watch = take(&mut state.watch);
        let polled = watch.landed(sight, request, || self.land(state, request, (value, ttl)));
        state.watch = watch;
        polled
    }
}

impl Memory {
    /// Stores what a flight brought, or what is inserted.
    fn land<V: Clone + Send + Sync + 'static>(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        (value, ttl): (Option<V>, u64),
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let Request { key, token, now, op, .. } = *request;
        let end = Instant::from_millis(now.as_millis().saturating_add(ttl));
        let is_insertion = matches!(op, Op::Insert { .. });
        let weight = value.as_ref().map_or(0, |value| self.weigh(key, value));
        if weight > self.0.room.most().unwrap_or(u64::MAX) {
            if !is_insertion {
                self.fail(state, request, None);
            }
            return Poll::Ready(Err(TOO_HEAVY));
        }
        let idle = self.0.room.idle().map(|millis| (now, millis));
        // and boxed, too
        let mut node = value.map(|value| -> AnyNode { Arc::new(Node::new(key, end, value, idle)) });
        let mut woken = Woken::NOBODY;
        let (holding, gone) = self.0.step(key, |ram, now| {
            let holding = if is_insertion {
                ram.force(key, now, &mut woken);
                Holding::Held
            } else {
                ram.end(key, token, &mut state.place, (now, None), &mut woken)
            };
            let kept = if holding == Holding::Held { node.take() } else { None };
            (holding, kept.map(|node| write(self.0.values(key)).insert((node, weight), key, now, &self.0.room)))
        });
        woken.wake();
        if holding == Holding::Held {
            self.tell(key, op);
        }
        // values are dropped here, the late one too: a user's `Drop` never runs under a lock
        if let Some(gone) = gone {
            self.0.told(&gone);
        }
        drop(node);
        self.0.make_room(key, now);
        self.0.holds();
        Poll::Ready(Ok(Some(Answer::Held(holding))))
    }
}
