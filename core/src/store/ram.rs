//! Every capability of a store in RAM, written once over whatever holds its cells.

mod steps;

use super::Platform;
use crate::{
    cell::{ram::Ram, table::Table, waiters::Places},
    codec::AsIs,
    instance::{Instance, IsInstance},
    key::{Key, KeyBuffer},
    time::{Clock, Instant},
    token::HolderToken,
};

/// What holds the cells: fixed or growing, behind a lock.
pub trait Backing {
    /// What a cached value is.
    type Value;
    /// Where waiters are kept.
    type Places: Places;
    /// Where cells are kept.
    type Table: Table<Value = Self::Value> + ?Sized;
    /// The clock of the store.
    type Clock: Clock;
    /// Where its keys are rendered.
    type KeyBuf: KeyBuffer;
    /// How many keys and permits there is room for.
    const SLOTS: usize = usize::MAX;

    /// The clock of the store.
    fn clock(&self) -> &Self::Clock;
    /// One atomic step; bounded work.
    fn step<R>(&self, f: impl FnOnce(&mut Ram<Self::Places, Self::Table>) -> R) -> R;
    /// A token never given before.
    fn token(&self) -> HolderToken;
    /// Tells this stack from all others that use the store; never zero.
    fn stack(&self) -> u32;
    /// The seed of key hashes.
    fn seed(&self) -> u64 {
        0
    }
}

/// A store in RAM; see [`FixedStore`](super::fixed::FixedStore) and, with `alloc`, `MapStore`.
///
/// The store tells the time: every operation reads its clock once, before it takes the lock.
#[derive(Debug)]
pub struct RamStore<B>(pub(super) B);

impl<B> RamStore<B> {
    /// What attributes call that were given a store in the place of an instance.
    #[doc(hidden)]
    pub fn instance(&self) -> &Instance<Self>
    where
        Self: IsInstance,
    {
        self.itself()
    }
}

impl<B: Backing> RamStore<B> {
    fn step<R>(&self, f: impl FnOnce(&mut Ram<B::Places, B::Table>, Instant) -> R) -> R {
        let now = self.0.clock().now();
        self.0.step(|ram| f(ram, now))
    }
}

impl<B: Backing> Platform for RamStore<B> {
    type Clock = B::Clock;
    type KeyBuf = B::KeyBuf;
    type Monitor = ();
    type Codec = AsIs;

    fn clock(&self) -> &B::Clock {
        self.0.clock()
    }
    fn token(&self) -> HolderToken {
        self.0.token()
    }
    fn seed(&self) -> u64 {
        self.0.seed()
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        let stack = if inside { self.0.stack() } else { 0 };
        self.step(|ram, now| ram.mark(key, token, stack, now));
    }
}

/// Tokens of a store that has no randomness of its own: boot epoch, counter, and a seed from the user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    pub(super) epoch: u32,
    pub(super) seed: [u32; 2],
    pub(super) count: u32,
}

impl Tokens {
    pub(super) const NEW: Self = Self { epoch: 0, seed: [0; 2], count: 0 };

    pub(super) fn next(&mut self) -> HolderToken {
        self.count = self.count.wrapping_add(1);
        HolderToken([self.epoch, self.count, self.seed[0], self.seed[1]])
    }
}
