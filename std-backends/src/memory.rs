//! Memory: shards of values in their own types, and beside each the leases of its keys.
//!
//! A hit takes a read lock, allocates nothing and writes one word. Everything else takes the rights of the key first, then its
//! values, so a flight, its value and its end are one atomic step. Ended values go a few at a time with every write; past the
//! bound `order` says which one goes. Leases, permits and flights are never evicted.

mod forgetting;
mod joined;
mod leases;
mod markers;
mod node;
mod order;
mod room;
mod values;
mod waits;

use crate::{
    clock::{StdClock, wall_micros},
    closing::Closing,
    flights,
    groups::Groups,
    loads::Loads,
    observe::Watcher,
    renewer::Renewed,
    seeing::sees_keys,
    stats::Content,
    sync::locked,
    token,
};
use cachify_core::{
    AsIs,
    cell::{
        Fences,
        map::Map,
        ram::Ram,
        waiters::{Crowd, Waiters, Woken},
    },
    key::{Key, Kind, LongKeyBuf},
    observe::{Event, Observer},
    store::Platform,
    time::{Clock, Instant},
    token::HolderToken,
};
pub(crate) use markers::DEFAULT_MAX_MARKERS;
use markers::Markers;
use node::Gone;
use room::Room;
pub use room::mib;
pub(crate) use room::{Bounds, Weighers};
use std::{
    fmt,
    sync::{Arc, Mutex, RwLock},
    task::Waker,
    time::Duration,
};
use values::{Shelf, Values};
pub(crate) use waits::InFlight;

/// How many values an instance keeps unless told otherwise.
pub const DEFAULT_MAX_ENTRIES: usize = 100_000;

const SHARDS: usize = 16;
/// How many values a shard is to have at least: of fewer an order can tell little.
const WORTH_A_SHARD: usize = 256;
/// How many there are at most where weights bound them: of large ones there are few.
const OF_WEIGHTS: usize = 4;

/// The store of this process; cheap to clone, every clone is the same store.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    shards: Box<[Shard]>,
    /// As many as are worth it: fewer where few are kept.
    values: Box<[Shelf]>,
    room: Room,
    weighers: Weighers,
    markers: Markers,
    /// Who waits for a load; locked alone, or inside of the rights of its key.
    loads: Arc<Loads>,
    groups: Groups<Memory>,
    closing: Closing,
    clock: StdClock,
    /// Is told what is gone.
    watcher: Watcher,
    prefix: Arc<str>,
    seed: u64,
}

struct Shard {
    rights: Mutex<Rights>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// An empty store with bounds.
    pub(crate) fn new(clock: StdClock, prefix: &str, bounds: Bounds, weighers: Weighers, watcher: Watcher) -> Self {
        let Bounds { entries, markers, weight, .. } = bounds;
        let worth = (entries / WORTH_A_SHARD).max(1);
        // of more nobody has the memory
        let few = (entries / order::MOST + 1).min(1_024).next_power_of_two();
        let most = if weight.is_some() { OF_WEIGHTS } else { SHARDS };
        let (room, of_values) = (Room::new(bounds), most.min(1 << worth.ilog2()).max(few));
        let fences = Fences(wall_micros());
        let seed = token::random_word();
        let shard = || Shard { rights: Mutex::new(Ram::new(Map::new(), Waiters::new(Crowd::new()), fences)) };
        let shards = (0..SHARDS).map(|_| shard()).collect();
        let values = (0..of_values).map(|_| Shelf(RwLock::new(Values::new(seed, of_values, &room)))).collect();
        let (markers, loads, groups, closing) =
            (Markers::new(markers), Arc::default(), Groups::default(), Closing::default());
        Self(Arc::new(Inner {
            shards,
            values,
            room,
            weighers,
            markers,
            loads,
            groups,
            closing,
            clock,
            watcher,
            prefix: prefix.into(),
            seed,
        }))
    }

    /// How many values it holds, ended ones that were not reclaimed yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.room.taken()
    }

    /// Whether it holds no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From now on nothing new is asked; who waits is woken, to hear of it.
    pub(crate) fn close(&self) {
        self.0.closing.close();
        self.0.groups.stores().for_each(Self::close);
        for shard in &self.0.shards {
            let woken: Vec<_> = locked(&shard.rights).waiters.take_all().collect();
            woken.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether a run of that key, which nobody runs or has done, would leave one marker too many.
    fn is_full_for(&self, key: &Key<'_>, now: Instant) -> bool {
        let count = || self.0.shards.iter().map(|shard| locked(&shard.rights).table.markers(now)).sum();
        !self.0.markers.has_room(now, count) && self.0.step_at(key, |ram| ram.inspect(key, now)).held == 0
    }

    /// How many leases are held.
    pub(crate) fn held(&self) -> usize {
        let now = self.0.clock.now();
        let own: usize = self.0.shards.iter().map(|shard| locked(&shard.rights).table.live(now)).sum();
        own + self.0.groups.stores().map(Self::held).sum::<usize>()
    }

    /// Ends every lease; how many there were. Who waits, or watches over one of them, is woken.
    pub(crate) fn drain(&self) -> usize {
        let now = self.0.clock.now();
        let each = self.0.shards.iter().map(|shard| {
            let (count, woken) = {
                let mut ram = locked(&shard.rights);
                (ram.table.end_all(now), ram.waiters.take_all().collect::<Vec<_>>())
            };
            woken.into_iter().for_each(Waker::wake);
            count
        });
        each.sum::<usize>() + self.0.groups.stores().map(Self::drain).sum::<usize>()
    }

    /// What it holds, without its groups.
    pub(crate) fn content(&self) -> Content {
        Content { entries: self.0.room.taken(), weight: self.0.room.weight() }
    }

    /// What it holds with its groups.
    pub(crate) fn whole_content(&self) -> Content {
        self.0.groups.stores().map(Self::content).fold(self.content(), Content::and)
    }

    /// What says how much its values weigh.
    pub(crate) fn weighers(&self) -> &Weighers {
        &self.0.weighers
    }

    /// Bounds how long nobody need ask for its values, where nothing is kept yet; whether that is its bound then.
    pub(crate) fn bound_idle(&self, idle: Duration) -> bool {
        self.0.room.set_idle(idle)
    }

    /// Bounds the weight of its values, where nothing is kept yet; whether that is its bound then.
    pub(crate) fn bound_weight(&self, most: u64) -> bool {
        self.0.room.set_most(most)
    }

    /// Who watches it.
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    fn watcher(&self) -> &Watcher {
        &self.0.watcher
    }

    /// Tells this store from every other one in this process, while it lives.
    fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

/// A store whose values may lie in memory.
pub trait InMemory {
    /// Where they lie, if they do.
    #[doc(hidden)]
    fn in_memory(&self) -> Option<&Memory>;
}

impl InMemory for Memory {
    fn in_memory(&self) -> Option<&Memory> {
        Some(self)
    }
}

/// The leases of one shard.
type Rights = Ram<Crowd, Map>;

impl Inner {
    #[inline]
    fn shard(&self, key: &Key<'_>) -> &Shard {
        &self.shards[self.place(key)]
    }

    #[inline]
    fn place(&self, key: &Key<'_>) -> usize {
        // the low bits choose the bucket within the shard; a 32-bit target has a 32-bit hash
        let shift = if cfg!(target_pointer_width = "64") { 48 } else { 20 };
        (key.hash >> shift) as usize & (self.shards.len() - 1)
    }

    /// The values of the key's shard.
    #[inline]
    fn values(&self, key: &Key<'_>) -> &RwLock<Values> {
        &self.values[self.place(key) & (self.values.len() - 1)].0
    }

    /// Evicts what is too much since a value was stored for `key`, whose own shard had less than its share: from the shards
    /// after it that have more than theirs, and from its own last, for several may have taken the last place at once.
    fn make_room(&self, key: &Key<'_>, now: Instant) {
        let (own, shards) = (self.place(key), self.values.len());
        for (round, next) in (1..shards).map(|next| (0, next)).chain((1..=shards).map(|next| (1, next))) {
            while self.room.is_over() {
                // dropped after the lock was left: a user's `Drop` is not ours to run in there
                let mut values = values::write(&self.values[(own + next) % shards].0);
                let may_give = round > 0 || values.has_too_many(&self.room);
                let gone = if may_give { values.evict(now, &self.room) } else { None };
                drop(values);
                let Some(gone) = gone else { break };
                self.told(&[gone]);
            }
        }
    }

    /// Tells how many values there are now, where that is counted.
    fn holds(&self) {
        if let Some(sight) = self.watcher.sight() {
            sight.holds(self.room.taken());
        }
    }

    /// Tells the observer of what is gone that nobody removed.
    fn told(&self, gone: &[Gone]) {
        if !self.watcher.listens() {
            return;
        }
        for gone in gone {
            if let Some(why) = gone.why {
                let key = Key::new(Kind::Cache, &self.prefix, gone.key(), self.seed);
                self.watcher.tell(&Event::Evicted { key, why });
            }
        }
    }

    /// One atomic step on the leases of the key's shard, for a caller who knows the time.
    fn step_at<R>(&self, key: &Key<'_>, f: impl FnOnce(&mut Rights) -> R) -> R {
        f(&mut locked(&self.shard(key).rights))
    }

    /// One atomic step on the leases of the key's shard.
    fn step<R>(&self, key: &Key<'_>, f: impl FnOnce(&mut Rights, Instant) -> R) -> R {
        let now = self.clock.now();
        f(&mut locked(&self.shard(key).rights), now)
    }

    /// Wakes everybody who waits for a release of the key.
    fn wake_all(&self, key: &Key<'_>) {
        self.wake_each(key, |ram| ram.waiters.next(key));
    }

    /// Wakes those whom a step takes out of their places, one after another, each outside the lock.
    fn wake_each(&self, key: &Key<'_>, mut next: impl FnMut(&mut Rights) -> Option<Woken>) {
        while let Some(woken) = self.step_at(key, &mut next) {
            woken.wake();
        }
    }
}

impl Platform for Memory {
    type Clock = StdClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = Renewed;
    type Codec = AsIs;

    fn clock(&self) -> &StdClock {
        &self.0.clock
    }
    fn token(&self) -> HolderToken {
        token::local()
    }
    fn prefix(&self) -> &str {
        &self.0.prefix
    }
    #[inline]
    fn seed(&self) -> u64 {
        self.0.seed
    }
    fn mark(&self, key: &Key<'_>, _: HolderToken, inside: bool) {
        flights::mark(self.id(), key, inside);
    }

    sees_keys!();
}
