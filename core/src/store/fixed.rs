//! A store of fixed size: const capacity at the owner, slices inside, no heap.

use super::{
    lock::{Lock, NoLock},
    ram::{Backing, Tokens},
};
use crate::{
    cell::{
        Fences,
        ram::Ram,
        table::{FixedTable, Slot},
        waiters::{Waiter, Waiters},
    },
    key::KeyBuf,
    time::Clock,
    token::HolderToken,
};
use core::cell::RefCell;

pub use super::ram::RamStore;
pub use crate::cell::table::WhenFull;

/// A store of `N` keys or permits and values of one type `V`, for `WAITERS` waiters, with keys of up to `KEY` bytes.
///
/// All zero when new, so a static one costs no flash. Ended leases and values make room; when every slot is live it
/// refuses ([`Cause::Full`](super::Cause::Full)), or forgets a cached value (`set_when_full`). Live leases never go.
/// Work inside the lock is at most two passes over `N` slots; none for a key that is still where it was found last. For
/// pools it is three, and one more for every 64 permits below the first free one; a pass over a pool's permits takes
/// about three times as long a slot as one over keys. Looking for a value that may go is one more.
///
/// ```
/// use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
/// use core::time::Duration;
/// let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8>::new(&clock);
/// let device = Instance::new(&store);
/// let guard = device.lock("bus").ttl(Duration::from_secs(5)).try_acquire_blocking()?.expect("free");
/// assert!(device.lock("bus").try_acquire_blocking()?.is_none());
/// guard.release()?;
/// # Ok::<(), cachify_core::Refused>(())
/// ```
pub type FixedStore<L, C, const N: usize, V = (), const KEY: usize = 32, const WAITERS: usize = 4> =
    RamStore<Fixed<L, C, N, V, KEY, WAITERS>>;

type Sized_<const N: usize, V, const KEY: usize, const WAITERS: usize> =
    Ram<[Option<Waiter>; WAITERS], FixedTable<[Slot<V, KEY>; N]>>;

/// What a lock of a [`FixedStore`] guards; for [`FixedStore::over`].
#[derive(Debug)]
pub struct State<const N: usize, V, const KEY: usize, const WAITERS: usize> {
    tokens: Tokens,
    ram: Sized_<N, V, KEY, WAITERS>,
}

impl<const N: usize, V, const KEY: usize, const WAITERS: usize> State<N, V, KEY, WAITERS> {
    /// Nothing held, nothing kept.
    #[must_use]
    pub const fn new() -> Self {
        let waiters = Waiters::new([const { None }; WAITERS]);
        Self { tokens: Tokens::NEW, ram: Ram::new(FixedTable::new(), waiters, Fences(0)) }
    }
}

impl<const N: usize, V, const KEY: usize, const WAITERS: usize> Default for State<N, V, KEY, WAITERS> {
    fn default() -> Self {
        Self::new()
    }
}

/// The cells of a [`FixedStore`] with their lock and clock.
pub struct Fixed<L: Lock, C, const N: usize, V, const KEY: usize, const WAITERS: usize> {
    state: L::Of<State<N, V, KEY, WAITERS>>,
    clock: C,
}

impl<L: Lock, C, const N: usize, V, const KEY: usize, const WAITERS: usize> core::fmt::Debug
    for Fixed<L, C, N, V, KEY, WAITERS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Fixed")
    }
}

impl<L: Lock, C, const N: usize, V, const KEY: usize, const WAITERS: usize> RamStore<Fixed<L, C, N, V, KEY, WAITERS>> {
    /// A store behind a mutex that was made elsewhere.
    pub const fn over(state: L::Of<State<N, V, KEY, WAITERS>>, clock: C) -> Self {
        Self(Fixed { state, clock })
    }

    /// Bytes of RAM one key or permit takes.
    pub const SLOT: usize = size_of::<Slot<V, KEY>>();

    /// Begins a new epoch, higher than every earlier one of this device, so that fences outlive a reset.
    ///
    /// Call it at start-up, before anything is acquired, for example with a boot counter from flash.
    pub fn set_epoch(&self, epoch: u32) {
        L::with(&self.0.state, |state| {
            state.tokens.epoch = epoch;
            state.ram.fences = Fences(u64::from(epoch) << 32);
        });
    }

    /// What it does for one more key when every slot is live; unless said, it refuses.
    pub fn set_when_full(&self, when_full: WhenFull) {
        L::with(&self.0.state, |state| state.ram.table.set_when_full(when_full));
    }

    /// Makes tokens differ from those of other devices, for example by a chip id.
    pub fn set_seed(&self, seed: [u32; 2]) {
        L::with(&self.0.state, |state| state.tokens.seed = seed);
    }
}

impl<C, const N: usize, V, const KEY: usize, const WAITERS: usize> RamStore<Fixed<NoLock, C, N, V, KEY, WAITERS>> {
    /// An empty store without a lock.
    pub const fn new(clock: C) -> Self {
        Self::over(RefCell::new(State::new()), clock)
    }
}

#[cfg(feature = "critical-section")]
impl<C, const N: usize, V, const KEY: usize, const WAITERS: usize>
    RamStore<Fixed<super::lock::CriticalSection, C, N, V, KEY, WAITERS>>
{
    /// An empty store behind a critical section.
    pub const fn new(clock: C) -> Self {
        Self::over(critical_section::Mutex::new(RefCell::new(State::new())), clock)
    }
}

#[cfg(feature = "spin")]
impl<C, const N: usize, V, const KEY: usize, const WAITERS: usize>
    RamStore<Fixed<super::lock::Spin, C, N, V, KEY, WAITERS>>
{
    /// An empty store behind a spin lock.
    pub const fn new(clock: C) -> Self {
        Self::over(spin::Mutex::new(State::new()), clock)
    }
}

impl<L: Lock, C: Clock, const N: usize, V, const KEY: usize, const WAITERS: usize> Backing
    for Fixed<L, C, N, V, KEY, WAITERS>
{
    type Value = V;
    type Places = [Option<Waiter>; WAITERS];
    type Table = FixedTable<[Slot<V, KEY>]>;
    type Clock = C;
    type KeyBuf = KeyBuf<KEY>;
    const SLOTS: usize = N;

    fn clock(&self) -> &C {
        &self.clock
    }
    fn step<R>(&self, f: impl FnOnce(&mut Ram<Self::Places, Self::Table>) -> R) -> R {
        // the array becomes a slice here, so the rules are compiled once for all capacities
        L::with(&self.state, |state| f(&mut state.ram))
    }
    fn stack(&self) -> u32 {
        L::stack()
    }
    fn token(&self) -> HolderToken {
        L::with(&self.state, |state| state.tokens.next())
    }
}
