//! The brackets once more, polled by hand, for clocks that need no timer objects: what firmware runs.
//!
//! Nothing here is an async function: one struct ([`Right`]) holds whatever a right of any kind needs from its key to
//! its end, and whatever it does is one step of its store ([`Rights::poll_act`]), in milliseconds. A store in RAM
//! does a step at once; one behind a line, in as many polls as its answer takes. So the steps are compiled once per
//! store, and a call adds little but its body. The rules are those of the awaiting brackets (`patience::again`, the
//! cells), and tests hold the two against each other. Which of them a call uses is decided by the types ([`Via`]).

mod right;
mod via;

pub use right::{Beats, Right};
pub use via::{Asking, Via, ViaAny, ViaPolled};

use crate::{
    cell::{Kept, ram::Asked, waiters::Place},
    instance::Handle,
    key::Key,
    patience::Ticket,
    store::{Fault, Host},
    time::Instant,
    token::HolderToken,
};
use core::task::{Context, Poll};

/// One step of a right.
#[derive(Debug)]
pub enum Deed<'a> {
    /// Asks for it; the wait at `place` is over.
    Ask {
        /// How many permits the pool has.
        size: u16,
        /// How long it lasts, in milliseconds.
        ttl: u64,
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
    /// Extends it by so many milliseconds, from now.
    Extend(u64),
    /// Notes that the flight is being computed on the caller's stack, or no longer. Never pending.
    Mark(bool),
    /// Gives it back.
    Release,
    /// Gives it back for a holder who is gone and waits for no answer. Never pending.
    Drop {
        /// Else it is only a turn that may have been given to one who waited. Told where the store asks for that.
        may_be_held: bool,
        /// For how many milliseconds the marker of a run that succeeded is kept, which was told and not heard; then it
        /// is told again instead of taken back. Zero of everything else.
        keep: u32,
    },
    /// Ends a run that succeeded: others are skipped for so many milliseconds; or a flight: its value is fresh for them.
    Done(u64),
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

/// The step under way of whoever holds a right through this handle.
pub(crate) type StepOf<H> = <<H as Handle>::Store as Rights>::Step;
/// Why it has no answer.
pub(crate) type TroubleOf<H> = <<H as Handle>::Store as Rights>::Trouble;
/// Where its key is rendered.
pub(crate) type KeyBufOf<H> = <<H as Handle>::Store as Host>::KeyBuf;

/// All rights of a store, one step at a time, without a future.
pub trait Rights: Host {
    /// A step under way, from poll to poll. It borrows nothing, so that a right can be owned; whoever drops it cancels
    /// it first.
    type Step: Default + Unpin;
    /// Why a step has no answer.
    type Trouble: Copy + Into<Fault>;

    /// Whether it wants to know if what is dropped is only a turn.
    const TELLS_TURNS: bool = false;

    /// Does one step for the right of `key` that `token` holds or asks for, or goes on with it.
    ///
    /// `deed` is the same at every poll until there is an answer, but for the place in [`Deed::Ask`], which is there at the
    /// first poll only: that poll ends the wait.
    fn poll_act(
        &self,
        step: &mut Self::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Self::Trouble>>;

    /// A step that is polled no more: nobody waits for its answer.
    fn cancel(&self, step: &mut Self::Step) {
        *step = Self::Step::default();
    }

    /// Whether the step may be done: it, or a part of it, was sent.
    fn is_sent(step: &Self::Step) -> bool {
        let _ = step;
        true
    }

    /// Since when and for how many milliseconds what the last step granted or extended lasts, which asked for `ttl` and
    /// was answered at `now`.
    fn lasts(step: &Self::Step, now: Instant, ttl: u32) -> (Instant, u32) {
        let _ = step;
        (now, ttl)
    }

    /// Longest time between two attempts in milliseconds, where it knows one.
    fn poll_at_most(&self) -> u32 {
        u32::MAX
    }
}

/// A value to be kept, for the holder of its flight.
#[derive(Debug)]
pub struct Fresh<'a, 'v, V, C> {
    /// How it is encoded, where it leaves the process.
    pub codec: &'a C,
    /// Taken out where it is kept as it is.
    pub value: &'a mut Option<Kept<'v, V>>,
    /// How long it is fresh.
    pub until: Instant,
}

/// The values of a store.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cache values of type `{V}` with codec `{C}`",
    note = "a `FixedStore<.., V>` keeps `Clone` values of the one type `V`"
)]
pub trait Values<V, C>: Rights {
    /// The fresh value that is here, or that the last answer brought ([`Asked::Filled`]).
    ///
    /// `None` after such an answer: ask again, by the same step.
    fn value(&self, step: &mut Self::Step, key: Key<'_>, codec: &C) -> Option<V>;

    /// Keeps a value; the answer is that to [`Deed::Done`], which must follow if there is none.
    fn poll_put(
        &self,
        step: &mut Self::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Self::Trouble>>;
}

impl<S: Rights> Rights for &S {
    type Step = S::Step;
    type Trouble = S::Trouble;
    const TELLS_TURNS: bool = S::TELLS_TURNS;

    fn poll_act(
        &self,
        step: &mut S::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        deed: Deed<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, S::Trouble>> {
        (**self).poll_act(step, key, token, now, deed, cx)
    }
    fn cancel(&self, step: &mut S::Step) {
        (**self).cancel(step);
    }
    fn is_sent(step: &S::Step) -> bool {
        S::is_sent(step)
    }
    fn lasts(step: &S::Step, now: Instant, ttl: u32) -> (Instant, u32) {
        S::lasts(step, now, ttl)
    }
    fn poll_at_most(&self) -> u32 {
        (**self).poll_at_most()
    }
}

impl<V, C, S: Values<V, C>> Values<V, C> for &S {
    fn value(&self, step: &mut S::Step, key: Key<'_>, codec: &C) -> Option<V> {
        (**self).value(step, key, codec)
    }
    fn poll_put(
        &self,
        step: &mut S::Step,
        key: &Key<'_>,
        token: HolderToken,
        now: Instant,
        fresh: Fresh<'_, '_, V, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, S::Trouble>> {
        (**self).poll_put(step, key, token, now, fresh, cx)
    }
}
