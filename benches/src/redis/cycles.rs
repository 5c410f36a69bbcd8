//! What one call costs beside the commands that people would write by hand.

use super::{
    table::{Turn, compare, goal, head, in_turns, line, median, micros, times},
    world::World,
};
use crate::clock::nanos;
use ::redis::{Cmd, Connection, aio::MultiplexedConnection, cmd};
use cachify::{Holding, cached, secs};
use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// How many keys the hits go round.
const KEYS: u32 = 100;
const TASKS: u32 = 64;
const LEASE: Duration = secs(30);

/// What is cached.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct User {
    id: u32,
    name: String,
}

static LOADS: AtomicU32 = AtomicU32::new(0);

fn load(id: u32) -> User {
    LOADS.fetch_add(1, Relaxed);
    User { id, name: "name".into() }
}

#[cached(key = "user:{id}", ttl = 3600)]
async fn user(id: u32) -> User {
    load(id)
}

#[cached(key = "user:{id}", ttl = 3600)]
fn user_blocking(id: u32) -> User {
    load(id)
}

pub(super) fn run(world: &World) {
    head("one call");
    hits(world);
    let before = LOADS.load(Relaxed);
    locks(world);
    permits(world);
    assert!(before <= KEYS, "something other than hits was measured");
    println!();
    flat(world);
}

fn get(at: u32) -> Cmd {
    let mut get = cmd("GET");
    get.arg(format!("raw:user:{}", at % KEYS));
    get
}

/// `SET key token NX PX lease`, then `DEL key`: a lock as people write it, without a look at who holds it.
fn take_and_drop(at: u32) -> [Cmd; 2] {
    let (mut set, mut del) = (cmd("SET"), cmd("DEL"));
    let key = format!("raw:lock:{}", at % KEYS);
    set.arg(&key).arg("0123456789abcdef0123456789abcdef").arg("NX").arg("PX").arg(30_000);
    del.arg(key);
    [set, del]
}

async fn raw_lock(connection: MultiplexedConnection, at: u32) {
    for command in take_and_drop(at) {
        World::raw(connection.clone(), command).await;
    }
}

fn blocking(count: u32, mut operation: impl FnMut(u32)) -> f64 {
    nanos(|| (0..count).for_each(&mut operation)) / 1e3 / f64::from(count)
}

/// A raw command of a thread.
fn now(connection: &mut Connection, command: &Cmd) {
    let () = command.query(connection).expect("the server answers");
}

fn hits(world: &World) {
    for at in 0..KEYS {
        let mut set = cmd("SET");
        set.arg(format!("raw:user:{at}")).arg("\x01\x04name");
        world.runtime.block_on(World::raw(world.raw.clone(), set));
        assert_eq!(user_blocking(at).id, at);
    }
    let hit = |at| async move { assert_eq!(user(at % KEYS).await.id, at % KEYS) };
    let raw = world.raw.clone();
    let raw = move |at| World::raw(raw.clone(), get(at));
    let rounds = world.options.rounds(41);
    compare(
        "cached hit | GET",
        rounds,
        [
            Some(Box::new(|| world.each(300, hit))),
            Some(Box::new(|| world.each(300, raw.clone()))),
            None,
            world.python("hit 300".into()),
        ],
    );
    compare(
        "cached hit, 64 tasks | GET",
        rounds,
        [
            Some(Box::new(|| world.crowd(TASKS, 30, hit))),
            Some(Box::new(|| world.crowd(TASKS, 30, raw.clone()))),
            None,
            world.python(format!("hits {TASKS} 10")),
        ],
    );
    let mut connection = world.server.client().get_connection().expect("the server answers");
    compare(
        "cached hit, blocking | GET",
        rounds,
        [
            Some(Box::new(|| blocking(300, |at| assert_eq!(user_blocking(at % KEYS).id, at % KEYS)))),
            Some(Box::new(|| blocking(300, |at| now(&mut connection, &get(at))))),
            None,
            world.python("hit_blocking 300".into()),
        ],
    );
}

fn locks(world: &World) {
    let lock = {
        let c = world.ours.clone();
        move |at| {
            let lock = c.lock(format!("lock:{}", at % KEYS)).ttl(LEASE);
            async move { assert_eq!(lock.acquire().await.expect("free").release().await, Ok(Holding::Held)) }
        }
    };
    let raw = world.raw.clone();
    let raw = move |at| raw_lock(raw.clone(), at);
    let rslock = world.rslock.clone();
    let rslock = move |at| {
        let rslock = rslock.clone();
        async move { rslock.lock(format!("rslock:{}", at % KEYS).as_str(), LEASE).await.expect("free").release().await }
    };
    let rounds = world.options.rounds(41);
    compare(
        "lock + release | SET NX PX + DEL",
        rounds,
        [
            Some(Box::new(|| world.each(150, lock.clone()))),
            Some(Box::new(|| world.each(150, raw.clone()))),
            Some(Box::new(|| world.each(150, rslock.clone()))),
            world.python("lock 150".into()),
        ],
    );
    compare(
        "the same, 64 tasks",
        rounds,
        [
            Some(Box::new(|| world.crowd(TASKS, 1, lock.clone()))),
            Some(Box::new(|| world.crowd(TASKS, 1, raw.clone()))),
            Some(Box::new(|| world.crowd(TASKS, 1, rslock.clone()))),
            world.python(format!("locks {TASKS} 1")),
        ],
    );
    let mut connection = world.server.client().get_connection().expect("the server answers");
    let ours = |at| -> Result<(), cachify::Error> {
        let lock = world.ours.lock(format!("lock:{}", at % KEYS)).ttl(LEASE);
        lock.acquire_blocking()?.release().map(drop)
    };
    compare(
        "the same, blocking",
        rounds,
        [
            Some(Box::new(|| blocking(150, |at| ours(at).expect("free")))),
            Some(Box::new(|| {
                blocking(150, |at| take_and_drop(at).iter().for_each(|command| now(&mut connection, command)))
            })),
            None,
            world.python("lock_blocking 150".into()),
        ],
    );
}

fn permits(world: &World) {
    let raw = world.raw.clone();
    compare(
        "take + give back | SET NX PX + DEL",
        world.options.rounds(41),
        [
            Some(ours_permit(world, "free", 5, 150)),
            Some(Box::new(move || {
                let raw = raw.clone();
                world.each(150, move |at| raw_lock(raw.clone(), at))
            })),
            None,
            world.python("pool free 5 50".into()),
        ],
    );
}

/// Takes a permit of this pool and gives it back.
fn ours_permit<'a>(world: &'a World, key: &str, size: u32, count: u32) -> Turn<'a> {
    let key = key.to_owned();
    Box::new(move || {
        let (c, key) = (world.ours.clone(), key.clone());
        world.each(count, move |_| {
            let pool = c.pool(&key, size);
            async move { assert_eq!(pool.take().await.expect("a permit is free").release().await, Ok(Holding::Held)) }
        })
    })
}

/// The same with many permits held.
fn flat(world: &World) {
    // 160 is about where Redis still keeps the holders as one list
    const HELD: [u32; 5] = [10, 100, 160, 1_000, 10_000];
    const SIZE: u32 = 20_000;
    let mut turns = Vec::new();
    let mut all = Vec::new();
    for held in HELD {
        let key = format!("held-{held}");
        for _ in 0..held / 10 {
            let permits = world.runtime.block_on(async {
                let takes: Vec<_> = (0..10)
                    .map(|_| {
                        let pool = world.ours.pool(&key, SIZE);
                        tokio::spawn(async move { pool.take().await.expect("a permit is free") })
                    })
                    .collect();
                let mut permits = Vec::new();
                for take in takes {
                    permits.push(take.await.expect("no task panics"));
                }
                permits
            });
            all.extend(permits);
        }
        if let Some(python) = &world.python {
            let [_] = python.ask(&format!("held {key} {held}"));
        }
        turns.push(Some(ours_permit(world, &key, SIZE, 100)));
        turns.push(world.python(format!("pool {key} {SIZE} 10")));
    }
    let took = in_turns(world.options.rounds(41), &mut turns);
    line("take + give back, permits held", ["ours", "py-cachify", "ours/ours 10", "py/py 10"].map(String::from));
    for (at, held) in HELD.iter().enumerate() {
        let (ours, python) = (&took[2 * at], &took[2 * at + 1]);
        let cells = [micros(ours), micros(python), times(ours, &took[0]), times(python, &took[1])];
        line(&format!("{held}"), cells);
    }
    let worst = (1..HELD.len()).map(|at| {
        let ratios: Vec<_> = took[2 * at].iter().zip(&took[0]).map(|(many, few)| many / few).collect();
        median(&ratios)
    });
    let worst = worst.fold(1.0, f64::max);
    goal("take is flat within x1.30 from 10 to 10,000 held", &format!("x{worst:.2}"), worst <= 1.3);
    // giving so many back is not measured, and the server ends with the run
    std::mem::forget(all);
}
