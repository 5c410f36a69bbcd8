//! One cached value, and the flight that may fill it: when there is none, or when its end is near.

use super::{Ask, Cell, Fences, Holding};
use crate::{
    patience::{Contended, Ticket},
    time::{Instant, millis},
    token::{FencingToken, HolderToken},
    ttl::Ttl,
};
use core::time::Duration;

/// What a caller that missed gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<V> {
    /// Somebody filled it meanwhile.
    Fresh(V),
    /// Within the window that was asked with, and somebody else loads it again.
    Stale(V),
    /// The caller is the one to fill it.
    Fill {
        /// Grows with every flight of the key.
        fence: FencingToken,
        /// How long the flight lasts unless renewed.
        remaining: Duration,
    },
}

/// How long a published value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// How long it is fresh.
    pub ttl: Ttl,
    /// For how much longer it is kept, for those who ask with such a window.
    pub stale_for: Duration,
}

impl Life {
    /// Fresh for `ttl`, never stale.
    #[must_use]
    pub const fn new(ttl: Ttl) -> Self {
        Self { ttl, stale_for: Duration::ZERO }
    }

    /// For how many milliseconds it is kept; `u64::MAX` for ever.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.ttl.millis().saturating_add(millis(self.stale_for))
    }
}

/// A value on its way into a store: borrowed from the caller's result, or made from it.
#[derive(Clone, Copy, Debug)]
pub enum MaybeOwned<'v, V> {
    /// Part of the result.
    Borrowed(&'v V),
    /// Made for the store, by an encoder.
    Owned(V),
}

impl<V: Clone> MaybeOwned<'_, V> {
    /// The value itself; clones what was borrowed.
    pub fn into_owned(self) -> V {
        match self {
            Self::Borrowed(v) => v.clone(),
            Self::Owned(v) => v,
        }
    }
}

impl<V> AsRef<V> for MaybeOwned<'_, V> {
    fn as_ref(&self) -> &V {
        match self {
            Self::Borrowed(v) => v,
            Self::Owned(v) => v,
        }
    }
}

/// Cached values.
impl<V> Cell<V> {
    /// The hit: the value, while it is fresh.
    #[must_use]
    pub fn fresh(&self, now: Instant) -> Option<&V> {
        self.value.as_ref().filter(|_| now < self.until)
    }

    /// What a caller gets for whom a value counts that is fresh for longer than `window`; at most one caller gets
    /// [`Lookup::Fill`] at a time.
    pub fn join(
        &mut self,
        now: Instant,
        ask: &Ask,
        window: Duration,
        fences: &mut Fences,
        ticket: Ticket,
    ) -> Contended<Lookup<V>>
    where
        V: Clone,
    {
        if let Some(v) = self.fresh(now.saturating_add(window)) {
            return Contended::Granted(Lookup::Fresh(v.clone()));
        }
        match (self.lease.acquire(now, ask, fences, ticket), self.fresh(now).cloned()) {
            (Contended::Granted(grant), _) => {
                Contended::Granted(Lookup::Fill { fence: grant.fence, remaining: grant.remaining })
            }
            (Contended::Busy(_), Some(v)) => Contended::Granted(Lookup::Stale(v)),
            (Contended::Busy(busy), None) => Contended::Busy(busy),
        }
    }

    /// Stores a value, for the holder of the flight only; ends the flight.
    pub fn publish(&mut self, now: Instant, token: HolderToken, value: V, life: Life) -> Holding {
        let kept = self.lease.release(now, token);
        if kept == Holding::Held {
            (self.until, self.value) = (now.plus(life.millis()), Some(value));
        }
        kept
    }

    /// Stores a value until then, whoever has the flight, which ends: what it brings will not be stored.
    pub(crate) fn insert(&mut self, value: V, end: Instant) {
        self.set_done(end);
        (self.marked, self.value) = (0, Some(value));
    }

    /// Forgets the value and ends the flight, whose result will not be stored; whether there was a value.
    pub fn invalidate(&mut self, now: Instant) -> bool {
        let had = self.fresh(now).is_some();
        *self = Self::EMPTY;
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ask = Ask::new(HolderToken([1; 4]), Duration::from_millis(10));
    const B: Ask = Ask::new(HolderToken([2; 4]), Duration::from_millis(10));
    const WINDOW: Duration = Duration::from_millis(5);

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn join(cell: &mut Cell<u8>, now: u64, ask: &Ask, fences: &mut Fences) -> Contended<Lookup<u8>> {
        cell.join(ms(now), ask, WINDOW, fences, Ticket::NONE)
    }

    #[test]
    fn fresh_then_stale_then_gone() {
        let (mut cell, mut fences) = (Cell::EMPTY, Fences::default());
        join(&mut cell, 0, &A, &mut fences);
        let life = Life { ttl: Ttl::For(Duration::from_millis(5)), stale_for: Duration::from_millis(5) };
        assert_eq!(cell.publish(ms(0), A.token, 7, life), Holding::Held);
        assert_eq!(join(&mut cell, 4, &A, &mut fences), Contended::Granted(Lookup::Fresh(7)));
        assert!(matches!(join(&mut cell, 5, &A, &mut fences), Contended::Granted(Lookup::Fill { .. })));
        assert_eq!(join(&mut cell, 9, &B, &mut fences), Contended::Granted(Lookup::Stale(7)));
        assert_eq!((cell.fresh(ms(9)), cell.fresh(ms(10))), (Some(&7), None));
        assert!(matches!(join(&mut cell, 10, &B, &mut fences), Contended::Busy(_)));
    }

    #[test]
    fn a_loader_paused_past_its_flight_cannot_overwrite() {
        let (mut cell, mut fences) = (Cell::EMPTY, Fences::default());
        join(&mut cell, 0, &A, &mut fences);
        join(&mut cell, 10, &B, &mut fences);
        assert_eq!(cell.publish(ms(11), B.token, 2, Life::new(Ttl::Forever)), Holding::Held);
        assert_eq!(cell.publish(ms(12), A.token, 1, Life::new(Ttl::Forever)), Holding::Lost);
        assert_eq!(cell.fresh(ms(13)), Some(&2));
    }

    #[test]
    fn an_invalidation_during_a_flight_wins() {
        let (mut cell, mut fences) = (Cell::EMPTY, Fences::default());
        join(&mut cell, 0, &A, &mut fences);
        assert!(!cell.invalidate(ms(1)));
        assert_eq!(cell.publish(ms(2), A.token, 1, Life::new(Ttl::Forever)), Holding::Lost);
        assert_eq!(cell.fresh(ms(2)), None);
    }
}
