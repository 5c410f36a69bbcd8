//! A right while its body runs: heartbeats.

use super::{Answer, Deed, Right, Rights, Stage, StepOf};
use crate::{
    instance::Handle,
    observe::Event,
    outcome::HIDDEN,
    store::Host,
    time::{Instant, PollTimer, short},
    validity::heartbeat,
};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

impl<H: Handle> Right<H>
where
    H::Store: Rights,
    <H::Store as Host>::Clock: PollTimer,
{
    /// What the turn brought.
    #[doc(hidden)]
    pub fn held(&mut self, (): ()) -> &mut Self {
        self
    }

    /// What the body sees.
    #[doc(hidden)]
    pub fn guard(&self) -> &Self {
        self
    }

    /// Tells that nothing is kept of what the body brought.
    #[doc(hidden)]
    pub fn hidden(&self) {
        self.say(|key| Event::Failed { key: Some(key), fault: HIDDEN });
    }

    /// Renews for ever, beside the body.
    #[doc(hidden)]
    pub fn beats(&self) -> Beats<'_, H> {
        let due = if self.stage == Stage::Held { self.at } else { Instant::MAX };
        Beats { right: self, due, step: StepOf::<H>::default() }
    }

    /// Renews if a heartbeat is due; asks to be woken for the next one.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn beat(&self, due: &mut Instant, step: &mut StepOf<H>, cx: &mut Context<'_>) {
        while self.handle.instance().store().clock().poll_until(*due, cx).is_ready() {
            let now = self.now();
            let Poll::Ready(answer) = self.poll_act(step, now, Deed::Extend(self.ttl), cx) else { return };
            *due = match answer {
                Ok(Answer::Yes) => {
                    let (since, lasts) = <H::Store>::lasts(step, now, short(self.ttl));
                    self.validity.last(since, lasts);
                    heartbeat(since, lasts, self.token)
                }
                Ok(_) => {
                    self.validity.end();
                    self.say(|key| Event::Lost { key });
                    // the body, which was polled first, may wait for this
                    cx.waker().wake_by_ref();
                    Instant::MAX
                }
                Err(trouble) => {
                    self.failed(trouble);
                    if self.is_valid() { heartbeat(now, short(self.ttl), self.token) } else { Instant::MAX }
                }
            };
        }
    }
}

/// The heartbeats of a right that is held.
pub struct Beats<'a, H: Handle>
where
    H::Store: Rights,
{
    right: &'a Right<H>,
    due: Instant,
    step: StepOf<H>,
}

impl<H: Handle> fmt::Debug for Beats<'_, H>
where
    H::Store: Rights,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beats").field("due", &self.due).finish_non_exhaustive()
    }
}

impl<H: Handle> Future for Beats<'_, H>
where
    H::Store: Rights,
    <H::Store as Host>::Clock: PollTimer,
{
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let Self { right, due, step } = self.get_mut();
        right.beat(due, step, cx);
        Poll::Pending
    }
}

impl<H: Handle> Drop for Beats<'_, H>
where
    H::Store: Rights,
{
    fn drop(&mut self) {
        self.right.handle.instance().store().cancel(&mut self.step);
    }
}
