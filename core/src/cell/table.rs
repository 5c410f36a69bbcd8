//! A map of cells: `&mut self`, no locking. The fixed one scans an array; `map` has one that grows.

use super::{Cell, LeaseCell};
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
pub trait Table {
    /// What a cached value is.
    type Value;

    /// The cell of `key`, if there is one.
    fn find(&self, key: &Key<'_>) -> Option<&Cell<Self::Value>>;
    /// The same, to be changed.
    fn find_mut(&mut self, key: &Key<'_>) -> Option<&mut Cell<Self::Value>>;
    /// The cell of `key`, made in the place of an idle one if there is none.
    fn entry(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Cell<Self::Value>, TableFull>;
    /// The permits of a pool, free ones perhaps left out.
    fn permits<'t>(&'t self, key: &Key<'_>) -> impl Iterator<Item = (u16, &'t LeaseCell)>;
    /// The lease of a key, or one permit of a pool, made in the place of an idle one if there is none.
    fn lease(&mut self, key: &Key<'_>, index: u16, now: Instant) -> Result<&mut LeaseCell, TableFull>;
    /// The lease or permit of `key` that `token` holds.
    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut LeaseCell>;
    /// The cell of `key` whose lease `token` holds.
    fn cell_held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Cell<Self::Value>> {
        self.find_mut(key).filter(|cell| cell.lease.is_held_by(now, token))
    }
    /// Forgets idle cells, a bounded number at a time.
    fn sweep(&mut self, now: Instant) {
        let _ = now;
    }
}

/// One place of a fixed table: a key, or one permit of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Slot<V, const KEY: usize> {
    hash: u32,
    /// A `Kind`; zero when empty, so that an empty table is all zero.
    kind: u8,
    len: u8,
    index: u16,
    key: [u8; KEY],
    cell: Cell<V>,
}

impl<V, const KEY: usize> Slot<V, KEY> {
    /// No key.
    pub const EMPTY: Self = Self { hash: 0, kind: 0, len: 0, index: 0, key: [0; KEY], cell: Cell::EMPTY };

    /// The rest of a comparison that begins with the hash, which rarely matches for nothing: the cheapest first.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn has(&self, key: &Key<'_>, index: Option<u16>) -> bool {
        let len = key.bytes.len();
        index.is_none_or(|index| self.index == index)
            && self.kind == key.kind as u8
            && usize::from(self.len) == len
            && self.key.get(..len).is_some_and(|bytes| same(bytes, key.bytes))
    }

    fn set(&mut self, key: &Key<'_>, index: u16) {
        (self.hash, self.kind, self.index) = (key.hash as u32, key.kind as u8, index);
        // what an idle cell had does not count any more; its old token, fence and value are never looked at
        self.cell.forget();
        // a key buffer of the same length has already refused what does not fit
        self.len = u8::try_from(key.bytes.len().min(KEY)).unwrap_or(u8::MAX);
        self.key.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
    }
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

/// A fixed table: `FixedTable<[Slot; N]>` owns, `FixedTable<[Slot]>` does the work.
#[derive(Debug)]
pub struct FixedTable<A: ?Sized> {
    when_full: WhenFull,
    slots: A,
}

impl<A: ?Sized> FixedTable<A> {
    /// What it does when it is full from now on.
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }
}

impl<V, const KEY: usize, const N: usize> FixedTable<[Slot<V, KEY>; N]> {
    /// `N` empty slots.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(KEY <= 255, "a key of a fixed table has at most 255 bytes") };
        Self { when_full: WhenFull::Refuse, slots: [const { Slot::EMPTY }; N] }
    }
}

impl<V, const KEY: usize, const N: usize> Default for FixedTable<[Slot<V, KEY>; N]> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V, const KEY: usize> FixedTable<[Slot<V, KEY>]> {
    /// The slot of the key, else the first idle one: two short loops, for one that does both is longer than both.
    fn place(&mut self, key: &Key<'_>, index: u16, now: Instant) -> Result<&mut Slot<V, KEY>, TableFull> {
        if let Some(at) = self.seek(key, index) {
            return self.slots.get_mut(at).ok_or(TableFull);
        }
        let idle = self.slots.iter().position(|slot| slot.cell.is_idle(now));
        let at = idle.or_else(|| self.evictable(now)).ok_or(TableFull)?;
        let slot = self.slots.get_mut(at).ok_or(TableFull)?;
        slot.set(key, index);
        Ok(slot)
    }

    /// The slot of a value that may go.
    #[cold]
    #[inline(never)]
    fn evictable(&self, now: Instant) -> Option<usize> {
        if self.when_full == WhenFull::Refuse {
            return None;
        }
        let may_go = |slot: &Slot<V, KEY>| slot.kind == Kind::Cache as u8 && !slot.cell.lease.is_live(now);
        let values = self.slots.iter().enumerate().filter(|(_, slot)| may_go(slot));
        values.min_by_key(|(_, slot)| slot.cell.stale_until).map(|(at, _)| at)
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn seek(&self, key: &Key<'_>, index: u16) -> Option<usize> {
        let hash = key.hash as u32;
        self.slots.iter().position(|slot| slot.hash == hash && slot.has(key, Some(index)))
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn held(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Slot<V, KEY>> {
        let hash = key.hash as u32;
        let held = |slot: &&mut Slot<V, KEY>| {
            slot.hash == hash && slot.cell.lease.is_held_by(now, token) && slot.has(key, None)
        };
        self.slots.iter_mut().find(held)
    }
}

impl<V, const KEY: usize> Table for FixedTable<[Slot<V, KEY>]> {
    type Value = V;

    fn find(&self, key: &Key<'_>) -> Option<&Cell<V>> {
        self.slots.get(self.seek(key, 0)?).map(|slot| &slot.cell)
    }
    fn find_mut(&mut self, key: &Key<'_>) -> Option<&mut Cell<V>> {
        let at = self.seek(key, 0)?;
        self.slots.get_mut(at).map(|slot| &mut slot.cell)
    }
    fn entry(&mut self, key: &Key<'_>, now: Instant) -> Result<&mut Cell<V>, TableFull> {
        self.place(key, 0, now).map(|slot| &mut slot.cell)
    }
    fn permits<'t>(&'t self, key: &Key<'_>) -> impl Iterator<Item = (u16, &'t LeaseCell)> {
        let (hash, key) = (key.hash as u32, *key);
        self.slots
            .iter()
            .filter(move |slot| slot.hash == hash && slot.has(&key, None))
            .map(|slot| (slot.index, &slot.cell.lease))
    }
    fn lease(&mut self, key: &Key<'_>, index: u16, now: Instant) -> Result<&mut LeaseCell, TableFull> {
        self.place(key, index, now).map(|slot| &mut slot.cell.lease)
    }
    fn held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut LeaseCell> {
        self.held(key, token, now).map(|slot| &mut slot.cell.lease)
    }
    fn cell_held_by(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<&mut Cell<V>> {
        self.held(key, token, now).map(|slot| &mut slot.cell)
    }
}
