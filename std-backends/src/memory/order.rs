//! Which value goes where there is no room for one more.
//!
//! Newcomers stand in a window, the others in a main part of two lists, on probation and protected; each list is a queue whose
//! tail gets another round if it was hit (CLOCK, Corbató 1968; SLRU, Karedla et al. 1994). What leaves the window stays if
//! it was hit more often than what would go from the main part (W-TinyLFU, Einziger, Friedman, Manes 2017). Of what went a
//! fingerprint stays, with its frequency; if it comes again soon, the window was too small, or the main part was (ARC,
//! Megiddo, Modha 2003). So a hit writes one word of its own, and everything else is done by who stores. Measured on the
//! traces of `benches/`. Not here: the values, and how many there may be.

mod ghosts;
mod links;
mod mark;
#[cfg(test)]
mod tests;

use ghosts::Ghosts;
use links::{Links, NONE};
pub(super) use links::{MOST, MOVED, Marks, Place};
pub(super) use mark::Mark;
use mark::Time;

const WINDOW: usize = 0;
const PROBATION: usize = 1;
const PROTECTED: usize = 2;

/// The window at first, at least and at most, in parts of what is kept.
const AT_FIRST: f64 = 0.01;
const AT_LEAST: f64 = 0.005;
const AT_MOST: f64 = 0.8;
/// By how many values it grows and shrinks with each that comes again too soon, where there are enough to tell.
const STEP: f64 = 0.6;
const ENOUGH: usize = 200;
/// By how many it shrinks with each that is hit on probation.
const SHRINKS: f64 = 0.17;
/// How much of the main part is protected.
const PROTECTS: f64 = 0.7;
/// How often a hand moves on at most, for one that is to go.
const TURNS: usize = 64;
/// How often one hit moves a newcomer round at most.
const ROUNDS: usize = 31;

/// What is weighed in parts.
#[expect(clippy::cast_precision_loss, reason = "of more than 2^52 values one counts for little")]
const fn count(values: usize) -> f64 {
    values as f64
}

/// The order of one shard.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Order {
    /// A hit reads it, and nothing of what follows.
    time: Time,
    links: Links,
    /// How many the window may have; a part of one counts.
    most: f64,
    ghosts: Ghosts,
    /// How many values all of that is made for.
    fits: usize,
}

impl Order {
    /// Of a shard that is to keep so many values.
    pub(super) fn new(quota: usize) -> Self {
        Self {
            links: Links::new(),
            most: (AT_FIRST * count(quota)).max(1.0),
            ghosts: Ghosts::new(quota),
            time: Time::new(quota),
            fits: quota,
        }
    }

    /// Gives back the memory of places that nobody has any more.
    pub(super) fn compact(&mut self, marks: &impl Marks) {
        self.links.compact(marks);
    }

    /// How much the value there weighs; nothing where that is not asked.
    pub(super) fn weight(&self, place: Place) -> u64 {
        self.links.weight(place)
    }

    /// Notes how much the value there weighs.
    pub(super) fn weigh(&mut self, place: Place, weight: u64) {
        self.links.weigh(place, weight);
    }

    /// Where weights bound it, how many values there are is known once it is full: then it is of a shard that keeps so many.
    pub(super) fn fit(&mut self) {
        let len = self.links.len();
        if len > self.fits.saturating_mul(4) || len < self.fits / 4 {
            let Self { links, .. } = std::mem::replace(self, Self::new(len));
            self.links = links;
        }
    }

    /// A value was hit; under a read lock.
    #[inline]
    pub(super) fn hit(&self, mark: &Mark) {
        mark.hit(&self.time);
    }

    /// One more, which was not there; where it stands.
    pub(super) fn insert(&mut self, marks: &impl Marks, hash: u64, mark: &Mark) -> Place {
        self.time.pass(1);
        let ghost = self.ghosts.recall(links::known(hash), &self.time);
        if let Some(ghost) = ghost.filter(|ghost| ghost.went_lately && self.links.len() >= ENOUGH) {
            let step = if ghost.from_main { -STEP } else { STEP };
            let most = (AT_MOST * count(self.links.len())).max(1.0);
            self.most = (self.most + step).clamp(self.least().min(most), most);
        }
        mark.begin(&self.time, ghost.map_or(1, |ghost| ghost.frequency + 1));
        let place = self.links.place(hash);
        self.links.link(WINDOW, place, mark);
        // while there was room, or after removals
        for _ in 0..2 {
            if count(self.links.lists[WINDOW].len) > self.most + 1.0 {
                let tail = self.links.lists[WINDOW].tail;
                let mark = self.mark(marks, tail);
                mark.unvisit();
                self.move_to(marks, PROBATION, tail);
            }
        }
        place
    }

    /// A value took the place of another of its key.
    pub(super) fn replace(&self, old: &Mark, new: &Mark) {
        new.follow(old);
        new.hit(&self.time);
    }

    /// A value is gone that nobody pushed out.
    pub(super) fn remove(&mut self, place: Place, mark: &Mark) {
        self.links.unlink(place, mark);
        self.links.give_back(place);
    }

    /// One is to go, of at least one: by which hash and where it is found.
    pub(super) fn evict(&mut self, marks: &impl Marks) -> Option<(u64, Place)> {
        self.time.pass(0);
        let (window, mut turns) = (self.links.lists[WINDOW].len, 0);
        let is_window_s = window > 0 && (count(window) >= self.most || window == self.links.len());
        if !is_window_s {
            let place = self.victim(marks, &mut turns).or(self.tail(PROBATION))?;
            return Some(self.drop(marks, place, true));
        }
        for _ in 0..ROUNDS {
            let tail = self.links.lists[WINDOW].tail;
            if !self.mark(marks, tail).unvisit() {
                break;
            }
            self.move_to(marks, WINDOW, tail);
        }
        let newcomer = self.links.lists[WINDOW].tail;
        let Some(victim) = self.victim(marks, &mut turns) else { return Some(self.drop(marks, newcomer, false)) };
        let (one, other) = (self.mark(marks, newcomer), self.mark(marks, victim));
        let (a, b) = (one.frequency(&self.time), other.frequency(&self.time));
        if a > b + u32::from(b >= 4) || a >= 2 && other.is_stale(&self.time) {
            one.unvisit();
            let gone = self.drop(marks, victim, true);
            self.move_to(marks, PROBATION, newcomer);
            Some(gone)
        } else {
            Some(self.drop(marks, newcomer, false))
        }
    }

    /// Which would go from the main part; none where all of it is hot.
    fn victim(&mut self, marks: &impl Marks, turns: &mut usize) -> Option<Place> {
        loop {
            self.demote(marks, turns);
            let Some(tail) = self.tail(PROBATION) else {
                let last = self.tail(PROTECTED)?;
                self.move_to(marks, PROBATION, last);
                continue;
            };
            *turns += 1;
            let mark = self.mark(marks, tail);
            if *turns >= TURNS && mark.is_visited() {
                return None;
            }
            if mark.unvisit() {
                self.most = (self.most - SHRINKS).max(self.least());
                self.move_to(marks, PROTECTED, tail);
                continue;
            }
            let Some(last) = self.tail(PROTECTED) else { return Some(tail) };
            let protected = self.mark(marks, last);
            if protected.unvisit() {
                self.move_to(marks, PROTECTED, last);
            } else if protected.is_stale(&self.time)
                && protected.frequency(&self.time) <= self.mark(marks, tail).frequency(&self.time)
            {
                return Some(last);
            }
            return Some(tail);
        }
    }

    /// While more is protected than may be, its oldest go on probation; those that were hit go round.
    fn demote(&mut self, marks: &impl Marks, turns: &mut usize) {
        while count(self.links.lists[PROTECTED].len)
            > PROTECTS * count(self.links.lists[PROBATION].len + self.links.lists[PROTECTED].len)
        {
            let tail = self.links.lists[PROTECTED].tail;
            *turns += 1;
            if self.mark(marks, tail).unvisit() && *turns < TURNS {
                self.move_to(marks, PROTECTED, tail);
            } else {
                self.move_to(marks, PROBATION, tail);
                break;
            }
        }
    }

    fn least(&self) -> f64 {
        (AT_LEAST * count(self.links.len())).max(1.0)
    }

    fn tail(&self, list: usize) -> Option<Place> {
        Some(self.links.lists[list].tail).filter(|tail| *tail != NONE)
    }

    /// It goes, and is remembered.
    fn drop(&mut self, marks: &impl Marks, place: Place, from_main: bool) -> (u64, Place) {
        let (hash, mark) = (self.links.hash(place), self.mark(marks, place));
        self.ghosts.remember(hash, mark.frequency(&self.time), from_main, &self.time);
        self.links.unlink(place, mark);
        self.links.give_back(place);
        (hash, place)
    }

    fn mark<'m>(&self, marks: &'m impl Marks, place: Place) -> &'m Mark {
        marks.mark(self.links.hash(place), place)
    }

    fn move_to(&mut self, marks: &impl Marks, list: usize, place: Place) {
        let mark = self.mark(marks, place);
        self.links.unlink(place, mark);
        self.links.link(list, place, mark);
    }
}
