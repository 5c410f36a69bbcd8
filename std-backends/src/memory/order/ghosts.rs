//! What went a while ago: how often it was hit, and from where it went. A fingerprint of a key each, so one may be taken for
//! another's.
//!
//! From the lowest bit: fingerprint (13), frequency (4), whether from the main part (1), epoch (4), and a number (10) that
//! tells how many have gone since.

use super::mark::{Time, aged};

const WAYS: usize = 8;
const TAG: u32 = 0x1fff;
const FREQUENCY: u32 = 13;
const FROM_MAIN: u32 = 17;
const EPOCH: u32 = 18;
const NUMBER: u32 = 22;
/// What went within a tenth of as many evictions as values are kept went lately, counted in eighths of that.
const UNITS: u32 = 8;
const LATELY: usize = 10;

/// Those of one shard; nothing before the first eviction.
#[derive(Debug)]
pub(super) struct Ghosts {
    buckets: Vec<[u32; WAYS]>,
    quota: usize,
    evictions: u64,
}

/// What is remembered of a key that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ghost {
    pub(super) frequency: u32,
    /// Whether it went from the main part; else from the window.
    pub(super) from_main: bool,
    pub(super) went_lately: bool,
}

impl Ghosts {
    pub(super) const fn new(quota: usize) -> Self {
        Self { buckets: Vec::new(), quota, evictions: 0 }
    }

    fn unit(&self) -> u64 {
        (self.quota / (LATELY * UNITS as usize)).max(1) as u64
    }

    fn number(&self) -> u32 {
        (self.evictions / self.unit()) as u32 & 0x3ff
    }

    fn place(&self, hash: u64) -> (usize, u32) {
        // other bits than the table's own (Knuth's multiplier, then the upper half)
        let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (((mixed >> 32) as usize * self.buckets.len()) >> 32, (mixed >> 8) as u32 & TAG)
    }

    fn frequency(ghost: u32, time: &Time) -> u32 {
        aged(ghost >> FREQUENCY & 15, time.epoch().wrapping_sub(ghost >> EPOCH) & 15)
    }

    fn age(&self, ghost: u32) -> u32 {
        self.number().wrapping_sub(ghost >> NUMBER) & 0x3ff
    }

    /// One goes.
    pub(super) fn remember(&mut self, hash: u64, frequency: u32, from_main: bool, time: &Time) {
        if self.buckets.is_empty() {
            self.buckets = vec![[0; WAYS]; self.quota.max(64).saturating_mul(2).div_ceil(WAYS)];
        }
        self.evictions += 1;
        let (bucket, tag) = self.place(hash);
        let epoch = time.epoch() & 15;
        let new =
            tag | frequency << FREQUENCY | u32::from(from_main) << FROM_MAIN | epoch << EPOCH | self.number() << NUMBER;
        // in the place of its own, or of the least frequent, or of the oldest
        let rank = |ghost: u32| match ghost {
            0 => (0, 0),
            own if own & TAG == tag => (0, 0),
            other => (1 + Self::frequency(other, time), 0x3ff - self.age(other)),
        };
        let ways = &self.buckets[bucket];
        let least = (0..WAYS).min_by_key(|way| rank(ways[*way])).unwrap_or_default();
        self.buckets[bucket][least] = new;
    }

    /// One comes again, and is a ghost no more.
    pub(super) fn recall(&mut self, hash: u64, time: &Time) -> Option<Ghost> {
        if self.buckets.is_empty() {
            return None;
        }
        let (bucket, tag) = self.place(hash);
        let way = self.buckets[bucket].iter().position(|ghost| *ghost != 0 && ghost & TAG == tag)?;
        let ghost = std::mem::take(&mut self.buckets[bucket][way]);
        let gone = u64::from(self.age(ghost)) * self.unit();
        Some(Ghost {
            frequency: Self::frequency(ghost, time),
            from_main: ghost >> FROM_MAIN & 1 == 1,
            went_lately: gone < (self.quota / LATELY).max(1) as u64,
        })
    }
}
