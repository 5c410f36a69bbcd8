//! The brackets once more for stores in RAM whose clock needs no timer objects: what firmware runs.
//!
//! Nothing is awaited but a turn, and a turn is polled by hand: one struct ([`Right`]) holds whatever a right of any
//! kind needs from its key to its end, and whatever it does is one step of its store ([`Rights::act`]), in points of
//! time. So the steps are compiled once per store, and a call adds little but its body. The rules are those of the
//! awaiting brackets (`Patience::again`, the cells), and a test holds the two against each other. Which of them a call
//! uses is decided by the types ([`Via`]).

mod right;
mod via;

pub use right::{Beats, Right, Settled};
pub use via::{Asking, Via, ViaAny, ViaRam};

use crate::{
    cell::{Kept, ram::Asked, waiters::Place},
    key::Key,
    patience::Ticket,
    store::{AtOnce, Host, Peek},
    time::Instant,
    token::HolderToken,
};
use core::task::Waker;

/// One step of a right.
#[derive(Debug)]
pub enum Deed<'a> {
    /// Asks for it, until `end`; the wait at `place` is over.
    Ask {
        /// How many permits the pool has.
        size: u16,
        /// When it shall end.
        end: Instant,
        /// Where the caller waited.
        place: Place,
    },
    /// Waits for a release newer than `ticket`.
    Wait {
        /// Where the caller waits.
        place: &'a mut Place,
        /// Of the refusal.
        ticket: Ticket,
        /// Whom to wake.
        waker: &'a Waker,
    },
    /// Ends the wait at this place; passes its wake-up on if it had one.
    Leave(Place),
    /// Extends it until then.
    Extend(Instant),
    /// Notes that the flight is being computed on the caller's stack, or no longer.
    Mark(bool),
    /// Gives it back.
    Release,
    /// Ends a run that succeeded: others are skipped until then; or a flight: its value is fresh until then.
    Done(Instant),
    /// Wakes one more who waits.
    Wake,
}

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Deed::Ask`].
    Asked(Asked),
    /// To [`Deed::Ask`]: every slot holds something live.
    Full,
    /// Done; the wait is over.
    Yes,
    /// Lost; the wait goes on.
    No,
}

/// All rights of a store in RAM, one step at a time, without a future.
pub trait Rights: AtOnce + Host {
    /// Does one step for the right of `key` that `token` holds or asks for; bounded work under one lock.
    fn act(&self, key: &Key<'_>, token: HolderToken, now: Instant, deed: Deed<'_>) -> Answer;
}

/// The values of a store in RAM, in two steps: put in place, then made fresh by [`Deed::Done`].
///
/// Between the two nobody sees it: a key whose flight is held has no fresh value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cache values of type `{V}` with codec `{C}`",
    note = "a `FixedStore<.., V>` keeps `Clone` values of the one type `V`"
)]
pub trait Values<V, C>: Rights + Peek<V, C> {
    /// Puts a value in its place, for the holder of the flight only.
    fn put(&self, key: &Key<'_>, token: HolderToken, now: Instant, value: Kept<'_, V>);
}

impl<S: Rights> Rights for &S {
    fn act(&self, key: &Key<'_>, token: HolderToken, now: Instant, deed: Deed<'_>) -> Answer {
        (**self).act(key, token, now, deed)
    }
}

impl<V, C, S: Values<V, C>> Values<V, C> for &S {
    fn put(&self, key: &Key<'_>, token: HolderToken, now: Instant, value: Kept<'_, V>) {
        (**self).put(key, token, now, value);
    }
}
