//! A store that grows (feature `alloc`): as many keys and waiters as there is memory.

use super::{
    lock::Lock,
    ram::{Backing, RamStore, Tokens},
};
use crate::{
    cell::{
        Fences,
        map::Map,
        ram::Ram,
        waiters::{Crowd, Waiters},
    },
    key::LongKeyBuf,
    time::Clock,
    token::HolderToken,
};

/// A growable store of values of one type `V`.
///
/// ```
/// use cachify_core::{Instance, store::{growing::MapStore, lock::NoLock}, testing::ManualClock};
/// let clock = ManualClock::new();
/// let store = MapStore::<NoLock, _, u32>::new(&clock);
/// let local = Instance::new(&store);
/// let load = || Ok::<u32, ()>(7);
/// assert_eq!(local.cache(("user", 1)).get_or_insert_with_blocking(load), Ok(7));
/// ```
pub type MapStore<L, C, V = ()> = RamStore<Growing<L, C, V>>;

type State<V> = (Tokens, Ram<Crowd, Map<V>>);

/// The cells of a [`MapStore`] with their lock and clock.
pub struct Growing<L: Lock, C, V> {
    state: L::Of<State<V>>,
    clock: C,
    seed: u64,
}

impl<L: Lock, C, V> core::fmt::Debug for Growing<L, C, V> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Growing")
    }
}

impl<L: Lock, C, V> RamStore<Growing<L, C, V>> {
    /// An empty store.
    pub fn new(clock: C) -> Self {
        Self::with_seed(clock, 0)
    }

    /// An empty store whose key hashes are seeded; `seed` should be random where keys come from strangers.
    pub fn with_seed(clock: C, seed: u64) -> Self {
        let ram = Ram::new(Map::new(), Waiters::new(Crowd::new()), Fences(0));
        let tokens = Tokens { seed: [seed as u32, (seed >> 32) as u32], ..Tokens::NEW };
        Self(Growing { state: L::new((tokens, ram)), clock, seed })
    }

    /// Lets fences begin above every one this store's earlier lives gave, for example at wall-clock microseconds.
    ///
    /// Call it before anything is acquired.
    pub fn set_first_fence(&self, fence: u64) {
        L::with(&self.0.state, |(_, ram)| ram.fences = Fences(fence));
    }
}

impl<L: Lock, C: Clock, V> Backing for Growing<L, C, V> {
    type Value = V;
    type Places = Crowd;
    type Table = Map<V>;
    type Clock = C;
    type KeyBuf = LongKeyBuf;

    fn clock(&self) -> &C {
        &self.clock
    }
    fn step<R>(&self, f: impl FnOnce(&mut Ram<Self::Places, Self::Table>) -> R) -> R {
        L::with(&self.state, |(_, ram)| f(ram))
    }
    fn stack(&self) -> u32 {
        L::stack()
    }
    fn token(&self) -> HolderToken {
        L::with(&self.state, |(tokens, _)| tokens.next())
    }
    fn seed(&self) -> u64 {
        self.seed
    }
}
