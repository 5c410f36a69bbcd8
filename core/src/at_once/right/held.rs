//! A right while its body runs: heartbeats.

use super::{Answer, Deed, Right, Rights, Stage};
use crate::{
    drive::heartbeat,
    observe::{Event, Observer},
    time::{Instant, PollTimer, short},
};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

impl<S: Rights, O: Observer> Right<'_, S, O>
where
    S::Clock: PollTimer,
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

    /// Renews for ever, beside the body.
    #[doc(hidden)]
    pub fn beats(&self) -> Beats<'_, '_, S, O> {
        Beats { right: self, due: if self.stage == Stage::Held { self.at } else { Instant::MAX } }
    }

    /// Renews if a heartbeat is due; asks to be woken for the next one.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn beat(&self, due: &mut Instant, cx: &mut Context<'_>) {
        while self.instance.store().clock().poll_until(*due, cx).is_ready() {
            let now = self.now();
            if self.act(now, Deed::Extend(now.plus(self.ttl))) == Answer::Yes {
                self.validity.last(now, short(self.ttl));
                *due = heartbeat(now, short(self.ttl), self.token);
            } else {
                self.validity.end();
                self.say(|key| Event::Lost { key });
                *due = Instant::MAX;
                // the body, which was polled first, may wait for this
                cx.waker().wake_by_ref();
            }
        }
    }
}

/// The heartbeats of a right that is held.
pub struct Beats<'a, 'i, S: Rights, O: Observer> {
    right: &'a Right<'i, S, O>,
    due: Instant,
}

impl<S: Rights, O: Observer> fmt::Debug for Beats<'_, '_, S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beats").field("due", &self.due).finish_non_exhaustive()
    }
}

impl<S: Rights, O: Observer> Future for Beats<'_, '_, S, O>
where
    S::Clock: PollTimer,
{
    type Output = Infallible;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let right = self.right;
        right.beat(&mut self.due, cx);
        Poll::Pending
    }
}

/// A right was given back: nothing to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Settled;

impl Future for Settled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
