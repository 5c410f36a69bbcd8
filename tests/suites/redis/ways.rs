//! Ways to a server that are long, silent or half closed: what is asked then, and what is believed.

use super::world::{everywhere, millis, over, pass, run, text, timed, until, until_blocking};
use cachify::{Cachify, Cause, Error, Event, ManualClock, Observer, Refused, secs};
use cachify_tests::{
    poll,
    proxy::{Direction, Proxy},
    resp::Client,
    server::{Engine, Server},
};
use std::{
    pin::pin,
    sync::{Arc, Barrier, Mutex},
};

fn through(server: &Server, proxy: &Proxy, op_timeout: std::time::Duration) -> Cachify {
    Cachify::builder().redis(server.url_at(proxy.port())).prefix("t").op_timeout(op_timeout).build().unwrap()
}

#[test]
fn a_renewal_on_its_way_revives_nothing_that_was_given_back() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, secs(10));
    let guard = c.lock("k").ttl(secs(3)).acquire_blocking().unwrap();
    let ends = || server.record("t:l:{k}").unwrap().ends();
    // the first renewal makes its connection; the answer to the second is on its way for long
    let granted = ends();
    until_blocking(|| ends() != granted);
    let renewed = ends();
    proxy.delay(Direction::ToClient, secs(5));
    until_blocking(|| ends() != renewed);
    assert_eq!(c.shutdown_blocking(millis(1)), 1);
    assert!(!guard.is_valid());
    proxy.heal();
    until_blocking(|| !server.is_held("t:l:{k}"));
    pass(millis(100));
    assert!(!guard.is_valid(), "the answer came after it was given back");
}

#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<Cause>>>);

impl Observer for Failures {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { cause, .. } = event {
            self.0.lock().unwrap().push(*cause);
        }
    }
}

impl Failures {
    fn about(&self, what: &str) -> usize {
        let is = |cause: &&Cause| matches!(cause, Cause::Rejected { why, .. } if why.contains(what));
        self.0.lock().unwrap().iter().filter(is).count()
    }
}

#[test]
fn a_right_that_is_not_taken_back_keeps_no_other_waiting() {
    everywhere(|server| {
        let failures = Failures::default();
        let c = Cachify::builder().redis(server.url()).prefix("t").observer(failures.clone()).build().unwrap();
        let (foreign, ours) =
            (c.lock("foreign").acquire_blocking().unwrap(), c.lock("ours").acquire_blocking().unwrap());
        server.command(&["SET", "t:l:{foreign}", "another program's"]);
        drop(foreign);
        drop(ours);
        until_blocking(|| !server.is_held("t:l:{ours}"));
        let (_, took) = timed(|| c.shutdown_blocking(secs(10)));
        assert!(took < secs(5), "it was tried for ever: {took:?}");
        assert_eq!(failures.about("another program"), 1);
    });
}

/// The `not_after` of the next command with this TTL.
fn not_after(monitor: &mut Client, ttl: &str) -> u64 {
    loop {
        let line = text(&monitor.answer().unwrap());
        let words: Vec<_> = line.split("\" \"").collect();
        if let Some(at) = words.iter().position(|word| *word == ttl) {
            return words[at + 1].parse().unwrap();
        }
    }
}

#[test]
fn the_first_command_already_says_until_when_it_may_be_done() {
    everywhere(|server| {
        let mut monitor = server.connect().unwrap();
        monitor.ask(&["MONITOR"]).unwrap();
        over(&server).lock("k").ttl(millis(61_001)).run_blocking(|_| ()).unwrap();
        assert!(not_after(&mut monitor, "61001") > 0, "of a thread");
        let c = over(&server);
        run(async { c.lock("k").ttl(millis(61_002)).run(async |_| ()).await.unwrap() });
        assert!(not_after(&mut monitor, "61002") > 0, "of a task");
    });
}

#[test]
fn a_wait_that_is_shorter_than_the_way_gets_a_free_lock() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, secs(10));
    proxy.delay(Direction::ToServer, millis(60));
    proxy.delay(Direction::ToClient, millis(60));
    let lock = c.lock("k").wait(millis(20));
    lock.clone().acquire_blocking().unwrap().release().unwrap();
    run(async { lock.acquire().await.unwrap().release().await.unwrap() });
}

#[test]
fn connections_that_fell_silent_cost_one_limit_together() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, millis(400));
    let guard = c.lock("held").ttl(secs(4)).acquire_blocking().unwrap();
    let together = Barrier::new(6);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                together.wait();
                for _ in 0..20 {
                    let _ = c.lock("k").run_blocking(|_| ());
                }
            });
        }
    });
    assert!(proxy.open() > 2, "there were several");
    proxy.strand();
    let failures = (0..10).filter(|_| c.pool("k", 100).take_blocking().map(drop).is_err()).count();
    assert!(failures <= 1, "{failures} calls paid");
    run(async {
        assert!(c.pool("k", 100).take().await.is_ok());
        proxy.strand();
        let mut failures = 0;
        for _ in 0..10 {
            failures += usize::from(c.pool("k", 100).take().await.is_err());
        }
        assert!(failures <= 1, "{failures} calls of tasks paid");
    });
    // nor is what is held lost with them
    pass(secs(5));
    assert!(guard.is_valid());
}

#[test]
fn calls_without_an_answer_leave_no_connections_behind() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, millis(50));
    run(async {
        let _ = c.ping().await;
        proxy.blackhole(Direction::ToClient);
        for _ in 0..20 {
            assert!(c.lock("k").acquire().await.is_err());
        }
        proxy.heal();
        until(|| proxy.open() <= 3).await;
    });
}

#[test]
fn a_short_wait_is_short_where_the_channel_is_refused() {
    let everything = "app on >pw ~t:* resetchannels +@all";
    let server = Server::of(Engine::Redis).user(everything).start();
    let failures = Failures::default();
    let url = server.url().replace("redis://", "redis://app:pw@");
    let builder = Cachify::builder().redis(url).prefix("t").op_timeout(secs(20)).observer(failures.clone());
    let c = builder.build().unwrap();
    let held = c.lock("k").acquire_blocking().unwrap();
    for _ in 0..3 {
        let (refused, took) = timed(|| c.lock("k").wait(millis(100)).acquire_blocking().map(drop).unwrap_err());
        assert!(refused.is_contended(), "{refused}");
        assert!(took < secs(4), "{took:?}");
    }
    // who may wait long polls meanwhile, and does not wait for a channel that never opens
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| timed(|| c.lock("k").wait(secs(9)).acquire_blocking().unwrap()));
        pass(millis(300));
        held.release().unwrap();
        let (guard, took) = waiter.join().unwrap();
        assert!(took < secs(5), "{took:?}");
        guard.release().unwrap();
    });
    until_blocking(|| failures.about("access list") == 1);
    pass(millis(200));
    assert_eq!(failures.about("access list"), 1, "said once, not at each attempt");
}

#[test]
fn the_policy_of_a_full_server_is_read_in_either_protocol() {
    let server = Server::of(Engine::Redis).option("maxmemory-policy", "allkeys-lru").start();
    for protocol in ["", "?protocol=resp3"] {
        let c = Cachify::builder().redis(format!("{}/{protocol}", server.url())).build().unwrap();
        assert_eq!(c.ping_blocking().unwrap().evicts.as_deref(), Some("allkeys-lru"), "{protocol}");
        assert_eq!(c.lock("k").run_blocking(|_| 1), Ok(1));
    }
}

#[test]
fn what_ended_while_it_connected_was_not_done() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    proxy.blackhole(Direction::ToClient);
    let c = through(&server, &proxy, millis(600));
    let blocking = c.lock("k").acquire_blocking().map(drop).unwrap_err();
    assert!(matches!(blocking, Refused::Unavailable { cause: Cause::Unreachable, .. }), "{blocking:?}");
    let task = run(async { c.lock("k").acquire().await.map(drop).unwrap_err() });
    assert!(matches!(task, Refused::Unavailable { cause: Cause::Unreachable, .. }), "{task:?}");
}

#[test]
fn a_server_that_was_demoted_is_left() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, secs(10));
    let (task, thread) = (c.lock("task"), c.lock("thread"));
    run(async {
        task.run(async |_| ()).await.unwrap();
        thread.run_blocking(|_| ()).unwrap();
        let before = proxy.connections();
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        let refused = |why: Refused| matches!(why, Refused::Unavailable { cause: Cause::NotNow(why), .. } if why.contains("replica"));
        assert!(refused(task.acquire().await.map(drop).unwrap_err()));
        assert!(refused(thread.acquire_blocking().map(drop).unwrap_err()));
        // where the address leads to another server by now, the next call finds it
        assert!(refused(task.acquire().await.map(drop).unwrap_err()));
        assert!(refused(thread.acquire_blocking().map(drop).unwrap_err()));
        assert_eq!(proxy.connections(), before + 3, "a new one for each call after the first, which left both faces'");
        server.command(&["REPLICAOF", "NO", "ONE"]);
        task.run(async |_| ()).await.unwrap();
        thread.run_blocking(|_| ()).unwrap();
    });
}

#[test]
fn a_value_on_its_way_is_before_no_lease() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, secs(10));
    run(async {
        let value = c.cache("large").get_or_insert(async { "x".repeat(1 << 20) }).await;
        assert_eq!(value.len(), 1 << 20);
        // what carries values carries nothing any more
        proxy.strand();
        let large = c.cache("large");
        let mut hit = pin!(large.get::<String>());
        assert!(poll(hit.as_mut()).is_pending());
        c.lock("k").run(async |_| ()).await.expect("a lease has a connection of its own");
        c.pool("k", 1).run(async |_| ()).await.expect("and so has a permit");
        assert!(poll(hit.as_mut()).is_pending());
    });
}

#[test]
fn renewal_connects_even_where_the_way_is_longer_than_the_limit() {
    let server = Server::of(Engine::Redis).password("sesame").start();
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, millis(700));
    let guard = run(async {
        c.ping().await.unwrap();
        proxy.delay(Direction::ToServer, millis(150));
        proxy.delay(Direction::ToClient, millis(150));
        c.lock("k").ttl(secs(4)).acquire().await.unwrap()
    });
    pass(secs(6));
    assert!(guard.is_valid(), "three questions before the first renewal: 900 ms");
    drop(guard);
}

#[test]
fn permits_that_ended_in_crowds_are_asked_for_anew() {
    everywhere(|server| {
        let c = over(&server);
        let held: Vec<_> = (0..300).map(|_| c.pool("k", 300).ttl(secs(60)).take_blocking().unwrap()).collect();
        // all of them end at once, the last ones beyond the share that one call frees
        let indices = cachify_tests::resp::Reply::Int(300);
        assert_eq!(server.command(&["ZCARD", "t:p:{k}"]), indices);
        for index in 0..300 {
            server.command(&["ZADD", "t:p:{k}", "1", &index.to_string()]);
        }
        drop(held);
        let fresh: Vec<_> = (0..300).map(|_| c.pool("k", 300).ttl(secs(60)).take_blocking().unwrap()).collect();
        assert!(c.pool("k", 300).try_take_blocking().unwrap().is_none());
        let mut seen: Vec<_> = fresh.iter().map(cachify::BlockingPermit::index).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..300));
    });
}

#[test]
fn a_forced_release_whose_answer_was_lost_is_unknown() {
    let server = Server::start(Engine::Redis);
    let proxy = Proxy::to(server.port());
    let c = through(&server, &proxy, secs(10));
    let lock = c.lock("k");
    run(async {
        // the server knows the script
        assert_eq!(lock.force_release().await, Ok(false));
        let held = lock.acquire().await.unwrap();
        proxy.delay(Direction::ToClient, secs(5));
        let forced = tokio::spawn({
            let lock = lock.clone();
            async move { lock.force_release().await }
        });
        until(|| !server.is_held("t:l:{k}")).await;
        proxy.cut();
        proxy.delay(Direction::ToClient, std::time::Duration::ZERO);
        assert_eq!(
            forced.await.unwrap(),
            Err(Error::Store(Cause::Unknown)),
            "sent again it would free the next holder's"
        );
        drop(held);
    });
}

/// Threads in bursts: each burst finds the connections of the one before. What rested too long is closed at the next call.
#[test]
fn as_many_connections_are_kept_as_threads_used_at_once() {
    const THREADS: usize = 24;
    everywhere(|server| {
        let proxy = Proxy::to(server.port());
        let clock = ManualClock::new();
        let builder = Cachify::builder().redis(server.url_at(proxy.port())).prefix("t").op_timeout(secs(20));
        let c = builder.clock(clock.clone()).build().unwrap();
        c.ping_blocking().unwrap();
        let burst = || {
            // nobody is answered before all have asked
            proxy.delay(Direction::ToClient, millis(100));
            let gate = Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        gate.wait();
                        c.cache("hot").get_blocking::<u32>().unwrap();
                    });
                }
            });
        };
        let before = proxy.connections();
        (0..5).for_each(|_| burst());
        let made = proxy.connections() - before;
        assert!(made <= THREADS as u64, "{made} connections for {THREADS} threads");
        clock.advance(secs(31));
        c.cache("hot").get_blocking::<u32>().unwrap();
        until_blocking(|| proxy.open() <= 3);
    });
}
