//! The lists stay whole whatever comes and goes; and what is hit stays.

use super::*;
use std::{cell::RefCell, collections::BTreeMap};

/// Values with nothing but a mark, under the hash by which they are known.
#[derive(Default)]
struct Shelf(BTreeMap<(u64, Place), Mark>, RefCell<Vec<(u64, Place, Place)>>);

impl Marks for Shelf {
    fn mark(&self, hash: u64, place: Place) -> &Mark {
        &self.0[&(hash, place)]
    }
    fn moved(&self, hash: u64, from: Place, to: Place) {
        self.1.borrow_mut().push((hash, from, to));
    }
}

struct World {
    shelf: Shelf,
    order: Order,
    places: BTreeMap<u64, Place>,
    bound: usize,
}

impl World {
    fn new(bound: usize) -> Self {
        let order = Order::new(bound);
        Self { shelf: Shelf::default(), order, places: BTreeMap::new(), bound }
    }

    /// Asks for a key, and stores it if it is not there; whether it was.
    fn request(&mut self, key: u64) -> bool {
        if let Some(place) = self.places.get(&key) {
            self.order.hit(&self.shelf.0[&(key, *place)]);
            return true;
        }
        if self.places.len() == self.bound {
            let (hash, place) = self.order.evict(&self.shelf).unwrap();
            assert_eq!(self.places.remove(&hash), Some(place), "it was there");
            self.shelf.0.remove(&(hash, place)).unwrap();
        }
        let mark = Mark::new();
        let place = self.order.insert(&self.shelf, key, &mark);
        self.shelf.0.insert((key, place), mark);
        self.places.insert(key, place);
        false
    }

    fn remove(&mut self, key: u64) {
        if let Some(place) = self.places.remove(&key) {
            let mark = self.shelf.0.remove(&(key, place)).unwrap();
            self.order.remove(place, &mark);
        }
    }

    fn compact(&mut self) {
        self.order.compact(&self.shelf);
        let mut moved = BTreeMap::new();
        for (hash, from, to) in self.shelf.1.take() {
            let mark = self.shelf.0.remove(&(hash, from)).unwrap();
            assert!(moved.insert((hash, to & !MOVED), mark).is_none());
            self.places.insert(hash, to & !MOVED);
        }
        assert!(self.shelf.0.is_empty(), "each is told once");
        self.shelf.0 = moved;
    }

    /// Each list from both ends, and all that is kept in one of them.
    fn check(&self) {
        let mut seen = 0;
        for number in 0..3 {
            for (hash, place) in self.order.links.walk(number) {
                assert_eq!(self.shelf.0[&(hash, place)].list(), number);
                seen += 1;
            }
        }
        assert_eq!(seen, self.places.len());
        assert!(seen <= self.bound);
    }
}

/// xorshift64 (Marsaglia 2003).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn lists_stay_whole_whatever_comes_and_goes() {
    for bound in [1, 2, 3, 7, 16, 100, 1_000] {
        let (mut world, mut state) = (World::new(bound), bound as u64 + 1);
        for step in 0..40_000_u64 {
            let draw = random(&mut state);
            // often few keys, sometimes many, and removals in between
            let key = if draw.is_multiple_of(4) { draw >> 8 & 0xfff } else { (draw >> 8) % (bound as u64 * 2) };
            if draw.is_multiple_of(11) {
                world.remove(key);
            } else {
                world.request(key);
            }
            if step % 500 == 0 {
                world.check();
            }
            if step % 1_700 == 0 {
                world.compact();
                world.check();
                assert_eq!(world.order.links.len(), world.places.len());
            }
        }
        world.check();
        let before = world.order.links.len();
        assert!(before <= bound, "{before} links for {bound}");
        for key in world.places.clone().into_keys() {
            world.remove(key);
        }
        world.check();
        assert!(world.order.evict(&world.shelf).is_none(), "nothing is there to go");
    }
}

#[test]
fn a_scan_pushes_out_nothing_that_is_hit() {
    let mut world = World::new(1_000);
    for _ in 0..20 {
        for key in 0..800 {
            world.request(key);
        }
    }
    for key in 10_000..30_000 {
        world.request(key);
    }
    let stays = (0..800).filter(|key| world.places.contains_key(key)).count();
    assert!(stays >= 780, "{stays} of 800 that were hit");
}

#[test]
fn a_loop_that_does_not_fit_is_kept_in_part() {
    let (mut world, mut hits) = (World::new(1_000), 0);
    for round in 0..40 {
        let answered = (0..1_500).filter(|key| world.request(*key)).count();
        hits += if round >= 20 { answered } else { 0 };
    }
    // the best is two thirds; a queue, and CLOCK, keep nothing of it
    let part = f64::from(u32::try_from(hits).unwrap()) / (20.0 * 1_500.0);
    assert!(part > 0.55, "{part:.2} of the loop");
}

#[test]
fn what_is_over_makes_room_for_what_comes() {
    let mut world = World::new(1_000);
    for _ in 0..50 {
        for key in 0..1_000 {
            world.request(key);
        }
    }
    let mut hits = 0;
    for round in 0..30 {
        let answered = (5_000..5_800).filter(|key| world.request(*key)).count();
        hits = if round == 29 { answered } else { hits };
    }
    assert!(hits > 700, "{hits} of 800 of the new ones");
}
