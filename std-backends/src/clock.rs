//! The clocks of servers: one that threads and tasks both wait on, and one that is moved by hand.
//!
//! The only files of this crate that read or wait on time are this one and its children.
#![allow(clippy::disallowed_methods, reason = "this is the clock")]

mod manual;
mod timer;

use cachify_core::time::{Clock, Instant, Sleep, Timer};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, SystemTime},
};

pub use manual::ManualClock;

/// The clock of an instance: the system's, or one moved by hand.
#[derive(Clone, Debug, Default)]
pub struct StdClock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(ManualClock),
}

impl StdClock {
    /// The monotonic clock of the system; on Linux it counts the time in which the machine sleeps, elsewhere it may stand
    /// still then. Waits are not cut short by a sleep.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }
}

/// For what is measured and not waited for.
#[cfg(any(feature = "metrics", feature = "tracing"))]
impl StdClock {
    /// How long it has run, finer than by milliseconds where it is the system's.
    pub(crate) fn exact(&self) -> Duration {
        static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
        match &self.0 {
            Source::System => BEGAN.elapsed(),
            Source::Manual(manual) => Duration::from_millis(manual.now().as_millis()),
        }
    }
}

impl From<ManualClock> for StdClock {
    fn from(manual: ManualClock) -> Self {
        Self(Source::Manual(manual))
    }
}

/// On Linux straight from the kernel's clocks, which saves the detour over `std::time::Instant`.
#[cfg(target_os = "linux")]
mod system {
    use cachify_core::time::Instant;
    use rustix::time::{ClockId, clock_gettime};
    use std::sync::{
        LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    };

    fn millis(of: ClockId) -> u64 {
        let t = clock_gettime(of);
        t.tv_sec.cast_unsigned() * 1_000 + t.tv_nsec.cast_unsigned() / 1_000_000
    }

    /// What both clocks count from: the exact one, which counts sleep, and the coarse one, which does not.
    static BEGAN: LazyLock<[u64; 2]> = LazyLock::new(|| [ClockId::Boottime, ClockId::MonotonicCoarse].map(millis));
    /// What the coarse clock is ahead by: its beginning, less what the machine has slept since, as far as exact readings
    /// told; below zero after a sleep longer than the machine was up before. [`UNSET`] before the first reading.
    static AHEAD: AtomicI64 = AtomicI64::new(UNSET);
    const UNSET: i64 = i64::MAX;
    /// When a sleep was last looked for.
    static LOOKED: AtomicU64 = AtomicU64::new(0);
    /// The clocks differ by a tick all the time, and a sleep is longer than this.
    const NO_SLEEP: u64 = 100;

    pub(super) fn now() -> Instant {
        let [began, _] = *BEGAN;
        let now = millis(ClockId::Boottime).saturating_sub(began);
        // whoever slept has jumped
        if now.saturating_sub(LOOKED.load(Relaxed)) > NO_SLEEP {
            look_for_sleep(now);
        }
        Instant::from_millis(now)
    }

    #[cold]
    fn look_for_sleep(now: u64) {
        LOOKED.store(now, Relaxed);
        let (coarse, ahead) = (millis(ClockId::MonotonicCoarse), ahead());
        if now.saturating_sub(coarse.saturating_add_signed(-ahead)) > NO_SLEEP {
            // sleep only grows
            AHEAD.fetch_min(coarse.cast_signed() - now.cast_signed(), Relaxed);
        }
    }

    #[inline]
    fn ahead() -> i64 {
        match AHEAD.load(Relaxed) {
            UNSET => first(),
            ahead => ahead,
        }
    }

    #[cold]
    fn first() -> i64 {
        let began = BEGAN[1].cast_signed();
        AHEAD.fetch_min(began, Relaxed).min(began)
    }

    /// A tick old at most, and cheaper; after a sleep not before the next exact reading.
    #[inline]
    pub(super) fn coarse() -> Instant {
        Instant::from_millis(millis(ClockId::MonotonicCoarse).saturating_add_signed(-ahead()))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use cachify_core::time::Instant;
    use std::sync::LazyLock;

    static BEGAN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

    pub(super) fn now() -> Instant {
        Instant::from_millis(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn coarse() -> Instant {
        now()
    }
}

/// Microseconds of the wall clock, for the first fence of a process: a restarted one must not be rejected.
pub(crate) fn wall_micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}

impl Clock for StdClock {
    #[inline]
    fn now(&self) -> Instant {
        match &self.0 {
            Source::System => system::now(),
            Source::Manual(manual) => manual.now(),
        }
    }

    fn cut(&self) -> u64 {
        match &self.0 {
            Source::System => 1,
            Source::Manual(manual) => manual.cut(),
        }
    }

    #[inline]
    fn coarse(&self) -> Instant {
        match &self.0 {
            Source::System => system::coarse(),
            Source::Manual(manual) => manual.now(),
        }
    }
}

impl Timer for StdClock {
    type Wait = Wait;
    fn poll_until(&self, wait: &mut Wait, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Source::System => wait.poll_system(at, cx),
            Source::Manual(manual) => wait.poll_manual(manual, at, cx),
        }
    }
}

/// One wait of a task: by the timer thread, or by hand.
#[derive(Debug, Default)]
pub struct Wait(Option<(Instant, Armed)>);

#[derive(Debug)]
enum Armed {
    Thread(timer::Entry),
    Manual(manual::Sleeper),
}

impl Wait {
    /// What is armed for `at`; anything else is disarmed.
    fn armed(&mut self, at: Instant) -> Option<&mut Armed> {
        if self.0.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.0 = None;
        }
        self.0.as_mut().map(|(_, armed)| armed)
    }

    fn over(&mut self) -> Poll<()> {
        self.0 = None;
        Poll::Ready(())
    }

    fn poll_system(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if at == Instant::MAX {
            self.0 = None;
            return Poll::Pending;
        }
        if system::now() >= at {
            return self.over();
        }
        match self.armed(at) {
            Some(Armed::Thread(entry)) => entry.wake(cx.waker()),
            Some(Armed::Manual(_)) | None => self.0 = Some((at, Armed::Thread(timer::Entry::new(at, cx.waker())))),
        }
        if system::now() >= at { self.over() } else { Poll::Pending }
    }

    fn poll_manual(&mut self, clock: &ManualClock, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if at == Instant::MAX {
            self.0 = None;
            return Poll::Pending;
        }
        if clock.now() >= at {
            return self.over();
        }
        if let Some(Armed::Manual(sleeper)) = self.armed(at) {
            sleeper.wake(cx.waker());
        } else {
            self.0 = clock.sleep(at, cx.waker()).map(|sleeper| (at, Armed::Manual(sleeper)));
        }
        // it may have been moved meanwhile
        if clock.now() >= at { self.over() } else { Poll::Pending }
    }
}

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Sleep for StdClock {
    fn wait(&self, until: Instant, mut event: Pin<&mut dyn Future<Output = ()>>) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        if let Source::Manual(manual) = &self.0 {
            // the event first: who counts the sleepers knows that they wait for it already
            let mut sleeper = None;
            while event.as_mut().poll(&mut cx).is_pending() {
                sleeper = sleeper.or_else(|| manual.sleep(until, &waker));
                if sleeper.is_none() || manual.now() >= until {
                    return;
                }
                thread::park();
            }
            return;
        }
        loop {
            let now = system::now();
            if now >= until || event.as_mut().poll(&mut cx).is_ready() {
                return;
            }
            if until == Instant::MAX { thread::park() } else { thread::park_timeout(until.since(now)) }
        }
    }
}

/// A whole number of seconds.
///
/// ```
/// assert_eq!(cachify::secs(300), std::time::Duration::from_secs(300));
/// ```
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
