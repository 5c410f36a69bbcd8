//! The permits of one pool, found by token, by index and by end, at the same cost among ten and ten thousand.

use crate::{
    cell::{LeaseCell, permit::Place},
    time::Instant,
    token::HolderToken,
};
use alloc::{collections::BTreeSet, vec::Vec};
use hashbrown::HashTable;

/// Room for so many permits is kept until the pool is forgotten.
const SMALL: usize = 64;

/// The permits of one pool, each at its index.
#[derive(Debug, Default)]
pub(super) struct Permits {
    cells: Vec<LeaseCell>,
    held: u32,
    /// A bit for each cell that is held, and the first word that may have one which is not.
    taken: Vec<u64>,
    low: usize,
    /// When those end that have an end, and where they are; ended ones until the next step.
    ends: BTreeSet<(Instant, u32)>,
    /// Where those are that are held, by their tokens.
    holders: HashTable<u32>,
}

/// Tokens are random, or count up in one word.
fn hash(token: HolderToken) -> u64 {
    let [a, b, c, d] = token.0.map(u64::from);
    let mixed = ((a ^ c) << 32 | (b ^ d)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

impl Permits {
    /// Whether any is held.
    pub(super) fn is_live(&self, now: Instant) -> bool {
        // those without an end, or one that has not come
        self.held as usize > self.ends.len() || self.ends.last().is_some_and(|(end, _)| now < *end)
    }

    /// How many are held, and when the first one ends.
    pub(super) fn in_use(&mut self, now: Instant) -> (u32, Instant) {
        self.sweep(now);
        (self.held, self.ends.first().map_or(Instant::MAX, |(end, _)| *end))
    }

    fn index_of(&self, token: HolderToken) -> Option<u32> {
        let Self { cells, holders, .. } = self;
        holders.find(hash(token), |index| is_of(cells, *index, token)).copied()
    }

    /// The lowest index that nobody holds.
    fn lowest(&mut self) -> u32 {
        while self.taken.get(self.low) == Some(&u64::MAX) {
            self.low += 1;
        }
        self.low as u32 * u64::BITS + self.taken.get(self.low).map_or(0, |word| word.trailing_ones())
    }

    pub(super) fn spot(&mut self, size: u32, token: HolderToken, now: Instant) -> Place {
        let (held, first) = self.in_use(now);
        match self.index_of(token) {
            Some(index) => Place::Mine(index),
            // counted over every index: after a pool shrank, permits above its size still count
            None if held >= size => Place::Full(first),
            None => Place::Free { index: self.lowest(), taken: held },
        }
    }

    /// The permit at that index, which nobody holds, for `token` to take until `end`.
    pub(super) fn vacant(&mut self, index: u32, token: HolderToken, end: Instant) -> Option<&mut LeaseCell> {
        let Self { cells, taken, ends, holders, .. } = self;
        if index as usize == cells.len() {
            cells.push(LeaseCell::FREE);
            taken.resize(cells.len().div_ceil(u64::BITS as usize), 0);
        }
        if let Some(word) = taken.get_mut((index / u64::BITS) as usize) {
            *word |= 1 << (index % u64::BITS);
        }
        if end != Instant::MAX {
            ends.insert((end, index));
        }
        let of = |index: &u32| cells.get(*index as usize).map_or(0, |cell| hash(cell.holder()));
        holders.insert_unique(hash(token), index, of);
        self.held += 1;
        self.cells.get_mut(index as usize)
    }

    pub(super) fn held_by(&self, token: HolderToken, now: Instant) -> Option<&LeaseCell> {
        self.cells.get(self.index_of(token)? as usize).filter(|cell| cell.is_held_by(now, token))
    }

    pub(super) fn set_end(&mut self, token: HolderToken, end: Instant, now: Instant) -> bool {
        self.sweep(now);
        let Some(index) = self.index_of(token) else { return false };
        let Some(cell) = self.cells.get_mut(index as usize) else { return false };
        if cell.end() != Instant::MAX {
            self.ends.remove(&(cell.end(), index));
        }
        cell.set_end(end);
        if end <= now {
            self.free(index);
            self.trim();
        } else if end != Instant::MAX {
            self.ends.insert((end, index));
        }
        true
    }

    /// How many are held.
    pub(super) fn live(&self, now: Instant) -> usize {
        self.cells.iter().filter(|cell| cell.is_live(now)).count()
    }

    /// Ends all; how many were held.
    pub(super) fn end_all(&mut self, now: Instant) -> usize {
        let held = self.in_use(now).0;
        *self = Self::default();
        held as usize
    }

    /// Nobody holds it any more.
    fn free(&mut self, index: u32) {
        let Self { cells, taken, holders, .. } = self;
        let Some(cell) = cells.get_mut(index as usize) else { return };
        let token = cell.holder();
        // also for one whose time was read before that of whoever found it ended
        cell.set_end(Instant::ZERO);
        if let Ok(held) = holders.find_entry(hash(token), |other| *other == index) {
            held.remove();
        }
        let word = (index / u64::BITS) as usize;
        if let Some(word) = taken.get_mut(word) {
            *word &= !(1 << (index % u64::BITS));
        }
        self.low = self.low.min(word);
        self.held -= 1;
    }

    /// Frees what has ended.
    fn sweep(&mut self, now: Instant) {
        let mut has_freed = false;
        while self.ends.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, index)) = self.ends.pop_first()
        {
            self.free(index);
            has_freed = true;
        }
        if has_freed {
            self.trim();
        }
    }

    /// Gives back what free ones took, beyond the last one that is held.
    fn trim(&mut self) {
        if self.cells.capacity() <= SMALL {
            return;
        }
        while self.taken.last() == Some(&0) {
            self.taken.pop();
        }
        let last = self.taken.last().map_or(0, |word| u64::BITS - word.leading_zeros());
        let len = self.taken.len().saturating_sub(1) * u64::BITS as usize + last as usize;
        self.cells.truncate(len);
        if self.cells.len() < self.cells.capacity() / 4 {
            let len = self.cells.len() * 2;
            self.cells.shrink_to(len);
            self.taken.shrink_to_fit();
            let cells = &self.cells;
            let of = |index: &u32| cells.get(*index as usize).map_or(0, |cell| hash(cell.holder()));
            self.holders.shrink_to(len, of);
        }
        self.low = self.low.min(self.taken.len());
    }
}

/// Whether the permit at that index is, or was last, the token's.
fn is_of(cells: &[LeaseCell], index: u32, token: HolderToken) -> bool {
    cells.get(index as usize).is_some_and(|cell| cell.is_of(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Fences;

    fn take(pool: &mut Permits, holder: u32, size: u32, now: u64, end: u64) -> Option<u32> {
        let (token, now, end) = (HolderToken([holder; 4]), Instant::from_millis(now), Instant::from_millis(end));
        match pool.spot(size, token, now) {
            Place::Mine(index) => Some(index),
            Place::Full(_) => None,
            Place::Free { index, .. } => {
                assert!(pool.vacant(index, token, end).unwrap().take(now, token, end, &mut Fences(0)));
                Some(index)
            }
        }
    }

    #[test]
    fn the_lowest_hole_is_taken_and_what_a_crowd_took_is_given_back() {
        let mut pool = Permits::default();
        let indices = |pool: &mut Permits, holders: core::ops::Range<u32>| -> Vec<_> {
            holders.map(|holder| take(pool, holder, 100, 0, 50)).collect()
        };
        assert!(indices(&mut pool, 1..101).into_iter().eq((0..100).map(Some)));
        assert_eq!(take(&mut pool, 101, 100, 0, 50), None);
        assert_eq!(take(&mut pool, 7, 100, 0, 50), Some(6), "the same token has the same permit");
        let now = Instant::from_millis(1);
        for holder in [90, 40, 60] {
            assert!(pool.set_end(HolderToken([holder; 4]), Instant::ZERO, now));
            assert!(!pool.set_end(HolderToken([holder; 4]), Instant::MAX, now), "what was given back is not extended");
        }
        assert_eq!(
            [101, 102, 103, 104].map(|holder| take(&mut pool, holder, 100, 1, 50)),
            [Some(39), Some(59), Some(89), None]
        );
        assert!(pool.set_end(HolderToken([3; 4]), Instant::from_millis(60), now));
        assert_eq!(pool.in_use(Instant::from_millis(50)), (1, Instant::from_millis(60)));
        assert!(pool.cells.len() == 3 && pool.cells.capacity() <= 128, "{} places are kept", pool.cells.capacity());
        assert_eq!(pool.in_use(Instant::from_millis(60)), (0, Instant::MAX));
        assert!(pool.cells.capacity() <= 64 && pool.holders.is_empty() && pool.held == 0);
    }

    /// Times are read before the lock is taken, so a step may come with an earlier one than the step before it.
    #[test]
    fn a_step_that_read_its_time_early_takes_what_was_found_free() {
        let mut pool = Permits::default();
        assert_eq!(take(&mut pool, 1, 1, 0, 10), Some(0));
        assert_eq!(pool.in_use(Instant::from_millis(10)), (0, Instant::MAX));
        assert_eq!(take(&mut pool, 2, 1, 9, 50), Some(0));
        assert!(pool.held_by(HolderToken([2; 4]), Instant::from_millis(9)).is_some());
        assert!(pool.held_by(HolderToken([1; 4]), Instant::from_millis(9)).is_none());
        assert!(pool.set_end(HolderToken([2; 4]), Instant::ZERO, Instant::from_millis(11)));
        assert!(pool.holders.is_empty());
    }
}
