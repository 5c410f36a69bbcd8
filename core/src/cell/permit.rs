//! The rule of a pool: where the next permit goes.

use super::LeaseCell;
use crate::{time::Instant, token::HolderToken};

/// What a pool answers to one more request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The token already holds this permit.
    Mine(u32),
    /// There is one.
    Free {
        /// The lowest index that nobody holds.
        index: u32,
        /// How many are held.
        taken: u32,
    },
    /// All permits are held; the first ends then.
    Full(Instant),
}

/// Looks for a place among the permits of one pool; `cells` may list them in any order and leave out free ones.
///
/// ```
/// use cachify_core::{cell::{LeaseCell, permit::{Place, place}}, time::Instant, token::HolderToken};
/// let held: [(u32, &LeaseCell); 0] = [];
/// assert_eq!(place(Instant::ZERO, HolderToken([1; 4]), 3, || held.into_iter()), Place::Free { index: 0, taken: 0 });
/// ```
pub fn place<'c, I: Iterator<Item = (u32, &'c LeaseCell)>>(
    now: Instant,
    token: HolderToken,
    size: u32,
    cells: impl Fn() -> I,
) -> Place {
    let live = || cells().filter(|(_, cell)| cell.is_live(now));
    // 64 indices in one pass, so that no map is needed to find the lowest free one
    let mut base = 0_u32;
    loop {
        let (mut in_use, mut held) = (0_u32, [0_u32; 2]);
        for (index, cell) in live() {
            if cell.is_of(token) {
                return Place::Mine(index);
            }
            in_use += 1;
            let at = index.wrapping_sub(base);
            // in words: shifts of 64 bits are long on a small core
            if let Some(word) = held.get_mut(at as usize / 32) {
                *word |= 1 << (at % 32);
            }
        }
        // counted over every index: after a pool shrank, permits above its size still count
        if in_use >= size {
            return Place::Full(live().fold(Instant::MAX, |next, (_, cell)| next.min(cell.end())));
        }
        // below the size, for fewer are held
        match held.map(u32::trailing_ones) {
            [32, 32] => base += 64,
            [32, more] => return Place::Free { index: base + 32 + more, taken: in_use },
            [low, _] => return Place::Free { index: base + low, taken: in_use },
        }
    }
}

/// How many permits are held, and when the first one ends.
pub fn in_use<'c>(now: Instant, cells: impl Iterator<Item = (u32, &'c LeaseCell)>) -> (u32, Instant) {
    cells
        .filter(|(_, cell)| cell.is_live(now))
        .fold((0, Instant::MAX), |(held, first), (_, cell)| (held.saturating_add(1), first.min(cell.end())))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{
        cell::{Ask, Fences},
        patience::Ticket,
    };
    use core::time::Duration;
    use std::vec::Vec;

    fn held(index: u32, ends: u64) -> (u32, LeaseCell) {
        let mut cell = LeaseCell::FREE;
        let ask = Ask::new(HolderToken([index + 1; 4]), Duration::from_millis(ends));
        cell.acquire(Instant::ZERO, &ask, &mut Fences::default(), Ticket::NONE);
        (index, cell)
    }

    fn place_in(cells: &[(u32, LeaseCell)], now: u64, size: u32) -> Place {
        place(Instant::from_millis(now), HolderToken([999; 4]), size, || {
            cells.iter().map(|(index, cell)| (*index, cell))
        })
    }

    #[test]
    fn the_lowest_hole_is_taken_also_past_the_first_window() {
        let cells: Vec<_> = (0..70).filter(|i| *i != 65).map(|i| held(i, 10)).collect();
        assert_eq!(place_in(&cells, 0, 100), Place::Free { index: 65, taken: 69 });
        assert_eq!(place_in(&cells, 0, 69), Place::Full(Instant::from_millis(10)));
        assert_eq!(place_in(&cells, 10, 69), Place::Free { index: 0, taken: 0 });
    }

    #[test]
    fn permits_above_a_smaller_size_still_count() {
        let cells = [held(3, 10), held(4, 7)];
        assert_eq!(place_in(&cells, 0, 2), Place::Full(Instant::from_millis(7)));
        assert_eq!(
            in_use(Instant::ZERO, cells.iter().map(|(index, cell)| (*index, cell))),
            (2, Instant::from_millis(7))
        );
    }

    #[test]
    fn the_same_token_finds_its_own_permit() {
        let cells = [held(0, 10), held(1, 10)];
        let again = place(Instant::ZERO, HolderToken([2; 4]), 2, || cells.iter().map(|(index, cell)| (*index, cell)));
        assert_eq!(again, Place::Mine(1));
    }
}
