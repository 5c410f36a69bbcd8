//! The values of one shard, each in its own type: one allocation an entry, 16 bytes in the table.

use super::order::{MOVED, Mark, Marks, Order, Place};
use cachify_core::{
    key::{Key, Kind},
    observe::Eviction,
    time::Instant,
};
use hashbrown::HashTable;
use std::{
    any::{Any, TypeId},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

/// How many buckets a write looks at to reclaim ended values.
const SWEEP: usize = 4;
/// Longest key that lies in the entry itself: what fits beside a `Box` without making the entry larger.
const INLINE: usize = 22;

/// Key, expiry and value in one allocation; the value last, so that the whole can be unsized.
///
/// Kept small: past a few thousand entries a hit waits for memory more than for the processor.
pub(super) struct Node<V: ?Sized> {
    fresh_until: Instant,
    key: NodeKey,
    mark: Mark,
    /// Where it stands in the order of its shard.
    place: AtomicU32,
    value: V,
}

enum NodeKey {
    Short(u8, [u8; INLINE]),
    Long(Box<[u8]>),
}

/// A value of any type. Shared, so that it can be copied after the lock was left.
pub(super) type AnyNode = Arc<Node<dyn Any + Send + Sync>>;

/// Whether copying it runs no code of a user's, and is done at once.
#[inline]
fn is_plain<V: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($plain:ty)*) => { $(TypeId::of::<V>() == TypeId::of::<$plain>())||* };
    }
    is_one_of! {
        () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
        &'static str Arc<str> std::time::Duration
    }
}

impl<V> Node<V> {
    pub(super) fn new(key: &Key<'_>, fresh_until: Instant, value: V) -> Self {
        let mut short = [0; INLINE];
        short.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
        let key = match u8::try_from(key.bytes.len()) {
            Ok(len) if key.bytes.len() <= INLINE => NodeKey::Short(len, short),
            _ => NodeKey::Long(key.bytes.into()),
        };
        Self { fresh_until, key, mark: Mark::default(), place: AtomicU32::default(), value }
    }
}

/// A value that is gone, to be dropped outside the lock; and why, if nobody removed it.
pub(super) struct Gone {
    node: AnyNode,
    pub(super) why: Option<Eviction>,
}

impl Gone {
    pub(super) fn key(&self) -> &[u8] {
        self.node.key()
    }
}

impl Node<dyn Any + Send + Sync> {
    /// Gone, for `why` or because its time is over.
    fn gone(node: AnyNode, now: Instant, why: Option<Eviction>) -> Gone {
        let is_over = now >= node.fresh_until;
        Gone { node, why: if is_over { Some(Eviction::Expired) } else { why } }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match &self.key {
            NodeKey::Short(len, short) => &short[..usize::from(*len).min(INLINE)],
            NodeKey::Long(long) => long,
        }
    }

    #[inline]
    fn is(&self, key: &Key<'_>) -> bool {
        self.key() == key.bytes
    }

    /// Whether it is of that key and type: one key may have a value of each type, as a generic function has them.
    #[inline]
    fn is_of(&self, key: &Key<'_>, of: TypeId) -> bool {
        self.is(key) && (&self.value as &dyn Any).type_id() == of
    }

    fn place(&self) -> Place {
        self.place.load(Ordering::Relaxed)
    }

    /// Hashed again where the table moves its entries: rarer than a hit, which so loads less.
    fn hash(&self, seed: u64) -> u64 {
        Key::new(Kind::Cache, "", self.key(), seed).hash
    }
}

/// How many values all shards together have, and may have.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    bound: usize,
}

impl Room {
    pub(super) const fn new(bound: usize) -> Self {
        Self { taken: AtomicUsize::new(0), bound }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether one has to go: several shards may have taken the last place at once.
    pub(super) fn is_over(&self) -> bool {
        self.taken() > self.bound
    }

    pub(super) const fn bound(&self) -> usize {
        self.bound
    }

    fn is_full(&self) -> bool {
        self.taken() >= self.bound
    }

    /// How many each of so many shards is to have.
    pub(super) const fn share(&self, shards: usize) -> usize {
        self.bound / shards
    }

    fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which values lie at a key, of whatever types: where, and until when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(usize, Instant);

/// Looks for a value.
pub(super) type Has = fn(&Values, &Key<'_>, Instant) -> bool;

/// The values of one shard.
pub(super) struct Values {
    nodes: HashTable<AnyNode>,
    order: Order,
    /// How many it is to have where there is no room.
    share: usize,
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
    pub(super) fn new(seed: u64, share: usize) -> Self {
        Self { nodes: HashTable::new(), order: Order::new(share), share, hand: 0, seed }
    }

    /// What is taken of the value, if it is fresh and of this type.
    #[inline]
    fn get<V: 'static, R>(&self, key: &Key<'_>, now: Instant, take: impl FnOnce(&AnyNode, &V) -> R) -> Option<R> {
        let first = self.nodes.find(key.hash, |node| node.is(key))?;
        let (node, value) = match first.value.downcast_ref::<V>() {
            Some(value) => (first, value),
            None => self.of_type(key)?,
        };
        if now >= node.fresh_until {
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
            Seen(at ^ Arc::as_ptr(node).cast::<()>() as usize, until.max(node.fresh_until))
        })
    }

    /// Whether there is a fresh value of this type.
    pub(super) fn has_of<V: 'static>(&self, key: &Key<'_>, now: Instant) -> bool {
        self.of_type::<V>(key).is_some_and(|(node, _)| now < node.fresh_until)
    }

    /// Whether there is a fresh value, of whatever type.
    pub(super) fn has(&self, key: &Key<'_>, now: Instant) -> bool {
        self.end(key, now).is_some()
    }

    /// When the values end that are fresh now, the first of them.
    pub(super) fn end(&self, key: &Key<'_>, now: Instant) -> Option<Instant> {
        let of_key = self.nodes.iter_hash(key.hash).filter(|node| node.is(key));
        of_key.map(|node| node.fresh_until).filter(|end| now < *end).min()
    }

    /// Stores a value; where there is no room, in the place of another one of this shard, if it has any. Gives back what
    /// it replaced or evicted, to be dropped outside the lock.
    pub(super) fn insert(&mut self, node: AnyNode, key: &Key<'_>, now: Instant, room: &Room) -> Vec<Gone> {
        let mut gone = self.sweep(now, room);
        let of = (&node.value as &dyn Any).type_id();
        match self.nodes.find_mut(key.hash, |old| old.is_of(key, of)) {
            Some(old) => {
                self.order.replace(&old.mark, &node.mark);
                node.place.store(old.place(), Ordering::Relaxed);
                gone.push(Node::gone(std::mem::replace(old, node), now, None));
            }
            None if room.bound == 0 => gone.push(Node::gone(node, now, Some(Eviction::Full))),
            None => {
                // one that has less than its share takes the place of another shard's
                if room.is_full() && self.nodes.len() >= self.share.max(1) {
                    gone.extend(self.evict(now, room));
                }
                room.take();
                node.place.store(self.order.insert(&self.nodes, key.hash, &node.mark), Ordering::Relaxed);
                let seed = self.seed;
                self.nodes.insert_unique(key.hash, node, |node| node.hash(seed));
            }
        }
        gone
    }

    /// Whether it has more than its share.
    pub(super) fn has_too_many(&self) -> bool {
        self.nodes.len() > self.share
    }

    /// Forgets the values of a key, to be dropped outside the lock; whether one was there and fresh.
    pub(super) fn remove(&mut self, key: &Key<'_>, now: Instant, room: &Room) -> (Vec<AnyNode>, bool) {
        let (mut gone, mut was_fresh) = (Vec::new(), false);
        while let Ok(entry) = self.nodes.find_entry(key.hash, |node| node.is(key)) {
            let (node, _) = entry.remove();
            self.order.remove(node.place(), &node.mark);
            room.give_back();
            was_fresh |= now < node.fresh_until;
            gone.push(node);
        }
        (gone, was_fresh)
    }

    /// Takes out all of them.
    pub(super) fn take_all(&mut self, room: &Room) -> Self {
        self.nodes.iter().for_each(|_| room.give_back());
        std::mem::replace(self, Self::new(self.seed, self.share))
    }

    /// Takes out the one that is to go.
    pub(super) fn evict(&mut self, now: Instant, room: &Room) -> Option<Gone> {
        let (hash, place) = self.order.evict(&self.nodes)?;
        let entry = self.nodes.find_entry(hash, |node| node.place() == place).ok()?;
        room.give_back();
        Some(Node::gone(entry.remove().0, now, Some(Eviction::Full)))
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
                && now >= entry.get().fresh_until
            {
                room.give_back();
                let node = entry.remove().0;
                self.order.remove(node.place(), &node.mark);
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
