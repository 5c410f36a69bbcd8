//! Who waits in RAM, and for which key: an event count with one waker per waiter.
//!
//! A waiter that finds a release newer than its ticket does not wait at all. Otherwise it gets a place; a release
//! takes the longest waiting one of its key out of its place and wakes it. Whoever is gone from its place has been
//! woken; if it is dropped before it could act, it passes the wake-up on (the baton).

use crate::{key::Key, patience::Ticket};
use core::{num::NonZeroU32, task::Waker};

/// Added to a kind: waits for the loss of a lease, not for its release.
const WATCHES: u8 = 1 << 7;

/// One waiting future.
#[derive(Debug)]
pub struct Waiter {
    id: NonZeroU32,
    /// For what it waits: the kind of its key, and whether for the loss of a lease.
    role: u8,
    /// All the bits a key's hash has on this target.
    hash: usize,
    waker: Waker,
}

/// Where waiters are kept: an array, or a vector that grows.
#[doc(hidden)]
pub trait Places {
    /// All places, taken or not.
    fn places(&mut self) -> &mut [Option<Waiter>];
    /// Makes one more place if it can.
    fn grow(&mut self) {}
    /// Whether there could be a place for one more.
    fn has_room(&self) -> bool;
}

impl<const N: usize> Places for [Option<Waiter>; N] {
    fn places(&mut self) -> &mut [Option<Waiter>] {
        self
    }
    fn has_room(&self) -> bool {
        self.iter().any(Option::is_none)
    }
}

#[cfg(feature = "alloc")]
impl Places for alloc::vec::Vec<Option<Waiter>> {
    fn places(&mut self) -> &mut [Option<Waiter>] {
        self
    }
    fn grow(&mut self) {
        self.push(None);
    }
    fn has_room(&self) -> bool {
        true
    }
}

/// The waiters of one table.
#[derive(Debug)]
pub struct Waiters<P> {
    released: u32,
    last_id: u32,
    places: P,
}

/// What a waiting future remembers between polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(Option<NonZeroU32>);

#[cfg(feature = "alloc")]
impl Waiters<alloc::vec::Vec<Option<Waiter>>> {
    /// Takes everybody out of their places.
    pub fn take_all(&mut self) -> impl Iterator<Item = Waker> {
        self.released = self.released.wrapping_add(1);
        core::mem::take(&mut self.places).into_iter().flatten().map(|waiter| waiter.waker)
    }
}

impl<P: Places> Waiters<P> {
    /// Nobody waits.
    #[must_use]
    pub const fn new(places: P) -> Self {
        Self { released: 0, last_id: 0, places }
    }

    /// To be handed out with a refusal; [`Ticket::NONE`] when there is no place to wait in.
    pub fn ticket(&self) -> Ticket {
        if self.places.has_room() { self.counted() } else { Ticket::NONE }
    }

    /// Whether the wait is over; else the waker is remembered.
    pub fn poll(&mut self, place: &mut Place, key: &Key<'_>, ticket: Ticket, waker: &Waker) -> bool {
        if let Some(id) = place.0 {
            return match self.find(id) {
                Some(waiter) => {
                    waiter.waker.clone_from(waker);
                    false
                }
                None => {
                    *place = Place(None);
                    true
                }
            };
        }
        if ticket != self.counted() {
            return true;
        }
        // where there is none, the next refusal says that there is no room, and its receiver polls
        !self.enter(place, key.kind as u8, key, waker)
    }

    /// Gives a place, if there is one.
    fn enter(&mut self, place: &mut Place, role: u8, key: &Key<'_>, waker: &Waker) -> bool {
        if self.vacant().is_none() {
            self.places.grow();
        }
        let id = NonZeroU32::MIN.saturating_add(self.last_id);
        self.last_id = if id == NonZeroU32::MAX { 0 } else { id.get() };
        let Some(vacant) = self.vacant() else { return false };
        *vacant = Some(Waiter { id, role, hash: key.hash as usize, waker: waker.clone() });
        *place = Place(Some(id));
        true
    }

    /// Remembers who is to be woken when a lease of `key` is taken from its holder; whether there is a place for it.
    pub fn watch(&mut self, place: &mut Place, key: &Key<'_>, waker: &Waker) -> bool {
        match place.0.and_then(|id| self.find(id)) {
            Some(waiter) => {
                waiter.waker.clone_from(waker);
                true
            }
            None => self.enter(place, key.kind as u8 | WATCHES, key, waker),
        }
    }

    /// Who watched goes.
    pub fn unwatch(&mut self, place: Place) {
        self.places
            .places()
            .iter_mut()
            .filter(|p| p.as_ref().is_some_and(|w| Some(w.id) == place.0))
            .for_each(|p| *p = None);
    }

    /// Takes one who watches a lease of `key` out of its place.
    pub fn next_watching(&mut self, key: &Key<'_>) -> Option<Waker> {
        self.take(key.kind as u8 | WATCHES, key)
    }

    /// The waiter goes; gives the next one to wake if this one had been woken and did not act.
    pub fn leave(&mut self, place: Place, key: &Key<'_>) -> Option<Waker> {
        let id = place.0?;
        let mut own = self.places.places().iter_mut().filter(|p| p.as_ref().is_some_and(|w| w.id == id));
        match own.next() {
            Some(own) => {
                *own = None;
                None
            }
            None => self.next(key),
        }
    }

    /// How many wait for a release of `key`.
    pub fn count(&mut self, key: &Key<'_>) -> u32 {
        let (role, hash) = (key.kind as u8, key.hash as usize);
        self.places.places().iter().flatten().filter(|w| w.role == role && w.hash == hash).count() as u32
    }

    /// Something of `key` was released: gives the longest waiting one to wake.
    pub fn release(&mut self, key: &Key<'_>) -> Option<Waker> {
        self.released = self.released.wrapping_add(1);
        self.next(key)
    }

    /// Takes the longest waiting one of `key` out of its place.
    pub fn next(&mut self, key: &Key<'_>) -> Option<Waker> {
        self.take(key.kind as u8, key)
    }

    fn take(&mut self, role: u8, key: &Key<'_>) -> Option<Waker> {
        let last = self.last_id;
        let waiting = self
            .places
            .places()
            .iter_mut()
            .filter(|p| p.as_ref().is_some_and(|w| w.hash == key.hash as usize && w.role == role));
        // the oldest id is the one furthest behind the last, also after the counter wrapped
        let oldest = waiting.max_by_key(|p| p.as_ref().map(|w| last.wrapping_sub(w.id.get())))?;
        oldest.take().map(|w| w.waker)
    }

    /// What had been released by now, whether or not there is a place to wait in.
    pub fn counted(&self) -> Ticket {
        // never NONE
        Ticket(self.released | 1 << 31)
    }

    fn find(&mut self, id: NonZeroU32) -> Option<&mut Waiter> {
        self.places.places().iter_mut().flatten().find(|w| w.id == id)
    }

    fn vacant(&mut self) -> Option<&mut Option<Waiter>> {
        self.places.places().iter_mut().find(|p| p.is_none())
    }
}
