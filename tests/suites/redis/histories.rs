//! Redis equals the cell: the same random histories on both, to the millisecond, on clocks that the test moves.

use super::world::over;
use cachify::{AsIs, Holding, Postcard, StdLock, Ttl};
use cachify_core::testing::BlockingWords;
use cachify_core::{
    cell::{Ask, Begun, Grant, Life, Lookup, MaybeOwned},
    key::{Key, Kind},
    op,
    patience::Contended,
    store::{Values, growing::MapStore},
    testing::ManualClock,
    token::{FencingToken, HolderToken},
};
use cachify_tests::server::{Engine, Server};
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const STEPS: u32 = 20_000;
/// Keys of each kind.
const KEYS: u64 = 2;

/// What an operation answered, without what only one of both can know.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Granted { fence: usize, index: u32, remaining: Duration },
    Busy { remaining: Duration },
    Done { remaining: Duration },
    Holding(Holding),
    Count(u32),
    Ends(Option<Duration>),
    Flag(bool),
    Value(Option<u32>),
    Fresh(u32),
    Stale(u32),
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
    /// With a window, of a flight.
    Ask {
        who: u32,
        ttl: Duration,
        window: u32,
    },
    Extend {
        who: u32,
        ttl: Duration,
    },
    GiveBack {
        who: u32,
    },
    Keep {
        who: u32,
        ttl: Duration,
    },
    Look,
    Break,
}

impl Step {
    fn random(dice: &mut Dice) -> Self {
        let who = dice.roll(3) as u32 + 1;
        let ttl = Duration::from_millis(dice.roll(9) + 2);
        match dice.roll(12) {
            0..=3 => {
                let window = [0, 0, dice.roll(8) as u32, op::Ask::AGAIN, op::Ask::ALONE][dice.roll(5) as usize];
                Self::Ask { who, ttl, window }
            }
            4 | 5 => Self::Extend { who, ttl },
            6 | 7 => Self::GiveBack { who },
            8 | 9 => Self::Keep { who, ttl },
            10 => Self::Look,
            _ => Self::Break,
        }
    }
}

/// One step on one store.
fn take<C: Default, S>(store: &S, key: Key<'_>, step: Step, fences: &mut Fences) -> Seen
where
    S: Values<u32, C>,
{
    let token = |who: u32| HolderToken([who, key.kind as u32, 0, 0]);
    let ask = |who, ttl| {
        let mut ask = Ask::new(token(who), ttl);
        ask.within = Some(Duration::ZERO);
        ask
    };
    let codec = C::default();
    match (step, key.kind) {
        (Step::Ask { who, ttl, .. }, Kind::Lock) => asked(BlockingWords::acquire(store, key, &ask(who, ttl)), fences),
        (Step::Ask { who, ttl, .. } | Step::Keep { who, ttl }, Kind::Pool) => {
            asked(BlockingWords::take(store, key, 2, &ask(who, ttl)), fences)
        }
        (Step::Ask { who, ttl, .. }, Kind::Once) => {
            match BlockingWords::begin(store, key, &ask(who, ttl)).ok().unwrap() {
                Begun::Run(grant) => granted(grant, fences),
                Begun::Busy(busy) => Seen::Busy { remaining: busy.remaining },
                Begun::Done { remaining } => Seen::Done { remaining },
                other => panic!("{other:?}"),
            }
        }
        (Step::Ask { who, ttl, window }, Kind::Cache) => {
            match BlockingWords::join_within(store, key, &codec, &ask(who, ttl), window).ok().unwrap() {
                Contended::Busy(busy) => Seen::Busy { remaining: busy.remaining },
                Contended::Granted(Lookup::Fresh(value)) => Seen::Fresh(value),
                Contended::Granted(Lookup::Fill { fence, remaining, .. }) => {
                    granted(Grant { fence, index: 0, remaining }, fences)
                }
                Contended::Granted(Lookup::Stale(value)) => Seen::Stale(value),
            }
        }
        (Step::Extend { who, ttl }, kind) => {
            let ask = ask(who, ttl);
            Seen::Holding(held(match kind {
                Kind::Lock => BlockingWords::renew(store, key, &ask),
                Kind::Pool => BlockingWords::extend(store, key, &ask),
                Kind::Once => BlockingWords::touch(store, key, &ask),
                Kind::Cache => BlockingWords::keep_flying(store, key, &ask),
            }))
        }
        (Step::GiveBack { who }, kind) => Seen::Holding(held(match kind {
            Kind::Lock => BlockingWords::release(store, key, token(who)),
            Kind::Pool => BlockingWords::give_back(store, key, token(who)),
            Kind::Once => BlockingWords::fail(store, key, token(who)),
            Kind::Cache => BlockingWords::give_up(store, key, token(who)),
        })),
        (Step::Keep { who, ttl }, Kind::Once) => {
            Seen::Holding(held(BlockingWords::complete(store, key, token(who), ttl)))
        }
        (Step::Keep { who, ttl }, Kind::Cache) => {
            let life = Life::new(Ttl::For(ttl));
            Seen::Holding(held(BlockingWords::publish(
                store,
                key,
                &codec,
                token(who),
                MaybeOwned::Owned(who * 100),
                life,
            )))
        }
        (_, Kind::Pool) => Seen::Count(BlockingWords::in_use(store, key).ok().unwrap()),
        (Step::Break, Kind::Cache) => Seen::Flag(BlockingWords::invalidate(store, key).ok().unwrap()),
        (_, Kind::Cache) => Seen::Value(BlockingWords::get(store, key, &codec).ok().unwrap()),
        (Step::Break, _) => Seen::Flag(BlockingWords::force_release(store, key).ok().unwrap()),
        _ => Seen::Ends(BlockingWords::remaining(store, key).ok().unwrap()),
    }
}

fn held<E>(done: Result<Holding, E>) -> Holding {
    done.ok().expect("the server answers")
}

fn asked<E>(done: Result<Contended<Grant>, E>, fences: &mut Fences) -> Seen {
    match done.ok().expect("the server answers") {
        Contended::Granted(grant) => granted(grant, fences),
        Contended::Busy(busy) => Seen::Busy { remaining: busy.remaining },
    }
}

fn granted(grant: Grant, fences: &mut Fences) -> Seen {
    Seen::Granted { fence: fences.rank(grant.fence), index: grant.index, remaining: grant.remaining }
}

#[test]
fn a_server_equals_the_cell_on_random_histories() {
    for engine in Engine::ALL {
        let seed = seed();
        println!("SEED={seed}");
        let server = Server::of(engine).still_clock().start();
        let (clock, c) = (ManualClock::new(), over(&server));
        let (cell, store) = (MapStore::<StdLock, _, u32>::new(&clock), c.instance().store());
        let mut dice = Dice(seed);
        let mut fences: BTreeMap<(u8, u64), (Fences, Fences)> = BTreeMap::new();
        for n in 0..STEPS {
            if dice.roll(4) == 0 {
                let by = Duration::from_millis(dice.roll(4) + 1);
                clock.advance(by);
                server.advance(by);
            }
            let kind = [Kind::Lock, Kind::Pool, Kind::Once, Kind::Cache][dice.roll(4) as usize];
            let name = dice.roll(KEYS);
            let text = name.to_string();
            let key = Key::new(kind, "t", text.as_bytes(), 0);
            let (theirs, ours) = fences.entry((kind as u8, name)).or_default();
            let step = Step::random(&mut dice);
            let (expected, got) =
                (take::<AsIs, _>(&cell, key, step, theirs), take::<Postcard, _>(store, key, step, ours));
            assert_eq!(got, expected, "step {n}, {key}, {step:?}; SEED={seed}");
        }
    }
}

/// Another one each time; `SEED=..` repeats one.
fn seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| RandomState::new().hash_one(0))
}
