//! All a RAM store keeps behind its lock: cells, counters, waiters. Every method is one atomic step.
//!
//! Methods that free something give back a waker, to be woken after the lock was left.
//! Not here: locks and clocks, which are the store's.

use super::{
    Ask, Begun, Fences, Grant, Holding, Life, Lookup,
    table::{Table, TableFull},
    waiters::{Places, Waiters},
};
use crate::{
    key::{Key, Kind},
    op::{Answer, Inspection},
    patience::{Busy, Contended},
    time::Instant,
    token::HolderToken,
};
use core::{task::Waker, time::Duration};

/// Cells, counters and waiters of one store, or of one shard of it.
#[derive(Debug)]
pub struct Ram<P, T: ?Sized> {
    /// Where fences come from.
    pub fences: Fences,
    /// Who waits.
    pub waiters: Waiters<P>,
    /// The cells.
    pub table: T,
}

/// Something was done, and somebody may have to be woken.
pub type Freed<R> = (R, Option<Waker>);

impl<P, T> Ram<P, T> {
    /// A store whose first fence follows `fences`.
    #[must_use]
    pub const fn new(table: T, waiters: Waiters<P>, fences: Fences) -> Self {
        Self { fences, waiters, table }
    }
}

/// Leases: locks, runs and flights alike.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Takes the lease if it is free.
    pub fn acquire(&mut self, key: &Key<'_>, ask: &Ask, now: Instant) -> Result<Contended<Grant>, TableFull> {
        let ticket = self.waiters.ticket();
        Ok(self.table.entry(key, now)?.lease.acquire(now, ask, &mut self.fences, ticket))
    }

    /// Asks for whatever right a key of this kind stands for, until `end`, on the stack `stack`; `size` is a pool's.
    ///
    /// One look at the table for all but pools.
    pub fn ask(
        &mut self,
        key: &Key<'_>,
        size: u16,
        token: HolderToken,
        end: Instant,
        stack: u32,
        now: Instant,
    ) -> Result<Answer, TableFull> {
        let ticket = self.waiters.ticket();
        let mut index = 0;
        let lease = if key.kind == Kind::Pool {
            match self.table.permit(key, size, token, now)? {
                Ok((at, lease)) => {
                    index = at;
                    lease
                }
                Err(until) => return Ok(Answer::Busy { until, ticket }),
            }
        } else {
            let cell = self.table.entry(key, now)?;
            if let Some(until) = cell.done_until(now) {
                let filled = cell.value.is_some();
                return Ok(if filled { Answer::Filled } else { Answer::Done { until } });
            }
            if cell.marked == stack && cell.lease.is_live(now) {
                return Ok(Answer::Recursive);
            }
            &mut cell.lease
        };
        Ok(match lease.take(now, token, end, &mut self.fences) {
            true => Answer::Granted { fence: lease.fence(), index },
            false => Answer::Busy { until: lease.end(), ticket },
        })
    }

    /// What is seen of the key.
    pub fn inspect(&mut self, key: &Key<'_>, now: Instant) -> Inspection {
        if key.kind == Kind::Pool {
            return Inspection::new(self.table.in_use(key, now), u64::MAX);
        }
        let waiting = self.waiters.count(key);
        let seen = match self.table.find(key) {
            None => None,
            Some(cell) if key.kind == Kind::Cache => cell.fresh(now).and_then(|_| cell.done_until(now)),
            Some(cell) if cell.lease.is_live(now) => {
                let lease = &cell.lease;
                let (fence, age) = (lease.fence(), lease.age(now));
                return Inspection::until(lease.end(), now).by(fence, age).waited_for_by(waiting);
            }
            Some(cell) => cell.marker_end(now),
        };
        seen.map_or(Inspection::FREE, |end| Inspection::until(end, now)).waited_for_by(waiting)
    }

    /// Whether `token` holds the lease or permit.
    pub fn is_held(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> bool {
        self.table.held_by(key, token, now).is_some()
    }

    /// When the lease or permit of `token` ends.
    pub fn ends(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<Instant> {
        self.table.held_by(key, token, now).map(|lease| lease.end())
    }

    /// Extends a lease or permit.
    pub fn renew(&mut self, key: &Key<'_>, token: HolderToken, ttl: Duration, now: Instant) -> Holding {
        self.extend(key, token, now.saturating_add(ttl), now)
    }

    /// Extends a lease or permit until `end`.
    pub fn extend(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> Holding {
        match self.table.held_by(key, token, now) {
            Some(lease) => {
                lease.set_end(end);
                Holding::Kept
            }
            None => Holding::Lost,
        }
    }

    /// Gives a lease or permit back.
    pub fn release(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Freed<Holding> {
        self.end(key, token, None, now)
    }

    /// Gives it back; a run or a flight that is `done` keeps its marker, or its value, until then.
    ///
    /// Who comes too late may have been woken for nothing itself: the next one is woken, unless the lease is taken.
    pub fn end(&mut self, key: &Key<'_>, token: HolderToken, done: Option<Instant>, now: Instant) -> Freed<Holding> {
        let held = match done {
            Some(end) => self.table.cell_held_by(key, token, now).map(|cell| cell.set_done(end)),
            None => self.table.held_by(key, token, now).map(|lease| lease.set_end(Instant::ZERO)),
        };
        if held.is_some() {
            return (Holding::Kept, self.waiters.release(key));
        }
        // how large a pool is, and so whether it is full, is not known here
        let is_taken = key.kind != Kind::Pool && self.table.find(key).is_some_and(|cell| cell.lease.is_live(now));
        (Holding::Lost, if is_taken { None } else { self.waiters.next(key) })
    }

    /// Frees the lease and forgets the marker, whoever holds them.
    pub fn force(&mut self, key: &Key<'_>, now: Instant) -> Freed<bool> {
        match self.table.find(key) {
            Some(cell) => (cell.force(now), self.waiters.release(key)),
            None => (false, None),
        }
    }

    /// When the lease or the marker ends.
    pub fn remaining(&mut self, key: &Key<'_>, now: Instant) -> Option<Duration> {
        self.table.find(key)?.remaining(now)
    }
}

/// Once.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Asks to run.
    pub fn begin(&mut self, key: &Key<'_>, ask: &Ask, now: Instant) -> Result<Begun, TableFull> {
        match self.table.find(key).and_then(|cell| cell.marker(now)) {
            Some(remaining) => Ok(Begun::Done { remaining }),
            None => Ok(self.acquire(key, ask, now)?.into()),
        }
    }

    /// Ends a run that succeeded.
    pub fn complete(&mut self, key: &Key<'_>, token: HolderToken, keep: Duration, now: Instant) -> Freed<Holding> {
        self.mark_done(key, token, now.saturating_add(keep), now)
    }

    /// Ends a run that succeeded, others are skipped until `end`; or a flight whose value was put in its place.
    pub fn mark_done(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> Freed<Holding> {
        self.end(key, token, Some(end), now)
    }
}

/// Pools.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Takes a permit if one is free.
    pub fn take(&mut self, key: &Key<'_>, size: u16, ask: &Ask, now: Instant) -> Result<Contended<Grant>, TableFull> {
        let ticket = self.waiters.ticket();
        let (index, lease) = match self.table.permit(key, size, ask.token, now)? {
            Ok(place) => place,
            Err(end) => return Ok(Contended::Busy(Busy { remaining: end.since(now), ticket })),
        };
        let granted = lease.acquire(now, ask, &mut self.fences, ticket);
        Ok(granted.map(|grant| Grant { index, ..grant }))
    }

    /// How many permits are held.
    pub fn in_use(&mut self, key: &Key<'_>, now: Instant) -> u16 {
        self.table.in_use(key, now)
    }
}

/// Cached values.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// What a caller that missed gets.
    pub fn join(&mut self, key: &Key<'_>, ask: &Ask, now: Instant) -> Result<Contended<Lookup<T::Value>>, TableFull>
    where
        T::Value: Clone,
    {
        let ticket = self.waiters.ticket();
        Ok(self.table.entry(key, now)?.join(now, ask, &mut self.fences, ticket))
    }

    /// Stores a value for the holder of the flight; all waiters of the key are to be woken, one after another.
    pub fn publish(
        &mut self,
        key: &Key<'_>,
        token: HolderToken,
        value: T::Value,
        life: Life,
        now: Instant,
    ) -> Freed<Holding> {
        match self.table.find(key) {
            Some(cell) => (cell.publish(now, token, value, life), self.waiters.release(key)),
            None => (Holding::Lost, None),
        }
    }

    /// Puts a value in its place, for the holder of the flight; nobody sees it before `release` makes it fresh.
    pub fn put(&mut self, key: &Key<'_>, token: HolderToken, value: T::Value, now: Instant) {
        if let Some(cell) = self.table.cell_held_by(key, token, now) {
            cell.value = Some(value);
        }
    }

    /// Marks the flight of `token` as being computed on a stack; on none when `stack` is zero.
    pub fn mark(&mut self, key: &Key<'_>, token: HolderToken, stack: u32, now: Instant) {
        if let Some(cell) = self.table.cell_held_by(key, token, now) {
            cell.marked = stack;
        }
    }

    /// Forgets the value and ends the flight.
    pub fn invalidate(&mut self, key: &Key<'_>, now: Instant) -> Freed<bool> {
        match self.table.find(key) {
            Some(cell) => (cell.invalidate(now), self.waiters.release(key)),
            None => (false, None),
        }
    }

    /// Whether the key's flight is being computed on this stack.
    pub fn is_marked(&mut self, key: &Key<'_>, stack: u32, now: Instant) -> bool {
        self.table.find(key).is_some_and(|cell| cell.marked == stack && cell.lease.is_live(now))
    }
}
