//! What the suites share: a store of somebody else's, and real servers to talk to.

pub mod program;
pub mod proxy;
pub mod resp;
pub mod server;

use cachify::{
    AsIs, Fault, HolderToken, Holding, StdLock,
    backend::{About, Answer, Backend, BoxFuture, Call, OwnedKey, dispatch_blocking},
    clock::StdClock,
    core::{
        cell::{Ask, Begun, Grant, Kept, Life, Lookup},
        key::Key,
        op::Left,
        patience::{Contended, Ticket},
        store::{
            AtOnce, CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore, Store,
            growing::MapStore,
        },
    },
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
                self.with(key, |store, key| $Trait::$f(store, key, $($a),*))
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
        fn give_up(token: HolderToken) -> Holding;
        fn invalidate() -> bool;
    }
    CacheStore<Vec<u8>, AsIs> {
        fn get(codec: &AsIs) -> Option<Vec<u8>>;
        fn join(codec: &AsIs, ask: &Ask) -> Contended<Lookup<Vec<u8>>>;
        fn publish(codec: &AsIs, token: HolderToken, value: Kept<'_, Vec<u8>>, life: Life) -> Holding;
    }
}

impl Backend for Guest {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Answer, Fault>> {
        Box::pin(async move { self.call_blocking(call) })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Answer, Fault> {
        dispatch_blocking(&*self, call.key.key(), call.operation)
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        Box::pin(async move { Store::changed(&*self, key.key(), ticket).await })
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        match left {
            Left::Turn => Store::waiter_gone(&*self, key.key(), token),
            Left::Lease | Left::WakeUp => Store::dropped(&*self, key.key(), token),
            Left::Done { fresh, ttl } => {
                let [ttl, keep] = [ttl, fresh].map(Duration::from_millis);
                Store::unfinished(&*self, key.key(), token, ttl, keep);
            }
        }
    }
}

/// The same store, but only for tasks.
#[derive(Clone, Debug)]
pub struct AsyncGuest(Guest);

impl AsyncGuest {
    /// Another look at `guest`.
    #[must_use]
    pub const fn new(guest: Guest) -> Self {
        Self(guest)
    }

    fn guest(&self) -> Arc<Guest> {
        Arc::new(self.0.clone())
    }
}

impl Backend for AsyncGuest {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Answer, Fault>> {
        self.guest().call(call)
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        Backend::changed(self.guest(), key, ticket)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        self.guest().abandon(key, token, left);
    }
    fn about(&self) -> About {
        About::tasks_only()
    }
}
