//! The store of an instance as devices see it: values are bytes, whatever their type.

use super::{AnyStore, Kind};
use crate::{
    StdLock,
    backend::{Operation, OwnedKey},
    clock::StdClock,
};
use cachify_core::{
    AsIs, Fault, Holding,
    cell::{Ask, Begun, Grant, Kept, Life, Lookup},
    key::Key,
    link::{Gateway, Roster},
    patience::{Contended, Ticket},
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        CacheStore, Store, fresh_only,
    },
    token::HolderToken,
};
use std::{sync::Arc, time::Duration};

/// The store of an instance, for gateways: rights are shared with the instance's own calls, values are bytes.
///
/// Outside the process an entry is what it is there, so a device and a server that give it the same tag and codec read
/// each other's. In memory, devices see only what devices wrote.
#[derive(Clone, Debug)]
pub struct RawStore(AnyStore, Arc<Roster<StdLock>>);

impl RawStore {
    pub(crate) fn new(store: AnyStore) -> Self {
        Self(store, Arc::default())
    }

    /// A gateway for the devices of one line, under this instance's prefix.
    ///
    /// A device whose identity is on another line of this store or of a clone of it is refused.
    #[must_use]
    pub fn gateway(&self) -> Gateway<'_, Self, StdClock> {
        let gateway = Gateway::new(self, self.0.clock.clone()).prefix(&self.0.prefix).seed(self.0.seed);
        gateway.admission(&*self.1)
    }
}

impl Store for RawStore {
    type Error = Fault;
    async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        self.0.changed(key, ticket).await;
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.0.dropped(key, token);
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.0.unfinished(key, token, ttl, keep);
    }
    fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        self.0.waiter_gone(key, token);
    }
}

macro_rules! same {
    ($($Async:ident { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* })*) => { $(
        impl $Async for RawStore {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                $Async::$f(&self.0, key, $($a),*).await
            })*
        }
    )* };
}

same! {
    AsyncLeaseStore {
        fn acquire(ask: &Ask) -> Contended<Grant>;
        fn renew(ask: &Ask) -> Holding;
        fn release(token: HolderToken) -> Holding;
    }
    AsyncPermitStore {
        fn take(size: u16, ask: &Ask) -> Contended<Grant>;
        fn extend(ask: &Ask) -> Holding;
        fn give_back(token: HolderToken) -> Holding;
        fn in_use() -> u16;
    }
    AsyncOnceStore {
        fn begin(ask: &Ask) -> Begun;
        fn touch(ask: &Ask) -> Holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding;
        fn fail(token: HolderToken) -> Holding;
    }
    AsyncInspect { fn remaining() -> Option<Duration>; }
    AsyncForce { fn force_release() -> bool; }
    AsyncEntryStore {
        fn keep_flying(ask: &Ask) -> Holding;
        fn abandon(token: HolderToken) -> Holding;
        fn invalidate() -> bool;
    }
}

type Bytes = Vec<u8>;

/// What a device wrote, in memory: a type of its own, which no server caches.
#[derive(Clone, Debug)]
struct Written(Bytes);

impl Written {
    fn looked_up(lookup: Lookup<Self>) -> Lookup<Bytes> {
        match lookup {
            Lookup::Fresh(value) => Lookup::Fresh(value.0),
            Lookup::Stale(value) => Lookup::Stale(value.0),
            Lookup::Fill { stale, fence, remaining } => {
                Lookup::Fill { stale: stale.map(|value| value.0), fence, remaining }
            }
        }
    }
}

impl AsyncCacheStore<Bytes, AsIs> for RawStore {
    async fn get(&self, key: Key<'_>, codec: &AsIs) -> Result<Option<Bytes>, Fault> {
        match &self.0.kind {
            Kind::Memory(memory) => Ok(CacheStore::<Written, AsIs>::get(memory, key, codec)?.map(|value| value.0)),
            Kind::Outside(outside) => outside.call(OwnedKey::of(key), Operation::Get).await?.value(),
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
    async fn join(&self, key: Key<'_>, codec: &AsIs, ask: &Ask) -> Result<Contended<Lookup<Bytes>>, Fault> {
        match &self.0.kind {
            Kind::Memory(memory) => {
                Ok(CacheStore::<Written, AsIs>::join(memory, key, codec, ask)?.map(Written::looked_up))
            }
            Kind::Outside(outside) => outside.call(OwnedKey::of(key), Operation::Join(*ask)).await?.lookup(),
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
    async fn publish(
        &self,
        key: Key<'_>,
        codec: &AsIs,
        token: HolderToken,
        value: Kept<'_, Bytes>,
        life: Life,
    ) -> Result<Holding, Fault> {
        match &self.0.kind {
            Kind::Memory(memory) => {
                let value = Kept::Own(Written(value.into_owned()));
                CacheStore::<Written, AsIs>::publish(memory, key, codec, token, value, life)
            }
            Kind::Outside(outside) => {
                fresh_only(&life)?;
                outside.call(OwnedKey::of(key), Operation::Publish(token, value.into_owned(), life)).await?.holding()
            }
            Kind::Nothing => Err(Fault::NotInitialised),
        }
    }
}
