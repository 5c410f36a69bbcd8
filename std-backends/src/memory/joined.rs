//! How a cached value is joined in memory: it is there, somebody loads it, or the caller does.

use super::{
    Memory, Rights,
    leases::NO_STACK,
    values::{Has, Seen, read},
    waits::{InFlight, Unkept, Waits},
};
use crate::{
    backend::OwnedKey,
    flights,
    loads::{self, Failure, Waiter},
};
use cachify_core::{
    Holding,
    cell::waiters::{Place, Woken},
    key::Key,
    op::{Answer, Ask, Left, Op, Request},
    store::Store,
    time::Instant,
    token::HolderToken,
};

impl Memory {
    /// The answer where a load has just failed: the caller's own, or one for which it waited and which was passed on.
    pub(super) fn known(&self, state: &mut InFlight, request: &Request<'_>) -> Option<Answer> {
        match request.op {
            Op::Release(_) => {
                let Unkept(failure) = state.flight.as_mut()?.unkept.take()?;
                Some(Answer::Held(self.fail(state, request, failure)))
            }
            Op::Acquire(ask) if hears(state, ask) => {
                self.leave(state, request.key, request.token);
                Some(Answer::Filled)
            }
            _ => None,
        }
    }

    /// Waits no longer, and takes nothing.
    fn leave(&self, state: &mut InFlight, key: &Key<'_>, token: HolderToken) {
        self.abandon(state, key, token, Left::HandOff);
    }

    /// The key as who waits for a load of it keeps it.
    pub(super) fn own(&self, key: &Key<'_>) -> OwnedKey {
        OwnedKey::under(&self.0.prefix, key)
    }

    /// Where one who is to wait, and has no seat, hears that the load of the key failed; taken under the leases, for the flight
    /// cannot end before.
    pub(super) fn seat(&self, key: &Key<'_>, is_seated: bool, answer: &Answer) -> Option<Waiter> {
        let waits = !is_seated && matches!(answer, Answer::Busy { .. });
        waits.then(|| Waiter::new(&self.0.loads, &self.own(key)))
    }

    /// A load brought nothing that is kept: who waits for it has what that passes on, or loads at once.
    pub(super) fn fail(&self, state: &mut InFlight, request: &Request<'_>, failure: Option<Failure>) -> Holding {
        let Request { key, token, now, .. } = *request;
        // dropped after the lock was left: a user's `Drop` is not ours to run in there
        let (mut woken, _last) = (Woken::NOBODY, failure.clone());
        let holding = self.0.step_at(key, |ram| {
            let holding = ram.end(key, token, &mut state.place, (now, None), &mut woken);
            if holding == Holding::Held {
                loads::failed(&self.0.loads, &self.own(key), failure);
            }
            holding
        });
        woken.wake();
        if holding == Holding::Held {
            self.0.wake_all(key);
        }
        holding
    }

    /// The value, or the flight that brings it, for one who waits since then; `has` looks for values of its type, and others
    /// may have come meanwhile. Under the leases: nobody can publish between the look and the flight.
    pub(super) fn join(
        &self,
        ram: &mut Rights,
        request: &Request<'_>,
        ask: &Ask,
        place: &mut Place,
        (since, has_come, has): (Instant, bool, Has),
        woken: &mut Woken,
    ) -> Answer {
        let Request { key, token, now, .. } = *request;
        let is_there = |then| has(&read(self.0.values(key)), key, then);
        // what came while it waited is what it waits for, however short that lives
        let has_come = has_come && ask.window < Ask::ALONE;
        let is_enough = is_there(Ask::horizon(ask.window, since)) || has_come && is_there(since);
        if is_enough || flights::is_marked(self.id(), key) {
            ram.leave(key, token, place, now, woken);
            return if is_enough { Answer::Filled } else { Answer::Recursive };
        }
        if ask.window == 0 || !ask.takes_stale() || !is_there(now) {
            return ram.ask(key, ask, token, place, (now, NO_STACK), woken);
        }
        // who has a value does not wait for the next one
        match ram.ask(key, &Ask { wait: 0, ..*ask }, token, place, (now, NO_STACK), woken) {
            Answer::Busy { .. } => Answer::Stale,
            answer => answer,
        }
    }

    /// The answer, unless that is to wait for a flight which waits for the caller's: then it computes, and waits no longer.
    pub(super) fn or_compute(
        &self,
        state: &mut InFlight,
        request: &Request<'_>,
        answer: Answer,
        (seen, seat): (Seen, Option<Waiter>),
    ) -> Answer {
        let Request { key, token, now, op, .. } = *request;
        if let (Op::Acquire(ask), Answer::Granted { .. }) = (op, answer)
            && hears(state, ask)
        {
            // it failed between the two looks
            self.abandon(state, key, token, Left::Lease);
            return Answer::Filled;
        }
        if matches!(answer, Answer::Busy { .. }) {
            // somebody else was quicker to load again what failed
            if let Some(flight) = &state.flight
                && !is_in_turn(op)
                && flight.is_alone
            {
                self.leave(state, key, token);
                return Answer::Recursive;
            }
            let flight = state.flight.get_or_insert_with(|| Waits::since(now, seen).into());
            flight.seat = seat.or(flight.seat.take());
            if flight.patience.is_in_vain(self.id(), key, now, u64::MAX) {
                self.leave(state, key, token);
                return Answer::Recursive;
            }
        }
        answer
    }
}

/// Whether what a load failed with was passed on to one who waited for it; a value is changed in turn, and takes nothing of what
/// others load.
fn hears(state: &mut InFlight, ask: &Ask) -> bool {
    ask.window != Ask::ALONE && state.flight.as_mut().is_some_and(|flight| flight.hears())
}

/// Whether a value is changed or loaded again, which is done in turn and by nobody beside: what it brings is to be kept.
const fn is_in_turn(op: &Op) -> bool {
    matches!(op, Op::Acquire(Ask { window: Ask::AGAIN.., .. }))
}
