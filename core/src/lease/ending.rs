//! How a lease ends: given back with an outcome, or left behind.

use super::{ErrorOf, InFlightOf, Lease, MonitorOf, Stage};
use crate::{
    cell::Holding,
    instance::Handle,
    key::Kind,
    observe::{Event, Loss},
    op::{Answer, Left, Op, Outcome},
    store::{Monitor, Platform, Store},
    time::Instant,
};
use core::{
    mem::take,
    task::{Context, Poll, Waker, ready},
};

impl<H: Handle> Lease<H> {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn give_back(&mut self) {
        // who waited may have been given a wake-up; its release, which finds nothing to release, passes that on
        let open = match self.stage {
            Stage::Asked | Stage::Waiting | Stage::Held | Stage::Done => true,
            // refused: who waited, and was woken for this, calls the next one
            Stage::Busy | Stage::Kept | Stage::Full => self.deadline != Instant::ZERO,
            Stage::Failed => self.deadline != Instant::ZERO || self.is_in_doubt(),
            _ => false,
        };
        if !open || !self.is_ours() {
            return;
        }
        let mut state = take(&mut self.state);
        self.note_validity();
        // where it lies is known to a compiler, or else to the store
        if <H::Store>::IS_IMMEDIATE || self.stage != Stage::Done && self.handle.instance().store().is_local() {
            let cx = &mut Context::from_waker(Waker::noop());
            let answer = self.poll_op(&mut state, self.now(), &Op::Release(Outcome::Free), cx);
            if self.stage == Stage::Held && matches!(answer, Poll::Ready(Ok(Answer::Held(Holding::Lost)))) {
                self.say_lost_of(&mut state);
            }
            #[cfg(feature = "insight")]
            self.see(&mut state);
            return;
        }
        if H::MAY_BLOCK && self.stage == Stage::Held && self.is_told(&mut state) {
            #[cfg(feature = "insight")]
            self.see(&mut state);
            return;
        }
        let left = match self.stage {
            // known already: what is left is to take nobody's turn
            Stage::Held if self.kind != Kind::Cache && !self.validity.is_valid(self.now()) => {
                self.say_lost_of(&mut state);
                Left::WakeUp
            }
            Stage::Done => Left::Done { fresh: self.keep, ttl: self.ttl },
            Stage::Held => Left::Lease,
            Stage::Asked if <H::Store>::is_sent(&state) => Left::Lease,
            _ if self.is_in_doubt() => Left::Lease,
            _ => Left::WakeUp,
        };
        // an answer that is still to come is for nobody
        self.handle.instance().store().cancel(&mut state);
        if let Some(key) = self.key() {
            self.handle.instance().store().abandon(&mut state, &key, self.token, left);
        }
        #[cfg(feature = "insight")]
        self.see(&mut state);
    }

    /// Whether a thread has told the store itself that it holds no more, so that its program may end at once.
    fn is_told(&mut self, state: &mut InFlightOf<H>) -> bool {
        let store = self.handle.instance().store();
        if self.kind == Kind::Cache || !self.validity.is_valid(self.now()) || !store.may_wait() {
            return false;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        match self.poll_op(state, self.now(), &Op::Release(Outcome::Free), cx) {
            Poll::Ready(Ok(answer)) => {
                if answer == Answer::Held(Holding::Lost) {
                    self.say_lost_of(state);
                }
                true
            }
            _ => {
                store.waited_in_vain();
                false
            }
        }
    }

    /// It was refused: gives back what it may hold all the same.
    pub fn refused(&mut self) {
        self.give_back();
        self.stage = Stage::Over;
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn poll_end(&mut self, success: bool, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_ours() {
            self.stage = Stage::Gone;
            return Poll::Ready(());
        }
        // nothing renews what is about to end
        self.note_validity();
        self.monitor = MonitorOf::<H>::default();
        let now = self.now();
        let done = success && matches!(self.kind, Kind::Once | Kind::Cache);
        let outcome = if done { Outcome::Done { fresh: self.keep } } else { Outcome::Free };
        if !<H::Store>::IS_IMMEDIATE && done && self.kind == Kind::Once {
            // also if nobody hears of it, or waits for the answer
            self.stage = Stage::Done;
        }
        let mut state = take(&mut self.state);
        let polled = self.poll_op(&mut state, now, &Op::Release(outcome), cx);
        self.state = state;
        self.ended(ready!(polled));
        Poll::Ready(())
    }

    /// Is renewed no more; what renewed it knows best how long it lasts, and whether its loss was told.
    fn note_validity(&mut self) {
        self.monitor.end();
        if let Some(known) = self.monitor.validity() {
            self.validity.follow(known);
        }
    }

    /// Tells that it was lost, unless whoever renewed it has.
    fn say_lost(&self) {
        // looked at only if anybody listens: a device reads its clock in a critical section
        let why = || if self.validity.is_valid(self.now()) { Loss::Taken } else { Loss::Expired };
        if !self.validity.is_over() {
            self.say(|key| Event::Lost { key, why: why() });
        }
    }

    /// The same while its state is taken out of it, which those who count look into.
    fn say_lost_of(&mut self, state: &mut InFlightOf<H>) {
        #[cfg(feature = "insight")]
        core::mem::swap(&mut self.state, state);
        self.say_lost();
        #[cfg(feature = "insight")]
        core::mem::swap(&mut self.state, state);
        let _ = state;
    }

    /// It was given back, or could not be.
    pub(super) fn ended(&mut self, answer: Result<Answer, ErrorOf<H>>) {
        match answer {
            Ok(answer) => {
                self.stage = Stage::Over;
                if answer != Answer::Held(Holding::Held) {
                    self.stage = Stage::Gone;
                    self.say_lost();
                }
            }
            // who renewed it heard that it is gone: no other answer would say more
            Err(error) if self.validity.is_over() && error.into().is_indeterminate() => self.stage = Stage::Gone,
            Err(error) => {
                self.error = Some(error);
                self.failed(error);
            }
        }
    }
}
