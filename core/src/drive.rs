//! The one driver: nothing else in the workspace loops or waits.
//!
//! A thread is a task whose waits block, so its future is ready at the first poll. Not here: what is asked for.

use crate::{
    instance::{Handle, Instance},
    key::Key,
    patience::{Busy, Contended, Patience, Ticket, Verdict},
    store::{Fault, Host, Store, Tasks, Threads},
    time::{Clock, Instant, Sleep, Timer, duration, millis, short},
    token::HolderToken,
};
use core::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::atomic::Ordering,
    task::{Context, Poll, Waker},
    time::Duration,
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

/// How long a right is known to last: counted from when it was asked for, less a margin of 1 % or 2 ms.
///
/// Reads and writes are plain loads and stores, which every Cortex-M has.
///
/// ```
/// use cachify_core::{drive::Validity, time::Instant};
/// use core::time::Duration;
/// let validity = Validity::new(Instant::ZERO, Duration::from_secs(1));
/// assert_eq!(validity.until(), Instant::from_millis(990));
/// ```
///
/// Where a target has no 64-bit atomics, it tells up to 49 days from the grant; renewal goes on all the same.
#[derive(Debug)]
pub struct Validity {
    since: Instant,
    millis: AtomicMillis,
}

#[cfg(target_has_atomic = "64")]
type AtomicMillis = core::sync::atomic::AtomicU64;
#[cfg(not(target_has_atomic = "64"))]
type AtomicMillis = core::sync::atomic::AtomicU32;

impl Validity {
    /// Of a right that was asked for at `since` and granted for `remaining`.
    #[must_use]
    pub fn new(since: Instant, remaining: Duration) -> Self {
        Self::granted(since, short(millis(remaining)))
    }

    /// Of a right that was never granted.
    pub(crate) const fn ended() -> Self {
        Self { since: Instant::ZERO, millis: AtomicMillis::new(0) }
    }

    /// Of a right that was asked for at `since` and granted for so many milliseconds.
    pub(crate) fn granted(since: Instant, lasts: u32) -> Self {
        let mut validity = Self::ended();
        validity.begin(since, lasts);
        validity
    }

    pub(crate) fn begin(&mut self, since: Instant, lasts: u32) {
        self.since = since;
        self.last(since, lasts);
    }

    /// The right was asked for again at `at`, and extended by `ttl`.
    pub fn extend(&self, at: Instant, ttl: Duration) {
        self.last(at, short(millis(ttl)));
    }

    /// The same in milliseconds.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn last(&self, at: Instant, lasts: u32) {
        let margin = (lasts / 100).max(2);
        let until = at.as_millis().saturating_add(u64::from(lasts.saturating_sub(margin)));
        let millis = until.saturating_sub(self.since.as_millis());
        #[cfg(not(target_has_atomic = "64"))]
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        self.millis.store(millis, Ordering::Release);
    }

    /// The right was lost.
    pub fn end(&self) {
        self.millis.store(0, Ordering::Release);
    }

    /// Whether it was ended before its time.
    pub(crate) fn is_over(&self) -> bool {
        self.lasting() == 0
    }

    fn lasting(&self) -> u64 {
        #[allow(clippy::useless_conversion, reason = "a u32 on some targets")]
        u64::from(self.millis.load(Ordering::Acquire))
    }

    /// When it ends, as far as is known.
    pub fn until(&self) -> Instant {
        Instant::from_millis(self.since.as_millis().saturating_add(self.lasting()))
    }

    /// Whether it lasts at `now`. A comparison, no I/O.
    pub fn is_valid(&self, now: Instant) -> bool {
        now < self.until()
    }
}

/// When to renew: a third of the TTL from `now`, 10 % sooner or later as `token` says, so that holders spread.
#[must_use]
pub fn next_heartbeat(now: Instant, ttl: Duration, token: HolderToken) -> Instant {
    heartbeat(now, short(millis(ttl)), token)
}

/// The same in milliseconds.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(crate) fn heartbeat(now: Instant, ttl: u32, token: HolderToken) -> Instant {
    let third = ttl / 3;
    let spread = third / 10;
    let within = (token.0[1] ^ token.0[3]) & 0xff;
    let offset = (u64::from(spread) * 2 * u64::from(within)) >> 8;
    Instant::from_millis(now.as_millis().saturating_add(u64::from((third - spread).max(1)) + offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FixedStore, Refused,
        store::lock::NoLock,
        testing::{Faulty, ManualClock, Script, Trouble},
    };

    #[test]
    fn a_right_is_valid_until_a_margin_before_its_end() {
        let validity = Validity::new(Instant::from_millis(100), Duration::from_secs(1));
        assert!(validity.is_valid(Instant::from_millis(1_089)));
        assert!(!validity.is_valid(Instant::from_millis(1_090)));
        validity.extend(Instant::from_millis(500), Duration::from_secs(1));
        assert_eq!(validity.until(), Instant::from_millis(1_490));
        validity.end();
        assert!(!validity.is_valid(Instant::from_millis(100)));
    }

    #[test]
    fn a_failure_after_an_unknown_outcome_leaves_the_outcome_unknown() {
        let clock = ManualClock::new();
        let troubles = [Trouble::ReplyLost, Trouble::Refused];
        let device = Instance::new(Faulty::new(FixedStore::<NoLock, _, 2>::new(&clock), Script::new(&troubles)));
        let refused = device.lock("k").wait(Duration::from_secs(1)).acquire_blocking().unwrap_err();
        assert!(matches!(refused, Refused::Indeterminate { .. }), "{refused:?}");
        assert_eq!(device.lock("k").is_locked_blocking(), Ok(false), "it was given back");
    }

    #[test]
    fn heartbeats_come_around_a_third_of_the_ttl() {
        for bits in [0, 127, 255] {
            let at = next_heartbeat(Instant::ZERO, Duration::from_secs(30), HolderToken([0, bits, 0, 0]));
            assert!((9_000..=11_000).contains(&at.as_millis()), "{at:?}");
        }
        assert!(next_heartbeat(Instant::ZERO, Duration::from_millis(1), HolderToken([0; 4])) > Instant::ZERO);
    }
}
