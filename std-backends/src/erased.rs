//! A store of somebody else's, behind one pointer.
//!
//! A blanket "any store, boxed" cannot promise `Send` futures on stable Rust, so [`erase!`](crate::erase) does it for
//! one concrete type at a time; a blocking [`Kv`](crate::Kv) has no futures of its own and needs no macro. Operations
//! travel as values, which keeps the erased interface to a few methods.

mod kv;
mod operation;

use cachify_core::{
    AsIs, Fault,
    cell::Kept,
    key::Key,
    patience::Ticket,
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore,
    },
    token::HolderToken,
};
pub use operation::{Answer, Operation};
use std::{future::Future, pin::Pin, time::Duration};

/// A boxed future that may change threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store behind a pointer; implemented by [`erase!`](crate::erase), and by [`Kv`](crate::Kv) over a blocking store.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the store of an instance",
    note = "a blocking `KvStore` is given as `Kv(Arc::new(store))`; for any other store say `cachify::erase!(..)` once"
)]
pub trait ErasedStore: Send + Sync {
    /// Does one operation.
    fn call<'a>(&'a self, key: Key<'a>, operation: Operation) -> BoxFuture<'a, Result<Answer, Fault>>;
    /// Does one operation, blocking; a store with only an async face refuses.
    fn call_blocking(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault>;
    /// See `Store::changed`.
    fn changed<'a>(&'a self, key: Key<'a>, ticket: Ticket) -> BoxFuture<'a, ()>;
    /// See `Store::dropped`.
    fn dropped(&self, key: Key<'_>, token: HolderToken);
    /// See `Store::unfinished`.
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        let _ = (key, token, ttl, keep);
    }
    /// Whether it has a blocking face.
    fn blocks(&self) -> bool;
    /// Ends when everything that was dropped so far has been given back; at once where the store does not say.
    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a store without a blocking face answers.
pub const NO_BLOCKING_FACE: Fault =
    Fault::Unsupported("this store has only an async face: use it from async functions");

macro_rules! dispatchers {
    ($($(#[$m:meta])* $name:ident: $Lease:ident $Permit:ident $Once:ident $Inspect:ident $Force:ident $Cache:ident
        $Entry:ident, $($asyncness:ident)?, [$($wait:tt)*];)*) => { $(
        $(#[$m])*
        #[doc(hidden)]
        pub $($asyncness)? fn $name<S>(store: &S, key: Key<'_>, operation: Operation) -> Result<Answer, Fault>
        where
            S: $Lease + $Permit + $Once + $Inspect + $Force + $Entry + $Cache<Vec<u8>, AsIs>,
        {
            use Operation as Op;
            let done = match operation {
                Op::Acquire(ask) => $Lease::acquire(store, key, &ask)$($wait)*.map(Answer::Grant),
                Op::Renew(ask) => $Lease::renew(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Release(token) => $Lease::release(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Take(size, ask) => $Permit::take(store, key, size, &ask)$($wait)*.map(Answer::Grant),
                Op::Extend(ask) => $Permit::extend(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::GiveBack(token) => $Permit::give_back(store, key, token)$($wait)*.map(Answer::Holding),
                Op::InUse => $Permit::in_use(store, key)$($wait)*.map(Answer::Count),
                Op::Begin(ask) => $Once::begin(store, key, &ask)$($wait)*.map(Answer::Begun),
                Op::Touch(ask) => $Once::touch(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Complete(token, keep) => $Once::complete(store, key, token, keep)$($wait)*.map(Answer::Holding),
                Op::Fail(token) => $Once::fail(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Remaining => $Inspect::remaining(store, key)$($wait)*.map(Answer::Remaining),
                Op::ForceRelease => $Force::force_release(store, key)$($wait)*.map(Answer::Flag),
                Op::Get => $Cache::get(store, key, &AsIs)$($wait)*.map(Answer::Value),
                Op::Join(ask) => $Cache::join(store, key, &AsIs, &ask)$($wait)*.map(Answer::Lookup),
                Op::Heal(ask, bytes) => {
                    let found = $Cache::get(store, key, &AsIs)$($wait)*.map_err(Into::into)?;
                    if found.is_some_and(|found| found == bytes) {
                        $Entry::invalidate(store, key)$($wait)*.map_err(Into::into)?;
                    }
                    $Cache::join(store, key, &AsIs, &ask)$($wait)*.map(Answer::Lookup)
                }
                Op::Publish(token, bytes, life) => {
                    $Cache::publish(store, key, &AsIs, token, Kept::Own(bytes), life)$($wait)*.map(Answer::Holding)
                }
                Op::KeepFlying(ask) => $Entry::keep_flying(store, key, &ask)$($wait)*.map(Answer::Holding),
                Op::Abandon(token) => $Entry::abandon(store, key, token)$($wait)*.map(Answer::Holding),
                Op::Invalidate => $Entry::invalidate(store, key)$($wait)*.map(Answer::Flag),
            };
            done.map_err(Into::into)
        }
    )* };
}

dispatchers! {
    dispatch: AsyncLeaseStore AsyncPermitStore AsyncOnceStore AsyncInspect AsyncForce AsyncCacheStore AsyncEntryStore,
        async, [.await];
    dispatch_blocking: LeaseStore PermitStore OnceStore Inspect Force CacheStore EntryStore, , [];
}

/// Lets a store of your own be chosen at run time: `Cachify::builder().store(MyStore::new())`.
///
/// | the store implements | say | and give the builder |
/// |---|---|---|
/// | [`KvStore`](crate::KvStore) | nothing | `Kv(Arc::new(store))` |
/// | [`AsyncKvStore`](crate::AsyncKvStore) | `erase!(MyStore, kv)` | `store` |
/// | both of these | `erase!(MyStore, kv blocking)` | `store` |
/// | the async capabilities of `cachify::core::store`, values `Vec<u8>` | `erase!(MyStore)` | `store` |
/// | these, and the blocking ones | `erase!(MyStore, blocking)` | `store` |
///
/// It is `Send + Sync`. Without a blocking face, blocking calls are refused by name. A [`Kv`](crate::Kv) over a blocking
/// store serves tasks too: inside a tokio runtime (feature `tokio`) on its blocking threads, elsewhere in the task.
///
/// ```
/// use cachify::{AsyncKvStore, Cachify, Fault};
/// # use std::{collections::HashMap, sync::Mutex};
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Remote {
///     // a client of your own; here a map that forgets nothing
/// #   map: Mutex<HashMap<String, Vec<u8>>>,
/// }
///
/// impl AsyncKvStore for Remote {
///     type Error = Fault;
///     async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
///         // ..
/// #       Ok(self.map.lock().unwrap().get(key).cloned())
///     }
///     async fn compare_exchange(
///         &self,
///         key: &str,
///         old: Option<&[u8]>,
///         new: Option<&[u8]>,
///         ttl: Option<Duration>,
///     ) -> Result<bool, Fault> {
///         // ..
/// #       let mut map = self.map.lock().unwrap();
/// #       let same = map.get(key).map(|value| &value[..]) == old;
/// #       match new {
/// #           Some(new) if same => drop(map.insert(key.into(), new.into())),
/// #           None if same => drop(map.remove(key)),
/// #           _ => {}
/// #       }
/// #       let _ = ttl;
/// #       Ok(same)
///     }
///     async fn remove(&self, key: &str) -> Result<bool, Fault> {
///         // ..
/// #       Ok(self.map.lock().unwrap().remove(key).is_some())
///     }
/// }
/// cachify::erase!(Remote, kv);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let c = Cachify::builder().store(Remote::default()).build()?;
/// let guard = c.lock("report").acquire().await?;
/// assert!(c.lock("report").try_acquire().await?.is_none());
/// guard.release().await?;
/// # Ok(())
/// # }
/// ```
///
/// With the capabilities themselves:
///
/// ```
/// use cachify::{Cachify, StdLock, core::store::growing::MapStore};
/// # use cachify::clock::StdClock;
/// struct Mine(MapStore<StdLock, StdClock, Vec<u8>>);
/// # mod forward {
/// #   use super::Mine;
/// #   use cachify::core::{cell::*, key::Key, patience::*, store::*, token::HolderToken, Fault, AsIs};
/// #   use std::{future::Future, time::Duration};
/// #   impl Store for Mine {
/// #     type Error = Fault;
/// #     fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> { self.0.changed(key, ticket) }
/// #     fn dropped(&self, key: Key<'_>, token: HolderToken) { self.0.dropped(key, token) }
/// #   }
/// #   impl AtOnce for Mine {}
/// #   impl LeaseStore for Mine {
/// #     fn acquire(&self, k: Key<'_>, a: &Ask) -> Result<Contended<Grant>, Fault> { Ok(LeaseStore::acquire(&self.0, k, a)?) }
/// #     fn renew(&self, k: Key<'_>, a: &Ask) -> Result<Holding, Fault> { Ok(LeaseStore::renew(&self.0, k, a)?) }
/// #     fn release(&self, k: Key<'_>, t: HolderToken) -> Result<Holding, Fault> { Ok(LeaseStore::release(&self.0, k, t)?) }
/// #   }
/// #   impl PermitStore for Mine {
/// #     fn take(&self, k: Key<'_>, n: u16, a: &Ask) -> Result<Contended<Grant>, Fault> { Ok(PermitStore::take(&self.0, k, n, a)?) }
/// #     fn extend(&self, k: Key<'_>, a: &Ask) -> Result<Holding, Fault> { Ok(PermitStore::extend(&self.0, k, a)?) }
/// #     fn give_back(&self, k: Key<'_>, t: HolderToken) -> Result<Holding, Fault> { Ok(PermitStore::give_back(&self.0, k, t)?) }
/// #     fn in_use(&self, k: Key<'_>) -> Result<u16, Fault> { Ok(PermitStore::in_use(&self.0, k)?) }
/// #   }
/// #   impl OnceStore for Mine {
/// #     fn begin(&self, k: Key<'_>, a: &Ask) -> Result<Begun, Fault> { Ok(OnceStore::begin(&self.0, k, a)?) }
/// #     fn touch(&self, k: Key<'_>, a: &Ask) -> Result<Holding, Fault> { Ok(OnceStore::touch(&self.0, k, a)?) }
/// #     fn complete(&self, k: Key<'_>, t: HolderToken, keep: Duration) -> Result<Holding, Fault> { Ok(OnceStore::complete(&self.0, k, t, keep)?) }
/// #     fn fail(&self, k: Key<'_>, t: HolderToken) -> Result<Holding, Fault> { Ok(OnceStore::fail(&self.0, k, t)?) }
/// #   }
/// #   impl Inspect for Mine { fn remaining(&self, k: Key<'_>) -> Result<Option<Duration>, Fault> { Ok(Inspect::remaining(&self.0, k)?) } }
/// #   impl Force for Mine { fn force_release(&self, k: Key<'_>) -> Result<bool, Fault> { Ok(Force::force_release(&self.0, k)?) } }
/// #   impl EntryStore for Mine {
/// #     fn keep_flying(&self, k: Key<'_>, a: &Ask) -> Result<Holding, Fault> { Ok(EntryStore::keep_flying(&self.0, k, a)?) }
/// #     fn abandon(&self, k: Key<'_>, t: HolderToken) -> Result<Holding, Fault> { Ok(EntryStore::abandon(&self.0, k, t)?) }
/// #     fn invalidate(&self, k: Key<'_>) -> Result<bool, Fault> { Ok(EntryStore::invalidate(&self.0, k)?) }
/// #   }
/// #   impl CacheStore<Vec<u8>, AsIs> for Mine {
/// #     fn get(&self, k: Key<'_>, c: &AsIs) -> Result<Option<Vec<u8>>, Fault> { Ok(CacheStore::get(&self.0, k, c)?) }
/// #     fn join(&self, k: Key<'_>, c: &AsIs, a: &Ask) -> Result<Contended<Lookup<Vec<u8>>>, Fault> { Ok(CacheStore::join(&self.0, k, c, a)?) }
/// #     fn publish(&self, k: Key<'_>, c: &AsIs, t: HolderToken, v: Kept<'_, Vec<u8>>, l: Life) -> Result<Holding, Fault> { Ok(CacheStore::publish(&self.0, k, c, t, v, l)?) }
/// #   }
/// # }
/// // ... `Mine` implements the capabilities ...
/// cachify::erase!(Mine, blocking);
///
/// # fn main() -> Result<(), cachify::Error> {
/// let c = Cachify::builder().store(Mine(MapStore::new(StdClock::system()))).build()?;
/// assert_eq!(c.cache(("answer", 1)).get_or_insert_with_blocking(|| Ok::<u32, ()>(42)), Ok(42));
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! erase {
    ($Store:ty) => {
        $crate::erase!(@ $Store, [$crate::erased::itself], false, |_, _, _| Err($crate::erased::NO_BLOCKING_FACE));
    };
    ($Store:ty, blocking) => {
        $crate::erase!(@ $Store, [$crate::erased::itself], true, |store, key, operation| {
            $crate::erased::dispatch_blocking(store, key, operation)
        });
    };
    ($Store:ty, kv) => {
        $crate::erase!(@ $Store, [&$crate::Kv], false, |_, _, _| Err($crate::erased::NO_BLOCKING_FACE));
    };
    ($Store:ty, kv blocking) => {
        $crate::erase!(@ $Store, [&$crate::Kv], true, |store, key, operation| {
            $crate::erased::dispatch_blocking(&$crate::Kv(store), key, operation)
        });
    };
    (@ $Store:ty, [$($seen:tt)*], $blocks:literal, $blocking:expr) => {
        impl $crate::erased::ErasedStore for $Store {
            fn call<'a>(
                &'a self,
                key: $crate::core::key::Key<'a>,
                operation: $crate::erased::Operation,
            ) -> $crate::erased::BoxFuture<'a, ::core::result::Result<$crate::erased::Answer, $crate::Fault>> {
                ::std::boxed::Box::pin(async move {
                    $crate::erased::dispatch($($seen)*(self), key, operation).await
                })
            }
            fn call_blocking(
                &self,
                key: $crate::core::key::Key<'_>,
                operation: $crate::erased::Operation,
            ) -> ::core::result::Result<$crate::erased::Answer, $crate::Fault> {
                type Call<'k> = fn(
                    &$Store,
                    $crate::core::key::Key<'k>,
                    $crate::erased::Operation,
                ) -> ::core::result::Result<$crate::erased::Answer, $crate::Fault>;
                let call: Call<'_> = $blocking;
                call(self, key, operation)
            }
            fn changed<'a>(
                &'a self,
                key: $crate::core::key::Key<'a>,
                ticket: $crate::core::patience::Ticket,
            ) -> $crate::erased::BoxFuture<'a, ()> {
                ::std::boxed::Box::pin(async move {
                    $crate::core::store::Store::changed($($seen)*(self), key, ticket).await
                })
            }
            fn dropped(&self, key: $crate::core::key::Key<'_>, token: $crate::core::token::HolderToken) {
                $crate::core::store::Store::dropped($($seen)*(self), key, token);
            }
            fn unfinished(
                &self,
                key: $crate::core::key::Key<'_>,
                token: $crate::core::token::HolderToken,
                ttl: ::core::time::Duration,
                keep: ::core::time::Duration,
            ) {
                $crate::core::store::Store::unfinished($($seen)*(self), key, token, ttl, keep);
            }
            fn blocks(&self) -> bool {
                $blocks
            }
        }
    };
}

/// A store seen as it is.
#[doc(hidden)]
pub const fn itself<S>(store: &S) -> &S {
    store
}
