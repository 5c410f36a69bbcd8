//! Who holds a right, and in which order rights were granted.
//!
//! Invariant: a holder token is made before the first byte of an attempt is sent and never used for another attempt.

use core::fmt;

/// Names one attempt to get a right; whoever knows it may renew and release.
///
/// 128 bits, as words: a `u128` is aligned to 16 bytes and would pad every cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HolderToken(pub [u32; 4]);

impl HolderToken {
    /// Whether both name the same attempt. Word by word, the counter of RAM stores first: `==` would call `memcmp`.
    #[inline]
    pub(crate) const fn is(self, other: Self) -> bool {
        let (one, two) = (self.0, other.0);
        one[1] == two[1] && one[0] == two[0] && one[2] == two[2] && one[3] == two[3]
    }
}

/// Grows with every grant of a key; the guarded resource rejects a lower one than it has seen.
///
/// ```
/// use cachify_core::token::{FenceGate, FencingToken};
/// let mut row = FenceGate::default();
/// assert!(row.admits(FencingToken(7)));
/// assert!(row.admits(FencingToken(7))); // the same holder again
/// assert!(!row.admits(FencingToken(6))); // a paused holder that woke up too late
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FencingToken(pub u64);

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The check a guarded resource makes: never accept a lower fence than one accepted before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FenceGate(FencingToken);

impl FenceGate {
    /// A gate that has already accepted `highest`, for example read back from storage.
    #[must_use]
    pub const fn new(highest: FencingToken) -> Self {
        Self(highest)
    }

    /// Whether `fence` may act; remembers it if so.
    pub fn admits(&mut self, fence: FencingToken) -> bool {
        let ok = fence >= self.0;
        self.0 = self.0.max(fence);
        ok
    }

    /// The highest fence accepted so far.
    #[must_use]
    pub const fn highest(&self) -> FencingToken {
        self.0
    }
}
