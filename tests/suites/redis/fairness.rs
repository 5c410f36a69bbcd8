//! Who comes next on a server: loops, crowds, pools of different sizes, and sleepers.

use super::world::{everywhere, int, millis, over, pass, patient, run, unpolled, until, until_blocking, waiting};
use cachify::{Cachify, Holding, Refused, secs};
use cachify_tests::{
    resp::Client,
    server::{Engine, Server},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Instant,
};

/// A right as callers take it in turns.
#[derive(Clone, Copy, Debug)]
enum Right {
    Lock,
    Pool(u32),
}

impl Right {
    fn once(self, c: &Cachify, body: impl FnOnce()) -> Result<(), Refused> {
        match self {
            Self::Lock => c.lock("k").wait(secs(60)).run_blocking(|_| body()),
            Self::Pool(size) => c.pool("k", size).wait(secs(60)).run_blocking(|_| body()),
        }
    }

    async fn once_as_a_task(self, c: &Cachify, body: impl AsyncFnOnce()) -> Result<(), Refused> {
        match self {
            Self::Lock => c.lock("k").wait(secs(60)).run(async |_| body().await).await,
            Self::Pool(size) => c.pool("k", size).wait(secs(60)).run(async |_| body().await).await,
        }
    }
}

/// Four threads and four tasks of two instances, each in a loop until all of them together had that many turns.
fn shares(server: &Server, right: Right, turns: u32) -> Vec<u32> {
    let sides = [unpolled(server), unpolled(server)];
    let (had, left) = (std::array::from_fn::<_, 8, _>(|_| AtomicU32::new(0)), AtomicU32::new(turns));
    let goes_on = || left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
    thread::scope(|scope| {
        for (at, c) in [0, 1, 0, 1].map(|side| &sides[side]).into_iter().enumerate() {
            let (threads, tasks) = (&had[at], &had[4 + at]);
            scope.spawn(move || {
                while goes_on() {
                    let body = || {
                        thread::sleep(millis(1));
                        threads.fetch_add(1, SeqCst);
                    };
                    right.once(c, body).unwrap();
                }
            });
            scope.spawn(move || {
                run(async {
                    while goes_on() {
                        let body = async || {
                            tokio::time::sleep(millis(1)).await;
                            tasks.fetch_add(1, SeqCst);
                        };
                        right.once_as_a_task(c, body).await.unwrap();
                    }
                });
            });
        }
    });
    had.map(AtomicU32::into_inner).into()
}

#[test]
fn in_a_loop_nobody_goes_without() {
    everywhere(|server| {
        for right in [Right::Lock, Right::Pool(1), Right::Pool(3)] {
            let shares = shares(&server, right, 240);
            println!("{right:?}: {shares:?}");
            assert_eq!(shares.iter().sum::<u32>(), 240);
            // thirty are fair; whoever comes late to a busy machine has had fewer
            assert!(shares.iter().all(|share| *share > 0), "{right:?}: {shares:?}");
            server.command(&["FLUSHALL"]);
        }
    });
}

/// One after another into the line of what somebody holds; then the order in which they were served.
fn served(server: &Server, sides: &[Cachify], threads: bool) -> Vec<usize> {
    let held = sides[0].lock("k").acquire_blocking().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    thread::scope(|scope| {
        let mut tasks = Vec::new();
        for at in 0..10 {
            let (lock, order) = (sides[at % sides.len()].lock("k").wait(secs(60)), order.clone());
            if threads {
                scope.spawn(move || lock.run_blocking(|_| order.lock().unwrap().push(at)).unwrap());
            } else {
                tasks.push(runtime.spawn(async move { lock.run(async |_| order.lock().unwrap().push(at)).await }));
            }
            until_blocking(|| waiting(server, "l:{k}") == i64::try_from(at).unwrap() + 1);
        }
        // those who look by themselves do so a few times
        pass(millis(100));
        held.release().unwrap();
        for task in tasks {
            runtime.block_on(task).unwrap().unwrap();
        }
    });
    Arc::into_inner(order).unwrap().into_inner().unwrap()
}

#[test]
fn who_came_first_is_served_first() {
    everywhere(|server| {
        let asks_often = || patient(server.url()).poll(millis(20)).build().unwrap();
        let pairs = [[unpolled(&server), unpolled(&server)], [asks_often(), asks_often()]];
        for sides in pairs.iter().flat_map(|pair| [&pair[..1], &pair[..]]) {
            for threads in [false, true] {
                let order = served(&server, sides, threads);
                assert!(order.is_sorted(), "{} instances: {order:?}", sides.len());
            }
        }
    });
}

#[test]
fn a_free_permit_is_for_the_first_who_can_use_it() {
    everywhere(|server| {
        // a deployment on its way: one of the two knows a larger pool
        let [few, many] = [2, 3].map(|size| (unpolled(&server), size));
        let permits: Vec<_> = (0..3).map(|_| many.0.pool("k", 3).take_blocking().unwrap()).collect();
        thread::scope(|scope| {
            let small =
                scope.spawn(|| few.0.pool("k", few.1).wait(secs(60)).take_blocking().map(|permit| permit.index()));
            until_blocking(|| waiting(&server, "p:{k}") == 1);
            let large = scope.spawn(|| many.0.pool("k", many.1).wait(secs(60)).take_blocking().map(std::mem::forget));
            until_blocking(|| waiting(&server, "p:{k}") == 2);
            let began = Instant::now();
            let mut permits = permits.into_iter();
            // two of three are in use: nothing for who knows two
            permits.next().unwrap().release().unwrap();
            large.join().unwrap().unwrap();
            assert_eq!(waiting(&server, "p:{k}"), 1);
            permits.for_each(|permit| assert_eq!(permit.release(), Ok(Holding::Held)));
            assert!(small.join().unwrap().unwrap() < 2, "an index of its own pool");
            assert!(began.elapsed() < secs(20), "somebody was not called: {:?}", began.elapsed());
        });
    });
}

/// A process that listens and does nothing, first in the line of a lock; with two waiters in it.
fn sleeper(server: &Server) -> Client {
    let mut stopped = server.connect().unwrap();
    stopped.ask(&["SUBSCRIBE", "t:in:stopped"]).unwrap();
    for (arrived, token) in [("1", "d"), ("2", "e")] {
        server.command(&["ZADD", "t:l:{k}:q", arrived, &format!("{} 1 t:in:stopped", token.repeat(32))]);
    }
    stopped
}

#[test]
fn a_process_that_sleeps_costs_one_turn() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        let held = a.lock("k").acquire_blocking().unwrap();
        run(async {
            let lock = b.lock("k").wait(secs(60));
            let waiter = tokio::spawn(async move { lock.acquire().await.unwrap() });
            until(|| waiting(&server, "l:{k}") == 1).await;
            let _stopped = sleeper(&server);
            let began = Instant::now();
            held.release().unwrap();
            let held = waiter.await.unwrap();
            let took = began.elapsed();
            assert!(took >= millis(900), "what was free belonged to the sleeper for a second: {took:?}");
            assert!(took < secs(20), "the timer of who stands by: {took:?}");
            assert_eq!(waiting(&server, "l:{k}"), 0, "nobody waits for a sleeper a second time");
            held.release().await.unwrap();
        });
    });
}

#[test]
fn what_is_free_is_kept_for_one_turn_and_nobody_takes_it_meanwhile() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let (a, b) = (over(&server), over(&server));
        let held = a.lock("k").acquire_blocking().unwrap();
        // a caller that waits sees to it that the record says so
        let given_up = b.lock("k").wait(millis(50)).acquire_blocking();
        assert!(given_up.unwrap_err().is_contended());
        let _stopped = sleeper(&server);
        held.release().unwrap();
        for _ in 0..3 {
            assert!(a.lock("k").try_acquire_blocking().unwrap().is_none(), "also not for who had it");
        }
        assert!(!server.is_held("t:l:{k}"));
        server.advance(millis(999));
        assert!(b.lock("k").try_acquire_blocking().unwrap().is_none());
        server.advance(millis(2));
        assert!(b.lock("k").try_acquire_blocking().unwrap().is_some(), "its turn is over, and so is its process");
    }
}

#[test]
fn who_is_called_and_goes_calls_the_next() {
    for engine in Engine::ALL {
        // no turn ends by itself
        let server = Server::of(engine).still_clock().start();
        let sides = [unpolled(&server), unpolled(&server)];
        run(async {
            for round in 0..20 {
                // a question that lands after its caller has gone stands in line until the caller's process hears of it
                let held = sides[0].lock("k").wait(secs(60)).acquire().await.unwrap();
                let [goes, stays] = [0, 1].map(|side| sides[(side + round) % 2].lock("k").wait(secs(60)));
                let goes = tokio::spawn(async move { goes.acquire().await.map(drop) });
                until(|| waiting(&server, "l:{k}") == 1).await;
                let stays = tokio::spawn(async move { stays.acquire().await.unwrap().release().await });
                until(|| waiting(&server, "l:{k}") == 2).await;
                let began = Instant::now();
                held.release().await.unwrap();
                goes.abort();
                assert_eq!(stays.await.unwrap(), Ok(Holding::Held));
                assert!(began.elapsed() < secs(20), "{:?}", began.elapsed());
                until(|| !server.is_held("t:l:{k}")).await;
            }
        });
    }
}

#[test]
fn who_may_not_listen_polls_and_keeps_its_place() {
    for engine in Engine::ALL {
        let server = Server::of(engine).user("deaf on >pw ~* resetchannels &nothing +@all").start();
        let deaf = patient(server.url().replace("redis://", "redis://deaf:pw@")).build().unwrap();
        let c = unpolled(&server);
        let held = c.lock("k").acquire_blocking().unwrap();
        let first = AtomicBool::new(true);
        thread::scope(|scope| {
            scope.spawn(|| {
                let lock = deaf.lock("k").wait(secs(60));
                lock.run_blocking(|_| assert!(first.swap(false, SeqCst))).unwrap();
            });
            until_blocking(|| waiting(&server, "l:{k}") == 1);
            scope.spawn(|| {
                let lock = c.lock("k").wait(secs(60));
                lock.run_blocking(|_| assert!(!first.load(SeqCst), "it came later")).unwrap();
            });
            until_blocking(|| waiting(&server, "l:{k}") == 2);
            held.release().unwrap();
        });
    }
}

#[test]
fn another_layout_is_refused_and_left_alone() {
    everywhere(|server| {
        let c = over(&server);
        let (lock, once, pool) = (c.lock("k"), c.once("k"), c.pool("k", 1));
        let cache = c.cache("k").ttl(secs(60));
        let all = |lay_out: fn(&mut cachify_tests::record::Record)| {
            for key in ["t:l:{k}", "t:o:{k}", "t:c:{k}:f"] {
                server.rewrite(key, lay_out);
            }
        };
        let held = (lock.acquire_blocking().unwrap(), once.begin_blocking().unwrap(), pool.take_blocking().unwrap());
        cache
            .get_or_insert_with_blocking(|| {
                all(|lease| lease.layout = b'2');
                server.command(&["HSET", "t:p:{k}:h", "v", &format!("{}2", "0".repeat(64))]);
                let whys = [
                    lock.try_acquire_blocking().map(drop).unwrap_err().to_string(),
                    once.begin_blocking().map(drop).unwrap_err().to_string(),
                    pool.try_take_blocking().map(drop).unwrap_err().to_string(),
                    lock.inspect_blocking().unwrap_err().to_string(),
                    lock.force_release_blocking().unwrap_err().to_string(),
                ];
                for why in whys {
                    assert!(why.contains("another release"), "{why}");
                }
                assert!(server.record("t:l:{k}").unwrap().has_owner(), "nothing was taken away");
                all(|lease| lease.layout = b'1');
                Ok::<u8, ()>(1)
            })
            .unwrap();
        assert_eq!(cache.get_blocking::<u8>(), Ok(Some(1)));
        assert_eq!(held.0.release(), Ok(Holding::Held));
        assert_eq!(held.1.fail(), Ok(Holding::Held));
        drop(held.2);
        assert!(int(&server.command(&["EXISTS", "t:p:{k}:h"])) == 1);
    });
}
