//! Cache, lock, once and pool over any store that can compare and exchange.
//!
//! Write [`KvStore`] or [`AsyncKvStore`] for SQL, etcd or a file, for caches also Memcached; [`Kv`] and [`AsyncKv`] make a
//! [`Backend`](crate::Backend) of it. A store that can do a whole operation in one step, as Redis can, is better off
//! with a backend of its own.
//!
//! What is promised is what every store promises. The suite in `cachify::testing` (feature `testing`) tells whether it
//! is kept: `key_values` asks the store, `backend` an instance over it, `two_processes` those of two processes. What is
//! weaker than on a store that knows these operations:
//!
//! - **Waiters poll.** Nothing tells one process that another released. Of those who wait in a process for one key the
//!   first asks, after 20 to 250 ms, and hands on to the next; among processes an entry tells who came first. What is
//!   released is kept for that one for a second, once somebody else asks for it.
//! - **Several questions an operation**, each of which has `op_timeout` for itself. Lock and once: 3 to get (4 where
//!   nothing is remembered: the first time, and after a lease that was not given back), 2 to renew, 2 to give back, 1 to
//!   learn that it is held, 2 for one who waits. Cache: 1 for a hit, 4 for a miss that fills. Pool: 5 to get, one more for
//!   every permit that was ever in use at once, unless the store [takes many keys](KvStore::get_many) in one question.
//! - **What is not given back ends with its lease**: a guard that is dropped without `release` where nothing gives
//!   back in the background, and a call that is dropped, or whose request arrives late, between two of its steps.
//! - **What remains of a right is told as its whole TTL**, since nobody but the store knows when it began.
//! - **Fences and lines have a key of their own**, `<key>:fence`, without an end unless [`KvStore::micros`] tells the
//!   time. Then it ends 60 s after the lease, and fences keep their order while clocks differ by less than that. What was
//!   given back stays for 60 s. Fences of a lock are reserved a thousand at once: after a lease that was not given back
//!   they go on with the next thousand.
//! - **A line has room for 16 processes.** More of them poll in no promised order.
//! - **A flight of a cache counts no fence.** Its value is fenced by the exchange that stores it.
//! - **Windows need [`KvStore::micros`].** Without it a value ends at its TTL, and `stale_for`, `early`, `refresh_with` and
//!   `update_with` are refused: nobody can tell how old a value is.
//! - **The clock is the store's.** It must not jump ahead by as much as a lease.
//!
//! A lock or run is one key, `<prefix>:<kind>:{<key>}`; a permit `<pool's key>:<index>`, and beside them, while one is
//! called who does not come, `<pool's key>:turn`. Fences and line of a pool have the pool's key itself. What this version of the
//! library cannot read there counts as held by somebody else; in a cache it counts as a miss, and is overwritten.

#[cfg(feature = "tokio")]
mod aside;
mod backend;
mod beside;
mod content;
mod counter;
mod entries;
mod leases;
mod noted;
mod perform;
mod permits;
mod record;
mod turn;
mod value;

use cachify_core::Cause;
#[cfg(feature = "testing")]
pub(crate) use perform::Blocking;
use std::{fmt::Debug, future::Future, time::Duration};

/// Bytes under texts that can be compared and exchanged, for threads: [`Kv`] makes a store of it.
///
/// - MUST do `compare_exchange` and `remove` each in one step that nobody can come between.
/// - MUST show to every call what was done before that call began, whoever did it.
/// - MUST end a key at its TTL: from then on it is absent. MAY be late by what it cannot count, never early.
/// - MUST NOT forget a key before its end, but for cached values (kind `c`), which it may evict. One that does, as
///   Memcached when it is full, is for caches only, and says so ([`evicts`](Self::evicts)).
/// - MUST take any text as a key and any bytes as a value, byte for byte: keys of 4 KiB and more, values of a mebibyte
///   and more. A store with less room (Memcached: 250 bytes) hashes long keys, and refuses what it cannot hold.
///
/// ```
/// use cachify::{Cachify, Cause, Kv, KvStore, secs};
/// use std::{collections::HashMap, sync::{Arc, Mutex, MutexGuard}, time::{Duration, Instant}};
///
/// /// In one process, and with real time: enough to see what is asked of a store.
/// #[derive(Default)]
/// struct Shelf(Mutex<Entries>);
/// type Entries = HashMap<String, (Vec<u8>, Option<Instant>)>;
///
/// impl Shelf {
///     /// What has not ended; nobody comes between while this is held.
///     fn live(&self) -> MutexGuard<'_, Entries> {
///         let mut entries = self.0.lock().unwrap();
///         entries.retain(|_, (_, end)| end.is_none_or(|end| Instant::now() < end));
///         entries
///     }
/// }
///
/// impl KvStore for Shelf {
///     type Error = Cause;
///
///     fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
///         Ok(self.live().get(key).map(|(value, _)| value.clone()))
///     }
///
///     fn compare_exchange(
///         &self,
///         key: &str,
///         old: Option<&[u8]>,
///         new: Option<&[u8]>,
///         ttl: Option<Duration>,
///     ) -> Result<bool, Cause> {
///         let mut entries = self.live();
///         let same = entries.get(key).map(|(value, _)| &value[..]) == old;
///         match new {
///             Some(new) if same => drop(entries.insert(key.into(), (new.into(), ttl.map(|ttl| Instant::now() + ttl)))),
///             None if same => drop(entries.remove(key)),
///             _ => {}
///         }
///         Ok(same)
///     }
///
///     fn remove(&self, key: &str) -> Result<bool, Cause> {
///         Ok(self.live().remove(key).is_some())
///     }
/// }
///
/// let c = Cachify::builder().store(Kv(Arc::new(Shelf::default()))).build()?;
/// let guard = c.lock("report").ttl(secs(30)).acquire_blocking()?;
/// assert_eq!(guard.fence().0, 1);
/// assert!(c.lock("report").try_acquire_blocking()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait KvStore: Send + Sync {
    /// What goes wrong. [`Cause::TimedOut`] and [`Cause::Unknown`] say that it may have been done, every other that it was not.
    type Error: Debug + Into<Cause> + Send;

    /// What the key holds.
    ///
    /// # Errors
    /// That of the store, when it did not answer.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Makes `new` of what the key holds if that is exactly `old`; whether it was. `None` means absent.
    ///
    /// MAY say `false` and do nothing without such a cause: it is asked again, up to 64 times.
    ///
    /// What is written ends after `ttl`, counted anew from now; without one it stays. Not both are `None`.
    ///
    /// # Errors
    /// [`Cause::TimedOut`] and [`Cause::Unknown`] say that it may have been done, every other that it was not.
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Self::Error>;

    /// Empties the key, whatever it holds; whether it held anything.
    ///
    /// # Errors
    /// [`Cause::TimedOut`] and [`Cause::Unknown`] say that it may have been done, every other that it was not.
    fn remove(&self, key: &str) -> Result<bool, Self::Error>;

    /// What each of many keys holds, in their order; one by one unless written.
    ///
    /// # Errors
    /// That of the store, when it did not answer.
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Self::Error> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// How many keys [`get_many`](Self::get_many) asks for in one question; more than one where it is written. A pool
    /// is then looked at as a whole.
    fn at_once(&self) -> usize {
        1
    }

    /// The wall clock in microseconds, if there is one that all clients share to within some seconds.
    ///
    /// With it fences follow the time, and their keys end. MUST NOT wait.
    fn micros(&self) -> Option<u64> {
        None
    }

    /// The policy by which it may drop what has not ended, as an evicting cache does; `None` if it never does.
    ///
    /// Leases on one that does may have two holders: an instance over it tells so when it is built
    /// ([`Event::Evicts`](crate::cachify_core::observe::Event::Evicts)).
    fn evicts(&self) -> Option<String> {
        None
    }

    /// Forgets what has ended, if that needs an effort, as in a table of SQL. Called by a thread of its own, once a
    /// minute at most while an instance is used; what it does wrong is told nobody.
    fn sweep(&self) {}
}

/// Bytes under texts that can be compared and exchanged, for tasks; the contract is that of [`KvStore`].
///
/// Dropping a future leaves the call done or not done. Its futures are `Send`; write `async fn` all the same.
pub trait AsyncKvStore: Send + Sync {
    /// What goes wrong. [`Cause::TimedOut`] and [`Cause::Unknown`] say that it may have been done, every other that it was not.
    type Error: Debug + Into<Cause> + Send;

    /// See [`KvStore::get`].
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Self::Error>> + Send;

    /// See [`KvStore::compare_exchange`].
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// See [`KvStore::remove`].
    fn remove(&self, key: &str) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// See [`KvStore::get_many`].
    fn get_many(&self, keys: &[String]) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, Self::Error>> + Send {
        async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.get(key).await?);
            }
            Ok(found)
        }
    }

    /// See [`KvStore::at_once`].
    fn at_once(&self) -> usize {
        1
    }

    /// See [`KvStore::micros`].
    fn micros(&self) -> Option<u64> {
        None
    }

    /// See [`KvStore::evicts`].
    fn evicts(&self) -> Option<String> {
        None
    }

    /// See [`KvStore::sweep`].
    fn sweep(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A blocking key-value store as a backend: `Cachify::builder().store(Kv(my_store))`.
///
/// Inside a tokio runtime (feature `tokio`) calls of tasks run on its blocking threads, elsewhere in the task itself.
/// What is dropped without `release` is given back by a thread of the store's, which is there while anything is owed. So is told, until the store answers or
/// the run's TTL is over, that a run succeeded whose completion had no answer.
///
/// What can go wrong is the store's error as a [`Cause`], so say what the store said: [`Cause::KeyTooLong`],
/// [`Cause::Rejected`] with its code, [`Cause::Conflict`] for a transaction that was undone because others wrote (it is
/// done again, 64 times). Two things come from here: [`Cause::Codec`] where a fence's key holds something else,
/// [`Cause::Conflict`] where others were faster 64 times over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kv<S>(
    /// The store.
    pub S,
);

/// An async key-value store as a backend: `Cachify::builder().store(AsyncKv(my_store))`.
///
/// Threads park on its futures, renewal and giving back go on in the background: its futures must run on any thread.
/// For a store whose client needs the runtime of its caller, write [`Backend`](crate::Backend) with
/// [`About::tasks_only`](crate::backend::About::tasks_only). Errors are those of [`Kv`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncKv<S>(
    /// The store.
    pub S,
);

macro_rules! pointers {
    ($Pointer:ty) => {
        impl<S: KvStore + ?Sized> KvStore for $Pointer {
            type Error = S::Error;
            fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S::Error> {
                (**self).get(key)
            }
            fn compare_exchange(
                &self,
                key: &str,
                old: Option<&[u8]>,
                new: Option<&[u8]>,
                ttl: Option<Duration>,
            ) -> Result<bool, S::Error> {
                (**self).compare_exchange(key, old, new, ttl)
            }
            fn remove(&self, key: &str) -> Result<bool, S::Error> {
                (**self).remove(key)
            }
            fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, S::Error> {
                (**self).get_many(keys)
            }
            fn at_once(&self) -> usize {
                (**self).at_once()
            }
            fn micros(&self) -> Option<u64> {
                (**self).micros()
            }
            fn evicts(&self) -> Option<String> {
                (**self).evicts()
            }
            fn sweep(&self) {
                (**self).sweep();
            }
        }

        impl<S: AsyncKvStore + ?Sized> AsyncKvStore for $Pointer {
            type Error = S::Error;
            fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, S::Error>> + Send {
                (**self).get(key)
            }
            fn compare_exchange(
                &self,
                key: &str,
                old: Option<&[u8]>,
                new: Option<&[u8]>,
                ttl: Option<Duration>,
            ) -> impl Future<Output = Result<bool, S::Error>> + Send {
                (**self).compare_exchange(key, old, new, ttl)
            }
            fn remove(&self, key: &str) -> impl Future<Output = Result<bool, S::Error>> + Send {
                (**self).remove(key)
            }
            fn get_many(&self, keys: &[String]) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, S::Error>> + Send {
                (**self).get_many(keys)
            }
            fn at_once(&self) -> usize {
                (**self).at_once()
            }
            fn micros(&self) -> Option<u64> {
                (**self).micros()
            }
            fn evicts(&self) -> Option<String> {
                (**self).evicts()
            }
            fn sweep(&self) -> impl Future<Output = ()> + Send {
                (**self).sweep()
            }
        }
    };
}
pointers!(&S);
pointers!(std::sync::Arc<S>);
