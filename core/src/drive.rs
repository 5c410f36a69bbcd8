//! The one driver: nothing else in the workspace loops or waits.
//!
//! A thread is a task whose waits block, so its future is ready at the first poll. Not here: what is asked for.

use crate::{
    instance::{Handle, Instance},
    key::Key,
    patience::{Busy, Contended, Patience, Ticket, Verdict},
    store::{Fault, Host, Store, Tasks, Threads},
    time::{Clock, Instant, Sleep, Timer, duration},
};
use core::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// How many milliseconds to wait before the same token is sent again after an unknown outcome.
pub(crate) const RESEND: u64 = 50;

/// An instance seen through one face: its store as an async one, and a way to wait.
pub trait Face: Store + Clone {
    /// The handle behind it.
    type Handle: Handle;
    /// Whether a wait lets other things of the same task run, such as a heartbeat.
    const COOPERATES: bool;

    /// The handle behind it.
    fn handle(&self) -> &Self::Handle;
    /// Waits for `event` and for `at`, whichever comes first; may end early.
    fn wait_for(&self, at: Instant, event: impl Future<Output = ()>) -> impl Future<Output = ()>;
}

/// The store behind a face.
pub type HostOf<F> = <<F as Face>::Handle as Handle>::Store;
/// Where keys of a face are rendered.
pub type BufOf<F> = <HostOf<F> as Host>::KeyBuf;

/// The instance behind a face.
pub(crate) fn instance<F: Face>(face: &F) -> &Instance<HostOf<F>, <F::Handle as Handle>::Observer> {
    face.handle().instance()
}

/// The time on a face's clock.
pub(crate) fn now<F: Face>(face: &F) -> Instant {
    instance(face).store().clock().now()
}

impl<P: Handle> Face for Tasks<P>
where
    <P::Store as Host>::Clock: Timer,
{
    type Handle = P;
    const COOPERATES: bool = true;
    fn handle(&self) -> &P {
        &self.0
    }
    async fn wait_for(&self, at: Instant, event: impl Future<Output = ()>) {
        let _ = beside(pin!(event), pin!(self.0.instance().store().clock().sleep_until(at))).await;
    }
}

impl<P: Handle> Face for Threads<P>
where
    <P::Store as Host>::Clock: Sleep,
{
    type Handle = P;
    const COOPERATES: bool = false;
    fn handle(&self) -> &P {
        &self.0
    }
    async fn wait_for(&self, at: Instant, event: impl Future<Output = ()>) {
        self.0.instance().store().clock().wait(at, pin!(event));
    }
}

/// Asks until granted or out of patience.
///
/// An unknown outcome is asked again by the same token, as long as `resend` allows; after that it is an error.
pub(crate) async fn contend<F: Face, G, A>(
    face: &F,
    key: Key<'_>,
    patience: Patience,
    resend: Patience,
    mut attempt: impl FnMut() -> A,
) -> Result<Contended<G>, Fault>
where
    A: Future<Output = Result<Contended<G>, F::Error>>,
{
    let mut doubt = None;
    loop {
        let (reply, fault) = match attempt().await {
            Ok(reply) => {
                doubt = None;
                (reply, None)
            }
            Err(e) => {
                let fault = e.into();
                if !fault.is_indeterminate() {
                    // an earlier attempt may have been done all the same
                    return Err(doubt.unwrap_or(fault));
                }
                doubt = Some(fault);
                (Contended::Busy(Busy { remaining: duration(RESEND), ticket: Ticket::NONE }), Some(fault))
            }
        };
        let judge = if fault.is_some() { resend } else { patience };
        match (judge.judge(now(face), reply), fault) {
            (Verdict::Over(_), Some(fault)) => return Err(fault),
            (Verdict::Over(outcome), None) => return Ok(outcome),
            (Verdict::Again { at, ticket: Ticket::NONE }, _) => face.wait_for(at, core::future::pending()).await,
            (Verdict::Again { at, ticket }, _) => face.wait_for(at, face.changed(key, ticket)).await,
        }
    }
}

/// Runs `body` beside `other`; whichever ends first decides. Nothing is spawned, so nothing need be `Send`.
pub async fn beside<T, L>(body: impl Future<Output = T>, other: impl Future<Output = L>) -> Result<T, L> {
    let (mut body, mut other) = (pin!(body), pin!(other));
    poll_fn(|cx| match body.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Ok(out)),
        Poll::Pending => other.as_mut().poll(cx).map(Err),
    })
    .await
}

/// The body of a macro's call, which takes with it what its closure captured.
#[doc(hidden)]
pub fn begun<T>(body: impl AsyncFnOnce() -> T) -> impl Future<Output = T> {
    body()
}

/// Polls `body`, and beside it what renews; a macro's call does no more while its body runs.
#[doc(hidden)]
#[inline]
pub fn carried<T>(
    body: Pin<&mut impl Future<Output = T>>,
    beats: Pin<&mut impl Future<Output = Infallible>>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let polled = body.poll(cx);
    if polled.is_pending() {
        let _ = beats.poll(cx);
    }
    polled
}

/// Runs a future made only of parts that block: it is ready at the first poll.
#[doc(hidden)]
pub fn ready<T>(f: impl Future<Output = T>) -> T {
    let mut f = pin!(f);
    loop {
        if let Poll::Ready(out) = f.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FixedStore, Refused,
        store::lock::NoLock,
        testing::{Faulty, ManualClock, Script, Trouble},
    };
    use core::time::Duration;

    #[test]
    fn a_failure_after_an_unknown_outcome_leaves_the_outcome_unknown() {
        let clock = ManualClock::new();
        let troubles = [Trouble::ReplyLost, Trouble::Refused];
        let device = Instance::new(Faulty::new(FixedStore::<NoLock, _, 2>::new(&clock), Script::new(&troubles)));
        let refused = device.lock("k").wait(Duration::from_secs(1)).acquire_blocking().unwrap_err();
        assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}");
        assert_eq!(device.lock("k").is_locked_blocking(), Ok(false), "it was given back");
    }
}
