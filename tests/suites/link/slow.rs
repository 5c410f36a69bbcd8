//! A store that takes its time with one key.

use crate::world::{Store, pass};
use cachify_core::{
    AsIs, Fault,
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    key::Key,
    patience::{Contended, Ticket},
    store::{
        self, AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore,
        AsyncPermitStore, CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore,
    },
    testing::ManualClock,
    token::HolderToken,
};
use std::{cell::RefCell, future::Future, time::Duration};

/// Operations on the key `slow` take 200 ms; the diary tells when which began and ended.
pub(crate) struct Slow<'c> {
    pub(crate) store: Store<'c>,
    pub(crate) clock: &'c ManualClock,
    pub(crate) diary: RefCell<Vec<&'static str>>,
}

impl store::Store for Slow<'_> {
    type Error = Fault;
    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        self.store.changed(key, ticket)
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.store.dropped(key, token);
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.store.unfinished(key, token, ttl, keep);
    }
}

macro_rules! slow {
    ($($Sync:ident $Async:ident [$($g:tt)*] { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* })*) => { $(
        impl $Async $($g)* for Slow<'_> {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                self.diary.borrow_mut().push(concat!("begins ", stringify!($f)));
                if key.bytes == b"slow" {
                    pass(self.clock, Duration::from_millis(200)).await;
                }
                self.diary.borrow_mut().push(concat!("ends ", stringify!($f)));
                $Sync::$f(&self.store, key, $($a),*)
            })*
        }
    )* };
}
slow! {
    LeaseStore AsyncLeaseStore [] {
        fn acquire(ask: &Ask) -> Contended<Grant>;
        fn renew(ask: &Ask) -> Holding;
        fn release(token: HolderToken) -> Holding;
    }
    PermitStore AsyncPermitStore [] {
        fn take(size: u16, ask: &Ask) -> Contended<Grant>;
        fn extend(ask: &Ask) -> Holding;
        fn give_back(token: HolderToken) -> Holding;
        fn in_use() -> u16;
    }
    OnceStore AsyncOnceStore [] {
        fn begin(ask: &Ask) -> Begun;
        fn touch(ask: &Ask) -> Holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding;
        fn fail(token: HolderToken) -> Holding;
    }
    Inspect AsyncInspect [] { fn remaining() -> Option<Duration>; }
    Force AsyncForce [] { fn force_release() -> bool; }
    EntryStore AsyncEntryStore [] {
        fn keep_flying(ask: &Ask) -> Holding;
        fn give_up(token: HolderToken) -> Holding;
        fn invalidate() -> bool;
    }
    CacheStore AsyncCacheStore [<Vec<u8>, AsIs>] {
        fn get(codec: &AsIs) -> Option<Vec<u8>>;
        fn join(codec: &AsIs, ask: &Ask) -> Contended<Lookup<Vec<u8>>>;
        fn publish(codec: &AsIs, token: HolderToken, value: Kept<'_, Vec<u8>>, life: Life) -> Holding;
    }
}
