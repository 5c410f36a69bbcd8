//! Redis equals the cell: the same random histories on both, in ticks of real time.
//!
//! Many keys live side by side, so that one tick of waiting serves them all. Ends lie half a tick off, so that both
//! clocks see them on the same side.

use super::world::{everywhere, over, pass};
use cachify::{AsIs, Cachify, Holding, StdLock, Ttl};
use cachify_core::{
    cell::{Ask, Begun, Grant, Kept, Life, Lookup},
    key::{Key, Kind},
    patience::Contended,
    store::{CacheStore, EntryStore, Force, Inspect, LeaseStore, OnceStore, PermitStore, growing::MapStore},
    testing::ManualClock,
    token::{FencingToken, HolderToken},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Half a tick is the unit of every TTL; a machine that cannot keep up gets longer ones.
const HALVES: [Duration; 3] = [Duration::from_millis(80), Duration::from_millis(240), Duration::from_millis(720)];
const TICKS: u32 = 10;
const KEYS: u32 = 12;
/// Operations on each key in one tick.
const BURST: u32 = 4;

/// What an operation answered, without what only one of both can know.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Granted { fence: usize, index: u16, ticks: u32 },
    Busy { ticks: u32 },
    Done { ticks: u32 },
    Holding(Holding),
    Count(u16),
    Ends(Option<u32>),
    Flag(bool),
    Value(Option<u32>),
    Fresh(u32),
}

/// Numbers fences by their order, so that two stores can be compared.
#[derive(Default)]
struct Fences(BTreeMap<u64, usize>);

impl Fences {
    fn rank(&mut self, fence: FencingToken) -> usize {
        let next = self.0.len();
        let grows = self.0.last_key_value().is_none_or(|(last, _)| *last < fence.0);
        *self.0.entry(fence.0).or_insert_with(|| {
            assert!(grows, "a fence below one that was given");
            next
        })
    }
}

fn halves(d: Duration, half: Duration) -> u32 {
    u32::try_from((d + half / 2).as_millis() / half.as_millis()).unwrap()
}

/// Dice with a seed that a failure prints.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask { who: u32, half_ticks: u32 },
    Extend { who: u32, half_ticks: u32 },
    GiveBack { who: u32 },
    Keep { who: u32, half_ticks: u32 },
    Look,
    Break,
}

impl Step {
    fn random(dice: &mut Dice) -> Self {
        let who = dice.roll(3) as u32 + 1;
        // odd, so that nothing ends at a tick
        let half_ticks = 2 * dice.roll(3) as u32 + 3;
        match dice.roll(12) {
            0..=3 => Self::Ask { who, half_ticks },
            4 | 5 => Self::Extend { who, half_ticks },
            6 | 7 => Self::GiveBack { who },
            8 | 9 => Self::Keep { who, half_ticks },
            10 => Self::Look,
            _ => Self::Break,
        }
    }
}

/// One step on one store.
fn take<S>(store: &S, key: Key<'_>, step: Step, fences: &mut Fences, half: Duration) -> Seen
where
    S: LeaseStore + PermitStore + OnceStore + Inspect + Force + EntryStore + CacheStore<u32, S::Codec> + Coded,
{
    let token = |who: u32| HolderToken([who, key.kind as u32, 0, 0]);
    let ask = |who, halves: u32| {
        let mut ask = Ask::new(token(who), halves * half);
        ask.within = Some(Duration::ZERO);
        ask
    };
    let codec = S::Codec::default();
    match (step, key.kind) {
        (Step::Ask { who, half_ticks }, Kind::Lock) => {
            asked(LeaseStore::acquire(store, key, &ask(who, half_ticks)), fences, half)
        }
        (Step::Ask { who, half_ticks } | Step::Keep { who, half_ticks }, Kind::Pool) => {
            asked(PermitStore::take(store, key, 2, &ask(who, half_ticks)), fences, half)
        }
        (Step::Ask { who, half_ticks }, Kind::Once) => {
            match OnceStore::begin(store, key, &ask(who, half_ticks)).ok().unwrap() {
                Begun::Run(grant) => granted(grant, fences, half),
                Begun::Busy(busy) => Seen::Busy { ticks: halves(busy.remaining, half) },
                Begun::Done { remaining } => Seen::Done { ticks: halves(remaining, half) },
                other => panic!("{other:?}"),
            }
        }
        (Step::Ask { who, half_ticks }, Kind::Cache) => {
            match CacheStore::join(store, key, &codec, &ask(who, half_ticks)).ok().unwrap() {
                Contended::Busy(busy) => Seen::Busy { ticks: halves(busy.remaining, half) },
                Contended::Granted(Lookup::Fresh(value)) => Seen::Fresh(value),
                Contended::Granted(Lookup::Fill { fence, remaining, .. }) => {
                    granted(Grant { fence, index: 0, remaining }, fences, half)
                }
                Contended::Granted(Lookup::Stale(value)) => panic!("{value} is stale"),
            }
        }
        (Step::Extend { who, half_ticks }, kind) => {
            let ask = ask(who, half_ticks);
            Seen::Holding(held(match kind {
                Kind::Lock => LeaseStore::renew(store, key, &ask),
                Kind::Pool => PermitStore::extend(store, key, &ask),
                Kind::Once => OnceStore::touch(store, key, &ask),
                Kind::Cache => EntryStore::keep_flying(store, key, &ask),
            }))
        }
        (Step::GiveBack { who }, kind) => Seen::Holding(held(match kind {
            Kind::Lock => LeaseStore::release(store, key, token(who)),
            Kind::Pool => PermitStore::give_back(store, key, token(who)),
            Kind::Once => OnceStore::fail(store, key, token(who)),
            Kind::Cache => EntryStore::abandon(store, key, token(who)),
        })),
        (Step::Keep { who, half_ticks }, Kind::Once) => {
            Seen::Holding(held(OnceStore::complete(store, key, token(who), half_ticks * half)))
        }
        (Step::Keep { who, half_ticks }, Kind::Cache) => {
            let life = Life::new(Ttl::For(half_ticks * half));
            Seen::Holding(held(CacheStore::publish(store, key, &codec, token(who), Kept::Own(who * 100), life)))
        }
        (_, Kind::Pool) => Seen::Count(PermitStore::in_use(store, key).ok().unwrap()),
        (Step::Break, Kind::Cache) => Seen::Flag(EntryStore::invalidate(store, key).ok().unwrap()),
        (_, Kind::Cache) => Seen::Value(CacheStore::get(store, key, &codec).ok().unwrap()),
        (Step::Break, _) => Seen::Flag(Force::force_release(store, key).ok().unwrap()),
        _ => Seen::Ends(Inspect::remaining(store, key).ok().unwrap().map(|d| halves(d, half))),
    }
}

/// A store with its codec.
trait Coded {
    type Codec: Default;
}
impl Coded for MapStore<StdLock, &ManualClock, u32> {
    type Codec = AsIs;
}
impl Coded for cachify::AnyStore {
    type Codec = cachify::Postcard;
}

fn held<E>(done: Result<Holding, E>) -> Holding {
    done.ok().expect("the server answers")
}

fn asked<E>(done: Result<Contended<Grant>, E>, fences: &mut Fences, half: Duration) -> Seen {
    match done.ok().expect("the server answers") {
        Contended::Granted(grant) => granted(grant, fences, half),
        Contended::Busy(busy) => Seen::Busy { ticks: halves(busy.remaining, half) },
    }
}

fn granted(grant: Grant, fences: &mut Fences, half: Duration) -> Seen {
    Seen::Granted { fence: fences.rank(grant.fence), index: grant.index, ticks: halves(grant.remaining, half) }
}

#[test]
fn a_server_equals_the_cell_on_random_histories() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        cachify::core::time::Clock::now(&cachify::clock::StdClock::system()).as_millis() ^ u64::from(std::process::id())
    });
    println!("SEED={seed}");
    everywhere(|server| {
        let kept_up = HALVES.iter().any(|half| history(&over(&server), seed, *half));
        assert!(kept_up, "this machine cannot do {} operations in {:?}", 4 * KEYS * BURST, HALVES[2]);
        server.command(&["FLUSHALL"]);
    });
}

/// One history on every key; whether the machine kept up with it.
fn history(c: &Cachify, seed: u64, half: Duration) -> bool {
    let clock = ManualClock::new();
    let (cell, store) = (MapStore::<StdLock, _, u32>::new(&clock), c.instance().store());
    let mut dice = Dice(seed);
    let mut fences: BTreeMap<(u8, u32), (Fences, Fences)> = BTreeMap::new();
    let began = Instant::now();
    for tick in 0..TICKS {
        for kind in [Kind::Lock, Kind::Pool, Kind::Once, Kind::Cache] {
            for name in 0..KEYS {
                // a history that was given up leaves its keys behind
                let text = format!("{name} by {}", half.as_millis());
                let key = Key::new(kind, "t", text.as_bytes(), 0);
                let (theirs, ours) = fences.entry((kind as u8, name)).or_default();
                for _ in 0..BURST {
                    let step = Step::random(&mut dice);
                    let expected = take(&cell, key, step, theirs, half);
                    let got = take(store, key, step, ours, half);
                    if began.elapsed() > 2 * half * tick + half * 2 / 3 {
                        return false;
                    }
                    assert_eq!(got, expected, "tick {tick}, {key}, {step:?}; SEED={seed}");
                }
            }
        }
        pass((2 * half * (tick + 1)).saturating_sub(began.elapsed()));
        clock.advance(2 * half);
    }
    true
}
