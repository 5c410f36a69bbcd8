//! What an operation on memory keeps between polls, above all how somebody waits for a value.

use super::values::{Has, Seen};
use crate::{
    flights::Patience,
    loads::{Failure, News, Waiter},
    seeing::Watch,
};
use cachify_core::{cell::waiters::Place, time::Instant};

/// What an operation keeps between polls: the place of one who waits.
#[derive(Debug, Default)]
pub struct InFlight {
    pub(super) place: Place,
    /// Of one who waits for a flight, or has one that brought nothing. Boxed: few do, and guards have room for it all the same.
    pub(super) flight: Option<Box<Waits>>,
    /// What watches over the lease, wherever it lies.
    pub(crate) watch: Watch,
}

#[cfg(any(feature = "metrics", feature = "tracing"))]
impl InFlight {
    pub(crate) const fn watch(&self) -> &Watch {
        &self.watch
    }
    pub(crate) const fn watch_mut(&mut self) -> &mut Watch {
        &mut self.watch
    }
    /// Of a lease that is only watched any more.
    pub(crate) fn of(watch: Watch) -> Self {
        Self { watch, ..Self::default() }
    }
}

/// What a flight passes on that brought nothing which is kept.
#[derive(Debug)]
pub(super) struct Unkept(pub(super) Option<Failure>);

/// How somebody waits for a flight, inside of another perhaps.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) patience: Patience,
    /// Since when: there was no value then, so one that was fresh after that was loaded for it, and it takes it also when
    /// that has ended by now.
    pub(super) since: Instant,
    /// What was there then, to be told from what comes meanwhile.
    pub(super) seen: Seen,
    /// Where it hears that the load failed for which it waits.
    pub(super) seat: Option<Waiter>,
    /// What was passed on of that.
    pub(super) failure: Option<Failure>,
    /// That failed: it waits for no other one.
    pub(super) is_alone: bool,
    /// Its own flight brought nothing that is kept.
    pub(super) unkept: Option<Unkept>,
    /// Once the value that was there was of another type than the caller's: how one of its own is looked for.
    pub(super) own: Option<Has>,
}

impl Waits {
    pub(super) fn since(now: Instant, seen: Seen) -> Self {
        Self {
            patience: Patience::default(),
            since: now,
            seen,
            seat: None,
            failure: None,
            is_alone: false,
            unkept: None,
            own: None,
        }
    }

    /// It asks again; since when it waits, and how a value of its own is looked for.
    pub(super) fn asks(&mut self) -> (Instant, Option<Has>) {
        self.patience.ask();
        (self.since, self.own.take())
    }

    /// Hears of the end of the load for which it waits; whether what that failed with was passed on.
    pub(super) fn hears(&mut self) -> bool {
        let Some(News::Nothing(failure)) = self.seat.as_ref().and_then(Waiter::take) else { return false };
        (self.seat, self.is_alone) = (None, true);
        // of another type than its own it has been told once
        let is_first = self.failure.is_none() && failure.is_some();
        self.failure = self.failure.take().or(failure);
        is_first
    }
}
