//! The values of one shard.

use super::{
    node::{AnyNode, Gone, Node, is_plain},
    order::{MOVED, Mark, Marks, Order, Place},
    room::Room,
};
use cachify_core::{key::Key, observe::Eviction, time::Instant};
use hashbrown::HashTable;
use std::{
    any::{Any, TypeId},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering},
};

/// How many buckets a write looks at to reclaim ended values.
const SWEEP: usize = 4;
/// Which values lie at a key, of whatever types: where, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(usize, Instant);

/// Looks for a value.
pub(super) type Has = fn(&Values, &Key<'_>, Instant) -> bool;

/// The values of one shard behind their lock, on lines of the processor's cache of their own.
#[repr(align(128))]
pub(super) struct Shelf(pub(super) RwLock<Values>);

/// The values of one shard: what a hit reads comes first.
#[repr(C)]
pub(super) struct Values {
    nodes: HashTable<AnyNode>,
    order: Order,
    /// How many it is to have where there is no room.
    share: usize,
    /// Of how many shards it is one.
    shards: u64,
    weight: u64,
    hand: usize,
    seed: u64,
}

/// Where the marks are: in the values themselves, for a hit finds nothing else.
impl Marks for HashTable<AnyNode> {
    fn mark(&self, hash: u64, place: Place) -> &Mark {
        static NOBODY: Mark = Mark::new();
        self.find(hash, |node| node.place() == place).map_or(&NOBODY, |node| &node.mark)
    }

    fn moved(&self, hash: u64, from: Place, to: Place) {
        if let Some(node) = self.find(hash, |node| node.place() == from) {
            node.place.store(to, Ordering::Relaxed);
        }
    }
}

impl Values {
    /// One of so many shards.
    pub(super) fn new(seed: u64, shards: usize, room: &Room) -> Self {
        let share = room.share(shards);
        let (nodes, order) = (HashTable::new(), Order::new(share));
        Self { nodes, order, share, shards: shards as u64, weight: 0, hand: 0, seed }
    }

    /// What is taken of the value, if it is fresh and of this type.
    #[inline]
    fn get<V: 'static, R>(&self, key: &Key<'_>, now: Instant, take: impl FnOnce(&AnyNode, &V) -> R) -> Option<R> {
        let first = self.nodes.find(key.hash, |node| node.is(key))?;
        let (node, value) = match first.value.downcast_ref::<V>() {
            Some(value) => (first, value),
            None => self.of_type(key)?,
        };
        if !node.hit(now) {
            return None;
        }
        self.order.hit(&node.mark);
        Some(take(node, value))
    }

    /// The value of this type, also where the key's first one is of another.
    #[cold]
    fn of_type<V: 'static>(&self, key: &Key<'_>) -> Option<(&AnyNode, &V)> {
        let node = self.nodes.find(key.hash, |node| node.is_of(key, TypeId::of::<V>()))?;
        node.value.downcast_ref().map(|value| (node, value))
    }

    /// What lies at the key, ended or not.
    pub(super) fn seen(&self, key: &Key<'_>) -> Seen {
        let of_key = self.nodes.iter_hash(key.hash).filter(|node| node.is(key));
        of_key.fold(Seen::default(), |Seen(at, until), node| {
            Seen(at ^ Arc::as_ptr(node).cast::<()>() as usize, until.max(node.fresh_until()))
        })
    }

    /// Whether there is a fresh value of this type.
    pub(super) fn has_of<V: 'static>(&self, key: &Key<'_>, now: Instant) -> bool {
        self.of_type::<V>(key).is_some_and(|(node, _)| now < node.end())
    }

    /// Whether there is a fresh value, of whatever type.
    pub(super) fn has(&self, key: &Key<'_>, now: Instant) -> bool {
        self.end(key, now).is_some()
    }

    /// When the values end that are fresh now, the first of them.
    pub(super) fn end(&self, key: &Key<'_>, now: Instant) -> Option<Instant> {
        let of_key = self.nodes.iter_hash(key.hash).filter(|node| node.is(key));
        of_key.map(|node| node.end()).filter(|end| now < *end).min()
    }

    /// Stores a value of some weight; where there is no room, in the place of others of this shard, if it has any. Gives back
    /// what it replaced or evicted, to be dropped outside the lock.
    pub(super) fn insert(
        &mut self,
        (node, weight): (AnyNode, u64),
        key: &Key<'_>,
        now: Instant,
        room: &Room,
    ) -> Vec<Gone> {
        let mut gone = self.sweep(now, room);
        let of = (&node.value as &dyn Any).type_id();
        match self.nodes.find_mut(key.hash, |old| old.is_of(key, of)) {
            Some(old) => {
                let place = old.place();
                self.order.replace(&old.mark, &node.mark);
                node.place.store(place, Ordering::Relaxed);
                gone.push(Node::gone(std::mem::replace(old, node), now, None));
                let before = self.order.weight(place);
                self.order.weigh(place, weight);
                self.weight = self.weight - before + weight;
                room.exchange(before, weight);
            }
            None if room.bound() == 0 => gone.push(Node::gone(node, now, Some(Eviction::Full))),
            None => {
                // one that has less than its share takes the place of another shard's
                while room.is_full_for(weight) && self.has_its_share(weight, room) {
                    let Some(one) = self.evict(now, room) else { break };
                    gone.push(one);
                }
                room.take(weight);
                self.weight += weight;
                let place = self.order.insert(&self.nodes, key.hash, &node.mark);
                self.order.weigh(place, weight);
                node.place.store(place, Ordering::Relaxed);
                let seed = self.seed;
                self.nodes.insert_unique(key.hash, node, |node| node.hash(seed));
            }
        }
        gone
    }

    /// Whether it has so much that one more of that weight is more than its share.
    fn has_its_share(&self, weight: u64, room: &Room) -> bool {
        let heavy = room.most().is_some_and(|most| self.weight.saturating_add(weight) > most / self.shards);
        self.nodes.len() >= self.share.max(1) || heavy
    }

    /// Whether it has more than its share.
    pub(super) fn has_too_many(&self, room: &Room) -> bool {
        self.nodes.len() > self.share || room.most().is_some_and(|most| self.weight > most / self.shards)
    }

    /// What is kept no more leaves its place; how much it weighed is given back.
    fn leave(&mut self, node: &AnyNode, room: &Room) {
        let weight = self.order.weight(node.place());
        self.order.remove(node.place(), &node.mark);
        self.lighten(weight, room);
    }

    fn lighten(&mut self, weight: u64, room: &Room) {
        self.weight -= weight;
        room.give_back(weight);
    }

    /// Forgets the values of a key, to be dropped outside the lock; whether one was there and fresh.
    pub(super) fn remove(&mut self, key: &Key<'_>, now: Instant, room: &Room) -> (Vec<AnyNode>, bool) {
        let (mut gone, mut was_fresh) = (Vec::new(), false);
        while let Ok(entry) = self.nodes.find_entry(key.hash, |node| node.is(key)) {
            let (node, _) = entry.remove();
            self.leave(&node, room);
            was_fresh |= now < node.end();
            gone.push(node);
        }
        (gone, was_fresh)
    }

    /// Takes out all of them.
    pub(super) fn take_all(&mut self, room: &Room) -> Self {
        self.nodes.iter().for_each(|node| room.give_back(self.order.weight(node.place())));
        std::mem::replace(self, Self::new(self.seed, self.shards as usize, room))
    }

    /// Takes out the one that is to go.
    pub(super) fn evict(&mut self, now: Instant, room: &Room) -> Option<Gone> {
        if room.most().is_some() {
            self.order.fit();
        }
        let (hash, place) = self.order.evict(&self.nodes)?;
        let node = self.nodes.find_entry(hash, |node| node.place() == place).ok()?.remove().0;
        self.lighten(self.order.weight(place), room);
        Some(Node::gone(node, now, Some(Eviction::Full)))
    }

    fn sweep(&mut self, now: Instant, room: &Room) -> Vec<Gone> {
        let mut gone = Vec::new();
        for _ in 0..SWEEP {
            let bucket = self.advance();
            if bucket == 0 && self.nodes.len() < self.nodes.capacity() / 8 {
                let seed = self.seed;
                self.nodes.shrink_to(self.nodes.len() * 2, |node| node.hash(seed));
                self.order.compact(&self.nodes);
                for node in &self.nodes {
                    node.place.store(node.place() & !MOVED, Ordering::Relaxed);
                }
            }
            if let Ok(entry) = self.nodes.get_bucket_entry(bucket)
                && now >= entry.get().end()
            {
                let node = entry.remove().0;
                self.leave(&node, room);
                gone.push(Node::gone(node, now, None));
            }
        }
        gone
    }

    fn advance(&mut self) -> usize {
        self.hand += 1;
        if self.hand >= self.nodes.num_buckets() {
            self.hand = 0;
        }
        self.hand
    }
}

/// A copy of the value, if it is fresh and of this type; made outside the lock where `Clone` may be a user's.
#[inline]
pub(super) fn copy<V: Clone + 'static>(values: &RwLock<Values>, key: &Key<'_>, now: Instant) -> Option<V> {
    if is_plain::<V>() {
        return read(values).get(key, now, |_, value: &V| value.clone());
    }
    let node = read(values).get(key, now, |node, _: &V| node.clone())?;
    node.value.downcast_ref().cloned()
}

pub(super) fn read(values: &RwLock<Values>) -> RwLockReadGuard<'_, Values> {
    values.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write(values: &RwLock<Values>) -> RwLockWriteGuard<'_, Values> {
    values.write().unwrap_or_else(PoisonError::into_inner)
}
