//! How much an instance keeps.

use super::Builder;
use std::time::Duration;

impl Builder {
    /// How many values memory keeps; 100 000 unless said.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.bounds.entries = max_entries;
        self
    }

    /// How many markers of runs that are done memory keeps; 100 000 unless said. Past it a run of another key
    /// is refused ([`StoreFull`](cachify_core::Refused::StoreFull)) until one has ended.
    pub fn max_markers(mut self, max_markers: usize) -> Self {
        self.bounds.markers = max_markers;
        self
    }

    /// How many bytes a value may have outside the process, its header included; 16 MiB unless said. A larger one is
    /// returned and not stored, which the observer is told ([`Failed`](cachify_core::observe::Event::Failed)).
    pub fn max_value_bytes(mut self, max_value_bytes: usize) -> Self {
        self.max_value_bytes = max_value_bytes;
        self
    }

    /// How much the values that memory keeps may weigh together; without a bound unless said, and beside
    /// [`max_entries`](Self::max_entries), whichever is reached first. Of [`Cachify::group`](crate::Cachify::group) each has its own.
    ///
    /// A value weighs what [`weigher`](Self::weigher) says of its type, else what its type has in memory, without what it points
    /// to, and its key. One that weighs more than the bound is returned and not kept, which the observer is told
    /// ([`Failed`](cachify_core::observe::Event::Failed)); an insertion of it fails.
    ///
    /// ```
    /// use cachify::{Cachify, mib};
    /// let c = Cachify::builder().max_weight(mib(64)).weigher(|page: &String| page.len() as u64).stats(true).build()?;
    /// c.cache("home").insert_blocking("text".repeat(1_000))?;
    /// assert_eq!(c.stats().unwrap_or_default().weight, 4_000);
    /// # Ok::<(), cachify::Error>(())
    /// ```
    pub fn max_weight(mut self, max_weight: u64) -> Self {
        self.bounds.weight = Some(max_weight);
        self
    }

    /// For how long a value in memory stays that nobody asks for: each hit lets it live for so long again, at most to the end of its
    /// TTL; to that alone unless said. A value that is read at all is asked for, also by `peek`; its window
    /// (`stale_for`, `early`) is before the nearer of its two ends.
    ///
    /// ```
    /// use cachify::{Cachify, ManualClock, secs};
    /// let clock = ManualClock::new();
    /// let c = Cachify::builder().clock(clock.clone()).idle(secs(600)).build()?;
    /// let session = c.cache("session").ttl(secs(86_400));
    /// session.insert_blocking(7)?;
    /// clock.advance(secs(599));
    /// assert_eq!(session.get_blocking()?, Some(7));
    /// clock.advance(secs(599));
    /// assert_eq!(session.get_blocking()?, Some(7));
    /// clock.advance(secs(600));
    /// assert_eq!(session.get_blocking::<i32>()?, None);
    /// # Ok::<(), cachify::Error>(())
    /// ```
    pub fn idle(mut self, idle: Duration) -> Self {
        self.bounds.idle = Some(idle);
        self
    }

    /// How much each value of this type weighs, asked once, when it is stored: bytes, rows, whatever
    /// [`max_weight`](Self::max_weight) counts. The first that is said of a type counts.
    ///
    /// Nothing weighs less than one. It is called outside of all locks; a panic of it is the panic of whoever stores, and nothing
    /// is stored.
    pub fn weigher<V: 'static>(self, of: impl Fn(&V) -> u64 + Send + Sync + 'static) -> Self {
        self.weighers.add(of);
        self
    }
}
