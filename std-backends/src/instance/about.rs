//! What is behind an instance.

use super::Cachify;
use crate::health::Health;

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
}
