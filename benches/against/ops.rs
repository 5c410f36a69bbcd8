// What is measured, for one version of the library: included once for each, with that version as `lib`.
//
// A commit that changes the interface changes this file with it: the older side is then measured by the file of its own
// commit. Each closure does its operation so many times.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

pub type Op = (&'static str, Box<dyn FnMut(u32)>);

#[lib::cached(crate = lib, key = "hit:{id}", ttl = 3600)]
fn hit(id: u64) -> u64 {
    id
}

#[lib::cached(crate = lib, key = "hit:{id}", ttl = 3600, companions = hit_async_companions)]
async fn hit_async(id: u64) -> u64 {
    id
}

#[lib::cached(crate = lib, key = "miss:{id}", ttl = 3600)]
fn miss(id: u64) -> u64 {
    id
}

#[lib::lock(crate = lib, key = "attribute:{id}")]
fn locked(id: u64) -> Result<u64, lib::Refused> {
    Ok(id)
}

#[lib::lock(crate = lib, key = "attribute:{id}", companions = locked_async_companions)]
async fn locked_async(id: u64) -> Result<u64, lib::Refused> {
    Ok(id)
}

/// No key of `miss` comes twice, whichever side asks: both older ones share a global instance.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn build(builder: lib::Builder) -> lib::Cachify {
    builder.build().expect("it can be built")
}

/// In memory. The global instance of this version is set on the way.
pub fn memory(runtime: &'static tokio::runtime::Runtime) -> Vec<Op> {
    let c = lib::Cachify::builder().max_entries(1_000_000).init().expect("it can be built");
    let mut ops: Vec<Op> = vec![
        (
            "hit by attribute",
            Box::new(|n| {
                (0..n).for_each(|_| {
                    black_box(hit(black_box(7)));
                })
            }),
        ),
        ("hit by attribute, async", {
            Box::new(|n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        black_box(hit_async(black_box(7)).await);
                    }
                })
            })
        }),
        (
            "miss by attribute",
            Box::new(|n| {
                (0..n).for_each(|_| {
                    black_box(miss(NEXT.fetch_add(1, Relaxed)));
                })
            }),
        ),
        (
            "lock by attribute",
            Box::new(|n| {
                (0..n).for_each(|_| {
                    let _ = black_box(locked(black_box(7)));
                })
            }),
        ),
        ("lock by attribute, async", {
            Box::new(|n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = black_box(locked_async(black_box(7)).await);
                    }
                })
            })
        }),
    ];
    ops.extend(by_handle(&c, runtime));
    ops
}

/// On a server; nobody else is there, but for the hand-over.
pub fn redis(url: &str, runtime: &'static tokio::runtime::Runtime) -> Vec<Op> {
    // apart, for the two may lay out their keys otherwise
    let prefix = module_path!().replace("::", "-");
    let one = || build(lib::Cachify::builder().redis(url).prefix(&prefix).op_timeout(lib::secs(10)));
    let mut ops = by_handle(&one(), runtime);
    ops.retain(|(name, _)| !name.ends_with("blocking"));
    let sides = [one(), one()];
    ops.push(("hand-over between processes", Box::new(move |n| hand_over(&sides, n))));
    for (name, millis) in [("crowd of eight, bodies of 5 ms", 5), ("crowd of eight, bodies of 1 ms", 1)] {
        let sides = [one(), one()];
        ops.push((name, Box::new(move |n| crowd(&sides, n, millis))));
    }
    ops
}

fn by_handle(c: &lib::Cachify, runtime: &'static tokio::runtime::Runtime) -> Vec<Op> {
    let value = c.cache("handle").ttl(lib::secs(3_600));
    let (lock, pool) = (c.lock("handle"), c.pool("handle", 4));
    let load = || Ok::<u64, ()>(7);
    let (value_async, lock_async, pool_async) = (value.clone(), lock.clone(), pool.clone());
    vec![
        (
            "hit by handle, blocking",
            Box::new(move |n| {
                for _ in 0..n {
                    let _ = black_box(value.get_or_insert_with_blocking(load));
                }
            }),
        ),
        (
            "hit by handle",
            Box::new(move |n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = black_box(value_async.get_or_insert_with(async || load()).await);
                    }
                });
            }),
        ),
        (
            "lock by handle, blocking",
            Box::new(move |n| {
                for _ in 0..n {
                    let _ = lock.acquire_blocking().expect("free").release();
                }
            }),
        ),
        (
            "lock by handle",
            Box::new(move |n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = lock_async.acquire().await.expect("free").release().await;
                    }
                });
            }),
        ),
        (
            "permit by handle, blocking",
            Box::new(move |n| {
                for _ in 0..n {
                    let _ = pool.take_blocking().expect("free").release();
                }
            }),
        ),
        (
            "permit by handle",
            Box::new(move |n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = pool_async.take().await.expect("free").release().await;
                    }
                });
            }),
        ),
    ]
}

/// One holds, the other waits; then it is given back, and the other has it. With all that this takes beside.
fn hand_over(sides: &[lib::Cachify; 2], n: u32) {
    for turn in 0..n as usize {
        let [here, there] = [0, 1].map(|side| sides[(turn + side) % 2].lock("hand-over").wait(lib::secs(30)));
        let held = here.acquire_blocking().expect("a turn");
        thread::scope(|scope| {
            scope.spawn(move || {
                let _ = there.acquire_blocking().expect("a turn").release();
            });
            while here.inspect_blocking().expect("an answer").waiting() != Some(1) {}
            let _ = held.release();
        });
    }
}

/// Four threads of each side in a loop, until 32 bodies for each of these are done in all.
fn crowd(sides: &[lib::Cachify; 2], n: u32, millis: u64) {
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for side in sides {
            for _ in 0..4 {
                scope.spawn(|| {
                    let lock = side.lock("crowd").wait(lib::secs(30));
                    while done.load(Relaxed) < u64::from(n) * 32 {
                        let held = lock.acquire_blocking().expect("a turn");
                        thread::sleep(std::time::Duration::from_millis(millis));
                        done.fetch_add(1, Relaxed);
                        let _ = held.release();
                    }
                });
            }
        }
    });
}
