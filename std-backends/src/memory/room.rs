//! How many values there may be, and how much they may weigh.

use cachify_core::time::millis;
use std::{
    any::{Any, TypeId},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
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
    /// For how long nobody need ask for a value.
    pub(crate) idle: Option<Duration>,
    /// The same of the instance whose group it is, unless it says something else.
    pub(crate) idle_above: Option<Duration>,
}

/// How many values all shards together have, and may have.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    bound: usize,
    weight: AtomicU64,
    /// `u64::MAX` where weights are not asked for.
    most: AtomicU64,
    /// For how many milliseconds nobody need ask for a value; `u64::MAX` for ever.
    idle: AtomicU64,
    /// What that is unless it is said.
    idle_above: u64,
}

impl Room {
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = bounds.weight.unwrap_or(u64::MAX).into();
        let idle_above = bounds.idle_above.map_or(u64::MAX, millis);
        let idle = bounds.idle.map_or(idle_above, millis).into();
        Self { taken: 0.into(), bound: bounds.entries, weight: 0.into(), most, idle, idle_above }
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

    /// For how many milliseconds nobody need ask for a value, if that is bounded.
    #[inline]
    pub(super) fn idle(&self) -> Option<u64> {
        Some(self.idle.load(Relaxed)).filter(|idle| *idle < u64::MAX)
    }

    /// Bounds the weight of what is to come, unless that is done or something is there; whether it is this bound then.
    pub(super) fn set_most(&self, most: u64) -> bool {
        self.set(&self.most, u64::MAX, most)
    }

    /// The same of how long nobody need ask for it.
    pub(super) fn set_idle(&self, idle: Duration) -> bool {
        self.set(&self.idle, self.idle_above, millis(idle))
    }

    fn set(&self, of: &AtomicU64, unsaid: u64, to: u64) -> bool {
        self.taken() == 0 && of.compare_exchange(unsaid, to, Relaxed, Relaxed).is_ok() || of.load(Relaxed) == to
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
