//! Lines on a server that are long, stale, or of another's making; and those who stand in them through an outage.

use super::world::{everywhere, int, millis, over, pass, patient, run, text, unpolled, until, until_blocking, waiting};
use cachify::{Holding, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    resp::{Client, Reply},
    server::{Engine, Server},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// A process that listens and does nothing, so many times in a line.
fn sleeper(server: &Server, line: &str, count: u32, size: u32) -> Client {
    let mut stopped = server.connect().unwrap();
    stopped.ask(&["SUBSCRIBE", "t:in:stopped"]).unwrap();
    for n in 1..=count {
        server.command(&["ZADD", line, &n.to_string(), &format!("{n:032x} {size} t:in:stopped")]);
    }
    stopped
}

/// One has stood in the line behind those who sleep, which notes that there is a line; on a busy machine it needs a while.
fn somebody_waits(server: &Server, line: &str, waits: impl Fn(Duration) -> bool + Sync) {
    let stood = |before: i64| int(&server.command(&["ZCARD", line])) > before;
    let before = int(&server.command(&["ZCARD", line]));
    for wait in [100, 1_000, 10_000] {
        let has_stood = thread::scope(|scope| {
            let waiting = scope.spawn(|| assert!(waits(millis(wait))));
            let mut has_stood = false;
            while !waiting.is_finished() {
                has_stood |= stood(before);
            }
            has_stood
        });
        if has_stood {
            return;
        }
    }
    panic!("nobody waits");
}

fn called(server: &Server, line: &str) -> i64 {
    int(&server.command(&["ZCOUNT", line, "-inf", "(0"]))
}

#[test]
fn who_waits_through_an_outage_keeps_its_place() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let a = over(&server);
    let b = patient(server.url_at(proxy.port())).poll(secs(60)).build().unwrap();
    let held: Vec<_> = (0..40).map(|n| a.lock(n).ttl(secs(60)).acquire_blocking().unwrap()).collect();
    let everybody_stands = || (0..40).all(|n| waiting(&server, &format!("l:{{{n}}}")) == 1);
    run(async {
        let wait = |n: i32| {
            let lock = b.lock(n).wait(secs(50));
            tokio::spawn(async move { lock.run(async |_| ()).await })
        };
        let waiters: Vec<_> = (0..40).map(wait).collect();
        until(everybody_stands).await;
        proxy.refuse();
        proxy.cut();
        tokio::time::sleep(millis(700)).await;
        proxy.accept();
        // time for whatever is owed from before, which is told after a second at most
        tokio::time::sleep(secs(3)).await;
        until(everybody_stands).await;
        server.reset_stats();
        tokio::time::sleep(secs(1)).await;
        assert!(server.commandstats("evalsha") < 40, "they wait to be told, and do not look by themselves");
        let began = Instant::now();
        for guard in held {
            assert_eq!(guard.release(), Ok(Holding::Held));
        }
        for waiter in waiters {
            assert_eq!(waiter.await.unwrap(), Ok(()));
        }
        assert!(began.elapsed() < secs(15), "forgotten until they looked themselves: {:?}", began.elapsed());
    });
}

/// A server that answers, but refuses: those who are told to ask keep the place they had.
#[test]
fn who_is_refused_for_a_while_keeps_its_place() {
    everywhere(|server| {
        let c = unpolled(&server);
        let held: Vec<_> = (0..20).map(|n| c.lock(n).ttl(secs(60)).acquire_blocking().unwrap()).collect();
        let line = |n: i32| format!("t:l:{{{n}}}:q");
        let places =
            || (0..20).map(|n| server.command(&["ZRANGE", &line(n), "0", "-1", "WITHSCORES"])).collect::<Vec<_>>();
        run(async {
            let wait = |n: i32| {
                let lock = c.lock(n).wait(secs(50));
                tokio::spawn(async move { lock.run(async |_| ()).await })
            };
            let waiters: Vec<_> = (0..20).map(wait).collect();
            until(|| (0..20).all(|n| waiting(&server, &format!("l:{{{n}}}")) == 1)).await;
            let before = places();
            server.command(&["REPLICAOF", "127.0.0.1", "1"]);
            for (n, place) in before.iter().enumerate() {
                let member = text(match place {
                    Reply::List(items) => &items[0],
                    other => panic!("{other:?}"),
                });
                server.command(&["PUBLISH", &member[35..], &format!("*t:l:{{{n}}}")]);
            }
            tokio::time::sleep(millis(700)).await;
            server.command(&["REPLICAOF", "NO", "ONE"]);
            // whatever is owed is told after a second at most
            tokio::time::sleep(secs(3)).await;
            assert_eq!(places(), before);
            for guard in held {
                assert_eq!(guard.release(), Ok(Holding::Held));
            }
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap(), Ok(()));
            }
        });
    });
}

#[test]
fn as_many_are_called_as_there_are_free_permits() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let c = over(&server);
        let permits: Vec<_> = (0..40).map(|_| c.pool("k", 40).take_blocking().unwrap()).collect();
        let _stopped = sleeper(&server, "t:p:{k}:q", 60, 40);
        somebody_waits(&server, "t:p:{k}:q", |wait| c.pool("k", 40).wait(wait).take_blocking().is_err());
        for (n, permit) in permits.into_iter().enumerate() {
            assert_eq!(permit.release(), Ok(Holding::Held));
            assert_eq!(called(&server, "t:p:{k}:q"), i64::try_from(n).unwrap() + 1);
        }
        assert!(c.pool("k", 40).try_take_blocking().unwrap().is_none(), "all of them are kept for who was called");
        server.advance(millis(1_001));
        assert!(c.pool("k", 40).try_take_blocking().unwrap().is_some(), "the turns of all are over at once");
    }
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_for_who_is_gone() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let c = over(&server);
        let held = c.lock("k").acquire_blocking().unwrap();
        let _stopped = sleeper(&server, "t:l:{k}:q", 1, 1);
        somebody_waits(&server, "t:l:{k}:q", |wait| c.lock("k").wait(wait).acquire_blocking().is_err());
        held.release().unwrap();
        assert_eq!(called(&server, "t:l:{k}:q"), 1);
        server.step_back(secs(3_600));
        assert!(c.lock("k").try_acquire_blocking().unwrap().is_some(), "a turn lasts a second, not an hour");
    }
}

#[test]
fn what_another_program_wrote_into_a_line_harms_nobody() {
    everywhere(|server| {
        let c = unpolled(&server);
        let (lock, pool) = (c.lock("k"), c.pool("k", 1));
        for rubbish in ["", "x", "0 1 t:in:x", &"f".repeat(40), &format!("{} size t:in:x", "f".repeat(32))] {
            let held = (lock.acquire_blocking().unwrap(), pool.take_blocking().unwrap());
            thread::scope(|scope| {
                let (lock, pool) = (lock.clone().wait(secs(60)), pool.clone().wait(secs(60)));
                scope.spawn(move || lock.run_blocking(|_| ()).unwrap());
                scope.spawn(move || pool.run_blocking(|_| ()).unwrap());
                until_blocking(|| waiting(&server, "l:{k}") == 1 && waiting(&server, "p:{k}") == 1);
                for line in ["t:l:{k}:q", "t:p:{k}:q"] {
                    server.command(&["ZADD", line, "1", rubbish, "-1", &format!("{rubbish}-")]);
                }
                assert_eq!((held.0.release(), held.1.release()), (Ok(Holding::Held), Ok(Holding::Held)), "{rubbish}");
            });
        }
        let held = lock.acquire_blocking().unwrap();
        assert!(lock.clone().wait(millis(20)).acquire_blocking().is_err());
        server.command(&["SET", "t:l:{k}:q", "another program's"]);
        assert_eq!(held.release(), Ok(Holding::Held));
        assert!(lock.try_acquire_blocking().unwrap().is_some());
    });
}

#[test]
fn who_may_not_tell_others_gives_back_all_the_same() {
    for engine in Engine::ALL {
        let server = Server::of(engine).user("mute on >pw ~* resetchannels &nothing +@all").start();
        let mute = patient(server.url().replace("redis://", "redis://mute:pw@")).build().unwrap();
        let c = patient(server.url()).poll(secs(1)).build().unwrap();
        let held = mute.lock("k").acquire_blocking().unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| c.lock("k").wait(secs(60)).run_blocking(|_| ()));
            until_blocking(|| waiting(&server, "l:{k}") == 1);
            assert_eq!(held.release(), Ok(Holding::Held));
            assert_eq!(waits.join().unwrap(), Ok(()));
        });
        assert_eq!(mute.lock("k").wait(secs(10)).run_blocking(|_| 1), Ok(1));
    }
}

#[test]
fn threads_that_begin_one_after_another_over_a_long_way_are_all_connected() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    proxy.delay(Direction::ToServer, millis(30));
    proxy.delay(Direction::ToClient, millis(30));
    let c = cachify::Cachify::builder().redis(server.url_at(proxy.port())).prefix("t").build().unwrap();
    thread::scope(|scope| {
        for n in 0..30 {
            let c = &c;
            scope.spawn(move || {
                pass(millis(40 * n));
                for _ in 0..4 {
                    c.lock(n).run_blocking(|_| ()).unwrap();
                }
            });
        }
    });
    // a task's connection is of another kind
    run(async { c.lock("k").run(async |_| ()).await.unwrap() });
}
