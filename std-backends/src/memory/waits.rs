//! What an operation on memory keeps between polls, above all how somebody waits for a value.

use super::values::{Has, Seen};
use crate::flights::Patience;
use cachify_core::{cell::waiters::Place, time::Instant};

/// What an operation keeps between polls: the place of one who waits.
#[derive(Debug, Default)]
pub struct InFlight {
    pub(super) place: Place,
    /// Of one who waits for a flight. Boxed: few do, and guards have room for it all the same.
    pub(super) flight: Option<Box<Waits>>,
    /// Its flight brought nothing that is kept.
    pub(super) is_unkept: bool,
}

/// How somebody waits for a flight, inside of another perhaps.
#[derive(Debug)]
pub(super) struct Waits {
    pub(super) patience: Patience,
    /// Since when: there was no value then, so one that was fresh after that was loaded for it, and it takes it also when
    /// that has ended by now.
    pub(super) since: Instant,
    /// What was there then, to be told from what comes meanwhile.
    pub(super) seen: Seen,
    /// Once the value that was there was of another type than the caller's: how one of its own is looked for.
    pub(super) own: Option<Has>,
}

impl InFlight {
    /// Its flight brought nothing that is kept.
    pub(crate) const fn unkept(&mut self) {
        self.is_unkept = true;
    }
}

impl Waits {
    pub(super) fn since(now: Instant, seen: Seen) -> Self {
        Self { patience: Patience::default(), since: now, seen, own: None }
    }

    /// It asks again; since when it waits, and how a value of its own is looked for.
    pub(super) fn asks(&mut self) -> (Instant, Option<Has>) {
        self.patience.ask();
        (self.since, self.own.take())
    }
}
