//! Asking for a right and waiting for it.

use super::{Deed, Right, Rights, Stage, TroubleOf};
use crate::{
    cell::ram::Asked,
    drive::RESEND,
    instance::Handle,
    key::Kind,
    observe::Event,
    outcome::Refused,
    patience::{Ticket, again},
    polled::Answer,
    store::Host,
    time::{Instant, PollTimer, short},
    validity::heartbeat,
};
use core::{
    future::{Future, poll_fn},
    mem::take,
    task::{Context, Poll, ready},
};

impl<H: Handle> Right<H>
where
    H::Store: Rights,
    <H::Store as Host>::Clock: PollTimer,
{
    /// Asks until granted or out of patience.
    #[doc(hidden)]
    pub fn turn(&mut self) -> impl Future<Output = Result<(), Refused>> {
        poll_fn(|cx| self.poll_turn(cx))
    }

    /// When it wants to be polled again though nothing woke it.
    pub(super) fn wake_at(&self) -> Instant {
        if self.stage == Stage::Waiting { self.at } else { Instant::MAX }
    }

    /// The poller's timer, beside the machine.
    pub(super) fn poll_timer(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.wake_at() {
            Instant::MAX => Poll::Pending,
            at => self.handle.instance().store().clock().poll_until(at, cx),
        }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        if self.stage != Stage::New || self.begin() {
            ready!(self.poll_timed(cx));
        }
        Poll::Ready(if self.stage == Stage::Held { Ok(()) } else { Err(self.why()) })
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn poll_timed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.poll_asked(cx).is_pending() {
            ready!(self.poll_timer(cx));
        }
        Poll::Ready(())
    }

    /// Asks and waits until the stage says how it ended.
    #[inline]
    pub(super) fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stage == Stage::New {
            (self.token, self.stage) = (self.handle.instance().store().token(), Stage::Asked);
            if self.deadline != Instant::ZERO {
                self.deadline = self.now().plus(self.deadline.as_millis());
            }
        }
        loop {
            if self.stage == Stage::Waiting {
                ready!(self.poll_wait(cx));
                self.stage = Stage::Asked;
            }
            ready!(self.poll_ask(cx));
            if self.stage != Stage::Waiting {
                return Poll::Ready(());
            }
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ticket != Ticket::NONE {
            let (mut place, ticket) = (self.place, self.ticket);
            let over = self.act_with(Instant::ZERO, Deed::Wait { place: &mut place, ticket }, cx);
            self.place = place;
            if over {
                return Poll::Ready(());
            }
        }
        if self.now() < self.at { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Asks once; the stage is the answer.
    fn poll_ask(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        let (size, ttl, deadline) = (self.size, self.ttl, self.deadline);
        let deed = Deed::Ask { size, ttl, deadline, place: take(&mut self.place) };
        let mut step = take(&mut self.step);
        let polled = self.poll_act(&mut step, now, deed, cx);
        self.step = step;
        let answer = match ready!(polled) {
            Ok(answer) => {
                self.trouble = None;
                answer
            }
            Err(trouble) => {
                self.doubt(now, trouble);
                return Poll::Ready(());
            }
        };
        match answer {
            Answer::Asked(Asked::Granted { fence, index }) => {
                let (since, lasts) = <H::Store>::lasts(&self.step, now, short(self.ttl));
                (self.fence, self.index, self.stage) = (fence, index, Stage::Held);
                self.validity.begin(since, lasts);
                self.at = heartbeat(since, lasts, self.token);
                // a flight is told as the miss it belongs to
                if self.kind != Kind::Cache {
                    self.say(|key| Event::Granted { key, fence, patience: self.patience() });
                }
            }
            Answer::Asked(Asked::Busy { end, ticket }) => {
                self.wait_or(now, end, ticket, Stage::Busy);
            }
            Answer::Asked(Asked::Filled) => self.stage = Stage::Filled,
            Answer::Asked(Asked::Inside) => self.stage = Stage::Over,
            Answer::Full | Answer::Yes | Answer::No => self.refuse(Stage::Full),
        }
        Poll::Ready(())
    }

    /// Waits while there is patience, else it is refused.
    fn wait_or(&mut self, now: Instant, end: Instant, ticket: Ticket, refused: Stage) {
        match again(now, self.deadline, self.poll, end, ticket) {
            Some(at) => (self.at, self.ticket, self.stage) = (at, ticket, Stage::Waiting),
            None => {
                self.at = Instant::from_millis(end.millis_since(now));
                self.refuse(refused);
            }
        }
    }

    /// An attempt had no answer. What may have been done all the same is asked again by the same token.
    fn doubt(&mut self, now: Instant, trouble: TroubleOf<H>) {
        // a cache that fails is asked no more: the body runs
        if trouble.into().is_indeterminate() && self.kind != Kind::Cache {
            self.trouble = Some(trouble);
            self.wait_or(now, now.plus(RESEND), Ticket::NONE, Stage::Failed);
        } else {
            // an earlier attempt may have been done, whatever became of this one
            self.trouble.get_or_insert(trouble);
            self.refuse(Stage::Failed);
        }
    }
}
