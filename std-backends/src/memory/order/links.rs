//! Values in lists, each by the hash under which its table finds it.

use super::mark::Mark;

pub(super) const NONE: u32 = u32::MAX;

/// Where a value stands: its place among the links.
pub(in crate::memory) type Place = u32;

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

/// What is known of a hash by a value's place.
pub(super) const fn known(hash: u64) -> u64 {
    Short::of(hash).hash()
}

/// One value in its list, by the hash under which it is found.
#[derive(Debug)]
struct Link {
    hash: Short,
    prev: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) len: usize,
}

/// Most values that a table may have for that.
pub(in crate::memory) const MOST: usize = 1 << 23;

/// Finds the mark of the value with a hash and a place.
pub(in crate::memory) trait Marks {
    fn mark(&self, hash: u64, place: Place) -> &Mark;
    /// It stands somewhere else from now on: at a place with [`MOVED`] in it, until that is taken out of all of them.
    fn moved(&self, hash: u64, from: Place, to: Place);
}

/// In no place: two values of one hash are told apart while some have moved and some have not.
pub(in crate::memory) const MOVED: Place = 1 << 31;

/// The lists of one shard.
#[derive(Debug)]
pub(super) struct Links {
    all: Vec<Link>,
    /// The first that is free, the others behind it.
    free: u32,
    pub(super) lists: [List; 3],
    /// How much the value of each place weighs, where that is asked.
    weights: Vec<u64>,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), free: NONE, lists: [List { head: NONE, tail: NONE, len: 0 }; 3], weights: Vec::new() }
    }

    /// Gives back the memory of places that nobody has any more.
    pub(super) fn compact(&mut self, marks: &impl Marks) {
        let mut links = Vec::with_capacity(self.len() * 5 / 4);
        let mut weights = Vec::new();
        for list in &mut self.lists {
            let (mut at, mut before) = (list.head, NONE);
            list.head = if list.len == 0 { NONE } else { links.len() as u32 };
            while at != NONE {
                let Link { hash, next, .. } = self.all[at as usize];
                let here = links.len() as u32;
                marks.moved(hash.hash(), at, here | MOVED);
                weights.extend(self.weights.get(at as usize));
                links.push(Link { hash, prev: before, next: if next == NONE { NONE } else { here + 1 } });
                (at, before) = (next, here);
            }
            list.tail = before;
        }
        (self.all, self.free, self.weights) = (links, NONE, weights);
    }

    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(|list| list.len).sum()
    }

    pub(super) fn weight(&self, place: Place) -> u64 {
        self.weights.get(place as usize).copied().unwrap_or_default()
    }

    /// Notes how much a value weighs; nothing of one that weighs nothing, as all do where that is not asked.
    pub(super) fn weigh(&mut self, place: Place, weight: u64) {
        let at = place as usize;
        if weight > 0 && self.weights.len() <= at {
            self.weights.resize(at.max(self.all.len() - 1) + 1, 0);
        }
        if let Some(known) = self.weights.get_mut(at) {
            *known = weight;
        }
    }

    pub(super) fn hash(&self, place: Place) -> u64 {
        self.all[place as usize].hash.hash()
    }

    pub(super) fn place(&mut self, hash: u64) -> Place {
        let link = Link { hash: Short::of(hash), prev: NONE, next: NONE };
        if self.free != NONE {
            let place = self.free;
            self.free = self.all[place as usize].next;
            self.all[place as usize] = link;
            return place;
        }
        if self.all.len() == self.all.capacity() {
            // not twice as many: most of them would be empty for ever once the bound is reached
            self.all.reserve_exact((self.all.len() / 4).max(16));
        }
        self.all.push(link);
        (self.all.len() - 1) as u32
    }

    pub(super) fn give_back(&mut self, place: Place) {
        self.all[place as usize].next = self.free;
        self.free = place;
    }

    pub(super) fn unlink(&mut self, place: Place, mark: &Mark) {
        let list = mark.list();
        let Link { prev, next, .. } = self.all[place as usize];
        match prev {
            NONE => self.lists[list].head = next,
            prev => self.all[prev as usize].next = next,
        }
        match next {
            NONE => self.lists[list].tail = prev,
            next => self.all[next as usize].prev = prev,
        }
        self.lists[list].len -= 1;
    }

    /// At the head of a list.
    pub(super) fn link(&mut self, list: usize, place: Place, mark: &Mark) {
        let head = self.lists[list].head;
        mark.set_list(list);
        let link = &mut self.all[place as usize];
        (link.prev, link.next) = (NONE, head);
        match head {
            NONE => self.lists[list].tail = place,
            head => self.all[head as usize].prev = place,
        }
        self.lists[list].head = place;
        self.lists[list].len += 1;
    }

    /// A list from its head, whole in both directions.
    #[cfg(test)]
    pub(super) fn walk(&self, list: usize) -> Vec<(u64, Place)> {
        let List { head, tail, len } = self.lists[list];
        let (mut at, mut before, mut seen) = (head, NONE, Vec::new());
        while at != NONE {
            let link = &self.all[at as usize];
            assert_eq!(link.prev, before);
            seen.push((link.hash.hash(), at));
            (before, at) = (at, link.next);
        }
        assert_eq!((tail, len), (before, seen.len()));
        seen
    }
}
