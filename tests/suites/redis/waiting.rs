//! Waiting on a server: woken at once, in turn, and never stuck.

use super::world::{everywhere, millis, over, patient, run, timed, unpolled, until, until_blocking, waiting};
use cachify::{Holding, secs};
use cachify_tests::server::{Engine, Server};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

#[test]
fn as_many_as_there_are_permits_get_in_at_once() {
    everywhere(|server| {
        let c = over(&server);
        run(async {
            for (name, size) in [("warm", 1), ("fifty", 50), ("thousand", 1_000)] {
                let began = std::time::Instant::now();
                let tasks: Vec<_> = (0..size)
                    .map(|_| {
                        tokio::spawn({
                            let pool = c.pool(name, size).ttl(secs(60));
                            async move { pool.try_take().await.unwrap().expect("no false `full`") }
                        })
                    })
                    .collect();
                let mut permits = Vec::new();
                for task in tasks {
                    permits.push(task.await.unwrap());
                }
                println!("{size} on {size}: {:?}", began.elapsed());
                assert!(c.pool(name, size).try_take().await.unwrap().is_none(), "one more is one too many");
                assert_eq!(c.pool(name, size).in_use().await.unwrap(), size);
                let mut indices: Vec<_> = permits.iter().map(cachify::Permit::index).collect();
                indices.sort_unstable();
                assert!(indices.into_iter().eq(0..size));
            }
        });
    });
}

#[test]
fn a_crowd_of_tasks_and_threads_passes_one_by_one() {
    everywhere(|server| {
        let instances = [unpolled(&server), unpolled(&server)];
        let (inside, passed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let alone = |inside: &AtomicUsize, passed: &AtomicUsize| {
            assert_eq!(inside.fetch_add(1, SeqCst), 0, "alone");
            inside.fetch_sub(1, SeqCst);
            passed.fetch_add(1, SeqCst);
        };
        let ((), took) = timed(|| {
            std::thread::scope(|scope| {
                for c in &instances {
                    // two runtimes and four threads share each instance
                    for _ in 0..2 {
                        let (inside, passed) = (inside.clone(), passed.clone());
                        scope.spawn(move || {
                            run(async {
                                let tasks: Vec<_> = (0..20)
                                    .map(|_| {
                                        let (lock, inside, passed) =
                                            (c.lock("k").wait(secs(30)), inside.clone(), passed.clone());
                                        tokio::spawn(async move {
                                            lock.run(async |_| alone(&inside, &passed)).await.unwrap();
                                        })
                                    })
                                    .collect();
                                for task in tasks {
                                    task.await.unwrap();
                                }
                            });
                        });
                    }
                    for _ in 0..4 {
                        let (inside, passed) = (inside.clone(), passed.clone());
                        scope.spawn(move || {
                            for _ in 0..5 {
                                let lock = c.lock("k").wait(secs(30));
                                lock.run_blocking(|_| alone(&inside, &passed)).unwrap();
                            }
                        });
                    }
                }
            });
        });
        assert_eq!(passed.load(SeqCst), 2 * (2 * 20 + 4 * 5));
        println!("{} hand-overs in {took:?}", passed.load(SeqCst));
        assert!(took < secs(15), "somebody was not woken, and waited to the end: {took:?}");
    });
}

#[test]
fn permits_that_are_given_back_wake_one_waiter_each() {
    everywhere(|server| {
        let (a, b) = (unpolled(&server), unpolled(&server));
        run(async {
            let held: Vec<_> = [a.pool("k", 3).take().await.unwrap(), a.pool("k", 3).take().await.unwrap()].into();
            let _third = b.pool("k", 3).take().await.unwrap();
            let waiters: Vec<_> = (0..2)
                .map(|_| {
                    tokio::spawn({
                        let pool = b.pool("k", 3).wait(secs(30));
                        async move { pool.take().await.unwrap() }
                    })
                })
                .collect();
            until(|| waiting(&server, "p:{k}") == 2).await;
            let began = std::time::Instant::now();
            for permit in held {
                assert_eq!(permit.release().await, Ok(Holding::Held));
            }
            for waiter in waiters {
                waiter.await.unwrap().release().await.unwrap();
            }
            assert!(began.elapsed() < secs(10), "{:?}", began.elapsed());
        });
    });
}

#[test]
fn a_waiter_that_gives_up_passes_its_turn_on() {
    everywhere(|server| {
        // a question of `b` that lands after its release is taken back after two limits
        let b = patient(server.url()).op_timeout(secs(2)).build().unwrap();
        let (a, c) = (over(&server), unpolled(&server));
        run(async {
            for _ in 0..20 {
                let held = a.lock("k").wait(secs(10)).acquire().await.unwrap();
                let first = tokio::spawn({
                    let lock = b.lock("k").wait(secs(30));
                    async move { lock.acquire().await.map(drop) }
                });
                until(|| waiting(&server, "l:{k}") == 1).await;
                let second = tokio::spawn({
                    let lock = c.lock("k").wait(secs(30));
                    async move { lock.acquire().await.unwrap().release().await }
                });
                until(|| waiting(&server, "l:{k}") == 2).await;
                let began = std::time::Instant::now();
                // cancelled at the moment it is called
                held.release().await.unwrap();
                first.abort();
                assert_eq!(second.await.unwrap(), Ok(Holding::Held));
                assert!(began.elapsed() < secs(10), "{:?}", began.elapsed());
                until(|| !server.is_held("t:l:{k}")).await;
            }
        });
    });
}

#[test]
fn a_dead_waiter_is_passed_over() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        run(async {
            let held = a.lock("k").acquire().await.unwrap();
            server.command(&["ZADD", "t:l:{k}:q", "1", &format!("{} 1 t:in:dead", "d".repeat(32))]);
            let lock = b.lock("k").wait(secs(60));
            let waiter = tokio::spawn(async move { lock.acquire().await.unwrap() });
            until(|| waiting(&server, "l:{k}") == 2).await;
            let began = std::time::Instant::now();
            held.release().await.unwrap();
            waiter.await.unwrap().release().await.unwrap();
            assert!(began.elapsed() < secs(25), "nobody listens there: {:?}", began.elapsed());
        });
    });
}

#[test]
fn a_subscription_that_was_cut_is_made_again_and_everybody_asks() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        let held = a.lock("k").acquire_blocking().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.lock("k").wait(secs(60)).acquire_blocking().unwrap());
            until_blocking(|| waiting(&server, "l:{k}") == 1);
            // the message is sent while nobody of ours listens
            server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            let ((), took) = timed(|| {
                held.release().unwrap();
                waiter.join().unwrap().release().unwrap();
            });
            assert!(took < secs(10), "{took:?}");
        });
    });
}

#[test]
fn nobody_waits_past_a_deadline() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        let held = a.lock("k").acquire_blocking().unwrap();
        let (refused, took) = timed(|| b.lock("k").wait(millis(150)).acquire_blocking());
        assert!(refused.unwrap_err().is_contended());
        assert!(took >= millis(150) && took < secs(3), "{took:?}");
        let (refused, took) = timed(|| run(async { b.lock("k").wait(millis(150)).acquire().await.map(drop) }));
        assert!(refused.unwrap_err().is_contended());
        assert!(took >= millis(150) && took < secs(3), "{took:?}");
        held.release().unwrap();
    });
}

#[test]
fn a_lease_that_ends_lets_the_next_one_in() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        let held = a.lock("k").ttl(secs(1)).acquire_blocking().unwrap();
        // nobody renews it any more
        server.rewrite("t:l:{k}", |lease| lease.owner = [b'0'; 32]);
        let (next, took) = timed(|| b.lock("k").wait(secs(30)).acquire_blocking().unwrap());
        assert!(took < secs(5), "{took:?}");
        assert!(next.fence() > held.fence());
        until_blocking(|| !held.is_valid());
        assert_eq!(held.release(), Ok(Holding::Lost));
        assert_eq!(next.release(), Ok(Holding::Held));
    });
}

#[test]
fn who_holds_since_when_and_how_many_processes_wait_is_seen() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let (a, b) = (over(&server), over(&server));
        let lock = a.lock("k").ttl(secs(30));
        assert_eq!((lock.inspect_blocking().unwrap().held, lock.inspect_blocking().unwrap().waiting()), (0, Some(0)));
        let guard = lock.acquire_blocking().unwrap();
        server.advance(secs(5));
        run(async {
            let waiter = tokio::spawn({
                let lock = b.lock("k").wait(secs(60));
                async move { lock.acquire().await }
            });
            until(|| waiting(&server, "l:{k}") == 1).await;
            let seen = b.lock("k").inspect().await.unwrap();
            assert_eq!((seen.held, seen.fence(), seen.waiting()), (1, Some(guard.fence()), Some(1)));
            assert_eq!((seen.age(), seen.remaining()), (Some(secs(5)), Some(secs(25))));
            waiter.abort();
        });
        guard.release().unwrap();
        let pool = a.pool("k", 2).ttl(secs(30)).wait(secs(60));
        let free = pool.inspect_blocking().unwrap();
        assert_eq!((free.held, free.remaining(), free.waiting()), (0, None, Some(0)));
        let _first = pool.take_blocking().unwrap();
        server.advance(secs(5));
        let _second = pool.take_blocking().unwrap();
        run(async {
            let waiter = tokio::spawn({
                let pool = b.pool("k", 2).wait(secs(60));
                async move { pool.take().await }
            });
            until(|| waiting(&server, "p:{k}") == 1).await;
            let seen = pool.inspect().await.unwrap();
            assert_eq!((seen.held, seen.fence(), seen.age(), seen.waiting()), (2, None, None, Some(1)));
            assert_eq!(seen.remaining(), Some(secs(25)), "of the first that ends");
            waiter.abort();
        });
        let run = a.once("k").ttl(secs(30)).keep(secs(60));
        run.run_blocking(|fence| {
            let seen = run.inspect_blocking().unwrap();
            assert_eq!((seen.held, seen.fence(), seen.age()), (1, Some(fence), Some(secs(0))));
        })
        .unwrap();
        let done = run.inspect_blocking().unwrap();
        assert_eq!((done.held, done.fence(), done.age(), done.remaining()), (1, None, None, Some(secs(60))));
    }
}
