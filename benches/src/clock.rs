//! The only place that reads the time, or waits.
#![allow(clippy::disallowed_methods, reason = "this is the clock of the measurements")]

/// How long `work` takes, in nanoseconds.
pub(crate) fn nanos(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9
}

/// A time that every process of this machine agrees on, Python's among them, in nanoseconds.
#[cfg(feature = "redis")]
pub(crate) fn shared_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// From one such time to a later one, in microseconds.
#[cfg(feature = "redis")]
pub(crate) fn micros_between(from: u64, to: u64) -> f64 {
    std::time::Duration::from_nanos(to.saturating_sub(from)).as_secs_f64() * 1e6
}

#[cfg(feature = "redis")]
pub(crate) fn rest(millis: u64) {
    std::thread::sleep(std::time::Duration::from_millis(millis));
}
