//! How far a lease has come: one word, which tells what dropping it has to give back.

use crate::op::WINDOWS;

/// How far a lease has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was asked.
    New,
    /// Asked, and not answered yet.
    Asked,
    /// Busy when last asked: waits for a release, or for `at`.
    Waiting,
    /// Held; the next heartbeat is due at `at`.
    Held,
    /// A run that succeeded, and whose completion was not heard yet.
    Done,
    /// There is a value instead.
    Filled,
    /// There is a value near its end, which somebody else loads again.
    Stale,
    /// Refused: somebody else holds it, for `at` more.
    Busy,
    /// Refused: a run was done, and its marker is kept, for `at` more.
    Kept,
    /// Refused: no room in the store.
    Full,
    /// Refused: the store failed.
    Failed,
    /// Refused: no key.
    BadKey,
    /// Refused: a time or a size of zero.
    Zero,
    /// Refused: a lease of less than three ticks.
    Short,
    /// Given back, or nothing to ask for.
    Over,
    /// Somebody else's when it was to be given back.
    Gone,
}

impl Stage {
    /// Whether there is a value instead of the flight.
    pub(super) const fn has_value(self) -> bool {
        matches!(self, Self::Filled) || WINDOWS && matches!(self, Self::Stale)
    }

    /// Of a flight that was not granted, once it was given back: a store without room is not asked, which some want to know.
    pub(super) const fn over(self) -> Self {
        if matches!(self, Self::Full) { self } else { Self::Over }
    }
}
