//! Who waits on a device, and for what: an event count with one waker per waiter.
//!
//! A waiter that finds a release newer than its ticket does not wait at all. Otherwise it gets a place; a release takes
//! the longest waiting one of its key out of its place and wakes it. Whoever is gone from its place has been woken; if
//! it is dropped before it could act, it passes the wake-up on (the baton). Who has to wait again comes before those
//! who came after it, as in the gateway's line.

use cachify_core::{key::Key, patience::Ticket};
use core::task::Waker;

/// One waiting future.
#[derive(Debug)]
pub(super) struct Waiter {
    seat: u32,
    kind: u8,
    /// All the bits a key's hash has on this target.
    hash: usize,
    waker: Waker,
}

impl Waiter {
    fn waits_for(&self, key: &Key<'_>) -> bool {
        self.hash == key.hash as usize && self.kind == key.kind as u8
    }
}

/// The waiters of one device.
#[derive(Debug)]
pub(super) struct Crowd<const N: usize> {
    released: u32,
    last: u32,
    places: [Option<Waiter>; N],
}

/// What a waiting future remembers between polls: when it came first, zero before that; and, in the lowest bit, whether
/// it was given a place and does not know that it was woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    pub(super) const fn stands(self) -> bool {
        self.0 & 1 == 1
    }

    const fn seat(self) -> u32 {
        self.0 & !1
    }

    /// Stands no more; gives what it was.
    pub(super) const fn give_up(&mut self) -> Self {
        let was = *self;
        self.0 &= !1;
        was
    }
}

impl<const N: usize> Crowd<N> {
    pub(super) const fn new() -> Self {
        Self { released: 0, last: 0, places: [const { None }; N] }
    }

    /// To be handed out with a refusal; [`Ticket::NONE`] when there is no place to wait in.
    pub(super) fn ticket(&self) -> Ticket {
        if self.places.iter().any(Option::is_none) { self.counted() } else { Ticket::NONE }
    }

    /// What had been released by now, whether or not there is a place to wait in.
    pub(super) const fn counted(&self) -> Ticket {
        // never NONE
        Ticket(self.released | 1 << 31)
    }

    /// Whether the wait is over; else the waker is remembered.
    pub(super) fn poll(&mut self, place: &mut Place, key: &Key<'_>, ticket: Ticket, waker: &Waker) -> bool {
        if place.stands() {
            return match self.places.iter_mut().flatten().find(|waiter| waiter.seat == place.seat()) {
                Some(waiter) => {
                    waiter.waker.clone_from(waker);
                    false
                }
                None => {
                    place.give_up();
                    true
                }
            };
        }
        if ticket != self.counted() {
            return true;
        }
        // where there is none, the next refusal says that there is no room, and its receiver polls
        let Some(vacant) = self.places.iter_mut().find(|p| p.is_none()) else { return true };
        if place.seat() == 0 {
            self.last = self.last.wrapping_add(2).max(2);
            place.0 = self.last;
        }
        place.0 |= 1;
        *vacant =
            Some(Waiter { seat: place.seat(), kind: key.kind as u8, hash: key.hash as usize, waker: waker.clone() });
        false
    }

    /// The waiter goes; gives the next one to wake if this one had been woken and did not act.
    pub(super) fn leave(&mut self, place: &mut Place, key: &Key<'_>) -> Option<Waker> {
        if !place.give_up().stands() {
            return None;
        }
        let own = self.places.iter_mut().find(|p| p.as_ref().is_some_and(|waiter| waiter.seat == place.seat()));
        match own {
            Some(own) => {
                *own = None;
                None
            }
            None => self.next(key),
        }
    }

    /// Something of `key` was released: gives the longest waiting one to wake.
    pub(super) fn release(&mut self, key: &Key<'_>) -> Option<Waker> {
        self.released = self.released.wrapping_add(1);
        self.next(key)
    }

    /// Takes the longest waiting one of `key` out of its place.
    pub(super) fn next(&mut self, key: &Key<'_>) -> Option<Waker> {
        let last = self.last;
        let waiting = self.places.iter_mut().filter(|p| p.as_ref().is_some_and(|waiter| waiter.waits_for(key)));
        // the oldest seat is the one furthest behind the last, also after the counter wrapped
        let oldest = waiting.max_by_key(|p| p.as_ref().map(|waiter| last.wrapping_sub(waiter.seat)))?;
        oldest.take().map(|waiter| waiter.waker)
    }
}
