//! What becomes of a value whose end is near: served while one caller loads it again, or since that failed.

#[cfg(feature = "stale")]
use super::{
    chance::{self, Early},
    percent,
};
#[cfg(feature = "stale")]
use crate::{instance::Handle, store::Platform, time::millis};
use crate::{
    op::Ask,
    time::{Instant, short},
};
#[cfg(feature = "stale")]
use core::time::Duration;

/// The longest window in milliseconds: 49 days.
const LONGEST: u32 = Ask::AGAIN - 1;

/// How values are treated whose end is near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aging {
    /// For how many milliseconds past its TTL a value is kept, and served while one caller loads it again.
    stale: u32,
    /// How many per cent of the TTL are left when a value is due, though it is fresh.
    early: u8,
    /// Whether it is due by chance, and how many milliseconds before its end this time.
    chance: Option<u32>,
    on_error: bool,
}

impl Aging {
    /// A value counts to its end and no longer.
    pub const NONE: Self = Self { stale: 0, early: 0, chance: None, on_error: false };

    /// For how many milliseconds a value is kept that is fresh for so many; one that is not to be kept is not.
    #[must_use]
    pub const fn kept(self, fresh: u64) -> u64 {
        if fresh == 0 { 0 } else { fresh.saturating_add(self.stale as u64) }
    }

    /// When a value is stale that is kept until `end`, as somebody saw at `seen`.
    pub(crate) fn fresh_until(self, seen: Instant, end: Instant) -> Instant {
        let stale = if end == Instant::MAX { 0 } else { u64::from(self.stale) };
        if stale == 0 { end } else { seen.plus(end.millis_since(seen).saturating_sub(stale)) }
    }

    /// How much longer than this a value is fresh that need not be loaded again, where it lives for a TTL of `ttl`
    /// milliseconds.
    #[must_use]
    pub const fn due(self, ttl: u64) -> u32 {
        // of a time without an end there is no part
        let early =
            if ttl == u64::MAX { 0 } else { ttl / 100 * self.early as u64 + ttl % 100 * self.early as u64 / 100 };
        let by_chance = match self.chance {
            Some(gap) => gap as u64,
            None => 0,
        };
        let due = short(early.saturating_add(by_chance).saturating_add(self.stale as u64));
        if due < Ask::AGAIN { due } else { LONGEST }
    }
}

#[cfg(feature = "stale")]
impl Aging {
    /// The same, served for so much longer than the TTL while one caller loads it again.
    #[must_use]
    pub const fn stale_for(self, window: Duration) -> Self {
        let stale = short(millis(window));
        Self { stale: if stale < Ask::AGAIN { stale } else { LONGEST }, ..self }
    }

    /// The same, served also when that load failed.
    #[must_use]
    pub const fn stale_on_error(self) -> Self {
        Self { on_error: true, ..self }
    }

    /// The same, loaded again when so many per cent of the TTL are left.
    #[must_use]
    pub const fn early(self, left: u8) -> Self {
        Self { early: if left > 100 { 100 } else { left }, ..self }
    }

    /// The same, loaded again by chance, as is drawn for each call.
    #[must_use]
    pub const fn by_chance(self) -> Self {
        Self { chance: Some(0), ..self }
    }

    /// The same, loaded again as is said.
    #[must_use]
    pub fn starting(self, early: Early) -> Self {
        match early {
            Early::Part(part) => self.early(100 - percent(part)),
            Early::XFetch => self.by_chance(),
        }
    }

    /// The same for one call, of which it is drawn how early the value is due.
    #[must_use]
    pub fn drawn<H: Handle>(self, handle: &H, key: &<H::Store as Platform>::KeyBuf) -> Self {
        Self { chance: self.chance.map(|_| chance::gap(handle, key)), ..self }
    }

    /// How many milliseconds a value has more than these that is served since a load failed; `None` if none is.
    pub(crate) fn spared(self) -> Option<u64> {
        // one that is due early is fresh: without `early` nobody would have loaded it
        let fresh = (self.early > 0 || self.chance.is_some()).then_some(u64::from(self.stale));
        if self.on_error { Some(0) } else { fresh }
    }

    /// Whether it matters how long a load takes.
    pub(crate) const fn is_by_chance(self) -> bool {
        self.chance.is_some()
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            stale: if other.stale > 0 { other.stale } else { self.stale },
            early: if other.early > 0 { other.early } else { self.early },
            chance: if other.chance.is_some() { other.chance } else { self.chance },
            on_error: self.on_error || other.on_error,
        }
    }
}
