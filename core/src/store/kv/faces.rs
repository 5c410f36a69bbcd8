//! Both faces of each capability, over the one set of rules: the blocking one over futures that are ready at once.

use super::{AsyncKvStore, Kv, KvStore, entries, permits, rights};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    codec::AsIs,
    drive::ready,
    key::Key,
    patience::Contended,
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        CacheStore, EntryStore, Fault, Force, Inspect, LeaseStore, OnceStore, PermitStore, Store,
    },
    token::HolderToken,
};
use alloc::vec::Vec;
use core::time::Duration;

impl<S> Store for Kv<S> {
    type Error = Fault;
}

/// A blocking store worn as an async one, whose futures are ready at the first poll.
pub(crate) struct Blocking<'s, S>(pub(crate) &'s S);

impl<S: KvStore> AsyncKvStore for Blocking<'_, S> {
    type Error = S::Error;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S::Error> {
        self.0.get(key)
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, S::Error> {
        self.0.compare_exchange(key, old, new, ttl)
    }
    async fn remove(&self, key: &str) -> Result<bool, S::Error> {
        self.0.remove(key)
    }
    fn micros(&self) -> Option<u64> {
        self.0.micros()
    }
}

macro_rules! faces {
    ($($Sync:ident $Async:ident [$($g:tt)*] {
        $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty = $rules:ident::$rule:ident;)*
    })*) => { $(
        impl<S: KvStore> $Sync $($g)* for Kv<S> {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                ready($rules::$rule(&Blocking(&self.0), key, $($a),*))
            })*
        }

        impl<S: AsyncKvStore> $Async $($g)* for Kv<S> {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                $rules::$rule(&self.0, key, $($a),*).await
            })*
        }
    )* };
}

faces! {
    LeaseStore AsyncLeaseStore [] {
        fn acquire(ask: &Ask) -> Contended<Grant> = rights::acquire;
        fn renew(ask: &Ask) -> Holding = rights::renew;
        fn release(token: HolderToken) -> Holding = rights::release;
    }
    PermitStore AsyncPermitStore [] {
        fn take(size: u16, ask: &Ask) -> Contended<Grant> = permits::take;
        fn extend(ask: &Ask) -> Holding = permits::extend;
        fn give_back(token: HolderToken) -> Holding = permits::give_back;
        fn in_use() -> u16 = permits::in_use;
    }
    OnceStore AsyncOnceStore [] {
        fn begin(ask: &Ask) -> Begun = rights::begin;
        fn touch(ask: &Ask) -> Holding = rights::renew;
        fn complete(token: HolderToken, keep: Duration) -> Holding = rights::complete;
        fn fail(token: HolderToken) -> Holding = rights::release;
    }
    Inspect AsyncInspect [] { fn remaining() -> Option<Duration> = rights::remaining; }
    Force AsyncForce [] { fn force_release() -> bool = rights::force; }
    CacheStore AsyncCacheStore [<Vec<u8>, AsIs>] {
        fn get(codec: &AsIs) -> Option<Vec<u8>> = entries::value_of;
        fn join(codec: &AsIs, ask: &Ask) -> Contended<Lookup<Vec<u8>>> = entries::join;
        fn publish(codec: &AsIs, token: HolderToken, value: Kept<'_, Vec<u8>>, life: Life) -> Holding
            = entries::publish;
    }
    EntryStore AsyncEntryStore [] {
        fn keep_flying(ask: &Ask) -> Holding = rights::renew;
        fn give_up(token: HolderToken) -> Holding = rights::release;
        fn invalidate() -> bool = entries::invalidate;
    }
}
