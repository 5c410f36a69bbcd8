//! The only place that reads the time.

/// How long `work` takes, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the measurements")]
pub(crate) fn nanos(work: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9
}
