//! All a RAM store keeps behind its lock: cells, counters, waiters. Every method is one atomic step.
//!
//! Methods that free something give back a waker, to be woken after the lock was left.
//! Not here: locks and clocks, which are the store's.

use super::{
    Fences, Holding,
    table::{Table, TableFull},
    waiters::{Places, Waiters},
};
use crate::{
    key::{Key, Kind},
    op::{Answer, Inspection},
    time::Instant,
    token::HolderToken,
};
use core::task::Waker;

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

/// Store: locks, runs and flights alike.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Asks for whatever right a key of this kind stands for, until `end`, on the stack `stack`; `size` is a pool's.
    ///
    /// One look at the table for all but pools.
    ///
    /// # Errors
    /// [`TableFull`] when every place holds something live.
    pub fn ask(
        &mut self,
        key: &Key<'_>,
        size: u32,
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
        let waiting = self.waiters.count(key);
        if key.kind == Kind::Pool {
            let (held, first) = self.table.in_use(key, now);
            return Inspection::until(held, first, now).waited_for_by(waiting);
        }
        let seen = match self.table.find(key) {
            None => None,
            Some(cell) if key.kind == Kind::Cache => cell.fresh(now).and_then(|_| cell.done_until(now)),
            Some(cell) if cell.lease.is_live(now) => {
                let lease = &cell.lease;
                let (fence, age) = (lease.fence(), lease.age(now));
                return Inspection::until(1, lease.end(), now).by(fence, age).waited_for_by(waiting);
            }
            Some(cell) => cell.marker_end(now),
        };
        seen.map_or(Inspection::FREE, |end| Inspection::until(1, end, now)).waited_for_by(waiting)
    }

    /// Whether `token` holds the lease or permit.
    pub fn is_held(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> bool {
        self.table.held_by(key, token, now).is_some()
    }

    /// When the lease or permit of `token` ends.
    pub fn ends(&mut self, key: &Key<'_>, token: HolderToken, now: Instant) -> Option<Instant> {
        self.table.held_by(key, token, now).map(|lease| lease.end())
    }

    /// Extends a lease or permit until `end`.
    pub fn extend(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> Holding {
        match self.table.held_by(key, token, now) {
            Some(lease) => {
                lease.set_end(end);
                Holding::Held
            }
            None => Holding::Lost,
        }
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
            return (Holding::Held, self.waiters.release(key));
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
}

/// Cached values.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
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
}
