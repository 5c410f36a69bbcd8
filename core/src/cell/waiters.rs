//! Who waits in RAM: a line for each key, in order of arrival.
//!
//! Whoever is told to wait stands in its line from that answer on, by its token. What becomes free belongs to the one
//! who has waited longest: it is *called*, and until it asks, or its [`TURN`] is over, nobody takes it who comes later.
//! A called one that goes, or cannot use it, is taken out, and the next step of any caller on the key calls another.
//! Another waiter sets a timer whenever one is called, for the called one may be dead or asleep.
//!
//! Not here: what is free, which the cells know; when a caller asks again, which is its machine's.

#[cfg(feature = "alloc")]
mod crowd;
mod few;
mod waiter;

use crate::{key::Key, patience::Ticket, time::Instant, token::HolderToken};
use core::{num::NonZeroUsize, task::Waker};
#[cfg(feature = "alloc")]
pub use crowd::Crowd;
use waiter::low;
pub use waiter::{Line, State, Waiter};

/// For how many milliseconds what is free is kept for the one who was called.
pub const TURN: u32 = 100;

/// Whom a step wakes, once the lock was left: the one who was called, and one who is to set a timer for it.
#[derive(Debug, Default)]
pub struct Woken {
    called: Option<Waker>,
    standby: Option<Waker>,
    /// Of one who goes: not to be woken, but to be dropped outside the lock. Without an allocator a waker owns nothing.
    #[cfg(feature = "alloc")]
    gone: Option<Waker>,
}

impl Woken {
    /// Nobody.
    pub const NOBODY: Self = Self {
        called: None,
        standby: None,
        #[cfg(feature = "alloc")]
        gone: None,
    };

    /// One that nobody needs any more.
    #[cfg_attr(not(feature = "alloc"), expect(clippy::unused_self, reason = "with the feature it is used"))]
    #[allow(clippy::missing_const_for_fn, clippy::needless_pass_by_value, reason = "with the feature it is neither")]
    fn dropped(&mut self, waker: Option<Waker>) {
        #[cfg(feature = "alloc")]
        {
            self.gone = waker;
        }
        #[cfg(not(feature = "alloc"))]
        drop(waker);
    }

    fn of(waiter: Waiter) -> Self {
        Self { called: waiter.waker, ..Self::NOBODY }
    }

    /// Wakes them.
    #[inline]
    pub fn wake(self) {
        if let Some(waker) = self.called {
            waker.wake();
        }
        if let Some(waker) = self.standby {
            waker.wake();
        }
    }
}

/// How a line looks to one who asks, or to what was freed.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Survey {
    /// How many were called and have their turn, and for how many milliseconds the first of them has had it.
    called: u32,
    age: u32,
    /// Whether the asker is one of them.
    is_own: bool,
    /// How many uncalled ones could use what is free and came before the asker.
    before: u32,
    /// The first and the last of all that are uncalled, the first among those who could use it.
    first: Option<NonZeroUsize>,
    /// How many permits the pool of the first one has.
    size: u32,
    last: Option<NonZeroUsize>,
}

impl Survey {
    const EMPTY: Self = Self { called: 0, age: 0, is_own: false, before: 0, first: None, size: 0, last: None };
}

/// Where waiters are kept: an array, or lines that grow.
#[doc(hidden)]
pub trait Places {
    /// How the line looks from that seat while `taken` are in use; takes out those whose turn is over.
    fn survey(&mut self, line: Line, seat: usize, taken: u32, now: Instant, standing: &mut u32) -> Survey;
    /// Gives a place, if there is one.
    fn enter(&mut self, waiter: Waiter) -> bool;
    /// The one of that seat.
    fn find(&mut self, line: Line, seat: usize) -> Option<&mut Waiter>;
    /// Takes out the one of that seat; of any, the first one.
    fn remove(&mut self, line: Line, seat: Option<usize>) -> Option<Waiter>;
    /// Notes that the one of that seat was called, or waits again.
    fn set(&mut self, line: Line, seat: usize, state: State) -> Option<&mut Waiter>;
    /// The seat of a token.
    fn seat_of(&mut self, line: Line, token: HolderToken) -> usize;
    /// How many stand in the line.
    fn count(&mut self, line: Line) -> u32;
}

/// The waiters of one table.
#[derive(Debug)]
pub struct Waiters<P> {
    /// The last seat that was given.
    seats: usize,
    /// How many stand in any line.
    standing: u32,
    places: P,
}

/// What somebody who waits remembers between polls: the low half of its seat, zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(u32);

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// For what.
    pub key: &'a Key<'a>,
    /// Who.
    pub token: HolderToken,
    /// How many permits its pool has; 1 for other kinds.
    pub size: u32,
    /// When.
    pub now: Instant,
}

#[cfg(feature = "alloc")]
impl Waiters<Crowd> {
    /// Takes everybody out of their places.
    pub fn take_all(&mut self) -> impl Iterator<Item = Waker> {
        self.standing = 0;
        core::mem::take(&mut self.places).into_waiters().filter_map(|waiter| waiter.waker)
    }
}

impl<P: Places> Waiters<P> {
    /// Nobody waits.
    #[must_use]
    pub const fn new(places: P) -> Self {
        Self { seats: 0, standing: 0, places }
    }

    /// Whether nobody waits for anything.
    #[inline]
    pub const fn is_quiet(&self) -> bool {
        self.standing == 0
    }

    /// Until when what is free is kept for others than who asks, of which `taken` are in use; `None` if it may take
    /// one: nobody who came before is kept waiting by that.
    #[inline]
    pub fn kept_until(&mut self, caller: &Caller<'_>, place: Place, taken: u32) -> Option<Instant> {
        if self.is_quiet() { None } else { self.kept(caller, place, taken) }
    }

    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn kept(&mut self, caller: &Caller<'_>, place: Place, taken: u32) -> Option<Instant> {
        let (line, now) = (Line::of(caller.key), caller.now);
        let seat = match self.seat(line, caller.token, place) {
            0 => usize::MAX,
            seat => seat,
        };
        let Survey { called, age, is_own, before, .. } = self.survey(line, seat, taken, now);
        let free = caller.size.saturating_sub(taken).saturating_sub(called);
        (!is_own && before >= free).then(|| now.plus((TURN - age.min(TURN)).into()))
    }

    /// Stands in the line until then, in the seat that it had; [`Ticket::NONE`] when there is no place to wait in.
    ///
    /// Without a place it keeps its seat, and comes before those who came later once there is one.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub fn stay(&mut self, caller: &Caller<'_>, place: &mut Place, until: Instant) -> Ticket {
        let line = Line::of(caller.key);
        let mut seat = self.seat(line, caller.token, *place);
        if seat == 0 {
            seat = self.next_seat();
        }
        *place = Place(seat as u32);
        // its low half is never zero
        let ticket = Ticket(seat as u32);
        if let Some(own) = self.places.set(line, seat, State::WAITS) {
            (own.asks_at, own.size) = (low(until), caller.size);
            return ticket;
        }
        let has_place = self.enter(Waiter::new(line, seat, caller, until));
        if has_place { ticket } else { Ticket::NONE }
    }

    fn next_seat(&mut self) -> usize {
        self.seats = self.seats.wrapping_add(1);
        // zero is no place
        self.seats += usize::from(self.seats as u32 == 0);
        self.seats
    }

    fn enter(&mut self, waiter: Option<Waiter>) -> bool {
        let has_place = waiter.is_some_and(|waiter| self.places.enter(waiter));
        self.standing += u32::from(has_place);
        has_place
    }

    /// Leaves the line.
    pub fn leave(&mut self, caller: &Caller<'_>, place: &mut Place, woken: &mut Woken) {
        let line = Line::of(caller.key);
        let seat = self.seat(line, caller.token, *place);
        let gone = self.remove(line, Some(seat)).and_then(|gone| gone.waker);
        woken.dropped(gone);
        *place = Place(0);
    }

    /// Calls the one who has waited longest, if what is free is kept for nobody.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub fn call(&mut self, key: &Key<'_>, taken: u32, now: Instant, woken: &mut Woken) {
        let line = Line::of(key);
        let Survey { called, first, size, last, .. } = self.survey(line, 0, taken, now);
        let next = first.filter(|_| taken.saturating_add(called) < size);
        if let Some(next) = next.and_then(|next| self.places.set(line, next.get(), State::called(now))) {
            woken.called = next.waker.take();
        }
        // whoever leaves may have been the one who has a timer
        if (called > 0 || next.is_some())
            && next != last
            && let Some(last) = last.and_then(|last| self.places.find(line, last.get()))
            && !last.is_alert(now)
        {
            last.state = State::NUDGED;
            woken.standby = last.waker.take();
        }
    }

    /// Whether the wait is over; else the waker is remembered. Gives back a waker to be dropped outside the lock.
    pub fn poll(&mut self, place: &mut Place, key: &Key<'_>, ticket: Ticket, waker: Waker) -> (bool, Option<Waker>) {
        if *place == Place(0) {
            // a gateway's
            place.0 = ticket.0;
        }
        let (line, seat) = (Line::of(key), self.whole(place.0));
        match self.places.find(line, seat) {
            Some(own) if own.state == State::WAITS => (false, own.waker.replace(waker)),
            _ => (true, Some(waker)),
        }
    }

    /// How many wait for a release of `key`.
    pub fn count(&mut self, key: &Key<'_>) -> u32 {
        self.places.count(Line::of(key))
    }

    /// Takes the first one out of the line, for news that is everybody's.
    pub fn next(&mut self, key: &Key<'_>) -> Option<Woken> {
        self.remove(Line::of(key), None).map(Woken::of)
    }

    /// Remembers who is to be woken when a lease of `key` is taken from its holder; whether there is a place for it.
    /// Gives back a waker to be dropped outside the lock.
    pub fn watch(
        &mut self,
        place: &mut Place,
        key: &Key<'_>,
        token: HolderToken,
        waker: Waker,
    ) -> (bool, Option<Waker>) {
        let (line, seat) = (Line::watching(key), self.whole(place.0));
        if let Some(own) = self.places.find(line, seat) {
            return (true, own.waker.replace(waker));
        }
        let (seat, caller) = (self.next_seat(), Caller { key, token, size: 0, now: Instant::ZERO });
        *place = Place(seat as u32);
        let watcher = Waiter::new(line, seat, &caller, Instant::MAX).map(|own| Waiter { waker: Some(waker), ..own });
        (self.enter(watcher), None)
    }

    /// Who watched goes; gives back its waker, to be dropped outside the lock.
    pub fn unwatch(&mut self, key: &Key<'_>, place: Place) -> Option<Waker> {
        let seat = self.whole(place.0);
        self.remove(Line::watching(key), Some(seat))?.waker
    }

    /// Takes one who watches a lease of `key` out of its place.
    pub fn next_watching(&mut self, key: &Key<'_>) -> Option<Woken> {
        self.remove(Line::watching(key), None).map(Woken::of)
    }

    fn remove(&mut self, line: Line, seat: Option<usize>) -> Option<Waiter> {
        let gone = self.places.remove(line, seat)?;
        self.standing -= 1;
        Some(gone)
    }

    fn survey(&mut self, line: Line, seat: usize, taken: u32, now: Instant) -> Survey {
        self.places.survey(line, seat, taken, now, &mut self.standing)
    }

    /// The seat of one who has a place, or whose token has; zero for none.
    fn seat(&mut self, line: Line, token: HolderToken, place: Place) -> usize {
        if place == Place(0) { self.places.seat_of(line, token) } else { self.whole(place.0) }
    }

    /// The seat that a place or a ticket names, of those that were given lately.
    const fn whole(&self, low: u32) -> usize {
        self.seats.wrapping_sub((self.seats as u32).wrapping_sub(low) as usize)
    }
}
