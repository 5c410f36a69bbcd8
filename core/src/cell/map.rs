//! A map of cells that grows (feature `alloc`); idle cells are forgotten a few at a time, without being asked for.

use super::{
    Cell, LeaseCell,
    permit::{self, Place},
    table::{Permit, Table, TableFull},
};
use crate::{
    key::{Key, Kind},
    time::Instant,
    token::HolderToken,
};
use alloc::{boxed::Box, vec::Vec};
use hashbrown::HashTable;

/// How many cells one operation looks at to forget idle ones.
const SWEEP: usize = 8;

/// A growing table.
#[derive(Debug)]
pub struct Map<V = ()> {
    cells: HashTable<Named<Cell<V>>>,
    pools: HashTable<Named<Vec<LeaseCell>>>,
    hand: usize,
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
        Self { cells: HashTable::new(), pools: HashTable::new(), hand: 0 }
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
        let permits = self.pools.iter_mut().flat_map(|pool| &mut pool.of);
        leases.chain(permits).filter(|lease| lease.is_live(now)).map(|lease| lease.set_end(Instant::ZERO)).count()
    }

    fn pool(&mut self, key: &Key<'_>) -> &mut Vec<LeaseCell> {
        let pool = self.pools.entry(key.hash, |p| p.is(key), |p| p.hash);
        &mut pool.or_insert_with(|| Named::new(key, Vec::new())).into_mut().of
    }

    /// The permits of a pool, each at its index.
    fn permits(&self, key: &Key<'_>) -> &[LeaseCell] {
        self.pools.find(key.hash, |p| p.is(key)).map_or(&[], |p| &p.of)
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
        self.sweep(now);
        let cell = self.cells.entry(key.hash, |c| c.is(key), |c| c.hash);
        Ok(&mut cell.or_insert_with(|| Named::new(key, Cell::EMPTY)).into_mut().of)
    }
    fn in_use(&mut self, key: &Key<'_>, now: Instant) -> (u32, Instant) {
        permit::in_use(now, (0..=u32::MAX).zip(self.permits(key)))
    }
    fn permit(&mut self, key: &Key<'_>, size: u32, token: HolderToken, now: Instant) -> Result<Permit<'_>, TableFull> {
        let permits = self.permits(key);
        let index = match permit::place(now, token, size, || (0..=u32::MAX).zip(permits)) {
            Place::Mine(index) | Place::Free(index) => index,
            Place::Full(end) => return Ok(Err(end)),
        };
        self.sweep(now);
        let pool = self.pool(key);
        if pool.len() <= index as usize {
            pool.resize(index as usize + 1, LeaseCell::FREE);
        }
        Ok(Ok((index, pool.get_mut(index as usize).ok_or(TableFull)?)))
    }

    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut LeaseCell> {
        if key.kind == Kind::Pool {
            let pool = self.pools.find_mut(key.hash, |p| p.is(key))?;
            return pool.of.iter_mut().find(|permit| permit.is_held_by(now, token));
        }
        self.find(key).map(|cell| &mut cell.lease).filter(|lease| lease.is_held_by(now, token))
    }

    /// Looks at a few buckets, in turn, so that every key is looked at again and again.
    fn sweep(&mut self, now: Instant) {
        for _ in 0..SWEEP {
            self.hand = self.hand.wrapping_add(1);
            let bucket = self.hand % self.cells.num_buckets().max(1);
            if bucket == 0 && self.cells.len() < self.cells.capacity() / 8 {
                self.cells.shrink_to(self.cells.len() * 2, |c| c.hash);
            }
            if let Ok(cell) = self.cells.get_bucket_entry(bucket)
                && cell.get().of.is_idle(now)
            {
                cell.remove();
            }
            let bucket = self.hand % self.pools.num_buckets().max(1);
            if let Ok(pool) = self.pools.get_bucket_entry(bucket)
                && !pool.get().of.iter().any(|permit| permit.is_live(now))
            {
                pool.remove();
            }
        }
    }
}
