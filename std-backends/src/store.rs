//! The store of an instance whose store is chosen at run time: an enum, so that a hit is dispatched statically.

mod away;
mod entry;
mod held;
mod joined;
mod leases;
mod line;
#[cfg(feature = "link")]
mod raw;
mod remote;

use crate::{clock::StdClock, flights, memory::Memory, observe::Watcher, renewer::Renewed, token};
use cachify_core::{
    codec::Postcard,
    key::{Key, LongKeyBuf},
    store::Platform,
    time::{Clock, Instant},
    token::HolderToken,
    validity::Validity,
};
#[cfg(feature = "link")]
pub use raw::RawStore;
pub(crate) use remote::{Limits, Remote};
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
            Kind::Remote(remote) => remote.fmt(f),
            Kind::Nothing => f.write_str("Nothing"),
        }
    }
}

#[derive(Clone)]
enum Kind {
    Memory(Memory),
    Remote(Remote),
    /// What stands for the global instance before `init`.
    Nothing,
}

impl AnyStore {
    pub(crate) fn memory(memory: Memory, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        let seed = memory.seed();
        Self { kind: Kind::Memory(memory), clock, prefix: prefix.into(), seed, watcher }
    }

    pub(crate) fn remote(remote: Remote, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        let seed = token::random_word();
        Self { kind: Kind::Remote(remote), clock, prefix: prefix.into(), seed, watcher }
    }

    pub(crate) fn nothing() -> Self {
        let watcher = Watcher::default();
        Self { kind: Kind::Nothing, clock: StdClock::system(), prefix: "".into(), seed: 0, watcher }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// From now on nothing new is asked, and who waits hears of it.
    pub(crate) fn close(&self) {
        match &self.kind {
            Kind::Memory(memory) => memory.close(),
            Kind::Remote(remote) => remote.closing().close(),
            Kind::Nothing => {}
        }
    }

    /// How much is held through it that ends with its holder.
    pub(crate) fn held(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.held(),
            Kind::Remote(remote) => remote.renewer().held(),
            Kind::Nothing => 0,
        }
    }

    /// Ends all that is held through it; how much there was.
    pub(crate) fn drain(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.drain(),
            Kind::Remote(remote) => {
                remote.closing().drain();
                remote.renewer().drain()
            }
            Kind::Nothing => 0,
        }
    }

    /// How many values lie in this process.
    pub(crate) fn entries(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.len(),
            Kind::Remote(_) | Kind::Nothing => 0,
        }
    }

    /// What lies outside the process, if anything does.
    pub(crate) const fn as_remote(&self) -> Option<&Remote> {
        match &self.kind {
            Kind::Remote(remote) => Some(remote),
            Kind::Memory(_) | Kind::Nothing => None,
        }
    }
}

impl Platform for AnyStore {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = Renewed;
    type Codec = Postcard;

    fn clock(&self) -> &StdClock {
        &self.clock
    }
    fn token(&self) -> HolderToken {
        match self.kind {
            Kind::Memory(_) | Kind::Nothing => token::local(),
            Kind::Remote(_) => token::shared(),
        }
    }
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> Renewed {
        match &self.kind {
            Kind::Remote(remote) if self.is_load_of(remote, key, token) => Renewed::default(),
            Kind::Remote(remote) => match remote.renews() {
                Some(store) => {
                    let renewed = remote.renewer().attend(store, self.own(key), token, ttl, validity);
                    // what was granted while the rest was given back
                    if remote.closing().is_drained() {
                        remote.renewer().drain();
                    }
                    renewed
                }
                None => Renewed::default(),
            },
            Kind::Memory(_) | Kind::Nothing => Renewed::default(),
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
        !matches!(self.kind, Kind::Remote(_)) || token::is_ours(token)
    }
    fn outage(&self, now: Instant) -> u64 {
        self.as_remote().map_or(0, |remote| remote.outage(now))
    }
    fn may_wait(&self) -> bool {
        self.as_remote().is_some_and(Remote::may_wait)
    }
    fn waited_in_vain(&self) {
        remote::waited_in_vain(self.clock.now());
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        match &self.kind {
            Kind::Memory(memory) => memory.mark(key, token, inside),
            Kind::Remote(remote) => flights::mark(remote.id(), key, inside),
            Kind::Nothing => {}
        }
    }
}
