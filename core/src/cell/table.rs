//! A map of cells: `&mut self`, no locking. The fixed one scans an array; `map` has one that grows.

use super::{
    Cell, LeaseCell,
    permit::{self, Place},
};
use crate::{
    key::{Key, Kind, same},
    time::Instant,
    token::HolderToken,
};
use core::fmt;

/// Why a table has no room for one more key or permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every slot of the store holds a live key or permit")
    }
}

impl core::error::Error for TableFull {}

/// Finds cells by key.
#[doc(hidden)]
pub trait Table {
    /// What a cached value is.
    type Value;
    /// How many bytes a key has at most; a longer one must not be given a place.
    const LONGEST: usize = usize::MAX;

    /// The cell of `key`, if there is one.
    fn find(&mut self, key: &Key<'_>) -> Option<&mut Cell<Self::Value>>;
    /// The cell of `key`, made in the place of an idle one if there is none.
    ///
    /// # Errors
    /// [`TableFull`] when every place holds something live.
    fn entry(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Cell<Self::Value>, TableFull>;
    /// How many permits of a pool are held, and when the first one ends.
    fn in_use(&mut self, key: &Key<'_>, now: Instant) -> (u32, Instant);
    /// How many permits of a pool are held.
    fn taken(&mut self, key: &Key<'_>, now: Instant) -> u32 {
        self.in_use(key, now).0
    }
    /// What one more request to a pool finds.
    fn spot(&mut self, key: &Key<'_>, size: u32, token: HolderToken, now: Instant) -> Place;
    /// The permit of a pool at that index, which nobody holds, made if there is none, for `token` to take now until an
    /// end.
    ///
    /// # Errors
    /// [`TableFull`] when every place holds something live.
    fn vacant(
        &mut self,
        key: &Key<'_>,
        index: u32,
        token: HolderToken,
        now_and_end: [Instant; 2],
    ) -> Result<&mut LeaseCell, TableFull>;
    /// The lease or permit of `key` that `token` holds.
    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&LeaseCell>;
    /// Lets the lease or permit that `token` holds end then; whether it held one.
    fn set_end(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> bool;
    /// The cell of `key` whose lease `token` holds.
    fn cell_held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Cell<Self::Value>> {
        self.find(key).filter(|cell| cell.lease.is_held_by(now, token))
    }
}

/// One place of a fixed table: a key, or one permit of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Slot<V, const KEY: usize> {
    /// Of the key; zero when empty, so that an empty table is all zero.
    sign: u32,
    len: u8,
    index: u16,
    key: [u8; KEY],
    cell: Cell<V>,
}

impl<V, const KEY: usize> Slot<V, KEY> {
    /// No key.
    pub const EMPTY: Self = Self { sign: 0, len: 0, index: 0, key: [0; KEY], cell: Cell::EMPTY };

    /// The rest of a comparison that begins with the sign, which rarely matches for nothing.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn has(&self, key: &Key<'_>) -> bool {
        let len = key.bytes.len();
        usize::from(self.len) == len && self.key.get(..len).is_some_and(|bytes| same(bytes, key.bytes))
    }

    fn set(&mut self, key: &Key<'_>, index: u16) {
        (self.sign, self.index) = (sign(key), index);
        // what an idle cell had does not count any more; its old token, fence and value are never looked at
        self.cell.forget();
        // one that is longer than the table's longest is refused before it comes here
        self.len = key.bytes.len() as u8;
        self.key.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
    }
}

/// As many bits as a [`Kind`] needs.
const KIND: u32 = 3;

/// What is compared first: the hash above the kind, which is never zero.
fn sign(key: &Key<'_>) -> u32 {
    (key.hash as u32) << KIND | key.kind as u32
}

/// What a table of fixed size does for one more key when every slot is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Refuses it.
    #[default]
    Refuse,
    /// Forgets the cached value that would end soonest; never a lease, a permit, a run or its marker, a value being
    /// filled.
    EvictValue,
}

/// For how many keys, by the low bits of their hashes, a table remembers where they were found last.
const HINTS: usize = 16;

/// A fixed table: `FixedTable<[Slot; N]>` owns, `FixedTable<[Slot]>` does the work.
#[derive(Debug)]
pub struct FixedTable<A: ?Sized> {
    when_full: WhenFull,
    /// Whether two pools had one sign. If not, all slots of a pool's sign are of the pool that the first of them is of.
    twins: bool,
    /// Where to look first; a wrong one costs a search, and past 255 all are wrong.
    hints: [u8; HINTS],
    slots: A,
}

impl<A: ?Sized> FixedTable<A> {
    /// What it does when it is full from now on.
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }

    fn hint(&mut self, key: &Key<'_>) -> &mut u8 {
        &mut self.hints[key.hash as usize % HINTS]
    }
}

impl<V, const KEY: usize, const N: usize> FixedTable<[Slot<V, KEY>; N]> {
    /// `N` empty slots.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(KEY <= 255, "a key of a fixed table has at most 255 bytes") };
        Self { when_full: WhenFull::Refuse, twins: false, hints: [0; HINTS], slots: [const { Slot::EMPTY }; N] }
    }
}

impl<V, const KEY: usize, const N: usize> Default for FixedTable<[Slot<V, KEY>; N]> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V, const KEY: usize> FixedTable<[Slot<V, KEY>]> {
    /// The slot of the key, else the first idle one: two short loops, for one that does both is longer than both.
    fn place(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Slot<V, KEY>, TableFull> {
        match self.seek(key) {
            Some(at) => self.slots.get_mut(at).ok_or(TableFull),
            None => {
                // a pool's key that is taken for a lease's was not compared with those of its sign
                self.twins |= key.kind == Kind::Pool;
                self.vacate(key, 0, now)
            }
        }
    }

    /// The first idle slot, made the key's or the permit's.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn vacate(&mut self, key: &Key<'_>, index: u16, now: Instant) -> Result<&mut Slot<V, KEY>, TableFull> {
        let idle = self.slots.iter().position(|slot| slot.cell.is_idle(now));
        let at = idle.or_else(|| self.evictable(now)).ok_or(TableFull)?;
        *self.hint(key) = at as u8;
        let slot = self.slots.get_mut(at).ok_or(TableFull)?;
        slot.set(key, index);
        Ok(slot)
    }

    /// The slots that may be a pool's, from the first of its sign on; the key of that one is compared.
    fn pool(&mut self, key: &Key<'_>) -> Pool<'_, V, KEY> {
        let sign = sign(key);
        let first = self.slots.iter().position(|slot| slot.sign == sign);
        let slots = first.and_then(|at| self.slots.get(at..)).unwrap_or_default();
        self.twins |= slots.first().is_some_and(|slot| !slot.has(key));
        Pool { slots, sign, twins: self.twins }
    }

    /// The slot of a value that may go.
    #[cold]
    #[inline(never)]
    fn evictable(&self, now: Instant) -> Option<usize> {
        if self.when_full == WhenFull::Refuse {
            return None;
        }
        let may_go =
            |slot: &Slot<V, KEY>| slot.sign % (1 << KIND) == Kind::Cache as u32 && !slot.cell.lease.is_live(now);
        let values = self.slots.iter().enumerate().filter(|(_, slot)| may_go(slot));
        values.min_by_key(|(_, slot)| slot.cell.until).map(|(at, _)| at)
    }

    /// The place of the key, or of the first permit of the pool.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn seek(&mut self, key: &Key<'_>) -> Option<usize> {
        let sign = sign(key);
        let is = |slot: &Slot<V, KEY>| slot.sign == sign && slot.has(key) && slot.index == 0;
        let hint = usize::from(*self.hint(key));
        if self.slots.get(hint).is_some_and(is) {
            return Some(hint);
        }
        // backwards: the loop then counts nothing but the place
        let at = self.slots.iter().rposition(is)?;
        *self.hint(key) = at as u8;
        Some(at)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn held(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Slot<V, KEY>> {
        let held = |slot: &Slot<V, KEY>| slot.cell.lease.is_held_by(now, token);
        if key.kind == Kind::Pool {
            let sign = sign(key);
            return self.slots.iter_mut().find(|slot| slot.sign == sign && held(slot) && slot.has(key));
        }
        let at = self.seek(key)?;
        self.slots.get_mut(at).filter(|slot| held(slot))
    }
}

/// The slots that may be a pool's.
struct Pool<'t, V, const KEY: usize> {
    slots: &'t [Slot<V, KEY>],
    sign: u32,
    twins: bool,
}

impl<'t, V, const KEY: usize> Pool<'t, V, KEY> {
    /// Its permits; their keys are compared only where the sign is not enough.
    fn permits(&self, key: &'t Key<'_>) -> impl Iterator<Item = (u32, &'t LeaseCell)> {
        let Self { slots, sign, twins } = *self;
        let own = move |slot: &&Slot<V, KEY>| slot.sign == sign && (!twins || slot.has(key));
        slots.iter().filter(own).map(|slot| (slot.index.into(), &slot.cell.lease))
    }
}

impl<V, const KEY: usize> Table for FixedTable<[Slot<V, KEY>]> {
    type Value = V;
    const LONGEST: usize = KEY;

    fn find(&mut self, key: &Key<'_>) -> Option<&mut Cell<V>> {
        let at = self.seek(key)?;
        self.slots.get_mut(at).map(|slot| &mut slot.cell)
    }
    fn entry(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Cell<V>, TableFull> {
        self.place(key, now).map(|slot| &mut slot.cell)
    }
    fn in_use(&mut self, key: &Key<'_>, now: Instant) -> (u32, Instant) {
        permit::in_use(now, self.pool(key).permits(key))
    }
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn spot(&mut self, key: &Key<'_>, size: u32, token: HolderToken, now: Instant) -> Place {
        let pool = self.pool(key);
        permit::place(now, token, size, || pool.permits(key))
    }
    fn taken(&mut self, key: &Key<'_>, now: Instant) -> u32 {
        // the same search, which is there already
        match self.spot(key, u32::MAX, HolderToken::default(), now) {
            Place::Free { taken, .. } => taken,
            Place::Mine(_) | Place::Full(_) => 0,
        }
    }
    fn vacant(
        &mut self,
        key: &Key<'_>,
        index: u32,
        _: HolderToken,
        [now, _]: [Instant; 2],
    ) -> Result<&mut LeaseCell, TableFull> {
        // the lowest free one, so below how many slots there are
        self.vacate(key, index as u16, now).map(|slot| &mut slot.cell.lease)
    }
    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&LeaseCell> {
        self.held(key, token, now).map(|slot| &slot.cell.lease)
    }
    fn set_end(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> bool {
        self.held(key, token, now).map(|slot| slot.cell.lease.set_end(end)).is_some()
    }
    fn cell_held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Cell<V>> {
        self.held(key, token, now).map(|slot| &mut slot.cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1);
    const END: Instant = Instant::from_millis(9);

    /// All of one hash.
    fn key(kind: Kind, bytes: &[u8]) -> Key<'_> {
        Key { hash: 7, ..Key::new(kind, "", bytes, 0) }
    }

    fn take(table: &mut FixedTable<[Slot<(), 8>]>, pool: &[u8], holder: u32) -> Option<u32> {
        let (key, token) = (key(Kind::Pool, pool), HolderToken([holder; 4]));
        match table.spot(&key, 3, token, NOW) {
            Place::Mine(index) => Some(index),
            Place::Full(_) => None,
            Place::Free { index, .. } => table
                .vacant(&key, index, token, [NOW, END])
                .unwrap()
                .take(NOW, token, END, &mut crate::cell::Fences(0))
                .then_some(index),
        }
    }

    #[test]
    fn pools_of_one_hash_are_told_apart() {
        let table: &mut FixedTable<[Slot<(), 8>]> = &mut FixedTable::<[Slot<(), 8>; 8]>::new();
        let taken = [(b"a", 1), (b"b", 2), (b"a", 3), (b"a", 4), (b"b", 5), (b"a", 6), (b"b", 5)];
        let indices = taken.map(|(pool, holder)| take(table, pool, holder));
        assert_eq!(indices, [Some(0), Some(0), Some(1), Some(2), Some(1), None, Some(1)]);
        assert_eq!([b"a", b"b", b"c"].map(|pool| table.in_use(&key(Kind::Pool, pool), NOW).0), [3, 2, 0]);
        assert!(table.held_by(&key(Kind::Pool, b"a"), HolderToken([5; 4]), NOW).is_none());
        assert!(table.held_by(&key(Kind::Pool, b"b"), HolderToken([5; 4]), NOW).is_some());
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let table: &mut FixedTable<[Slot<(), 8>]> = &mut FixedTable::<[Slot<(), 8>; 4]>::new();
        let keys = [key(Kind::Lock, b"a"), key(Kind::Lock, b"b"), key(Kind::Once, b"a"), key(Kind::Lock, b"")];
        for (holder, key) in (1..).zip(&keys) {
            let lease = &mut table.entry(key, NOW).unwrap().lease;
            assert!(lease.take(NOW, HolderToken([holder; 4]), END, &mut crate::cell::Fences(0)));
        }
        assert_eq!(table.entry(&key(Kind::Lock, b"c"), NOW).unwrap_err(), TableFull);
        for (holder, key) in (1..).zip(&keys) {
            assert!(table.held_by(key, HolderToken([holder; 4]), NOW).is_some());
            assert!(table.find(key).unwrap().lease.is_held_by(NOW, HolderToken([holder; 4])));
        }
    }
}
