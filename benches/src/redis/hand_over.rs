//! A lock passes from one process to another: from the call of release here to the grant there.

mod waiter;

use super::{
    helper::Helper,
    table::{goal, line, median, share},
    world::World,
};
use crate::clock::{micros_between, nanos, rest, shared_nanos};
use ::redis::cmd;
use cachify::secs;
use std::time::Duration;
pub(super) use waiter::waiter;
use waiter::{by_hand, by_hand_key};

/// A lease nobody waits out.
const LEASE: Duration = secs(30);
/// By this word the program is the other process.
pub(super) const WAITER: &str = "waiter";

/// Who hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ours,
    Blocking,
    ByHand,
    Rslock,
    Python,
}

impl Who {
    /// Those who poll take what their period is, whatever the machine does.
    const TOLD: [Self; 3] = [Self::Ours, Self::Blocking, Self::ByHand];
    const ALL: [Self; 5] = [Self::Ours, Self::Blocking, Self::ByHand, Self::Rslock, Self::Python];

    const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Blocking => "ours, blocking",
            Self::ByHand => "DEL + PUBLISH, SET NX PX",
            Self::Rslock => "rslock",
            Self::Python => "py-cachify",
        }
    }
}

/// What was measured, in microseconds.
#[derive(Debug, Default)]
struct Took {
    hand_over: Vec<f64>,
    /// The same in raw round trips of the same round.
    in_trips: Vec<f64>,
    /// A raw round trip of the holder, right before it.
    trips: Vec<f64>,
}

/// The two processes that wait.
struct Waiters {
    ours: Helper,
    python: Option<Helper>,
}

pub(super) fn run(world: &World) {
    let program = std::env::current_exe().expect("the program knows itself");
    let flavour = if world.options.one_thread { "one" } else { "many" };
    let waiters = Waiters {
        ours: Helper::start(program, &[WAITER, &world.server.url(), flavour]).expect("the waiter starts"),
        python: world.options.helper(&world.server),
    };
    line("hand-over, two processes", ["median", "p95", "round trips", "p95"].map(String::from));
    let soon = series(world, &waiters, &Who::TOLD, 400, |_| 3);
    // those who poll are met at every point of their period
    let late = series(world, &waiters, &Who::ALL, 80, |round| 30 + round * 37 % 100);
    for (when, trips) in [("3 ms", soon), ("30-130 ms", late)] {
        let what = format!("a hand-over after {when} takes at most 3 raw round trips, in the median");
        goal(&what, &format!("{trips:.2}"), trips <= 3.0);
    }
}

/// Our median in round trips. Each round the lock is held for so many milliseconds.
fn series(world: &World, waiters: &Waiters, whose: &[Who], rounds: usize, pause: impl Fn(u64) -> u64) -> f64 {
    let mut took: Vec<_> = whose.iter().map(|_| Took::default()).collect();
    for round in 0..world.options.rounds(rounds) as u64 {
        for (who, took) in whose.iter().zip(&mut took) {
            let waiter = if *who == Who::Python { waiters.python.as_ref() } else { Some(&waiters.ours) };
            if let Some(waiter) = waiter {
                one(world, *who, waiter, pause(round), took);
            }
        }
    }
    let trips: Vec<_> = took.iter().flat_map(|took| took.trips.iter().copied()).collect();
    let when = if pause(0) == pause(1) { "after 3 ms" } else { "after 30-130 ms" };
    let cells = |took: &[f64], in_trips: &[f64]| {
        let micros = [median(took), share(took, 95, 100)].map(|micros| format!("{micros:.0} us"));
        let in_trips = [median(in_trips), share(in_trips, 95, 100)].map(|trips| format!("{trips:.2}"));
        micros.into_iter().chain(in_trips)
    };
    let all = median(&trips);
    line(&format!("GET, {when}"), cells(&trips, &trips.iter().map(|trip| trip / all).collect::<Vec<_>>()));
    for (who, took) in whose.iter().zip(&took).filter(|(_, took)| !took.hand_over.is_empty()) {
        line(&format!("{}, {when}", who.word()), cells(&took.hand_over, &took.in_trips));
    }
    median(&took[0].in_trips)
}

fn one(world: &World, who: Who, waiter: &Helper, pause: u64, took: &mut Took) {
    let key = "hand-over";
    let release = hold(world, who, key);
    waiter.tell(&format!("wait {key} {}", who.word()));
    assert_eq!(waiter.hear(), "waiting");
    rest(pause);
    let trip = trip(world);
    let released = release();
    let granted: u64 = waiter.hear().parse().expect("a time");
    let hand_over = micros_between(released, granted);
    took.hand_over.push(hand_over);
    took.in_trips.push(hand_over / trip);
    took.trips.push(trip);
    assert_eq!(waiter.hear(), "free");
}

/// How long a raw round trip takes now.
fn trip(world: &World) -> f64 {
    let mut raw = world.raw.clone();
    world.runtime.block_on(async {
        let trip = tokio::spawn(async move {
            let mut get = cmd("GET");
            get.arg("raw:user:1");
            let began = shared_nanos();
            let _: Option<String> = get.query_async(&mut raw).await.expect("the server answers");
            micros_between(began, shared_nanos())
        });
        trip.await.expect("no task panics")
    })
}

/// Holds the lock; the answer releases it and tells when it was asked to.
fn hold<'a>(world: &'a World, who: Who, key: &str) -> Box<dyn FnOnce() -> u64 + 'a> {
    match who {
        Who::Ours => {
            let guard = world.runtime.block_on(world.ours.lock(key).ttl(LEASE).acquire()).expect("free");
            Box::new(|| {
                world.runtime.block_on(async {
                    tokio::spawn(async {
                        let now = shared_nanos();
                        guard.release().await.expect("kept");
                        now
                    })
                    .await
                    .expect("no task panics")
                })
            })
        }
        Who::Blocking => {
            let guard = world.ours.lock(key).ttl(LEASE).acquire_blocking().expect("free");
            Box::new(|| {
                let now = shared_nanos();
                guard.release().expect("kept");
                now
            })
        }
        Who::ByHand => {
            let [take, _] = by_hand(key);
            let mut raw = world.raw.clone();
            let () = world.runtime.block_on(take.query_async(&mut raw)).expect("the server answers");
            let mut free = ::redis::pipe();
            free.cmd("DEL").arg(by_hand_key(key)).cmd("PUBLISH").arg(by_hand_key(key)).arg("");
            Box::new(move || {
                world.runtime.block_on(async move {
                    tokio::spawn(async move {
                        let now = shared_nanos();
                        let () = free.query_async(&mut raw).await.expect("the server answers");
                        now
                    })
                    .await
                    .expect("no task panics")
                })
            })
        }
        Who::Rslock => {
            let lock = world.runtime.block_on(world.rslock.lock(key, LEASE)).expect("free");
            Box::new(|| {
                let now = shared_nanos();
                world.runtime.block_on(lock.release());
                now
            })
        }
        Who::Python => {
            let python = world.python.as_ref().expect("its waiter runs");
            let [_] = python.ask(&format!("hold {key}"));
            Box::new(|| {
                python.tell("release");
                python.hear().parse().expect("a time")
            })
        }
    }
}

/// How long `work` takes, in milliseconds.
pub(super) fn millis(work: impl FnOnce()) -> f64 {
    nanos(work) / 1e6
}
