//! One who waits, and what it was told.

use super::{Caller, TURN};
#[cfg(feature = "alloc")]
use crate::token::HolderToken;
use crate::{key::Key, time::Instant};
use core::{num::NonZeroUsize, task::Waker};

/// For what somebody waits: the kind of its key, or the loss of a lease, below most bits of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[doc(hidden)]
pub struct Line(pub(super) usize);

/// Beside a kind, which needs three bits: waits for the loss of a lease, not for its release.
const WATCHES: usize = 1 << 3;

impl Line {
    pub(super) const fn of(key: &Key<'_>) -> Self {
        Self((key.hash as usize) << 4 | key.kind as usize)
    }

    pub(super) const fn watching(key: &Key<'_>) -> Self {
        Self(Self::of(key).0 | WATCHES)
    }
}

/// One who waits.
#[derive(Debug)]
#[doc(hidden)]
pub struct Waiter {
    /// Its place in order of arrival, which it keeps when it is woken and has to wait again.
    pub(super) seat: NonZeroUsize,
    pub(super) line: Line,
    /// How many permits its pool has, as it says; 1 for other kinds.
    pub(super) size: u32,
    /// When it was called, or that it waits, or is to ask once more.
    pub(super) state: State,
    /// When it asks again by itself, in the low half of milliseconds.
    pub(super) asks_at: u32,
    pub(super) waker: Option<Waker>,
    /// A gateway asks for its devices without their places. There is none without an allocator.
    #[cfg(feature = "alloc")]
    pub(super) token: HolderToken,
}

/// What a waiter was told: nothing, to ask once more, or that it was called, then with the time in milliseconds, of
/// which four are one. A number, for on a device two words are long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct State(u32);

impl State {
    pub(super) const WAITS: Self = Self(0);
    pub(super) const NUDGED: Self = Self(1);
    const CALLED: u32 = 3;

    pub(super) const fn called(now: Instant) -> Self {
        Self(low(now) | Self::CALLED)
    }

    pub(super) const fn is_called(self) -> bool {
        self.0 & Self::CALLED == Self::CALLED
    }

    /// For how many milliseconds it has been called; none for one whose time was read before it was.
    pub(super) const fn age(self, now: Instant) -> u32 {
        let age = (low(now) | Self::CALLED).wrapping_sub(self.0);
        if age > u32::MAX / 2 { 0 } else { age }
    }
}

/// The low half, which tells times apart that are less than 49 days away.
pub(super) const fn low(at: Instant) -> u32 {
    at.as_millis() as u32
}

impl Waiter {
    pub(super) fn new(line: Line, seat: usize, caller: &Caller<'_>, asks_at: Instant) -> Option<Self> {
        Some(Self {
            seat: NonZeroUsize::new(seat)?,
            line,
            size: caller.size,
            state: State::WAITS,
            asks_at: low(asks_at),
            waker: None,
            #[cfg(feature = "alloc")]
            token: caller.token,
        })
    }

    /// Whether it asks by itself before a turn that begins now is over.
    pub(super) const fn is_alert(&self, now: Instant) -> bool {
        self.state.0 == State::NUDGED.0 || self.asks_at.wrapping_sub(low(now)).wrapping_sub(1) < TURN
    }
}
