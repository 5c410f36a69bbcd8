//! How many values there may be, and how much they may weigh.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// So many bytes, of 1,048,576 each: `max_weight(mib(64))`.
#[must_use]
pub const fn mib(n: u64) -> u64 {
    n.saturating_mul(1 << 20)
}

/// How much a store may keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) markers: usize,
    pub(crate) weight: Option<u64>,
}

/// What a store keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Content {
    pub(crate) entries: usize,
    /// Nothing, where weights are not asked for.
    pub(crate) weight: u64,
}

impl Content {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { entries: self.entries + other.entries, weight: self.weight + other.weight }
    }
}

/// How many values all shards together have, and may have.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    bound: usize,
    weight: AtomicU64,
    /// `u64::MAX` where weights are not asked for.
    most: AtomicU64,
}

impl Room {
    pub(super) const fn new(bound: usize, most: Option<u64>) -> Self {
        let most = match most {
            Some(most) => most,
            None => u64::MAX,
        };
        Self { taken: AtomicUsize::new(0), bound, weight: AtomicU64::new(0), most: AtomicU64::new(most) }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight.load(Relaxed)
    }

    /// How much all of them may weigh, if that is bounded.
    #[inline]
    pub(super) fn most(&self) -> Option<u64> {
        Some(self.most.load(Relaxed)).filter(|most| *most < u64::MAX)
    }

    /// Bounds the weight of what is to come, unless that is done or something is there; whether it is this bound then.
    pub(super) fn set_most(&self, most: u64) -> bool {
        self.taken() == 0 && self.most.compare_exchange(u64::MAX, most, Relaxed, Relaxed).is_ok()
            || self.most() == Some(most)
    }

    /// Whether one has to go: several shards may have taken the last place at once.
    pub(super) fn is_over(&self) -> bool {
        self.taken() > self.bound || self.weight() > self.most.load(Relaxed)
    }

    pub(super) const fn bound(&self) -> usize {
        self.bound
    }

    /// Whether there is none for one more of that weight.
    pub(super) fn is_full_for(&self, weight: u64) -> bool {
        self.taken() >= self.bound || self.weight().saturating_add(weight) > self.most.load(Relaxed)
    }

    /// How many each of so many shards is to have.
    pub(super) const fn share(&self, shards: usize) -> usize {
        self.bound / shards
    }

    pub(super) fn take(&self, weight: u64) {
        self.taken.fetch_add(1, Relaxed);
        self.weight.fetch_add(weight, Relaxed);
    }

    pub(super) fn give_back(&self, weight: u64) {
        self.taken.fetch_sub(1, Relaxed);
        self.weight.fetch_sub(weight, Relaxed);
    }

    /// A value took the place of another one.
    pub(super) fn exchange(&self, old: u64, new: u64) {
        self.weight.fetch_add(new, Relaxed);
        self.weight.fetch_sub(old, Relaxed);
    }
}

type Weigher = Arc<dyn Fn(&dyn Any) -> u64 + Send + Sync>;

/// What says how much values of a type weigh.
#[derive(Clone)]
struct OfType {
    id: TypeId,
    weigher: Weigher,
    /// Whether the instance says it, and its group may say something else.
    is_of_above: bool,
}

/// What says how much values weigh, by their types.
#[derive(Default)]
pub(crate) struct Weighers(RwLock<Vec<OfType>>);

impl Weighers {
    /// That values of a type weigh what `of` says; whether nothing else was said of them.
    pub(crate) fn add<V: 'static>(&self, of: impl Fn(&V) -> u64 + Send + Sync + 'static) -> bool {
        let (id, mut all) = (TypeId::of::<V>(), self.0.write().unwrap_or_else(PoisonError::into_inner));
        let is_new = all.iter().all(|other| other.id != id || other.is_of_above);
        if is_new {
            all.retain(|other| other.id != id);
            let weigher = Arc::new(move |value: &dyn Any| value.downcast_ref().map_or(0, &of));
            all.push(OfType { id, weigher, is_of_above: false });
        }
        is_new
    }

    /// Those of a group, unless it says something else.
    pub(super) fn below(&self) -> Self {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Self(RwLock::new(all.iter().map(|of| OfType { is_of_above: true, ..of.clone() }).collect()))
    }

    /// How much a value weighs: at least one, for nothing is kept for nothing; unless said what its type has in memory, and its key.
    pub(super) fn weigh<V: 'static>(&self, value: &V, key: usize) -> u64 {
        let weigher = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|of| of.id == TypeId::of::<V>()).map(|of| of.weigher.clone())
        };
        // a user's code, which may ask for anything: outside the lock
        weigher.map_or((size_of::<V>() + key) as u64, |weigh| weigh(value)).max(1)
    }
}

impl fmt::Debug for Weighers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weighers")
    }
}
