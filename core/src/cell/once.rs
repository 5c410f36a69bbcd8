//! A run that happens once at a time, and perhaps not again for a while.

use super::{Ask, Cell, Fences, Grant, Holding};
use crate::{
    patience::{Busy, Contended, Ticket},
    time::Instant,
    token::HolderToken,
};
use core::time::Duration;

/// The answer to somebody who wants to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// Run.
    Run(Grant),
    /// Somebody is running.
    Busy(Busy),
    /// Somebody ran, and the marker is kept for this much longer.
    Done {
        /// When the marker ends, from now.
        remaining: Duration,
    },
}

impl Begun {
    /// A run that is done is refused like one under way, but nobody will signal its end.
    #[must_use]
    pub fn contended(self) -> Contended<Grant> {
        match self {
            Self::Run(grant) => Contended::Granted(grant),
            Self::Busy(busy) => Contended::Busy(busy),
            Self::Done { remaining } => Contended::Busy(Busy { remaining, ticket: Ticket::NONE }),
        }
    }
}

impl From<Contended<Grant>> for Begun {
    fn from(reply: Contended<Grant>) -> Self {
        match reply {
            Contended::Granted(grant) => Self::Run(grant),
            Contended::Busy(busy) => Self::Busy(busy),
        }
    }
}

/// Once markers: a cell without a value.
impl<V> Cell<V> {
    /// Asks to run.
    pub fn begin(&mut self, now: Instant, ask: &Ask, fences: &mut Fences, ticket: Ticket) -> Begun {
        match self.marker(now) {
            Some(remaining) => Begun::Done { remaining },
            None => self.lease.acquire(now, ask, fences, ticket).into(),
        }
    }

    /// For how much longer the marker of a run that succeeded is kept.
    #[must_use]
    pub fn marker(&self, now: Instant) -> Option<Duration> {
        self.marker_end(now).map(|end| end.since(now))
    }

    /// When the marker of the last run ends.
    #[must_use]
    pub fn marker_end(&self, now: Instant) -> Option<Instant> {
        self.done_until(now).filter(|_| self.value.is_none())
    }

    /// When what was done last, a run or a value, does not count any more.
    pub(crate) fn done_until(&self, now: Instant) -> Option<Instant> {
        (now < self.until).then_some(self.until)
    }

    /// Ends a run that succeeded; others are skipped for `keep` more.
    pub fn complete(&mut self, now: Instant, token: HolderToken, keep: Duration) -> Holding {
        let kept = self.lease.release(now, token);
        if kept == Holding::Held {
            self.set_done(now.saturating_add(keep));
        }
        kept
    }

    /// The run that held it succeeded: others are skipped until `end`.
    pub(crate) fn set_done(&mut self, end: Instant) {
        self.lease.set_end(Instant::ZERO);
        self.until = end;
    }

    /// When the run or its marker ends, from now.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.lease.remaining(now).or_else(|| self.marker(now))
    }

    /// Ends run and marker, whoever holds them; whether there was one.
    pub fn force(&mut self, now: Instant) -> bool {
        let was = self.remaining(now).is_some();
        *self = Self::EMPTY;
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_kept_only_by_the_holder_and_ends() {
        let (mut cell, mut fences) = (Cell::<()>::EMPTY, Fences::default());
        let a = Ask::new(HolderToken([1; 4]), Duration::from_millis(10));
        let b = Ask::new(HolderToken([2; 4]), Duration::from_millis(10));
        let ms = Instant::from_millis;
        assert!(matches!(cell.begin(ms(0), &a, &mut fences, Ticket::NONE), Begun::Run(_)));
        assert!(matches!(cell.begin(ms(1), &b, &mut fences, Ticket::NONE), Begun::Busy(_)));
        assert_eq!(cell.complete(ms(2), b.token, Duration::from_millis(5)), Holding::Lost);
        assert_eq!(cell.complete(ms(2), a.token, Duration::from_millis(5)), Holding::Held);
        let done = Begun::Done { remaining: Duration::from_millis(1) };
        assert_eq!(cell.begin(ms(6), &b, &mut fences, Ticket::NONE), done);
        assert!(matches!(cell.begin(ms(7), &b, &mut fences, Ticket::NONE), Begun::Run(_)));
    }

    #[test]
    fn without_keep_nothing_is_kept() {
        let (mut cell, mut fences) = (Cell::<()>::EMPTY, Fences::default());
        let a = Ask::new(HolderToken([1; 4]), Duration::from_millis(10));
        cell.begin(Instant::ZERO, &a, &mut fences, Ticket::NONE);
        cell.complete(Instant::ZERO, a.token, Duration::ZERO);
        assert_eq!(cell.remaining(Instant::ZERO), None);
        assert!(cell.is_idle(Instant::ZERO));
    }
}
