//! What is given back when many go at once, when nobody answers, and when a run that succeeded is not heard.

use super::world::{everywhere, millis, over, pass, patient, run, unpolled, until_answered, until_blocking, waiting};
use cachify::{Cachify, Event, Holding, Observer, Ran, Refused, once, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    record::Record,
    server::Server,
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How many of `count` locks are held.
fn held(server: &Server, count: u32) -> usize {
    let mut client = server.connect().unwrap();
    let mut lease = |n: &u32| Record::parse(&client.ask(&["GET", &format!("t:l:{{seat:{n}}}")]).unwrap());
    (0..count).filter_map(|n| lease(&n)).filter(Record::has_owner).count()
}

#[test]
fn ten_thousand_guards_dropped_at_once_are_all_given_back() {
    everywhere(|server| {
        let c = over(&server);
        run(async {
            let mut guards = Vec::new();
            for n in 0..10_000_u32 {
                guards.push(c.lock(("seat", n)).ttl(secs(600)).acquire().await.unwrap());
            }
            drop(guards);
            assert_eq!(c.shutdown(secs(30)).await, 0, "they were dropped before");
        });
        assert_eq!(held(&server, 10_000), 0);
    });
}

#[test]
fn a_dropped_guard_whose_lock_was_taken_away_tells_it() {
    everywhere(|server| {
        let losses = Losses::default();
        let c = patient(server.url()).observer(losses.clone()).build().unwrap();
        let guards = [1, 2].map(|n| c.lock(("seat", n)).ttl(secs(60)).acquire_blocking().unwrap());
        assert!(c.lock(("seat", 2)).force_release_blocking().unwrap());
        drop(guards);
        until_blocking(|| !losses.0.lock().unwrap().is_empty());
        run(c.shutdown(secs(9)));
        assert_eq!(*losses.0.lock().unwrap(), ["t:l:{seat:2} Taken"]);
    });
}

#[derive(Clone, Default)]
struct Losses(Arc<Mutex<Vec<String>>>);

impl Observer for Losses {
    fn event(&self, event: &Event<'_>) {
        if let Event::Lost { key, why } = event {
            self.0.lock().unwrap().push(format!("{key} {why:?}"));
        }
    }
}

/// Reads whose answer did not come leave flights in doubt: more of them than there is room for.
#[test]
fn flights_in_doubt_take_no_room_from_what_was_held() {
    everywhere(|server| {
        let c = patient(server.url()).op_timeout(millis(500)).build().unwrap();
        run(async {
            let mut held = Vec::new();
            for n in 0..100_u32 {
                held.push(c.lock(("seat", n)).ttl(secs(600)).acquire().await.unwrap());
            }
            server.pause();
            let reads: Vec<_> = (0..6_000_u32)
                .map(|n| {
                    let cache = c.cache(("value", n));
                    tokio::spawn(async move { cache.get_or_insert_with(async || Ok::<u32, ()>(n)).await })
                })
                .collect();
            for read in reads {
                assert!(read.await.unwrap().is_ok());
            }
            drop(held);
            server.resume();
        });
        until_blocking(|| self::held(&server, 100) == 0);
    });
}

/// What is in doubt is noted as often as there is room, also for the copies that may still land.
#[test]
fn flights_in_doubt_are_bounded() {
    everywhere(|server| {
        let c = patient(server.url()).op_timeout(millis(500)).build().unwrap();
        run(async {
            c.cache("warm").get_or_insert_with(async || Ok::<u8, ()>(1)).await.unwrap();
            // looks are answered, joins are not
            server.command(&["CLIENT", "PAUSE", "600000", "WRITE"]);
            let loads: Vec<_> = (0..9_000_u32)
                .map(|n| {
                    let cache = c.cache(("value", n));
                    tokio::spawn(async move { cache.get_or_insert_with(async || Ok::<u32, ()>(n)).await })
                })
                .collect();
            for load in loads {
                load.await.unwrap().unwrap();
            }
            server.command(&["CLIENT", "UNPAUSE"]);
            server.reset_stats();
            c.shutdown(secs(30)).await;
            let calls = server.calls();
            let told =
                calls.get("evalsha").copied().unwrap_or_default() + calls.get("eval").copied().unwrap_or_default();
            println!("{told} of 9,000");
            // 4,096 debts; what was on its way when the server went on, and what was asked by a new connection
            assert!(told <= 9_000 + 4_096 + 500, "{told}");
        });
    });
}

/// A server that became a replica refuses to take back, and may be another's by now: the address is asked anew.
#[test]
fn what_a_demoted_server_refuses_is_asked_on_another_connection() {
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        let c = patient(server.url_at(proxy.port())).build().unwrap();
        let guard = run(async { c.lock("k").ttl(secs(600)).acquire().await.unwrap() });
        run(async { drop(c.lock("warm").acquire().await.unwrap()) });
        until_blocking(|| !server.is_held("t:l:{warm}"));
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        let before = proxy.connections();
        drop(guard);
        until_blocking(|| proxy.connections() > before);
        server.command(&["REPLICAOF", "NO", "ONE"]);
        until_blocking(|| !server.is_held("t:l:{k}"));
    });
}

fn limited(server: &Server, proxy: &Proxy) -> Cachify {
    patient(server.url_at(proxy.port())).op_timeout(millis(500)).connect_timeout(secs(2)).build().unwrap()
}

fn is_marked(server: &Server) -> bool {
    server.record("t:o:{job}").is_some_and(|run| run.is_marker())
}

#[once(instance = c, key = "job", ttl = 60, keep = 60, companions = false)]
async fn job(c: &Cachify, before_its_end: impl FnOnce() + Send) -> Option<u32> {
    before_its_end();
    Some(1)
}

/// The question is lost, or its answer: either way the job was done, and is not done again.
#[test]
fn the_completion_of_a_run_that_was_not_heard_is_repeated() {
    everywhere(|server| {
        let beside = over(&server);
        for direction in [Direction::ToServer, Direction::ToClient] {
            for way in 0..4 {
                let proxy = Proxy::to(server.port());
                let c = limited(&server, &proxy);
                let lose = || proxy.blackhole(direction);
                let once = c.once("job").ttl(secs(60)).keep(secs(60));
                match way {
                    0 => {
                        let run = once.begin_blocking().unwrap();
                        lose();
                        run.complete().unwrap_err();
                    }
                    1 => assert_eq!(once.run_blocking(|_| lose()), Ok(Ran::Ran(()))),
                    2 => assert_eq!(run(job(&c, lose)), Some(1)),
                    _ => run(async {
                        // whoever waits for the end gives up
                        let done = once.run(async |_| lose());
                        assert!(tokio::time::timeout(millis(100), done).await.is_err());
                    }),
                }
                // time for what would be tried instead
                pass(millis(700));
                proxy.heal();
                until_blocking(|| is_marked(&server));
                pass(millis(300));
                assert!(is_marked(&server), "nothing undoes it: {direction:?}, {way}");
                assert!(matches!(beside.once("job").run_blocking(|_| ()), Ok(Ran::Skipped(_))));
                assert!(beside.once("job").force_release_blocking().unwrap());
            }
        }
    });
}

/// A shutdown waits for it like for everything else that is given back.
#[test]
fn a_completion_that_is_repeated_is_waited_for_at_a_shutdown() {
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        let c = limited(&server, &proxy);
        run(async {
            let run = c.once("job").ttl(secs(60)).keep(secs(60)).begin().await.unwrap();
            proxy.blackhole(Direction::ToServer);
            run.complete().await.unwrap_err();
            let heal = async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                proxy.heal();
            };
            tokio::join!(heal, c.shutdown(secs(30)));
            until_answered(async || is_marked(&server)).await;
        });
    });
}

#[test]
fn who_waits_on_a_server_hears_of_a_shutdown() {
    everywhere(|server| {
        let (a, b) = (over(&server), unpolled(&server));
        let held = (a.lock("k").acquire_blocking().unwrap(), a.pool("p", 1).take_blocking().unwrap());
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| b.lock("k").wait(secs(60)).acquire_blocking().map(drop));
            let task = scope.spawn(|| run(async { b.pool("p", 1).wait(secs(60)).take().await.map(drop) }));
            until_blocking(|| waiting(&server, "l:{k}") + waiting(&server, "p:{p}") == 2);
            let began = Instant::now();
            assert_eq!(b.shutdown_blocking(secs(10)), 0);
            assert!(matches!(thread.join().unwrap(), Err(Refused::ShutDown)));
            assert!(matches!(task.join().unwrap(), Err(Refused::ShutDown)));
            assert!(began.elapsed() < secs(8), "{:?}", began.elapsed());
        });
        until_blocking(|| waiting(&server, "l:{k}") + waiting(&server, "p:{p}") == 0);
        assert_eq!((held.0.release(), held.1.release()), (Ok(Holding::Held), Ok(Holding::Held)));
        assert!(matches!(b.lock("k").acquire_blocking().map(drop), Err(Refused::ShutDown)));
        assert!(!server.is_held("t:l:{k}"), "nothing was granted to who is gone");
    });
}
