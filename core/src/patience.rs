//! The one waiting rule: stop, or try again by an instant.
//!
//! Invariant: whoever waits, waits for an event *and* for a point in time that is never past the deadline.
//! Not here: waiting itself, which is `drive`'s.

use crate::time::{Instant, millis, short};
use core::time::Duration;

/// How often a waiter tries again although nothing told it to, where the store can signal.
pub const POLL: Duration = Duration::from_secs(5);
/// The same where the store cannot signal, or has no room for one more waiter.
pub const BLIND_POLL: Duration = Duration::from_millis(100);

/// What had been released when a reply was made; the store compares it with what has been released since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ticket(pub u32);

impl Ticket {
    /// From a store that cannot signal.
    pub const NONE: Self = Self(0);
}

/// A refusal that says how to wait well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Busy {
    /// When the present holder's right ends at the latest, from now.
    pub remaining: Duration,
    /// To be handed to `Store::changed`.
    pub ticket: Ticket,
}

/// The answer to a request for a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contended<G> {
    /// It is yours.
    Granted(G),
    /// Somebody else has it.
    Busy(Busy),
}

impl<G> Contended<G> {
    /// The grant, if there is one.
    pub fn granted(self) -> Option<G> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Busy(_) => None,
        }
    }

    /// Changes the grant, leaves a refusal as it is.
    pub fn map<H>(self, f: impl FnOnce(G) -> H) -> Contended<H> {
        match self {
            Self::Granted(grant) => Contended::Granted(f(grant)),
            Self::Busy(busy) => Contended::Busy(busy),
        }
    }
}

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict<G> {
    /// Nothing more to wait for.
    Over(Contended<G>),
    /// Ask again when the store signals, at the latest at `at`.
    Again {
        /// The latest point to ask again.
        at: Instant,
        /// The answer's ticket.
        ticket: Ticket,
    },
}

/// How long somebody is willing to wait.
///
/// ```
/// use cachify_core::{patience::{Busy, Contended, Patience, Ticket, Verdict}, time::Instant};
/// use core::time::Duration;
/// let now = Instant::from_millis(100);
/// let patience = Patience::until(Instant::from_millis(150));
/// let busy = Busy { remaining: Duration::from_secs(9), ticket: Ticket(3) };
/// let verdict = patience.judge::<()>(now, Contended::Busy(busy));
/// assert_eq!(verdict, Verdict::Again { at: Instant::from_millis(150), ticket: Ticket(3) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Patience {
    /// The instant to give up at; the last attempt is made then.
    pub deadline: Instant,
    /// Longest time between two attempts.
    pub poll: Duration,
}

impl Patience {
    /// One attempt, no waiting.
    pub const NONE: Self = Self::until(Instant::ZERO);

    /// Waits until `deadline`.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline, poll: POLL }
    }

    /// The only waiting rule.
    #[must_use]
    pub fn judge<G>(&self, now: Instant, reply: Contended<G>) -> Verdict<G> {
        let Contended::Busy(busy) = reply else { return Verdict::Over(reply) };
        match self.again(now, now.saturating_add(busy.remaining), busy.ticket) {
            Some(at) => Verdict::Again { at, ticket: busy.ticket },
            None => Verdict::Over(reply),
        }
    }

    /// The rule in points of time: when to ask again a right that is somebody else's until `end`; never, out of
    /// patience.
    #[must_use]
    pub fn again(&self, now: Instant, end: Instant, ticket: Ticket) -> Option<Instant> {
        again(now, self.deadline, short(millis(self.poll)), end, ticket)
    }
}

/// The same with the longest time between two attempts in milliseconds.
pub(crate) fn again(now: Instant, deadline: Instant, poll: u32, end: Instant, ticket: Ticket) -> Option<Instant> {
    let poll = if ticket == Ticket::NONE { poll.min(BLIND_POLL.subsec_millis()) } else { poll };
    // never `now` itself: a store whose clock runs ahead would make this a busy loop
    let at = now.plus(poll.into()).min(end).max(now.plus(1)).min(deadline);
    (now < deadline).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);

    fn at(patience: Patience, remaining: u64, ticket: u32) -> Option<u64> {
        let busy = Busy { remaining: Duration::from_millis(remaining), ticket: Ticket(ticket) };
        match patience.judge::<()>(NOW, Contended::Busy(busy)) {
            Verdict::Again { at, .. } => Some(at.as_millis()),
            Verdict::Over(_) => None,
        }
    }

    #[test]
    fn nobody_waits_past_the_deadline() {
        assert_eq!(at(Patience::NONE, 10, 1), None);
        assert_eq!(at(Patience::until(NOW), 10, 1), None);
        assert_eq!(at(Patience::until(Instant::from_millis(1_001)), 10, 1), Some(1_001));
    }

    #[test]
    fn a_waiter_tries_when_the_lease_ends_or_the_poll_is_due() {
        let patience = Patience::until(Instant::MAX);
        assert_eq!(at(patience, 10, 1), Some(1_010));
        assert_eq!(at(patience, 60_000, 1), Some(6_000));
        assert_eq!(at(patience, 60_000, 0), Some(1_100));
        assert_eq!(at(patience, 0, 1), Some(1_001));
    }
}
