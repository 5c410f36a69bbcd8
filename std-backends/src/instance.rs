//! An instance as a value: cheap to clone, `Send`, `'static`.

mod about;
mod ending;
mod group;

use crate::{
    memory::Memory,
    observe::Watcher,
    store::{AnyStore, Remote},
};
use cachify_core::{
    Error, Instance,
    cache::Cache,
    drive::beside,
    instance::Handle,
    key::AsKey,
    lock::Lock,
    once::Once,
    pool::Pool,
    primitives::Primitives,
    store::{Platform, Store},
    time::{Instant, Sleep, Timer},
};
use ending::Ending;
pub use group::Group;
use std::{fmt, pin::pin, sync::Arc, time::Duration};

/// An instance: its store, its defaults, its observer. Every clone is the same instance.
///
/// ```
/// use cachify::{Cachify, secs};
/// let c = Cachify::builder().build()?;
/// let guard = c.lock(("item", 7)).ttl(secs(30)).wait(secs(10)).acquire_blocking()?;
/// println!("fence {}", guard.fence());
/// guard.release()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cachify<S = AnyStore>(Arc<Instance<S, Watcher>>);

impl<S> Clone for Cachify<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for Cachify<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Store> Handle for Cachify<S> {
    type Store = S;
    type Observer = Watcher;
    fn instance(&self) -> &Instance<S, Watcher> {
        &self.0
    }
}

impl Cachify {
    /// What of it is outside the process.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.0.store().as_remote()
    }

    /// The store of this instance with values as bytes, to serve devices from (feature `link`).
    #[cfg(feature = "link")]
    #[must_use]
    pub fn raw(&self) -> crate::store::RawStore {
        crate::store::RawStore::new(self.0.store().clone())
    }

    /// Shuts down: nothing new is asked from this call on, and who waits is refused ([`Refused::ShutDown`]); cached calls
    /// compute. What is held may end by itself within that time; then it is given back, and its guards say that they
    /// lost it. How much that was.
    ///
    /// What was dropped before is given back too. That is waited for, where a store must be asked, until the time is
    /// over or one `op_timeout` after what was held to the last; what could not be given back by then ends by itself.
    /// Dropping this future gives back at once, and waits for nothing.
    ///
    /// [`Refused::ShutDown`]: cachify_core::Refused::ShutDown
    pub async fn shutdown(&self, within: Duration) -> usize {
        let ending = Ending::of(self.0.store(), within);
        ending.ended().await;
        let (held, limit) = ending.drain();
        if let Some(remote) = self.0.store().as_remote() {
            let limit = self.0.store().clock().sleep_until(limit.max(remote.deadline()));
            let _ = beside(remote.flush(), limit).await;
        }
        held
    }

    /// The same, blocking.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn shutdown_blocking(&self, within: Duration) -> usize {
        let ending = Ending::of(self.0.store(), within);
        let clock = self.0.store().clock();
        clock.wait(Instant::MAX, pin!(ending.ended()));
        let (held, limit) = ending.drain();
        if let Some(remote) = self.0.store().as_remote() {
            clock.wait(limit.max(remote.deadline()), pin!(remote.flush()));
        }
        held
    }

    /// Asks the store whether it is there, for those who want to fail at the start rather than at the first call.
    ///
    /// Ends within `op_timeout`. Memory is always there. Dropping this future leaves nothing behind.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn ping(&self) -> Result<Pong, Error> {
        let store = self.0.store();
        self.lock(PROBE).is_locked().await?;
        Ok(pong(store))
    }

    /// The same, blocking.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn ping_blocking(&self) -> Result<Pong, Error> {
        let store = self.0.store();
        self.lock(PROBE).is_locked_blocking()?;
        Ok(pong(store))
    }
}

/// The key a ping reads; whatever reads keys does.
const PROBE: &str = "ping";

fn pong(store: &AnyStore) -> Pong {
    Pong { evicts: store.as_remote().and_then(Remote::evicts) }
}

/// What a store answered to a ping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pong {
    /// The policy by which a full server drops keys, live leases among them; `None` when it drops none, or did not
    /// say. Leases want `maxmemory-policy noeviction`.
    pub evicts: Option<String>,
}

impl Cachify<Memory> {
    /// Shuts down: nothing new is asked from this call on, and who waits is refused ([`Refused::ShutDown`]); cached calls
    /// compute. What is held may end by itself within that time; then it is given back, and its guards say that they
    /// lost it. How much that was.
    ///
    /// Dropping this future gives back at once.
    ///
    /// [`Refused::ShutDown`]: cachify_core::Refused::ShutDown
    pub async fn shutdown(&self, within: Duration) -> usize {
        let ending = Ending::of(self.0.store(), within);
        ending.ended().await;
        ending.drain().0
    }

    /// How many values it holds, ended ones that were not reclaimed yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.store().len()
    }

    /// Whether it holds no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<S: Store> Cachify<S> {
    pub(crate) fn new(instance: Instance<S, Watcher>) -> Self {
        Self(Arc::new(instance))
    }

    /// What the macros reach it by.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn instance(&self) -> &Instance<S, Watcher> {
        &self.0
    }

    /// A lock: at most one at a time.
    pub fn lock(&self, key: impl AsKey) -> Lock<Self> {
        Primitives::lock(self, key)
    }

    /// A run: skipped while another one is under way.
    pub fn once(&self, key: impl AsKey) -> Once<Self> {
        Primitives::once(self, key)
    }

    /// A pool: at most `size` at a time. A size of zero is refused when a permit is asked for.
    pub fn pool(&self, key: impl AsKey, size: u32) -> Pool<Self> {
        Primitives::pool(self, key, size)
    }

    /// A cached value.
    pub fn cache(&self, key: impl AsKey) -> Cache<Self, S::Codec> {
        Primitives::cache(self, key)
    }
}
