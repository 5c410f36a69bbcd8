//! The store of an instance whose store is chosen at run time: an enum, so that a hit is dispatched statically.

mod entry;
mod leases;
mod outside;
#[cfg(feature = "link")]
mod raw;

use crate::{
    clock::StdClock,
    keeper::Attended,
    memory::{self, Memory},
    observe::Watcher,
    token,
};
use cachify_core::{
    codec::Postcard,
    key::{Key, LongKeyBuf},
    store::Host,
    token::HolderToken,
    validity::Validity,
};
pub(crate) use outside::Outside;
#[cfg(feature = "link")]
pub use raw::RawStore;
use std::{fmt, sync::Arc};

/// Memory, or a store outside the process.
#[derive(Clone)]
pub struct AnyStore {
    kind: Kind,
    clock: StdClock,
    prefix: Arc<str>,
    seed: u64,
    watcher: Watcher,
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Memory(memory) => memory.fmt(f),
            Kind::Outside(outside) => outside.fmt(f),
            Kind::Nothing => f.write_str("Nothing"),
        }
    }
}

#[derive(Clone)]
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
                Some(store) => outside.keeper().attend(store, self.own(key), token, ttl, validity),
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
