//! What the suites share: a store of somebody else's, and real servers to talk to.

pub mod program;
pub mod proxy;
pub mod resp;
pub mod server;

use cachify::{
    AsIs, Fault, HolderToken, Holding, StdLock,
    clock::StdClock,
    core::{
        cell::{Ask, Begun, Grant, Kept, Life, Lookup},
        key::Key,
        patience::{Contended, Ticket},
        store::{
            AtOnce, CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore, Store,
            growing::MapStore,
        },
    },
    erased::{Answer, BoxFuture, ErasedStore, NO_BLOCKING_FACE, Operation},
};
use std::{fmt, sync::Arc, time::Duration};

/// A store as a user would bring it: bytes under texts, in one place that several instances can share.
///
/// Like a store outside the process it spells the whole key, prefix included, and hashes it by itself.
#[derive(Clone)]
pub struct Guest(Arc<MapStore<StdLock, StdClock, Vec<u8>>>);

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guest")
    }
}

impl Guest {
    /// An empty store that tells the time by `clock`.
    pub fn new(clock: impl Into<StdClock>) -> Self {
        Self(Arc::new(MapStore::new(clock.into())))
    }

    fn with<T>(&self, key: Key<'_>, operation: impl FnOnce(&MapStore<StdLock, StdClock, Vec<u8>>, Key<'_>) -> T) -> T {
        let text = key.to_string();
        operation(&self.0, Key::new(key.kind, "", text.as_bytes(), 0))
    }
}

impl Store for Guest {
    type Error = Fault;
    async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        let text = key.to_string();
        self.0.changed(Key::new(key.kind, "", text.as_bytes(), 0), ticket).await;
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.with(key, |store, key| store.dropped(key, token));
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.with(key, |store, key| store.unfinished(key, token, ttl, keep));
    }
}

impl AtOnce for Guest {}

macro_rules! forward {
    ($($Trait:ident $(<$V:ty, $C:ty>)? { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* })*) => { $(
        impl $Trait $(<$V, $C>)? for Guest {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                self.with(key, |store, key| Ok($Trait::$f(store, key, $($a),*)?))
            })*
        }
    )* };
}

forward! {
    LeaseStore {
        fn acquire(ask: &Ask) -> Contended<Grant>;
        fn renew(ask: &Ask) -> Holding;
        fn release(token: HolderToken) -> Holding;
    }
    PermitStore {
        fn take(size: u16, ask: &Ask) -> Contended<Grant>;
        fn extend(ask: &Ask) -> Holding;
        fn give_back(token: HolderToken) -> Holding;
        fn in_use() -> u16;
    }
    OnceStore {
        fn begin(ask: &Ask) -> Begun;
        fn touch(ask: &Ask) -> Holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding;
        fn fail(token: HolderToken) -> Holding;
    }
    Inspect { fn remaining() -> Option<Duration>; }
    Force { fn force_release() -> bool; }
    EntryStore {
        fn keep_flying(ask: &Ask) -> Holding;
        fn abandon(token: HolderToken) -> Holding;
        fn invalidate() -> bool;
    }
    CacheStore<Vec<u8>, AsIs> {
        fn get(codec: &AsIs) -> Option<Vec<u8>>;
        fn join(codec: &AsIs, ask: &Ask) -> Contended<Lookup<Vec<u8>>>;
        fn publish(codec: &AsIs, token: HolderToken, value: Kept<'_, Vec<u8>>, life: Life) -> Holding;
    }
}

cachify::erase!(Guest, blocking);

/// The same store, but without its blocking face.
#[derive(Clone, Debug)]
pub struct AsyncGuest(Guest);

impl AsyncGuest {
    /// Another look at `guest`.
    #[must_use]
    pub const fn new(guest: Guest) -> Self {
        Self(guest)
    }
}

impl ErasedStore for AsyncGuest {
    fn call<'a>(&'a self, key: Key<'a>, operation: Operation) -> BoxFuture<'a, Result<Answer, Fault>> {
        self.0.call(key, operation)
    }
    fn call_blocking(&self, _: Key<'_>, _: Operation) -> Result<Answer, Fault> {
        Err(NO_BLOCKING_FACE)
    }
    fn changed<'a>(&'a self, key: Key<'a>, ticket: Ticket) -> BoxFuture<'a, ()> {
        ErasedStore::changed(&self.0, key, ticket)
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        ErasedStore::dropped(&self.0, key, token);
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        ErasedStore::unfinished(&self.0, key, token, ttl, keep);
    }
    fn blocks(&self) -> bool {
        false
    }
}
