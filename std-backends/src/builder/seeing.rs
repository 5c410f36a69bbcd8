//! Whether an instance is seen: by a recorder of `metrics`, by a subscriber of `tracing`.

use super::Builder;

impl Builder {
    /// Whether it counts and measures for the global recorder of the crate `metrics`, which comes before the instance is
    /// used: `cachify_acquire_total`, `cachify_held`, `cachify_cache_requests_total` and so on, by the names of templates and
    /// groups, never by keys. See the guide's page `metrics`.
    ///
    /// What a recorder asks of an instance itself is not counted.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: bool) -> Self {
        self.seeing.metrics = metrics;
        self
    }

    /// Whether its calls are spans of the crate `tracing`: `cachify.lock`, `cachify.once`, `cachify.pooled` and
    /// `cachify.cached`, with the body inside of them; a loss and a failure of the store are warnings. See the guide's page
    /// `tracing`.
    ///
    /// What a subscriber asks of an instance itself has no spans.
    #[cfg(feature = "tracing")]
    pub fn tracing(mut self, tracing: bool) -> Self {
        self.seeing.tracing = tracing;
        self
    }

    /// Whether spans also say the key, which may be personal: `cachify.key`.
    #[cfg(feature = "tracing")]
    pub fn trace_keys(mut self, keys: bool) -> Self {
        self.seeing.keys = keys;
        self
    }
}
