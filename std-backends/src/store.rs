//! The store of an instance whose store is chosen at run time: an enum, so that a hit is dispatched statically.

mod entry;
mod forward;
mod guest;

use crate::{
    clock::StdClock,
    keeper::{Attended, Keeper},
    memory::{self, Memory},
    token,
};
use cachify_core::{
    Fault,
    codec::Postcard,
    drive::Validity,
    key::{Key, LongKeyBuf},
    patience::Ticket,
    store::{Host, Store},
    token::HolderToken,
};
use guest::Guest;
use std::{sync::Arc, time::Duration};

/// Memory, or a store of the user's own.
#[derive(Clone, Debug)]
pub struct AnyStore {
    kind: Kind,
    clock: StdClock,
    prefix: Arc<str>,
    seed: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory(Memory),
    Guest(Guest),
    /// What stands for the global instance before `init`.
    Nothing,
}

impl AnyStore {
    pub(crate) fn memory(memory: Memory, clock: StdClock, prefix: &str) -> Self {
        let seed = memory.seed();
        Self { kind: Kind::Memory(memory), clock, prefix: prefix.into(), seed }
    }

    pub(crate) fn guest(
        store: Arc<dyn crate::erased::ErasedStore>,
        clock: StdClock,
        prefix: &str,
        op_timeout: Duration,
    ) -> Self {
        let guest = Guest::new(store, clock.clone(), op_timeout);
        Self { kind: Kind::Guest(guest), clock, prefix: prefix.into(), seed: token::random_word() }
    }

    pub(crate) fn nothing() -> Self {
        Self { kind: Kind::Nothing, clock: StdClock::system(), prefix: "".into(), seed: 0 }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        match &self.kind {
            Kind::Memory(memory) => Some(memory.keeper()),
            Kind::Guest(guest) => Some(guest.keeper()),
            Kind::Nothing => None,
        }
    }
}

impl Store for AnyStore {
    type Error = Fault;

    async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        match &self.kind {
            Kind::Memory(memory) => memory.changed(key, ticket).await,
            Kind::Guest(guest) => guest.store().changed(key, ticket).await,
            Kind::Nothing => std::future::pending().await,
        }
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        match &self.kind {
            Kind::Memory(memory) => memory.dropped(key, token),
            Kind::Guest(guest) => guest.store().dropped(key, token),
            Kind::Nothing => {}
        }
    }
}

impl Host for AnyStore {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Attendance = Attended;
    type Codec = Postcard;

    fn clock(&self) -> &StdClock {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        token::random()
    }
    fn attend(&self, key: Key<'_>, token: HolderToken, ttl: Duration, validity: Validity) -> Attended {
        match &self.kind {
            Kind::Memory(memory) => memory.attend(key, token, ttl, validity),
            Kind::Guest(guest) => guest.attend(key, token, ttl, validity, &self.prefix, self.seed),
            Kind::Nothing => Attended::alone(validity),
        }
    }
    fn prefix(&self) -> &str {
        &self.prefix
    }
    #[inline]
    fn seed(&self) -> u64 {
        self.seed
    }
    fn mark(&self, key: Key<'_>, token: HolderToken, inside: bool) {
        match &self.kind {
            Kind::Memory(memory) => memory.mark(key, token, inside),
            Kind::Guest(guest) => memory::mark(guest.id(), &key, inside),
            Kind::Nothing => {}
        }
    }
    fn is_marked(&self, key: Key<'_>) -> bool {
        match &self.kind {
            Kind::Memory(memory) => memory.is_marked(key),
            Kind::Guest(guest) => memory::is_marked(guest.id(), &key),
            Kind::Nothing => false,
        }
    }
}
