//! What an instance counts of its cached values, where it is asked to.

use cachify_core::observe::{Event, Eviction};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How often what happened to cached values since the instance was built; see [`Builder::stats`](crate::Builder::stats).
///
/// Each number is exact; two of them may be a call apart while calls are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many calls found a fresh value.
    pub hits: u64,
    /// How many calls loaded a value for themselves and those who wait, or tried to; not those who load beside them.
    pub misses: u64,
    /// How many calls waited for the value that another one loaded.
    pub joined: u64,
    /// How many calls were served a value near its end, while another one loaded it again or since their own load failed.
    pub stale: u64,
    /// How many values of this process made room for others.
    pub evicted: u64,
    /// How many values of this process went because their time was over; noticed when others are written.
    pub expired: u64,
    /// How many values this process has, ended ones that did not go yet included; none where values lie outside of it.
    pub entries: usize,
    /// How much these weigh, where [`Builder::max_weight`](crate::Builder::max_weight) bounds that; else nothing.
    pub weight: u64,
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

/// How many threads count without meeting each other.
const STRIPES: usize = 16;

/// On lines of the processor's cache of its own.
#[derive(Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; 6]);

/// The numbers, in stripes: a hit writes to nobody else's.
#[derive(Default)]
pub(crate) struct Counters([Stripe; STRIPES]);

impl Counters {
    pub(crate) fn count(&self, event: &Event<'_>) {
        let at = match event {
            Event::Hit { .. } => 0,
            Event::Miss { .. } => 1,
            Event::Joined { .. } => 2,
            Event::Stale { .. } => 3,
            Event::Evicted { why: Eviction::Full, .. } => 4,
            Event::Evicted { .. } => 5,
            _ => return,
        };
        self.0[stripe()].0[at].fetch_add(1, Ordering::Relaxed);
    }

    /// The sums.
    pub(crate) fn read(&self, content: Content) -> Stats {
        let Content { entries, weight } = content;
        let sum = |at: usize| self.0.iter().map(|stripe| stripe.0[at].load(Ordering::Relaxed)).sum();
        let [hits, misses, joined, stale, evicted, expired] = std::array::from_fn(sum);
        Stats { hits, misses, joined, stale, evicted, expired, entries, weight }
    }
}

/// This thread's stripe.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    // a thread that is ending has none any more
    OWN.try_with(|own| *own).unwrap_or_default()
}
