//! What each number is, for those that read them.

use metrics::Unit;

/// Tells the recorder of all of them.
pub(super) fn describe() {
    metrics::with_recorder(|recorder| {
        for (metric, text) in COUNTERS {
            recorder.describe_counter((*metric).into(), Some(Unit::Count), (*text).into());
        }
        for (metric, text) in GAUGES {
            recorder.describe_gauge((*metric).into(), Some(Unit::Count), (*text).into());
        }
        for (metric, text) in HISTOGRAMS {
            recorder.describe_histogram((*metric).into(), Some(Unit::Seconds), (*text).into());
        }
    });
}

/// Metrics, each with what it tells.
type Described = &'static [(&'static str, &'static str)];

const COUNTERS: Described = &[
    ("cachify_cache_requests_total", "Calls for a cached value, by what came of them"),
    ("cachify_cache_discarded_total", "Values that were made or read and count for nobody"),
    ("cachify_cache_evictions_total", "Values that nobody removed and that are gone"),
    ("cachify_acquire_total", "Leases that were asked for, by what that came to"),
    ("cachify_lost_total", "Leases that were gone before their holder gave them back"),
    ("cachify_renewals_total", "Renewals of what is held outside the process"),
    ("cachify_wakeups_total", "Times that a waiter asked again, by what woke it"),
    ("cachify_store_errors_total", "Operations outside the process that failed"),
];

const GAUGES: Described = &[
    ("cachify_cache_entries", "Values in this process"),
    ("cachify_held", "Leases that this process holds; of cached values, loads under way"),
    ("cachify_waiting", "Callers in this process that wait for a lease"),
];

const HISTOGRAMS: Described = &[
    ("cachify_acquire_wait_seconds", "From the first question for a lease to what that came to"),
    ("cachify_hold_duration_seconds", "How long a lease was held"),
    ("cachify_cache_load_duration_seconds", "How long a load took"),
    ("cachify_store_operation_duration_seconds", "From a question to a store outside the process to its answer"),
];
