//! What a value remembers of its hits, in one word that a hit may write under a read lock.
//!
//! From the lowest bit: how often it was hit of late (4), whether since the hand last passed (1), its list (2), nothing (1), in
//! which epoch it was hit last (8), and after how many quarters of a round of hits (16). An epoch is thirty times as many
//! requests as the shard keeps values; what was hit in an older one counts for less.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const FREQUENT: u32 = 15;
const VISITED: u32 = 1 << 4;
const LIST: u32 = 3 << 5;
const EPOCH: u32 = 8;
const ROUND: u32 = 16;
/// Of how many requests an epoch is, for each value that is kept.
const REQUESTS: u64 = 30;
/// For how many rounds of hits a value is not hit that is stale: a loop that does not fit is never, a working set that is over
/// soon.
const STALE: u16 = 4 * 4;

/// The time of a shard, as marks have it: moved under its write lock alone.
#[derive(Debug)]
pub(super) struct Time {
    now: u32,
    /// Counted by hits under a read lock; some may be lost, for they only tell the time.
    hits: AtomicU32,
    seen: u32,
    requests: u64,
    all_hits: u64,
    /// Of requests to an epoch, and of hits to a quarter of a round.
    lengths: [u64; 2],
}

impl Time {
    /// Of a shard that keeps so many values.
    pub(super) fn new(quota: usize) -> Self {
        let quota = quota.max(128) as u64;
        let lengths = [quota.saturating_mul(REQUESTS), quota / 4];
        Self { now: 0, hits: AtomicU32::new(0), seen: 0, requests: 0, all_hits: 0, lengths }
    }

    /// Notes what was hit since it was moved last, and so many misses.
    pub(super) fn pass(&mut self, misses: u64) {
        let hits = *self.hits.get_mut();
        let new = u64::from(hits.wrapping_sub(self.seen));
        (self.seen, self.all_hits) = (hits, self.all_hits + new);
        self.requests += new + misses;
        let [epoch, quarter] = [self.requests / self.lengths[0], self.all_hits / self.lengths[1]];
        self.now = (epoch as u32 & 0xff) << EPOCH | (quarter as u32 & 0xffff) << ROUND;
    }

    pub(super) const fn epoch(&self) -> u32 {
        self.now >> EPOCH & 0xff
    }
}

/// A frequency after so many epochs: half of it, then by an eighth each.
pub(super) const fn aged(frequency: u32, epochs: u32) -> u32 {
    match epochs {
        0 => frequency,
        1 => frequency / 2,
        2 => frequency / 16,
        _ => 0,
    }
}

/// Of one value.
#[derive(Debug, Default)]
pub(in crate::memory) struct Mark(AtomicU32);

impl Mark {
    pub(in crate::memory) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// It was hit.
    #[inline]
    pub(super) fn hit(&self, time: &Time) {
        time.hits.store(time.hits.load(Relaxed).wrapping_add(1), Relaxed);
        let old = self.0.load(Relaxed);
        let new = time.now | old & LIST | VISITED | (Self::aged(old, time) + 1).min(FREQUENT);
        // a write would take the cache line from every other reader
        if new != old {
            self.0.store(new, Relaxed);
        }
    }

    /// It begins with a frequency, in a list that is still to be said.
    pub(super) fn begin(&self, time: &Time, frequency: u32) {
        self.0.store(time.now | frequency.min(FREQUENT), Relaxed);
    }

    /// It takes the place of another one.
    pub(super) fn follow(&self, other: &Self) {
        self.0.store(other.0.load(Relaxed), Relaxed);
    }

    pub(super) fn list(&self) -> usize {
        ((self.0.load(Relaxed) & LIST) >> LIST.trailing_zeros()) as usize
    }

    pub(super) fn set_list(&self, list: usize) {
        self.0.store(self.0.load(Relaxed) & !LIST | (list as u32) << LIST.trailing_zeros(), Relaxed);
    }

    pub(super) fn is_visited(&self) -> bool {
        self.0.load(Relaxed) & VISITED != 0
    }

    /// Whether it was hit since the hand last passed, which it is not any more.
    pub(super) fn unvisit(&self) -> bool {
        let old = self.0.load(Relaxed);
        self.0.store(old & !VISITED, Relaxed);
        old & VISITED != 0
    }

    /// How often it was hit of late.
    pub(super) fn frequency(&self, time: &Time) -> u32 {
        Self::aged(self.0.load(Relaxed), time)
    }

    const fn aged(mark: u32, time: &Time) -> u32 {
        let epochs = ((time.now >> EPOCH) as u8).wrapping_sub((mark >> EPOCH) as u8);
        aged(mark & FREQUENT, epochs as u32)
    }

    /// Whether it was not hit for several rounds of hits.
    pub(super) fn is_stale(&self, time: &Time) -> bool {
        ((time.now >> ROUND) as u16).wrapping_sub((self.0.load(Relaxed) >> ROUND) as u16) > STALE
    }
}
