//! A lease while its body runs: heartbeats, and the news that it was lost.

use super::{Answer, InFlightOf, Lease, Monitor, Op, Stage, Store};
use crate::{
    Holding,
    instance::Handle,
    observe::{Event, Loss},
    op::Watched,
    outcome::HIDDEN,
    patience::BLIND_POLL,
    store::Platform,
    time::{Instant, Timer, short},
    validity::heartbeat,
};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

type ClockOf<H> = <<H as Handle>::Store as Platform>::Clock;
type TimerOf<H> = <ClockOf<H> as Timer>::Wait;

impl<H: Handle> Lease<H> {
    /// Tells that nothing is kept of what the body brought.
    pub fn hidden(&self) {
        self.say(|key| Event::Failed { key: Some(key), cause: HIDDEN });
    }
}

impl<H: Handle> Lease<H>
where
    ClockOf<H>: Timer,
{
    /// Ends when it may no longer be held: it was not renewed in time, its time is over, or it was taken away.
    ///
    /// Dropping the future changes nothing.
    pub fn lost(&self) -> Lost<'_, H> {
        Lost { lease: self, wait: TimerOf::<H>::default(), state: InFlightOf::<H>::default() }
    }

    /// Renews for ever, beside the body, where nothing else does.
    pub fn beats(&self) -> Beats<'_, H> {
        let beats = self.stage == Stage::Held && self.renew && !self.monitor.renews();
        let due = if beats { self.at } else { Instant::MAX };
        Beats { lease: self, due, wait: TimerOf::<H>::default(), state: InFlightOf::<H>::default() }
    }
}

/// The heartbeats of a lease that is held: a future that never ends.
pub struct Beats<'a, H: Handle>
where
    ClockOf<H>: Timer,
{
    lease: &'a Lease<H>,
    due: Instant,
    wait: TimerOf<H>,
    state: InFlightOf<H>,
}

impl<H: Handle> fmt::Debug for Beats<'_, H>
where
    ClockOf<H>: Timer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beats").field("due", &self.due).finish_non_exhaustive()
    }
}

impl<H: Handle> Beats<'_, H>
where
    ClockOf<H>: Timer,
{
    #[cfg(feature = "insight")]
    pub(super) fn lease(&self) -> &Lease<H> {
        self.lease
    }

    /// Renews if a heartbeat is due; asks to be woken for the next one.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn beat(&mut self, cx: &mut Context<'_>) {
        let lease = self.lease;
        while lease.handle.instance().store().clock().poll_until(&mut self.wait, self.due, cx).is_ready() {
            let now = lease.now();
            let op = Op::Renew { ttl: lease.ttl };
            let Poll::Ready(answer) = lease.poll_op(&mut self.state, now, &op, cx) else { return };
            self.due = match answer {
                Ok(Answer::Held(Holding::Held)) => {
                    let (since, lasts) = <H::Store>::lasts(&self.state, now, short(lease.ttl));
                    lease.validity().last(since, lasts);
                    heartbeat(since, lasts, lease.token)
                }
                Ok(_) => {
                    let why = if lease.validity().is_valid(now) { Loss::Taken } else { Loss::Expired };
                    lease.validity().end();
                    lease.say(|key| Event::Lost { key, why });
                    // the body, which was polled first, may wait for this
                    cx.waker().wake_by_ref();
                    Instant::MAX
                }
                Err(error) => {
                    lease.failed(error);
                    if lease.is_valid() { heartbeat(now, short(lease.ttl), lease.token) } else { Instant::MAX }
                }
            };
        }
    }
}

impl<H: Handle> Future for Beats<'_, H>
where
    ClockOf<H>: Timer,
{
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        // a constant: on a device nothing renews what lies in its own memory
        if !<H::Store>::IS_IMMEDIATE {
            self.get_mut().beat(cx);
        }
        Poll::Pending
    }
}

impl<H: Handle> Drop for Beats<'_, H>
where
    ClockOf<H>: Timer,
{
    fn drop(&mut self) {
        self.lease.handle.instance().store().cancel(&mut self.state);
    }
}

/// Waits for the loss of a lease that is held.
pub struct Lost<'a, H: Handle>
where
    ClockOf<H>: Timer,
{
    lease: &'a Lease<H>,
    wait: TimerOf<H>,
    state: InFlightOf<H>,
}

impl<H: Handle> fmt::Debug for Lost<'_, H>
where
    ClockOf<H>: Timer,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lost").field("lease", self.lease).finish_non_exhaustive()
    }
}

impl<H: Handle> Future for Lost<'_, H>
where
    ClockOf<H>: Timer,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { lease, wait, state } = self.get_mut();
        let store = lease.handle.instance().store();
        while lease.is_valid() && lease.monitor.poll_alarm(cx).is_pending() {
            let (now, key) = (lease.now(), lease.key());
            let told = key.and_then(|key| store.watch(state, &key, lease.token, cx));
            let at = match told {
                Some(Watched::Lost) => break,
                Some(Watched::Untold) => now.saturating_add(BLIND_POLL),
                // a store that can tell knows the end better than the holder, who takes a margin off it
                Some(Watched::Told) => key.and_then(|key| store.ends(&key, lease.token)).unwrap_or(now),
                None => lease.validity().until(),
            };
            // never `now` itself: that would be a loop
            ready!(store.clock().poll_until(wait, at.max(now.plus(1)), cx));
        }
        Poll::Ready(())
    }
}

impl<H: Handle> Drop for Lost<'_, H>
where
    ClockOf<H>: Timer,
{
    fn drop(&mut self) {
        if let Some(key) = self.lease.key() {
            self.lease.handle.instance().store().unwatch(&mut self.state, &key);
        }
    }
}
