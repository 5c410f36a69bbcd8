//! A clock that is moved by hand, in three faces.

use crate::time::{Clock, Instant, Sleep, Timer};
use core::{
    future::Future,
    pin::{Pin, pin},
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A clock that stands still until it is moved.
///
/// As a [`Timer`] it is polled: whoever moves it polls the waiting futures again. As a [`Sleep`] it moves itself to
/// the end of the wait, so a blocking wait takes no time. At most 49 days can pass.
///
/// ```
/// use cachify_core::{testing::ManualClock, time::{Clock, Instant}};
/// let clock = ManualClock::new();
/// clock.advance(core::time::Duration::from_millis(5));
/// assert_eq!(clock.now(), Instant::from_millis(5));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU32);

impl ManualClock {
    /// A clock at its beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Moves it on, rounded up to a millisecond. Not atomic: one thread moves the clock.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }

    /// Moves it to `at`, never back.
    pub fn set(&self, at: Instant) {
        let at = u32::try_from(at.max(self.now()).as_millis()).unwrap_or(u32::MAX);
        self.0.store(at, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_millis(u64::from(self.0.load(Ordering::Acquire)))
    }
}

impl Timer for ManualClock {
    type Wait = ();
    fn poll_until(&self, (): &mut (), at: Instant, _: &mut Context<'_>) -> Poll<()> {
        if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for ManualClock {
    fn wait(&self, until: Instant, mut event: Pin<&mut dyn Future<Output = ()>>) {
        if event.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.set(until);
        }
    }
}

/// Polls a future until it is ready, without a waker: for futures that something else on this thread completes.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return out;
        }
    }
}
