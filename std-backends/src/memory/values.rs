//! The values of one shard, each in its own type: one allocation an entry, 16 bytes in the table.

use cachify_core::{key::Key, time::Instant};
use hashbrown::HashTable;
use std::{
    any::Any,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many buckets a write looks at to reclaim ended values.
const SWEEP: usize = 4;
/// Longest key that lies in the entry itself.
const INLINE: usize = 32;

/// Key, expiry and value in one allocation; the value last, so that the whole can be unsized.
pub(super) struct Node<V: ?Sized> {
    hash: u64,
    fresh_until: Instant,
    /// Read since the hand last passed.
    visited: AtomicBool,
    len: u8,
    short: [u8; INLINE],
    long: Option<Box<[u8]>>,
    value: V,
}

/// A value of any type.
pub(super) type AnyNode = Arc<Node<dyn Any + Send + Sync>>;

impl<V> Node<V> {
    pub(super) fn new(key: &Key<'_>, fresh_until: Instant, value: V) -> Self {
        let mut short = [0; INLINE];
        let fits = key.bytes.len() <= INLINE;
        short.iter_mut().zip(key.bytes).for_each(|(to, from)| *to = *from);
        Self {
            hash: key.hash,
            fresh_until,
            visited: AtomicBool::new(false),
            len: if fits { key.bytes.len() as u8 } else { 0 },
            short,
            long: (!fits).then(|| key.bytes.into()),
            value,
        }
    }
}

impl Node<dyn Any + Send + Sync> {
    #[inline]
    fn is(&self, key: &Key<'_>) -> bool {
        let own = match &self.long {
            None => &self.short[..usize::from(self.len).min(INLINE)],
            Some(long) => long,
        };
        self.hash == key.hash && own == key.bytes
    }
}

/// The values of one shard.
pub(super) struct Values {
    nodes: HashTable<AnyNode>,
    bound: usize,
    hand: usize,
}

impl Values {
    pub(super) const fn new(bound: usize) -> Self {
        Self { nodes: HashTable::new(), bound, hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The value, if it is fresh and of this type.
    #[inline]
    pub(super) fn get<V: Clone + 'static>(&self, key: &Key<'_>, now: Instant) -> Option<V> {
        let node = self.nodes.find(key.hash, |node| node.is(key)).filter(|node| now < node.fresh_until)?;
        // a plain load first: a write would take the cache line from every other reader
        if !node.visited.load(Ordering::Relaxed) {
            node.visited.store(true, Ordering::Relaxed);
        }
        node.value.downcast_ref::<V>().cloned()
    }

    /// Stores a value, within the bound; gives back what it replaced or evicted, to be dropped outside the lock.
    pub(super) fn insert(&mut self, node: AnyNode, key: &Key<'_>, now: Instant) -> Vec<AnyNode> {
        let mut gone = self.sweep(now);
        match self.nodes.find_mut(key.hash, |old| old.is(key)) {
            Some(old) => gone.push(std::mem::replace(old, node)),
            None => {
                if self.nodes.len() >= self.bound {
                    gone.extend(self.evict());
                }
                self.nodes.insert_unique(key.hash, node, |node| node.hash);
            }
        }
        gone
    }

    /// Forgets a value; whether it was there and fresh.
    pub(super) fn remove(&mut self, key: &Key<'_>, now: Instant) -> Option<(AnyNode, bool)> {
        let (node, _) = self.nodes.find_entry(key.hash, |node| node.is(key)).ok()?.remove();
        let fresh = now < node.fresh_until;
        Some((node, fresh))
    }

    /// Takes out the next entry that was not read since the hand last passed.
    fn evict(&mut self) -> Option<AnyNode> {
        // a second round finds every bit cleared
        for _ in 0..self.nodes.num_buckets() * 2 {
            let bucket = self.advance();
            if let Ok(entry) = self.nodes.get_bucket_entry(bucket)
                && !entry.get().visited.swap(false, Ordering::Relaxed)
            {
                return Some(entry.remove().0);
            }
        }
        None
    }

    fn sweep(&mut self, now: Instant) -> Vec<AnyNode> {
        let mut gone = Vec::new();
        for _ in 0..SWEEP {
            let bucket = self.advance();
            if bucket == 0 && self.nodes.len() < self.nodes.capacity() / 8 {
                self.nodes.shrink_to(self.nodes.len() * 2, |node| node.hash);
            }
            if let Ok(entry) = self.nodes.get_bucket_entry(bucket)
                && now >= entry.get().fresh_until
            {
                gone.push(entry.remove().0);
            }
        }
        gone
    }

    fn advance(&mut self) -> usize {
        self.hand = self.hand.wrapping_add(1);
        self.hand % self.nodes.num_buckets().max(1)
    }
}

pub(super) fn read(values: &RwLock<Values>) -> RwLockReadGuard<'_, Values> {
    values.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write(values: &RwLock<Values>) -> RwLockWriteGuard<'_, Values> {
    values.write().unwrap_or_else(PoisonError::into_inner)
}
