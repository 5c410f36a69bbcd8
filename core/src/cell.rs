//! The rule of one key, as an atomic step at a time that is handed in.
//!
//! Everything here is a pure function of (state, time, request): no clock, no lock, no I/O, no waiting. RAM stores
//! hold these cells behind whatever lock they have; scripts of other stores are tested against them.

pub mod cache;
pub mod lease;
#[cfg(feature = "alloc")]
pub mod map;
pub mod once;
pub mod permit;
pub mod ram;
pub mod table;
pub mod waiters;

pub use cache::{Life, Lookup, MaybeOwned};
pub use lease::{Ask, Grant, Holding, LeaseCell};
pub use once::Begun;

use crate::{time::Instant, token::FencingToken};

/// One key of one kind: a lease, and what outlives it. Serves locks, once markers, flights and cached values alike.
///
/// All zero when empty, so a static store lies in `.bss`.
#[derive(Clone, Copy, Debug)]
pub struct Cell<V = ()> {
    /// The holder: of the lock, of the run, or of the flight that fills the value.
    pub lease: LeaseCell,
    /// The stack on which the flight's body is being polled, so that a recursive call can see it; zero for none.
    pub marked: u32,
    /// When the marker ends, or the value.
    until: Instant,
    value: Option<V>,
}

impl<V> Cell<V> {
    /// Nobody holds it, nothing is kept.
    pub const EMPTY: Self = Self { lease: LeaseCell::FREE, marked: 0, until: Instant::ZERO, value: None };

    /// Begins anew; without the writes that would change nothing.
    pub(crate) fn forget(&mut self) {
        (self.until, self.value) = (Instant::ZERO, None);
        self.lease.set_end(Instant::ZERO);
        self.marked = 0;
    }

    /// Whether forgetting this cell changes nothing.
    #[must_use]
    pub fn is_idle(&self, now: Instant) -> bool {
        !self.lease.is_live(now) && now >= self.until
    }
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The store-wide counter fences come from; it outlives every cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fences(pub u64);

impl Fences {
    pub(crate) fn next(&mut self) -> FencingToken {
        self.0 += 1;
        FencingToken(self.0)
    }
}
