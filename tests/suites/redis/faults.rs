//! What a server can do to its clients: go away, forget, say nothing, answer late.

use super::world::{everywhere, millis, over, pass, patient, run, text, timed, until, until_answered, until_blocking};
use cachify::{Cachify, Cause, Holding, Refused, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    resp::Client,
    server::{Engine, Server},
};
use std::time::{Duration, Instant};

/// Where calls are to fail; where one is to succeed, it has seconds.
const LIMIT: Duration = millis(400);
/// What the machine may add to a call.
const STALL: Duration = secs(2);
/// What it adds to the quickest of a few.
const SLACK: Duration = millis(200);

fn through(server: &Server, proxy: &Proxy, op_timeout: Duration) -> Cachify {
    let builder = patient(server.url_at(proxy.port())).op_timeout(op_timeout);
    // a connection whose greeting vanished is given up while tests still look
    builder.connect_timeout(secs(2)).build().unwrap()
}

/// No call takes much longer, and not every one takes a second limit.
async fn costs_one_limit(what: &str, waits: Duration, mut call: impl AsyncFnMut()) {
    for _ in 0..5 {
        let began = Instant::now();
        call().await;
        let took = began.elapsed();
        assert!(took < waits + LIMIT + STALL, "{what}: {took:?}");
        if took < waits + LIMIT + SLACK {
            return;
        }
    }
    panic!("{what} costs more than a limit");
}

/// A cached call computes, a lock is refused; both within the limit, on both faces.
fn fails_open_and_closed(c: &Cachify) {
    let (cache, lock) = (c.cache("v"), c.lock("k").ttl(secs(60)));
    let waits = lock.clone().wait(secs(1));
    let refused = |got: Result<(), Refused>| {
        let why = got.unwrap_err();
        assert!(!why.is_contended(), "never `not acquired`: {why}");
    };
    run(async {
        costs_one_limit("a value, blocking", Duration::ZERO, async || {
            assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<u8, ()>(7)), Ok(7));
        })
        .await;
        costs_one_limit("a lock, blocking", Duration::ZERO, async || refused(lock.acquire_blocking().map(drop))).await;
        costs_one_limit("a value", Duration::ZERO, async || {
            assert_eq!(cache.get_or_insert_with(async || Ok::<u8, ()>(7)).await, Ok(7));
        })
        .await;
        costs_one_limit("a lock", Duration::ZERO, async || refused(lock.acquire().await.map(drop))).await;
        costs_one_limit("a wait", secs(1), async || refused(waits.acquire().await.map(drop))).await;
    });
}

#[test]
fn a_server_that_is_gone_stopped_or_unreachable_costs_one_limit() {
    let mut server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, LIMIT);
    let works = || until_blocking(|| c.lock("k").run_blocking(|_| 1) == Ok(1));
    works();
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.blackhole(direction);
        fails_open_and_closed(&c);
        proxy.heal();
    }
    server.pause();
    fails_open_and_closed(&c);
    server.resume();
    // whatever was in doubt was given back, long before it ends by itself
    let (guard, took) = timed(|| over(&server).lock("k").wait(secs(20)).acquire_blocking().unwrap());
    assert!(took < secs(10), "{took:?}");
    guard.release().unwrap();
    works();
    server.kill();
    fails_open_and_closed(&c);
    until_blocking(|| {
        let got = c.lock("k").acquire_blocking().map(drop);
        matches!(got, Err(Refused::Unavailable { cause: Cause::Unreachable, .. }))
    });
    server.restart();
    works();
}

#[test]
fn a_reply_that_is_lost_leaves_nothing_held() {
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        // the question must come in time
        let c = through(&server, &proxy, secs(3));
        let before = c.lock("k").run_blocking(|fence| fence.0).unwrap();
        proxy.blackhole(Direction::ToClient);
        let refused = c.lock("k").ttl(secs(60)).acquire_blocking().map(drop).unwrap_err();
        assert!(refused.is_indeterminate(), "{refused}");
        let after = server.record("t:l:{k}").unwrap().fence();
        assert!(after > before, "it was done, and nobody knew");
        proxy.heal();
        until_blocking(|| !server.is_held("t:l:{k}"));
    });
}

#[test]
fn a_question_that_arrives_late_takes_nothing() {
    everywhere(|server| {
        // a script that the server does not know would take nothing either
        let c = over(&server);
        let both = || [c.lock("k").run_blocking(|_| 1), c.pool("k", 1).run_blocking(|_| 1)];
        assert_eq!(both(), [Ok(1), Ok(1)]);
        let fences = || {
            let pool = text(&server.command(&["HGET", "t:p:{k}:h", "f"]));
            (server.record("t:l:{k}").unwrap().fence(), pool)
        };
        let before = fences();
        let proxy = Proxy::to(server.port());
        // one each: a call that failed takes the connections of its instance with it
        let (locks, pools) = (through(&server, &proxy, LIMIT), through(&server, &proxy, LIMIT));
        until_blocking(|| locks.ping_blocking().is_ok() && pools.ping_blocking().is_ok());
        let mut monitors = [server.connect().unwrap(), server.connect().unwrap()];
        for monitor in &mut monitors {
            monitor.ask(&["MONITOR"]).unwrap();
        }
        proxy.delay(Direction::ToServer, LIMIT + secs(1));
        assert!(locks.lock("k").ttl(secs(61)).acquire_blocking().map(drop).unwrap_err().is_indeterminate());
        assert!(pools.pool("k", 1).ttl(secs(62)).take_blocking().map(drop).unwrap_err().is_indeterminate());
        for (monitor, ttl) in monitors.iter_mut().zip(["61000", "62000"]) {
            heard(monitor, ttl);
        }
        // a grant would show in the fence even if it was given back since
        assert_eq!(fences(), before);
        proxy.heal();
        assert_eq!(both(), [Ok(1), Ok(1)]);
    });
}

#[test]
fn a_question_that_lands_after_its_release_is_taken_back() {
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        // a copy counts for one limit, and what it takes is taken back after two
        let c = through(&server, &proxy, secs(3));
        run(async {
            c.lock("k").run(async |_| ()).await.unwrap();
            let mut monitor = server.connect().unwrap();
            monitor.ask(&["MONITOR"]).unwrap();
            proxy.delay(Direction::ToClient, secs(60));
            let lock = c.lock("k").ttl(secs(60)).wait(secs(5));
            let asked = tokio::spawn(async move { lock.acquire().await.map(drop) });
            let question = heard(&mut monitor, "60000");
            asked.abort();
            assert!(asked.await.unwrap_err().is_cancelled());
            proxy.heal();
            let held = || server.is_held("t:l:{k}");
            until(|| !held()).await;
            // the network brings a second copy
            let words: Vec<_> = question.iter().map(String::as_str).collect();
            server.command(&words);
            assert!(held(), "it came in time");
            until(|| !held()).await;
        });
    });
}

/// The words of the first script that a server is sent with this argument.
fn heard(monitor: &mut Client, argument: &str) -> Vec<String> {
    loop {
        let line = text(&monitor.answer().unwrap());
        let quoted =
            line.split_once('"').map(|(_, quoted)| quoted.strip_suffix('"').unwrap_or(quoted)).unwrap_or_default();
        let words: Vec<_> = quoted.split("\" \"").map(str::to_owned).collect();
        if words.iter().any(|word| word == argument) && words[0].eq_ignore_ascii_case("evalsha") {
            return words;
        }
    }
}

#[test]
fn scripts_that_were_flushed_are_sent_again() {
    everywhere(|server| {
        let c = over(&server);
        let guard = c.lock("k").acquire_blocking().unwrap();
        for _ in 0..3 {
            server.command(&["SCRIPT", "FLUSH"]);
            assert_eq!(c.pool("k", 1).run_blocking(|_| 1), Ok(1));
            run(async { assert_eq!(c.pool("k", 1).run(async |_| 1).await, Ok(1)) });
        }
        server.command(&["SCRIPT", "FLUSH"]);
        assert_eq!(guard.release(), Ok(Holding::Held));
    });
}

#[test]
fn connections_that_were_cut_are_made_again_without_a_failure() {
    everywhere(|server| {
        let c = over(&server);
        run(async {
            for _ in 0..5 {
                assert_eq!(c.lock("k").run(async |_| 1).await, Ok(1));
                assert_eq!(c.lock("k").run_blocking(|_| 1), Ok(1));
                server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
                // the client learns of it at its next call, which asks once more by the same token
                assert_eq!(c.lock("k").run_blocking(|_| 1), Ok(1));
                assert_eq!(c.lock("k").wait(secs(10)).run(async |_| 1).await, Ok(1));
            }
        });
    });
}

#[test]
fn a_server_that_lost_its_memory_is_noticed_by_those_who_held() {
    let mut server = Server::start(Engine::Redis);
    let c = over(&server);
    let guard = c.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    let first = guard.fence();
    server.restart();
    let next = c.lock("k").wait(secs(10)).acquire_blocking().unwrap();
    assert!(next.fence() > first, "microseconds grow whatever is forgotten");
    until_blocking(|| !guard.is_valid());
    assert_eq!(guard.release(), Ok(Holding::Lost));
    assert_eq!(next.release(), Ok(Holding::Held));
}

#[test]
fn what_is_held_is_renewed_through_a_cut() {
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        let c = through(&server, &proxy, secs(10));
        let guard = c.lock("k").ttl(secs(3)).acquire_blocking().unwrap();
        let permit = run(async { c.pool("k", 1).ttl(secs(3)).take().await.unwrap() });
        for _ in 0..6 {
            proxy.cut();
            pass(millis(800));
            assert!(guard.is_valid() && permit.is_valid());
        }
        assert_eq!(guard.release(), Ok(Holding::Held));
        assert_eq!(run(permit.release()), Ok(Holding::Held));
    });
}

#[test]
fn a_shutdown_leaves_nothing_behind() {
    everywhere(|server| {
        let c = over(&server);
        run(async {
            let _held = c.lock("held").acquire().await.unwrap();
            drop(c.lock("dropped").acquire().await.unwrap());
            drop(c.pool("dropped", 1).take().await.unwrap());
            assert_eq!(c.shutdown(secs(10)).await, 1);
        });
        for key in ["t:l:{held}", "t:l:{dropped}"] {
            assert!(!server.is_held(key), "{key}");
        }
        assert_eq!(over(&server).pool("dropped", 1).in_use_blocking(), Ok(0));
    });
}

#[test]
fn a_guard_that_is_dropped_with_its_instance_is_given_back() {
    everywhere(|server| {
        let c = over(&server);
        let guard = c.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
        drop((guard, c));
        until_blocking(|| !server.is_held("t:l:{k}"));
    });
}

#[test]
fn a_call_dropped_anywhere_leaves_nothing_held() {
    everywhere(|server| {
        // what lands after its release is taken back after two limits
        let c = patient(server.url()).op_timeout(secs(2)).build().unwrap();
        run(async {
            for polls in 0..12 {
                for key in ["a", "b"] {
                    let (lock, pool) =
                        (c.lock(key).ttl(secs(60)).wait(secs(5)), c.pool(key, 1).ttl(secs(60)).wait(secs(5)));
                    let (once, cache) = (c.once(key).ttl(secs(60)), c.cache(key).ttl(secs(60)));
                    give_up_after(polls, lock.run(async |_| tokio::task::yield_now().await)).await;
                    give_up_after(polls, pool.run(async |_| tokio::task::yield_now().await)).await;
                    give_up_after(polls, once.run(async |_| tokio::task::yield_now().await)).await;
                    let load = async || {
                        tokio::task::yield_now().await;
                        Ok::<u8, ()>(1)
                    };
                    give_up_after(polls, cache.get_or_insert_with(load)).await;
                    cache.reset().await.unwrap();
                    until(|| !server.is_held(&format!("t:l:{{{key}}}"))).await;
                    until(|| !server.is_held(&format!("t:o:{{{key}}}"))).await;
                    until(|| !server.is_held(&format!("t:c:{{{key}}}:f"))).await;
                    until_answered(async || pool.in_use().await.unwrap() == 0).await;
                }
            }
        });
    });
}

/// Drops a future after some of its await points.
async fn give_up_after<T>(polls: u32, future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(cx).map(drop)
    })
    .await;
}
