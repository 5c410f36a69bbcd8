//! The brackets once more, polled by hand, for clocks that need no timer objects: what firmware runs.
//!
//! Nothing here is an async function: one struct ([`Right`]) holds whatever a right of any kind needs from its key to
//! its end, and whatever it does is one step of its store ([`Rights::poll_act`]), in points of time. A store in RAM
//! does a step at once; one behind a line, in as many polls as its answer takes. So the steps are compiled once per
//! store, and a call adds little but its body. The rules are those of the awaiting brackets (`patience::again`, the
//! cells), and tests hold the two against each other. Which of them a call uses is decided by the types ([`Via`]).

mod right;
mod via;

pub use right::{Beats, Right};
pub use via::{Asking, Via, ViaAny, ViaMemory, ViaPolled};

use crate::{
    cell::{Kept, ram::Asked, waiters::Place},
    key::Key,
    patience::Ticket,
    store::{AtOnce, Fault, Host, Peek},
    time::Instant,
    token::HolderToken,
};
use core::task::{Context, Poll};

/// One step of a right.
#[derive(Debug)]
pub enum Deed<'a> {
    /// Asks for it, until `end`; the wait at `place` is over.
    Ask {
        /// How many permits the pool has.
        size: u16,
        /// When it shall end.
        end: Instant,
        /// When the caller gives up.
        deadline: Instant,
        /// Where the caller waited.
        place: Place,
    },
    /// Waits for a release newer than `ticket`. Never pending: what is answered tells whether the wait is over.
    Wait {
        /// Where the caller waits.
        place: &'a mut Place,
        /// Of the refusal.
        ticket: Ticket,
    },
    /// Ends the wait at this place; passes its wake-up on if it had one. Never pending.
    Leave(Place),
    /// Extends it until then.
    Extend(Instant),
    /// Notes that the flight is being computed on the caller's stack, or no longer. Never pending.
    Mark(bool),
    /// Gives it back.
    Release,
    /// Gives it back for a holder who is gone and waits for no answer. Never pending.
    Drop,
    /// Ends a run that succeeded: others are skipped until then; or a flight: its value is fresh until then.
    Done(Instant),
    /// Wakes one more who waits. Never pending.
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

/// All rights of a store, one step at a time, without a future.
pub trait Rights: Host {
    /// A step under way, from poll to poll; dropping it gives up waiting for its answer.
    type Step<'s>: Default + Unpin
    where
        Self: 's;
    /// Why a step has no answer.
    type Trouble: Copy + Into<Fault>;

    /// Does one step for the right of `key` that `token` holds or asks for, or goes on with it.
    ///
    /// `deed` is the same at every poll until there is an answer, but for the points of time in it.
    fn poll_act<'s>(
        &'s self,
        step: &mut Self::Step<'s>,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Self::Trouble>>;

    /// Since when what the last step granted or extended lasts: since it was sent, and `now` was its answer.
    fn since(step: &mut Self::Step<'_>, now: Instant) -> Instant {
        let _ = step;
        now
    }

    /// Longest time between two attempts in milliseconds, where it knows one.
    fn poll_at_most(&self) -> u32 {
        u32::MAX
    }
}

/// The values of a store in RAM, whose steps are never pending, in two steps: put in place, then made fresh by [`Deed::Done`].
///
/// Between the two nobody sees it: a key whose flight is held has no fresh value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cache values of type `{V}` with codec `{C}`",
    note = "a `FixedStore<.., V>` keeps `Clone` values of the one type `V`"
)]
pub trait Values<V, C>: Rights + AtOnce + Peek<V, C> {
    /// Puts a value in its place, for the holder of the flight only.
    fn put(&self, key: &Key<'_>, token: HolderToken, now: Instant, value: Kept<'_, V>);
}

impl<S: Rights> Rights for &S {
    type Step<'s>
        = S::Step<'s>
    where
        Self: 's;
    type Trouble = S::Trouble;

    fn poll_act<'s>(
        &'s self,
        step: &mut S::Step<'s>,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, S::Trouble>> {
        (**self).poll_act(step, key, token, now, deed, cx)
    }
    fn since(step: &mut S::Step<'_>, now: Instant) -> Instant {
        S::since(step, now)
    }
    fn poll_at_most(&self) -> u32 {
        (**self).poll_at_most()
    }
}

impl<V, C, S: Values<V, C>> Values<V, C> for &S {
    fn put(&self, key: &Key<'_>, token: HolderToken, now: Instant, value: Kept<'_, V>) {
        (**self).put(key, token, now, value);
    }
}
