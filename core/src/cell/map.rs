//! A map of cells that grows (feature `alloc`); idle cells are forgotten a few at a time, without being asked for.

mod permits;

use super::{
    Cell, LeaseCell,
    permit::Place,
    table::{Table, TableFull},
};
use crate::{
    key::{Key, Kind},
    time::Instant,
    token::HolderToken,
};
use alloc::{boxed::Box, vec::Vec};
use hashbrown::HashTable;
use permits::Permits;

/// How many cells one operation looks at to forget idle ones.
const SWEEP: usize = 8;

/// A growing table.
#[derive(Debug)]
pub struct Map<V = ()> {
    cells: HashTable<Named<Cell<V>>>,
    pools: HashTable<Named<Permits>>,
    /// Where the sweep stands, in cells and in pools.
    hands: [usize; 2],
}

#[derive(Debug)]
struct Named<T> {
    hash: u64,
    kind: Kind,
    key: Box<[u8]>,
    of: T,
}

impl<T> Named<T> {
    fn new(key: &Key<'_>, of: T) -> Self {
        Self { hash: key.hash, kind: key.kind, key: key.bytes.into(), of }
    }

    fn is(&self, key: &Key<'_>) -> bool {
        key.same(self.kind, self.hash, &self.key)
    }
}

impl<V> Map<V> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { cells: HashTable::new(), pools: HashTable::new(), hands: [0; 2] }
    }

    /// How many keys it remembers, idle ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len() + self.pools.len()
    }

    /// Whether it remembers nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends every lease and permit; how many were live. Markers stay.
    pub fn end_all(&mut self, now: Instant) -> usize {
        let leases = self.cells.iter_mut().map(|cell| &mut cell.of.lease);
        let leases = leases.filter(|lease| lease.is_live(now)).map(|lease| lease.set_end(Instant::ZERO)).count();
        leases + self.pools.iter_mut().map(|pool| pool.of.end_all(now)).sum::<usize>()
    }

    /// How many leases are live.
    #[must_use]
    pub fn live(&self, now: Instant) -> usize {
        let leases = self.cells.iter().filter(|cell| cell.of.lease.is_live(now)).count();
        leases + self.pools.iter().map(|pool| pool.of.live(now)).sum::<usize>()
    }

    /// Ends every lease of a kind other than pools; the keys of those that were live.
    pub fn end_of(&mut self, kind: Kind, now: Instant) -> Vec<Box<[u8]>> {
        let live = self.cells.iter_mut().filter(|cell| cell.kind == kind && cell.of.lease.is_live(now));
        live.map(|cell| {
            cell.of.lease.set_end(Instant::ZERO);
            cell.key.clone()
        })
        .collect()
    }

    /// How many markers are kept.
    #[must_use]
    pub fn markers(&self, now: Instant) -> usize {
        self.cells.iter().filter(|cell| cell.of.marker_end(now).is_some()).count()
    }

    /// Looks at a few buckets, in turn, so that every key is looked at again and again; not at the one that is asked for,
    /// which would be made anew.
    fn sweep(&mut self, now: Instant, asked: u64) {
        let [of_cells, of_pools] = &mut self.hands;
        for _ in 0..SWEEP {
            forget_next(&mut self.cells, of_cells, |cell| cell.hash != asked && cell.of.is_idle(now));
            forget_next(&mut self.pools, of_pools, |pool| pool.hash != asked && !pool.of.is_live(now));
        }
    }

    fn pool(&mut self, key: &Key<'_>) -> Option<&mut Permits> {
        self.pools.find_mut(key.hash, |p| p.is(key)).map(|p| &mut p.of)
    }
}

/// Moves the hand on by one bucket, whose entry is forgotten if it is idle; after each round what a crowd took is given
/// back.
#[inline]
fn forget_next<T>(table: &mut HashTable<Named<T>>, hand: &mut usize, is_idle: impl FnOnce(&Named<T>) -> bool) {
    *hand += 1;
    if *hand >= table.num_buckets() {
        *hand = 0;
        if table.len() < table.capacity() / 8 {
            table.shrink_to(table.len() * 2, |entry| entry.hash);
        }
    }
    if let Ok(entry) = table.get_bucket_entry(*hand)
        && is_idle(entry.get())
    {
        entry.remove();
    }
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Table for Map<V> {
    type Value = V;

    fn find(&mut self, key: &Key<'_>) -> Option<&mut Cell<V>> {
        self.cells.find_mut(key.hash, |c| c.is(key)).map(|c| &mut c.of)
    }
    fn entry(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Cell<V>, TableFull> {
        self.sweep(now, key.hash);
        let cell = self.cells.entry(key.hash, |c| c.is(key), |c| c.hash);
        Ok(&mut cell.or_insert_with(|| Named::new(key, Cell::EMPTY)).into_mut().of)
    }
    fn in_use(&mut self, key: &Key<'_>, now: Instant) -> (u32, Instant) {
        self.pool(key).map_or((0, Instant::MAX), |pool| pool.in_use(now))
    }
    fn spot(&mut self, key: &Key<'_>, size: u32, token: HolderToken, now: Instant) -> Place {
        match self.pool(key) {
            Some(pool) => pool.spot(size, token, now),
            None if size == 0 => Place::Full(Instant::MAX),
            None => Place::Free { index: 0, taken: 0 },
        }
    }
    fn vacant(
        &mut self,
        key: &Key<'_>,
        index: u32,
        token: HolderToken,
        [now, end]: [Instant; 2],
    ) -> Result<&mut LeaseCell, TableFull> {
        self.sweep(now, key.hash);
        let pool = self.pools.entry(key.hash, |p| p.is(key), |p| p.hash);
        let pool = pool.or_insert_with(|| Named::new(key, Permits::default())).into_mut();
        pool.of.vacant(index, token, end).ok_or(TableFull)
    }
    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&LeaseCell> {
        if key.kind == Kind::Pool {
            return self.pool(key)?.held_by(token, now);
        }
        self.find(key).map(|cell| &cell.lease).filter(|lease| lease.is_held_by(now, token))
    }
    fn set_end(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> bool {
        if key.kind == Kind::Pool {
            return self.pool(key).is_some_and(|pool| pool.set_end(token, end, now));
        }
        self.cell_held_by(key, token, now).map(|cell| cell.lease.set_end(end)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crowd_of_pools_took_is_given_back_once_they_have_ended() {
        let mut map = Map::<()>::new();
        let (now, end) = (Instant::from_millis(1), Instant::from_millis(10));
        let take = |map: &mut Map, name: u64, [now, end]: [Instant; 2]| {
            let name = name.to_le_bytes();
            let key = Key::new(Kind::Pool, "", &name, 0);
            assert!(map.vacant(&key, 0, HolderToken([1; 4]), [now, end]).is_ok());
        };
        (0..10_000).for_each(|name| take(&mut map, name, [now, end]));
        assert_eq!(map.len(), 10_000);
        let later = [end, Instant::from_millis(20)];
        (0..10_000).for_each(|_| take(&mut map, 0, later));
        assert_eq!(map.len(), 1);
        assert!(map.pools.capacity() < 100, "{}", map.pools.capacity());
    }
}
