//! All a RAM store keeps behind its lock: cells, counters, waiters. Every method is one atomic step.
//!
//! Methods that may let somebody go on name whom, to be woken after the lock was left.
//! Not here: locks and clocks, which are the store's.

use super::{
    Fences, Holding, LeaseCell,
    permit::Place as Spot,
    table::{Table, TableFull},
    waiters::{Caller, Place, Places, Waiters, Woken},
};
use crate::{
    key::{Key, Kind},
    op::{Answer, Ask, Inspection, WINDOWS},
    patience::Ticket,
    time::Instant,
    token::HolderToken,
};

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

impl<P, T> Ram<P, T> {
    /// A store whose first fence follows `fences`.
    #[must_use]
    pub const fn new(table: T, waiters: Waiters<P>, fences: Fences) -> Self {
        Self { fences, waiters, table }
    }
}

/// Store: locks, runs and flights alike.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Asks for whatever right a key of this kind stands for, on the stack `stack`. Who is refused and waits stands in
    /// its line from then on.
    ///
    /// One look at the table for all but pools, unless somebody waits.
    pub fn ask(
        &mut self,
        key: &Key<'_>,
        ask: &Ask,
        token: HolderToken,
        place: &mut Place,
        (now, stack): (Instant, u32),
        woken: &mut Woken,
    ) -> Answer {
        let size = if key.kind == Kind::Pool { ask.size } else { 1 };
        let caller = Caller { key, token, size, now };
        let window = if WINDOWS { ask.window } else { 0 };
        let mut answer = self.try_take(&caller, *place, (ask, window), stack);
        // without a window what is there was the answer
        if matches!(answer, Answer::Busy { .. }) && window != 0 && ask.takes_stale() && self.is_there(key, now) {
            answer = Answer::Stale;
        }
        match &mut answer {
            Answer::Busy { until, ticket } if ask.wait != 0 => {
                *ticket = self.settle(&caller, Some(*until), place, woken);
            }
            _ if !self.waiters.is_quiet() => {
                self.settle(&caller, None, place, woken);
            }
            _ => {}
        }
        answer
    }

    fn is_there(&mut self, key: &Key<'_>, now: Instant) -> bool {
        self.table.find(key).is_some_and(|cell| cell.done_until(now).is_some())
    }

    /// Who asked, or gave back, waits until then or leaves its line; if anything is free and kept for nobody, the next
    /// one is called.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn settle(&mut self, caller: &Caller<'_>, waits: Option<Instant>, place: &mut Place, woken: &mut Woken) -> Ticket {
        let ticket = match waits {
            Some(until) => self.waiters.stay(caller, place, until),
            None => {
                self.waiters.leave(caller, place, woken);
                Ticket::NONE
            }
        };
        let taken = match caller.key.kind {
            Kind::Pool => self.table.taken(caller.key, caller.now),
            _ => self.table.find(caller.key).is_some_and(|cell| cell.lease.is_live(caller.now)).into(),
        };
        self.waiters.call(caller.key, taken, caller.now, woken);
        ticket
    }

    /// Goes without having asked again.
    pub fn leave(&mut self, key: &Key<'_>, token: HolderToken, place: &mut Place, now: Instant, woken: &mut Woken) {
        if !self.waiters.is_quiet() {
            self.settle(&Caller { key, token, size: 1, now }, None, place, woken);
        }
    }

    fn try_take(&mut self, caller: &Caller<'_>, place: Place, (ask, window): (&Ask, u32), stack: u32) -> Answer {
        let Caller { key, token, now, size } = *caller;
        let Self { fences, waiters, table } = self;
        let end = now.plus(ask.ttl);
        let busy = |until| Answer::Busy { until, ticket: Ticket::NONE };
        let mut index = 0;
        let lease = if key.kind == Kind::Pool {
            let taken = match table.spot(key, size, token, now) {
                Spot::Mine(index) => {
                    let held = table.held_by(key, token, now);
                    return held.map_or(Answer::Full, |lease| Answer::Granted { fence: lease.fence(), index });
                }
                Spot::Full(until) => return busy(until),
                Spot::Free { index: free, taken } => {
                    index = free;
                    taken
                }
            };
            if let Some(until) = waiters.kept_until(caller, place, taken) {
                return busy(until);
            }
            match table.vacant(key, index, token, [now, end]) {
                Ok(lease) => lease,
                Err(TableFull) => return Answer::Full,
            }
        } else {
            let Ok(cell) = table.entry(key, now) else { return Answer::Full };
            if let Some(until) = cell.done_until(Ask::horizon(window, now)) {
                return if cell.value.is_some() { Answer::Filled } else { Answer::Done { until } };
            }
            let lease = &mut cell.lease;
            if lease.is_live(now) {
                return match (cell.marked == stack, lease.is_of(token)) {
                    (true, _) => Answer::Recursive,
                    (_, true) => Answer::Granted { fence: lease.fence(), index },
                    _ => busy(lease.end()),
                };
            }
            if let Some(until) = waiters.kept_until(caller, place, 0) {
                return busy(until);
            }
            lease
        };
        lease.take(now, token, end, fences);
        lease.set_label(ask.label);
        let fence = lease.fence();
        Answer::Granted { fence, index }
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
                let seen = Inspection::until(1, lease.end(), now).by(lease.fence(), lease.age(now));
                return seen.labelled(lease.label()).waited_for_by(waiting);
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
        self.table.held_by(key, token, now).map(LeaseCell::end)
    }

    /// Extends a lease or permit until `end`.
    pub fn extend(&mut self, key: &Key<'_>, token: HolderToken, end: Instant, now: Instant) -> Holding {
        if self.table.set_end(key, token, end, now) { Holding::Held } else { Holding::Lost }
    }

    /// Gives it back; a run or a flight that is `done` keeps its marker, or its value, until then.
    ///
    /// Who does not hold it may wait for it: it leaves the line.
    pub fn end(
        &mut self,
        key: &Key<'_>,
        token: HolderToken,
        place: &mut Place,
        (now, done): (Instant, Option<Instant>),
        woken: &mut Woken,
    ) -> Holding {
        let held = match done {
            Some(end) => self.table.cell_held_by(key, token, now).map(|cell| cell.set_done(end)).is_some(),
            None => self.table.set_end(key, token, Instant::ZERO, now),
        };
        self.leave(key, token, place, now, woken);
        if held { Holding::Held } else { Holding::Lost }
    }

    /// Frees the lease and forgets the marker, whoever holds them.
    pub fn force(&mut self, key: &Key<'_>, now: Instant, woken: &mut Woken) -> bool {
        let was = self.table.find(key).is_some_and(|cell| cell.force(now));
        self.leave(key, HolderToken::default(), &mut Place::default(), now, woken);
        was
    }
}

/// Cached values.
impl<P: Places, T: Table + ?Sized> Ram<P, T> {
    /// Puts a value in its place, for the holder of the flight; `release` gives it its end. In between it has that of the one before.
    pub fn put(&mut self, key: &Key<'_>, token: HolderToken, value: T::Value, now: Instant) {
        if let Some(cell) = self.table.cell_held_by(key, token, now) {
            cell.value = Some(value);
        }
    }

    /// Keeps a value until then, whoever has the flight, which ends; whether there was room.
    pub fn insert(
        &mut self,
        key: &Key<'_>,
        value: T::Value,
        (now, end): (Instant, Instant),
        woken: &mut Woken,
    ) -> bool {
        let is_room = match self.table.entry(key, now) {
            Ok(cell) => {
                cell.insert(value, end);
                true
            }
            Err(TableFull) => false,
        };
        self.leave(key, HolderToken::default(), &mut Place::default(), now, woken);
        is_room
    }

    /// Marks the flight of `token` as being computed on a stack; on none when `stack` is zero.
    pub fn mark(&mut self, key: &Key<'_>, token: HolderToken, stack: u32, now: Instant) {
        if let Some(cell) = self.table.cell_held_by(key, token, now) {
            cell.marked = stack;
        }
    }

    /// Forgets the value and ends the flight.
    pub fn invalidate(&mut self, key: &Key<'_>, now: Instant, woken: &mut Woken) -> bool {
        let was = self.table.find(key).is_some_and(|cell| cell.invalidate(now));
        self.leave(key, HolderToken::default(), &mut Place::default(), now, woken);
        was
    }
}
