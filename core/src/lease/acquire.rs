//! Asking for a lease and waiting for it.

use super::{Answer, ErrorOf, Lease, Monitor, MonitorOf, Op, Stage, Store};
use crate::{
    error::Refused,
    instance::Handle,
    key::Kind,
    observe::Event,
    op::{Ask, WINDOWS},
    patience::{Ticket, again},
    store::Platform,
    time::{Instant, short},
    validity::{Validity, heartbeat},
};
use core::{
    mem::take,
    task::{Context, Poll, ready},
};

/// How many milliseconds to wait before the same token is sent again after an attempt that failed, at first and at most.
const RESEND: [u32; 2] = [50, 1_000];

impl<H: Handle> Lease<H> {
    /// When it wants to be polled again though nothing woke it.
    pub(super) fn wake_at(&self) -> Instant {
        if self.stage == Stage::Waiting { self.at } else { Instant::MAX }
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

    /// What an acquisition came to.
    pub(super) fn acquired(&self) -> Result<(), Refused> {
        if self.stage == Stage::Held { Ok(()) } else { Err(self.why()) }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ticket != Ticket::NONE {
            let store = self.handle.instance().store();
            if let Ok(key) = store.key(self.kind, &self.key)
                && store.poll_changed(&mut self.state, &key, self.ticket, cx).is_ready()
            {
                return Poll::Ready(());
            }
        }
        if self.now() < self.at { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Asks once; the stage is the answer.
    fn poll_ask(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        let wait = match self.deadline {
            // a store in memory looks only at whether there is any
            deadline if <H::Store>::IS_IMMEDIATE => (now < deadline).into(),
            Instant::MAX => u64::MAX,
            deadline => deadline.millis_since(now),
        };
        let op = Op::Acquire(Ask {
            ttl: self.ttl,
            wait,
            size: self.size,
            window: self.window(),
            label: self.label.or(self.handle.instance().config().label),
        });
        let mut state = take(&mut self.state);
        let polled = self.poll_op(&mut state, now, &op, cx);
        self.state = state;
        let answer = match ready!(polled) {
            Ok(answer) => {
                (self.error, self.index) = (None, 0);
                answer
            }
            Err(error) => {
                self.fail(now, error);
                return Poll::Ready(());
            }
        };
        match answer {
            Answer::Granted { fence, index } => {
                let (since, lasts) = <H::Store>::lasts(&self.state, now, short(self.ttl));
                (self.fence, self.index, self.stage) = (fence, index, Stage::Held);
                self.granted(since, lasts);
                self.at = heartbeat(since, lasts, self.token);
                // a flight is told as the miss it belongs to
                if self.kind != Kind::Cache {
                    self.say(|key| Event::Granted { key, fence, patience: self.patience() });
                }
            }
            Answer::Busy { until, ticket } => self.wait_or(now, until, ticket, Stage::Busy),
            // nobody will tell of its end
            Answer::Done { until } => self.wait_or(now, until, Ticket::NONE, Stage::Kept),
            Answer::Filled => self.stage = Stage::Filled,
            Answer::Stale if WINDOWS => self.stage = Stage::Stale,
            Answer::Recursive => self.stage = Stage::Over,
            Answer::Stale
            | Answer::Full
            | Answer::Held(_)
            | Answer::Absent
            | Answer::Cleared(_)
            | Answer::Inspected(_) => {
                self.refuse(Stage::Full);
            }
        }
        Poll::Ready(())
    }

    /// It was granted at `since`, for so many milliseconds: watched over from now on.
    fn granted(&mut self, since: Instant, lasts: u32) {
        self.validity.begin(since, lasts);
        if MonitorOf::<H>::MAY_RENEW && self.renew {
            let (store, validity) = (self.handle.instance().store(), Validity::granted(since, lasts));
            let monitor = self.within(|| self.key().map(|key| store.monitor(&key, self.token, self.ttl, validity)));
            self.monitor = monitor.unwrap_or_default();
        }
    }

    /// Waits while there is patience, else it is refused.
    fn wait_or(&mut self, now: Instant, end: Instant, ticket: Ticket, refused: Stage) {
        match again(now, self.deadline, self.poll, end, ticket) {
            Some(at) => (self.at, self.ticket, self.stage) = (at, ticket, Stage::Waiting),
            None => {
                self.at = if end == Instant::MAX { end } else { Instant::from_millis(end.millis_since(now)) };
                self.refuse(refused);
            }
        }
    }

    /// An attempt failed. What may pass is asked again by the same token, while there is patience, after pauses that grow
    /// with the outage; who would wait for ever has enough when that is older than the lease, and a second of its own.
    fn fail(&mut self, now: Instant, error: ErrorOf<H>) {
        let cause = error.into();
        // an earlier attempt may have been done, whatever became of this one
        if !self.is_in_doubt() {
            self.error = Some(error);
        }
        let at = now.as_millis() as u32;
        let since = if self.index == 0 { at } else { self.index };
        self.index = since.max(1);
        let lasts = at.wrapping_sub(since);
        let is_old = || self.handle.instance().store().outage(now).max(lasts.into()) >= self.ttl;
        // one more attempt at least: a store fails by itself while it pauses
        let is_enough = self.deadline == Instant::MAX && lasts >= RESEND[1] && is_old();
        let has_patience = now < self.deadline && !is_enough;
        // a cache that fails is asked no more: the body runs
        if self.kind == Kind::Cache || !cause.may_pass() || !has_patience {
            self.refuse(Stage::Failed);
            return;
        }
        let pause = (lasts / 2).clamp(RESEND[0], RESEND[1]);
        (self.at, self.ticket, self.stage) = (now.plus(pause.into()).min(self.deadline), Ticket::NONE, Stage::Waiting);
    }
}
