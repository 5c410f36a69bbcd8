//! The store of an instance whose store is chosen at run time: an enum, so that a hit is dispatched statically.

mod entry;
mod forward;
mod guest;
mod leases;
mod outside;
#[cfg(feature = "link")]
mod raw;

use crate::{
    backend::OwnedKey,
    clock::StdClock,
    keeper::Attended,
    memory::{self, Memory},
    observe::Watcher,
    token,
};
use cachify_core::{
    Fault,
    codec::Postcard,
    key::{Key, LongKeyBuf},
    op::Left,
    patience::Ticket,
    store::{Host, Store},
    time::Clock,
    token::HolderToken,
    validity::Validity,
};
pub(crate) use guest::Guest;
pub(crate) use outside::Outside;
#[cfg(feature = "link")]
pub use raw::RawStore;
use std::{sync::Arc, time::Duration};

/// Memory, or a store outside the process.
#[derive(Clone, Debug)]
pub struct AnyStore {
    kind: Kind,
    clock: StdClock,
    prefix: Arc<str>,
    seed: u64,
    watcher: Watcher,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory(Memory),
    Outside(Outside),
    /// What stands for the global instance before `init`.
    Nothing,
}

impl AnyStore {
    pub(crate) fn memory(memory: Memory, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        let seed = memory.seed();
        Self { kind: Kind::Memory(memory), clock, prefix: prefix.into(), seed, watcher }
    }

    pub(crate) fn outside(outside: Outside, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        let seed = token::random_word();
        Self { kind: Kind::Outside(outside), clock, prefix: prefix.into(), seed, watcher }
    }

    pub(crate) fn nothing() -> Self {
        let watcher = Watcher::default();
        Self { kind: Kind::Nothing, clock: StdClock::system(), prefix: "".into(), seed: 0, watcher }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// Ends all that is held through it; how much there was.
    pub(crate) fn drain(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.drain(),
            Kind::Outside(outside) => outside.keeper().drain(),
            Kind::Nothing => 0,
        }
    }

    /// What lies outside the process, if anything does.
    pub(crate) const fn beyond(&self) -> Option<&Outside> {
        match &self.kind {
            Kind::Outside(outside) => Some(outside),
            Kind::Memory(_) | Kind::Nothing => None,
        }
    }
}

impl Store for AnyStore {
    type Error = Fault;

    async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        match &self.kind {
            Kind::Memory(memory) => memory.changed(key, ticket).await,
            Kind::Outside(outside) => outside.changed(OwnedKey::of(key), ticket).await,
            Kind::Nothing => std::future::pending().await,
        }
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        match &self.kind {
            Kind::Memory(memory) => memory.dropped(key, token),
            Kind::Outside(outside) => outside.abandon(OwnedKey::of(key), token, Left::Lease),
            Kind::Nothing => {}
        }
    }

    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        match &self.kind {
            Kind::Memory(memory) => memory.unfinished(key, token, ttl, keep),
            Kind::Outside(outside) => {
                let [ttl, fresh] = [ttl, keep].map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                outside.abandon(OwnedKey::of(key), token, Left::Done { fresh, ttl });
            }
            Kind::Nothing => {}
        }
    }

    fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        match &self.kind {
            Kind::Memory(memory) => memory.waiter_gone(key, token),
            Kind::Outside(outside) => outside.waiter_gone(OwnedKey::of(key), token),
            Kind::Nothing => {}
        }
    }
}

impl Host for AnyStore {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = Attended;
    type Codec = Postcard;

    fn clock(&self) -> &StdClock {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        match self.kind {
            Kind::Memory(_) | Kind::Nothing => token::local(),
            Kind::Outside(_) => token::shared(),
        }
    }
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> Attended {
        match &self.kind {
            Kind::Outside(outside) => match outside.renewer() {
                Some(store) => {
                    let (now, ttl) = (self.clock.now(), Duration::from_millis(ttl));
                    outside.keeper().attend(now, store, &self.prefix, self.seed, *key, token, ttl, validity)
                }
                None => Attended::default(),
            },
            Kind::Memory(_) | Kind::Nothing => Attended::default(),
        }
    }
    fn prefix(&self) -> &str {
        &self.prefix
    }
    #[inline]
    fn seed(&self) -> u64 {
        self.seed
    }
    fn owns(&self, token: HolderToken) -> bool {
        // a child has a copy of all that is held in memory, and of who holds it
        !matches!(self.kind, Kind::Outside(_)) || token::is_ours(token)
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        match &self.kind {
            Kind::Memory(memory) => memory.mark(key, token, inside),
            Kind::Outside(outside) => memory::mark(outside.id(), key, inside),
            Kind::Nothing => {}
        }
    }
}
