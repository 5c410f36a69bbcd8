//! Which value goes where there is no room for one more.
//!
//! Newcomers stand in a window, the others in a main part of two lists, on probation and protected; each list is a queue whose
//! tail gets another round if it was hit (CLOCK, Corbató 1968; SLRU, Karedla et al. 1994). What leaves the window stays if
//! it was hit more often than what would go from the main part (W-TinyLFU, Einziger, Friedman, Manes 2017). Of what went a
//! fingerprint stays, with its frequency; if it comes again soon, the window was too small, or the main part was (ARC,
//! Megiddo, Modha 2003). So a hit writes one word of its own, and everything else is done by who stores. Measured on the
//! traces of `benches/`. Not here: the values, and how many there may be.

mod ghosts;
mod mark;
#[cfg(test)]
mod tests;

use ghosts::Ghosts;
pub(super) use mark::Mark;
use mark::Time;

const NONE: u32 = u32::MAX;
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

/// Where a value stands: its place among the links.
pub(super) type Place = u32;

/// What a table needs of a hash to find a value: of 64 bits the lowest 25, for it has no more buckets, and the highest 7.
#[derive(Clone, Copy, Debug)]
struct Short(u32);

impl Short {
    const LOW: u32 = if cfg!(target_pointer_width = "64") { (1 << 25) - 1 } else { u32::MAX };

    const fn of(hash: u64) -> Self {
        let low = hash as u32 & Self::LOW;
        Self(if Self::LOW == u32::MAX { low } else { low | (hash >> 57 << 25) as u32 })
    }

    const fn hash(self) -> u64 {
        let low = (self.0 & Self::LOW) as u64;
        if Self::LOW == u32::MAX { low } else { low | (self.0 as u64 >> 25) << 57 }
    }
}

/// Most values that a table may have for that.
pub(super) const MOST: usize = 1 << 23;

/// One value in its list, by the hash under which it is found.
#[derive(Debug)]
struct Link {
    hash: Short,
    prev: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
    len: usize,
}

/// What is weighed in parts.
#[expect(clippy::cast_precision_loss, reason = "of more than 2^52 values one counts for little")]
const fn count(values: usize) -> f64 {
    values as f64
}

/// Finds the mark of the value with a hash and a place.
pub(super) trait Marks {
    fn mark(&self, hash: u64, place: Place) -> &Mark;
    /// It stands somewhere else from now on: at a place with [`MOVED`] in it, until that is taken out of all of them.
    fn moved(&self, hash: u64, from: Place, to: Place);
}

/// In no place: two values of one hash are told apart while some have moved and some have not.
pub(super) const MOVED: Place = 1 << 31;

/// The order of one shard.
#[derive(Debug)]
pub(super) struct Order {
    links: Vec<Link>,
    /// The first that is free, the others behind it.
    free: u32,
    lists: [List; 3],
    /// How many the window may have; a part of one counts.
    most: f64,
    ghosts: Ghosts,
    time: Time,
}

impl Order {
    /// Of a shard that is to keep so many values.
    pub(super) fn new(quota: usize) -> Self {
        Self {
            links: Vec::new(),
            free: NONE,
            lists: [List { head: NONE, tail: NONE, len: 0 }; 3],
            most: (AT_FIRST * count(quota)).max(1.0),
            ghosts: Ghosts::new(quota),
            time: Time::new(quota),
        }
    }

    /// Gives back the memory of places that nobody has any more.
    pub(super) fn compact(&mut self, marks: &impl Marks) {
        let mut links = Vec::with_capacity(self.len() * 5 / 4);
        for list in &mut self.lists {
            let (mut at, mut before) = (list.head, NONE);
            list.head = if list.len == 0 { NONE } else { links.len() as u32 };
            while at != NONE {
                let Link { hash, next, .. } = self.links[at as usize];
                let here = links.len() as u32;
                marks.moved(hash.hash(), at, here | MOVED);
                links.push(Link { hash, prev: before, next: if next == NONE { NONE } else { here + 1 } });
                (at, before) = (next, here);
            }
            list.tail = before;
        }
        (self.links, self.free) = (links, NONE);
    }

    fn len(&self) -> usize {
        self.lists.iter().map(|list| list.len).sum()
    }

    /// A value was hit; under a read lock.
    #[inline]
    pub(super) fn hit(&self, mark: &Mark) {
        mark.hit(&self.time);
    }

    /// One more, which was not there; where it stands.
    pub(super) fn insert(&mut self, marks: &impl Marks, hash: u64, mark: &Mark) -> Place {
        self.time.pass(1);
        let ghost = self.ghosts.recall(Short::of(hash).hash(), &self.time);
        if let Some(ghost) = ghost.filter(|ghost| ghost.went_lately && self.len() >= ENOUGH) {
            let step = if ghost.from_main { -STEP } else { STEP };
            let most = (AT_MOST * count(self.len())).max(1.0);
            self.most = (self.most + step).clamp(self.least().min(most), most);
        }
        mark.begin(&self.time, ghost.map_or(1, |ghost| ghost.frequency + 1));
        let place = self.place(hash);
        self.link(WINDOW, place, mark);
        // while there was room, or after removals
        for _ in 0..2 {
            if count(self.lists[WINDOW].len) > self.most + 1.0 {
                let tail = self.lists[WINDOW].tail;
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
        self.unlink(place, mark);
        self.give_back(place);
    }

    /// One is to go, of at least one: by which hash and where it is found.
    pub(super) fn evict(&mut self, marks: &impl Marks) -> Option<(u64, Place)> {
        self.time.pass(0);
        let (window, mut turns) = (self.lists[WINDOW].len, 0);
        let is_window_s = window > 0 && (count(window) >= self.most || window == self.len());
        if !is_window_s {
            let place = self.victim(marks, &mut turns).or(self.tail(PROBATION))?;
            return Some(self.drop(marks, place, true));
        }
        for _ in 0..ROUNDS {
            let tail = self.lists[WINDOW].tail;
            if !self.mark(marks, tail).unvisit() {
                break;
            }
            self.move_to(marks, WINDOW, tail);
        }
        let newcomer = self.lists[WINDOW].tail;
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
        while count(self.lists[PROTECTED].len) > PROTECTS * count(self.lists[PROBATION].len + self.lists[PROTECTED].len)
        {
            let tail = self.lists[PROTECTED].tail;
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
        (AT_LEAST * count(self.len())).max(1.0)
    }

    fn tail(&self, list: usize) -> Option<Place> {
        Some(self.lists[list].tail).filter(|tail| *tail != NONE)
    }

    /// It goes, and is remembered.
    fn drop(&mut self, marks: &impl Marks, place: Place, from_main: bool) -> (u64, Place) {
        let (hash, mark) = (self.links[place as usize].hash.hash(), self.mark(marks, place));
        self.ghosts.remember(hash, mark.frequency(&self.time), from_main, &self.time);
        self.unlink(place, mark);
        self.give_back(place);
        (hash, place)
    }

    fn mark<'m>(&self, marks: &'m impl Marks, place: Place) -> &'m Mark {
        marks.mark(self.links[place as usize].hash.hash(), place)
    }

    fn place(&mut self, hash: u64) -> Place {
        let link = Link { hash: Short::of(hash), prev: NONE, next: NONE };
        if self.free != NONE {
            let place = self.free;
            self.free = self.links[place as usize].next;
            self.links[place as usize] = link;
            return place;
        }
        if self.links.len() == self.links.capacity() {
            // not twice as many: most of them would be empty for ever once the bound is reached
            self.links.reserve_exact((self.links.len() / 4).max(16));
        }
        self.links.push(link);
        (self.links.len() - 1) as u32
    }

    fn give_back(&mut self, place: Place) {
        self.links[place as usize].next = self.free;
        self.free = place;
    }

    fn move_to(&mut self, marks: &impl Marks, list: usize, place: Place) {
        let mark = self.mark(marks, place);
        self.unlink(place, mark);
        self.link(list, place, mark);
    }

    fn unlink(&mut self, place: Place, mark: &Mark) {
        let list = mark.list();
        let Link { prev, next, .. } = self.links[place as usize];
        match prev {
            NONE => self.lists[list].head = next,
            prev => self.links[prev as usize].next = next,
        }
        match next {
            NONE => self.lists[list].tail = prev,
            next => self.links[next as usize].prev = prev,
        }
        self.lists[list].len -= 1;
    }

    /// At the head of a list.
    fn link(&mut self, list: usize, place: Place, mark: &Mark) {
        let head = self.lists[list].head;
        mark.set_list(list);
        let link = &mut self.links[place as usize];
        (link.prev, link.next) = (NONE, head);
        match head {
            NONE => self.lists[list].tail = place,
            head => self.links[head as usize].prev = place,
        }
        self.lists[list].head = place;
        self.lists[list].len += 1;
    }
}
