//! Everything that can go wrong on a line, by seed: bytes changed, lost and added, writes doubled and lost, reads that
//! wait, lines that are cut, broken or closed and come back; callers that give up and guards that are dropped.
//!
//! `SEED=n` plays one history again.

use crate::{
    bodies::{Inside, answer, locked, locked_at_once, pooled_two, run_once},
    pipe::{Faults, Line, Random},
    world::{Device, Memory, World, connected, device, fault, pass},
};
use cachify_core::testing::BlockingWords;
use cachify_core::{
    Error, Holding, Instance, Refused,
    drive::beside,
    guard::{LockGuard, Permit, RunGuard},
    instance::Handle,
    key::{Key, Kind},
    primitives::Primitives,
    store::Platform,
    testing::ManualClock,
    time::{Clock, Instant, Timer},
    token::FencingToken,
};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

const LOCK: u8 = 0;
const POOL: u8 = 1;
const ONCE: u8 = 2;
const CACHE: u8 = 3;
const SIZE: u32 = 2;
/// Longer than any history.
const KEEP: Duration = Duration::from_secs(3_600);

/// A right somebody thinks they have.
trait Right {
    fn fence(&self) -> FencingToken {
        FencingToken(0)
    }
    fn is_valid(&self) -> bool;
    fn index(&self) -> u32;
}

macro_rules! rights {
    ($($Guard:ident, $index:expr;)*) => { $(
        impl<P: Handle> Right for $Guard<P> {
            fn fence(&self) -> FencingToken {
                self.fence()
            }
            fn is_valid(&self) -> bool {
                self.is_valid()
            }
            fn index(&self) -> u32 {
                let index: fn(&Self) -> u32 = $index;
                index(self)
            }
        }
    )* };
}
rights! { LockGuard, |_| 0; Permit, Self::index; RunGuard, |_| 0; }

/// What everybody together saw.
struct Record<'c> {
    clock: &'c ManualClock,
    rights: RefCell<Vec<(u8, Weak<dyn Right + 'c>)>>,
    fences: [Cell<u64>; 3],
    completed: Cell<bool>,
    granted: Cell<u32>,
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl<'c> Record<'c> {
    fn new(clock: &'c ManualClock) -> Self {
        Self {
            clock,
            rights: RefCell::default(),
            fences: Default::default(),
            completed: Cell::new(false),
            granted: Cell::new(0),
        }
    }

    /// Somebody was granted a right, and is known by it from now on.
    fn granted<G: Right + 'c>(&self, kind: u8, held: G) -> Rc<G> {
        let (fence, held) = (held.fence().0, Rc::new(held));
        let right: Rc<dyn Right + 'c> = held.clone();
        self.entered(kind, fence, &right);
        held
    }

    fn entered(&self, kind: u8, fence: u64, right: &Rc<dyn Right + 'c>) {
        self.granted.set(self.granted.get() + 1);
        if right.is_valid() {
            // a fence that arrives late may be lower than one that arrived before: for a pool they cross
            let last = self.fences[usize::from(kind)].replace(fence);
            assert!(kind == POOL || last < fence, "fence {fence} after {last}");
            assert!(kind != ONCE || !self.completed.get(), "it ran again although it had completed");
        }
        self.rights.borrow_mut().push((kind, Rc::downgrade(right)));
    }

    fn check(&self) {
        let mut rights = self.rights.borrow_mut();
        rights.retain(|(_, right)| right.strong_count() > 0);
        let valid = |kind| {
            let of = rights.iter().filter(move |(k, _)| *k == kind).filter_map(|(_, right)| right.upgrade());
            of.filter(|right| right.is_valid()).map(|right| right.index()).collect::<Vec<_>>()
        };
        assert!(valid(LOCK).len() <= 1, "two hold the lock");
        assert!(valid(ONCE).len() <= 1, "two run");
        let mut permits = valid(POOL);
        permits.sort_unstable();
        let count = permits.len();
        permits.dedup();
        assert!(count <= SIZE as usize && permits.len() == count, "permits {permits:?} of {count}");
    }
}

/// Asks for rights a few times, in ways that differ.
async fn actor<'c, P: Handle + 'c>(handle: P, record: &Record<'c>, seed: u64)
where
    <P::Store as Platform>::Clock: Timer,
{
    let mut random = Random::new(seed);
    let mut turns = 6;
    while turns > 0 {
        let ttl = millis(100 + random.below(1_500));
        let (kind, wait) = (random.below(3) as u8, random.below(4));
        let patience = millis(random.below(3_000));
        // whatever is granted from now on lasts at least until then
        let end = record.clock.now().saturating_add(ttl);
        let asked = async {
            match kind {
                LOCK => {
                    let lock = handle.lock("k").ttl(ttl);
                    let lock = if wait == 0 { lock } else { lock.wait_forever() };
                    used(record, end, record.granted(LOCK, lock.acquire().await?), &mut random, async |held| {
                        held.release().await
                    })
                    .await
                }
                POOL => {
                    let pool = handle.pool("k", SIZE).ttl(ttl);
                    let pool = if wait == 0 { pool } else { pool.wait(patience) };
                    used(record, end, record.granted(POOL, pool.take().await?), &mut random, async |held| {
                        held.release().await
                    })
                    .await
                }
                _ => {
                    let once = handle.once("k").ttl(ttl).keep(KEEP);
                    let settle = async |run: RunGuard<P>| {
                        let done = run.complete().await;
                        record.completed.set(record.completed.get() || done == Ok(Holding::Held));
                        done
                    };
                    used(record, end, record.granted(ONCE, once.begin().await?), &mut random, settle).await
                }
            }
        };
        // some give up, wherever they are
        let given_up = wait == 1;
        let asked = beside(asked, async {
            pass(record.clock, patience).await;
            if !given_up {
                std::future::pending::<()>().await;
            }
        });
        if let Ok(Err(Refused::Unavailable { .. } | Refused::Indeterminate { .. })) = asked.await {
            pass(record.clock, millis(50)).await;
            continue;
        }
        turns -= 1;
    }
}

/// What a call by attribute tells of its right: as it was when its body was polled last, which is once a round.
struct Called<'r, 'c> {
    record: &'r Record<'c>,
    time: Duration,
    succeeds: bool,
    right: RefCell<Option<Rc<Looked>>>,
}

struct Looked {
    is_valid: Cell<bool>,
    index: u32,
}

impl Right for Looked {
    fn is_valid(&self) -> bool {
        self.is_valid.get()
    }
    fn index(&self) -> u32 {
        self.index
    }
}

impl Inside for Called<'_, '_> {
    fn enter(&self, kind: Kind, fence: u64, index: u32, is_valid: bool) {
        let looked = Rc::new(Looked { is_valid: Cell::new(is_valid), index });
        let right: Rc<dyn Right> = looked.clone();
        *self.right.borrow_mut() = Some(looked);
        let kind = match kind {
            Kind::Lock => LOCK,
            Kind::Pool => POOL,
            _ => ONCE,
        };
        self.record.entered(kind, fence, &right);
    }
    fn look(&self, is_valid: bool) {
        if let Some(right) = self.right.borrow().as_ref() {
            right.is_valid.set(is_valid);
        }
    }
    fn time(&self) -> Duration {
        self.time
    }
    fn clock(&self) -> &ManualClock {
        self.record.clock
    }
    fn succeeds(&self) -> bool {
        self.succeeds
    }
    fn leave(&self) {
        // what follows is the give-back
        *self.right.borrow_mut() = None;
    }
}

/// The same by attribute; runs fail, so that others run too.
async fn caller<'c>(device: &Device<'c>, record: &Record<'c>, seed: u64) {
    let mut random = Random::new(seed);
    let mut turns = 6;
    while turns > 0 {
        let (kind, at_once, given_up) = (random.below(4) as u8, random.once_in(3), random.once_in(4));
        let (time, patience) = (millis(random.below(400) * random.below(6)), millis(random.below(3_000)));
        let called = Called { record, time, succeeds: kind != ONCE, right: RefCell::default() };
        let called = async {
            match kind {
                LOCK if at_once => locked_at_once(device, &called).await,
                LOCK => locked(device, &called).await,
                POOL => pooled_two(device, &called).await,
                CACHE => {
                    assert_eq!(answer(device, &called).await, 42);
                    Ok(())
                }
                _ => run_once(device, &called).await,
            }
        };
        let called = beside(called, async {
            pass(record.clock, patience).await;
            if !given_up {
                std::future::pending::<()>().await;
            }
        });
        if let Ok(Err(Refused::Unavailable { .. } | Refused::Indeterminate { .. })) = called.await {
            pass(record.clock, millis(50)).await;
            continue;
        }
        turns -= 1;
    }
}

/// Holds a right for a while, perhaps past its end, and gives it back in one way or another.
async fn used<T>(
    record: &Record<'_>,
    end: Instant,
    held: Rc<T>,
    random: &mut Random,
    settle: impl AsyncFnOnce(T) -> Result<Holding, Error>,
) -> Result<(), Refused> {
    let (held_for, dropped) = (millis(random.below(400) * random.below(6)), random.once_in(3));
    pass(record.clock, held_for).await;
    match Rc::into_inner(held) {
        Some(held) if !dropped => {
            let settled = settle(held).await?;
            assert!(settled == Holding::Held || record.clock.now() >= end, "a live right was lost");
        }
        _ => {}
    }
    Ok(())
}

/// Changes the weather on a line until `end`, and leaves it calm.
async fn weather(line: Line, clock: &ManualClock, seed: u64, end: Instant) {
    let mut random = Random::new(seed);
    while clock.now() < end {
        line.set(match random.below(6) {
            0 => Faults::default(),
            1 => Faults { cut: true, ..Faults::default() },
            2 => Faults { broken: true, ..Faults::default() },
            3 => Faults { closed: true, ..Faults::default() },
            _ => fault(&mut random),
        });
        pass(clock, millis(20 + random.below(900))).await;
    }
    line.set(Faults::default());
}

fn history(seed: u64) -> u32 {
    let clock = ManualClock::new();
    let store = Memory::new(&clock);
    let local = Instance::new(&store);
    let devices = [device(&clock, 1), device(&clock, 2)];
    let lines = [Line::new(seed), Line::new(seed ^ 0x5555)];
    let record = Record::new(&clock);
    let mut world = World::new(&clock, seed);
    for (device, line) in devices.iter().zip(&lines) {
        world.services.extend(connected(device, &store, &clock, line));
        world.spawn(weather(line.clone(), &clock, seed ^ line.seed(), Instant::from_millis(10_000)));
        for n in 0..5 {
            let seed = seed.wrapping_mul(31).wrapping_add(n);
            match n {
                0..3 => world.spawn(actor(device, &record, seed)),
                _ => world.spawn(caller(device, &record, seed)),
            }
        }
    }
    world.spawn(actor(&local, &record, seed ^ 0xaaaa));
    assert!(world.run(millis(300_000), || record.check()), "somebody is stuck");
    // what was dropped last is given back, or ends
    world.spawn(pass(&clock, millis(5_000)));
    assert!(world.run(millis(300_000), || ()), "time passes");
    let key = |kind| Key::new(kind, "", b"k", 0);
    assert_eq!(BlockingWords::remaining(&store, key(Kind::Lock)), Ok(None), "the lock stays held");
    assert_eq!(BlockingWords::in_use(&store, key(Kind::Pool)), Ok(0), "a permit stays held");
    record.granted.get()
}

#[test]
fn rights_stay_exclusive_and_nobody_is_stuck_whatever_the_line_does() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..150).collect(),
    };
    let mut granted = 0;
    for seed in seeds {
        println!("SEED={seed}");
        granted += history(seed);
    }
    assert!(granted > 1_000, "only {granted} grants: the histories show little");
}
