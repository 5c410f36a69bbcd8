//! The permits of one pool, found by token, by index and by end: each question costs the logarithm of how many are held.

use crate::{
    cell::{LeaseCell, permit::Place},
    time::Instant,
    token::HolderToken,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// The permits of one pool, each at its index.
#[derive(Debug, Default)]
pub(super) struct Permits {
    cells: Vec<LeaseCell>,
    /// Indices of `cells` that nobody holds.
    free: BTreeSet<u32>,
    /// When those end that are held, and where they are; ended ones until the next step.
    ends: BTreeSet<(Instant, u32)>,
    holders: BTreeMap<[u32; 4], u32>,
}

impl Permits {
    /// Whether any is held.
    pub(super) fn is_live(&self, now: Instant) -> bool {
        self.ends.last().is_some_and(|(end, _)| now < *end)
    }

    /// How many are held, and when the first one ends.
    pub(super) fn in_use(&mut self, now: Instant) -> (u32, Instant) {
        self.sweep(now);
        (self.ends.len() as u32, self.ends.first().map_or(Instant::MAX, |(end, _)| *end))
    }

    pub(super) fn spot(&mut self, size: u32, token: HolderToken, now: Instant) -> Place {
        let (held, first) = self.in_use(now);
        match self.holders.get(&token.0) {
            Some(index) => Place::Mine(*index),
            // counted over every index: after a pool shrank, permits above its size still count
            None if held >= size => Place::Full(first),
            None => {
                let index = self.free.first().map_or(self.cells.len() as u32, |index| *index);
                Place::Free { index, taken: held }
            }
        }
    }

    /// The permit at that index, which nobody holds.
    pub(super) fn vacant(&mut self, index: u32) -> Option<&mut LeaseCell> {
        if index as usize == self.cells.len() {
            self.cells.push(LeaseCell::FREE);
        }
        self.cells.get_mut(index as usize)
    }

    /// It was granted until `end`.
    pub(super) fn granted(&mut self, index: u32, token: HolderToken, end: Instant) {
        self.free.remove(&index);
        self.ends.insert((end, index));
        self.holders.insert(token.0, index);
    }

    pub(super) fn held_by(&self, token: HolderToken, now: Instant) -> Option<&LeaseCell> {
        let index = *self.holders.get(&token.0)?;
        self.cells.get(index as usize).filter(|cell| cell.is_held_by(now, token))
    }

    pub(super) fn set_end(&mut self, token: HolderToken, end: Instant, now: Instant) -> bool {
        self.sweep(now);
        let Some(index) = self.holders.get(&token.0).copied() else { return false };
        let Some(cell) = self.cells.get_mut(index as usize) else { return false };
        self.ends.remove(&(cell.end(), index));
        cell.set_end(end);
        self.ends.insert((end, index));
        self.sweep(now);
        true
    }

    /// Ends all; how many were held.
    pub(super) fn end_all(&mut self, now: Instant) -> usize {
        let held = self.in_use(now).0;
        *self = Self::default();
        held as usize
    }

    /// Frees what has ended, and gives back what free ones took.
    fn sweep(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, index)) = self.ends.pop_first()
        {
            if let Some(cell) = self.cells.get(index as usize) {
                self.holders.remove(&cell.holder().0);
            }
            self.free.insert(index);
        }
        while self.cells.len().checked_sub(1).is_some_and(|last| self.free.remove(&(last as u32))) {
            self.cells.pop();
        }
        if self.cells.len() < self.cells.capacity() / 4 {
            self.cells.shrink_to(self.cells.len() * 2);
        }
    }
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
                pool.vacant(index).unwrap().take(now, token, end, &mut Fences(0));
                pool.granted(index, token, end);
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
        assert!(pool.cells.len() == 3 && pool.cells.capacity() < 100, "{} places are kept", pool.cells.capacity());
        assert_eq!(pool.in_use(Instant::from_millis(60)), (0, Instant::MAX));
        assert!(pool.cells.is_empty() && pool.free.is_empty() && pool.holders.is_empty());
    }
}
