//! The store of an instance whose store is chosen at run time: an enum, so that a hit is dispatched statically.

mod away;
mod entry;
mod generation;
mod held;
mod joined;
mod knowledge;
mod landing;
mod leases;
mod line;
#[cfg(feature = "link")]
mod raw;
mod remote;
mod timed;
mod vain;

use crate::{
    clock::StdClock,
    flights,
    groups::{Groups, Parts, Said, UNBOUND},
    memory::{InMemory, Memory},
    observe::Watcher,
    renewer::Renewed,
    seeing::{Sight, sees_keys},
    stats::Content,
    token,
};
use cachify_core::{
    Cause,
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
    groups: Arc<Groups<AnyStore>>,
    /// Whether its values lie outside the process and carry the generation of their group.
    is_part: bool,
    /// Why it keeps no values, if it does not.
    unfit: Option<Cause>,
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
        Self { seed, ..Self::of(Kind::Memory(memory), clock, prefix, watcher) }
    }

    pub(crate) fn remote(remote: Remote, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        Self { seed: token::random_word(), ..Self::of(Kind::Remote(remote), clock, prefix, watcher) }
    }

    pub(crate) fn nothing() -> Self {
        Self::of(Kind::Nothing, StdClock::system(), "", Watcher::default())
    }

    fn of(kind: Kind, clock: StdClock, prefix: &str, watcher: Watcher) -> Self {
        let (groups, is_part, unfit) = (Arc::default(), false, None);
        Self { kind, clock, prefix: prefix.into(), seed: 0, watcher, groups, is_part, unfit }
    }

    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }

    /// From now on nothing new is asked, and who waits hears of it.
    pub(crate) fn close(&self) {
        match &self.kind {
            Kind::Memory(memory) => {
                memory.close();
                self.groups.stores().for_each(Self::close);
            }
            Kind::Remote(remote) => remote.closing().close(),
            Kind::Nothing => {}
        }
    }

    /// How much is held through it that ends with its holder.
    pub(crate) fn held(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.held() + self.groups.stores().map(Self::held).sum::<usize>(),
            Kind::Remote(remote) => remote.renewer().held(),
            Kind::Nothing => 0,
        }
    }

    /// Ends all that is held through it; how much there was.
    pub(crate) fn drain(&self) -> usize {
        match &self.kind {
            Kind::Memory(memory) => memory.drain() + self.groups.stores().map(Self::drain).sum::<usize>(),
            Kind::Remote(remote) => {
                remote.closing().drain();
                remote.renewer().drain()
            }
            Kind::Nothing => 0,
        }
    }

    /// Forgets all values, where they are in this process.
    fn forget_here(&self) -> Result<(), Cause> {
        match &self.kind {
            Kind::Memory(memory) => memory.forget_blocking(),
            Kind::Remote(_) => Err(UNGROUPED),
            Kind::Nothing => Err(Cause::NotInitialised),
        }
    }

    /// The store of a group.
    fn part_of(&self, kind: Kind, name: &str, watcher: Watcher) -> Self {
        let prefix = format!("{}:g:{name}", self.prefix);
        // of its own: the flights of two groups are told apart by the hashes of their keys
        Self { seed: token::random_word(), ..Self::of(kind, self.clock.clone(), &prefix, watcher) }
    }

    #[cfg(any(feature = "metrics", feature = "tracing"))]
    const fn watcher(&self) -> &Watcher {
        &self.watcher
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
                    let of = self.watcher.sight().map(Sight::here).unwrap_or_default();
                    let renewed = remote.renewer().attend(store, self.own(key), token, ttl, validity, of);
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
        vain::waited_in_vain(self.clock.now());
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        match &self.kind {
            Kind::Memory(memory) => memory.mark(key, token, inside),
            Kind::Remote(remote) => flights::mark(remote.id(), key, inside),
            Kind::Nothing => {}
        }
    }

    sees_keys!();
}

const UNGROUPED: Cause = Cause::Unsupported(
    "outside the process no keys are listed: values that are to be forgotten together are in a group, which has `reset_all`",
);

impl InMemory for AnyStore {
    fn in_memory(&self) -> Option<&Memory> {
        match &self.kind {
            Kind::Memory(memory) => Some(memory),
            Kind::Remote(_) | Kind::Nothing => None,
        }
    }
}

impl Parts for AnyStore {
    #[expect(private_interfaces, reason = "nobody else's")]
    fn groups(&self) -> &Groups<Self> {
        &self.groups
    }
    fn part(&self, name: &str, said: Said, watcher: Watcher) -> Self {
        match &self.kind {
            Kind::Memory(memory) => {
                let memory = memory.part(name, said, watcher.clone());
                Self { seed: memory.seed(), ..self.part_of(Kind::Memory(memory), name, watcher) }
            }
            Kind::Remote(remote) => {
                let unfit = (said != Said::NOTHING).then_some(UNBOUND);
                Self { unfit, is_part: true, ..self.part_of(Kind::Remote(remote.clone()), name, watcher) }
            }
            Kind::Nothing => self.clone(),
        }
    }
    #[expect(private_interfaces, reason = "nobody else's")]
    fn content(&self) -> Content {
        let own = self.in_memory().map(Memory::content).unwrap_or_default();
        self.groups.stores().map(Parts::content).fold(own, Content::and)
    }
    fn is_closed(&self) -> bool {
        matches!(&self.kind, Kind::Memory(memory) if memory.is_closed())
    }
    fn shut(&self) {
        self.close();
    }
    async fn forget(&self) -> Result<(), Cause> {
        match self.as_part() {
            Some(remote) => self.renew_generation(remote).await,
            None => self.forget_here(),
        }
    }
    fn forget_blocking(&self) -> Result<(), Cause> {
        match self.as_part() {
            Some(remote) => self.renew_generation_blocking(remote),
            None => self.forget_here(),
        }
    }
}
