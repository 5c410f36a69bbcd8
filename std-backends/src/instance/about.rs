//! What is behind an instance, and what it counted.

use super::Cachify;
use crate::{groups, health::Health, memory::Memory, stats::Stats};

impl Cachify {
    /// What is behind this instance, and how it is: kind, version, role, policy, clock and round trip of each server, asked
    /// now. Ends within about two `op_timeout`s, whatever answers; dropping this future leaves nothing behind.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let c = cachify::Cachify::builder().build()?;
    /// let health = c.about().await;
    /// assert!(health.is_well() && health.kept_in == "memory");
    /// # Ok::<(), cachify::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn about(&self) -> Health {
        let refused = self.ping().await.err();
        let (kept_in, nodes) = match self.remote() {
            None => ("memory", Vec::new()),
            Some(remote) => (remote.kept_in(), remote.nodes().await),
        };
        Health { kept_in, refused, nodes }
    }

    /// The same, blocking.
    #[must_use]
    pub fn about_blocking(&self) -> Health {
        let refused = self.ping_blocking().err();
        let (kept_in, nodes) = match self.remote() {
            None => ("memory", Vec::new()),
            Some(remote) => (remote.kept_in(), remote.nodes_blocking()),
        };
        Health { kept_in, refused, nodes }
    }

    /// How often what happened to its cached values; `None` unless [`Builder::stats`](crate::Builder::stats) was said.
    ///
    /// ```
    /// use cachify::{Cachify, secs};
    /// let c = Cachify::builder().stats(true).build()?;
    /// let page = c.cache("page").ttl(secs(60));
    /// for _ in 0..3 {
    ///     page.get_or_insert_blocking(|| "text".to_owned());
    /// }
    /// let stats = c.stats().ok_or("it counts nothing")?;
    /// assert_eq!((stats.hits, stats.misses, stats.entries), (2, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        groups::stats(self.instance())
    }
}

impl Cachify<Memory> {
    /// How often what happened to its cached values; `None` unless [`Builder::stats`](crate::Builder::stats) was said.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        groups::stats(self.instance())
    }
}
