//! Servers that are far, busy, full or away for a while: what is reached in the end, and who waits for it.

use super::world::{everywhere, int, millis, over, pass, run, timed, until_blocking};
use cachify::{Builder, Cachify, Cause, Refused, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    server::{Cluster, Engine, Lone, Server},
};
use std::{
    thread,
    time::{Duration, Instant},
};

fn through(server: &Server, proxy: &Proxy) -> Builder {
    Cachify::builder().redis(server.url_at(proxy.port())).prefix("t")
}

/// A proxy over which a question and its answer take so long.
fn far(server: &Server, way: Duration) -> Proxy {
    let proxy = Proxy::to(server.port());
    proxy.delay(Direction::ToServer, way / 2);
    proxy.delay(Direction::ToClient, way / 2);
    proxy
}

/// Of five calls of a thread and of a task, how many were refused; each by an instance of its own.
fn refused(c: impl Fn() -> Cachify) -> [usize; 2] {
    let (a, b) = (c(), c());
    thread::scope(|scope| {
        let threads = scope.spawn(move || (0..5).filter(|_| a.lock("a").run_blocking(|_| ()).is_err()).count());
        let tasks = run(async {
            let mut refused = 0;
            for _ in 0..5 {
                refused += usize::from(b.lock("b").run(async |_| ()).await.is_err());
            }
            refused
        });
        [threads.join().unwrap(), tasks]
    })
}

#[test]
fn a_server_is_reached_over_any_way_with_the_limits_that_nobody_set() {
    thread::scope(|scope| {
        for password in [None, Some("sesame")] {
            for way in [1, 50, 150, 300, 700] {
                scope.spawn(move || {
                    let server = Server::of(Engine::Redis);
                    let server = password.map_or(server, |word| Server::of(Engine::Redis).password(word)).start();
                    let proxy = far(&server, millis(way));
                    let refused = refused(|| through(&server, &proxy).build().unwrap());
                    println!("{way} ms, password {password:?}: refused of five {refused:?}");
                    // over the longest the first one may have given up; its connection serves the next
                    let most = usize::from(way > 300);
                    assert!(refused.iter().all(|refused| *refused <= most), "{way} ms, {password:?}: {refused:?}");
                });
            }
        }
    });
}

/// Of a cluster the nodes are asked where a key lies, and then the one that has it, each over a connection of its own.
#[test]
fn a_cluster_is_reached_over_any_way_with_the_limits_that_nobody_set() {
    for way in [1, 50, 150, 300, 700] {
        let cluster = Cluster::start(Engine::Redis, 3, 0);
        let proxies: Vec<_> = cluster.nodes.iter().map(|node| far(node, millis(way))).collect();
        for (node, proxy) in cluster.nodes.iter().zip(&proxies) {
            let port = proxy.port().to_string();
            assert_eq!(node.command(&["CONFIG", "SET", "cluster-announce-port", &port]), "OK".into());
        }
        let told = || cluster.nodes.iter().all(|node| proxies.iter().all(|proxy| Cluster::tells(node, proxy.port())));
        until_blocking(told);
        let hosts: Vec<_> = proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port())).collect();
        let url = format!("redis+cluster://{}", hosts.join(","));
        let refused = refused(|| Cachify::builder().redis(url.as_str()).prefix("t").build().unwrap());
        println!("a cluster {way} ms away: refused of five {refused:?}");
        // what is asked first takes five ways
        let most = if way > 300 { 2 } else { 0 };
        assert!(refused.iter().all(|refused| *refused <= most), "{way} ms: {refused:?}");
    }
}

/// A sentinel is asked first, over a connection of its own for each one that is made.
#[test]
fn a_service_is_reached_over_any_way_with_the_limits_that_nobody_set() {
    thread::scope(|scope| {
        for (password, login) in [(None, ""), (Some("sesame"), ":sesame@")] {
            for way in [1, 50, 150, 300, 700] {
                scope.spawn(move || {
                    let server = Server::of(Engine::Redis);
                    let server = password.map_or(server, |word| Server::of(Engine::Redis).password(word)).start();
                    let proxy = far(&server, millis(way));
                    let sentinel = Lone::watching(Engine::Redis, proxy.port());
                    let before = Proxy::to(sentinel.port());
                    before.delay(Direction::ToServer, millis(way / 2));
                    before.delay(Direction::ToClient, millis(way / 2));
                    let url = Lone::url_at(before.port(), login);
                    let refused = refused(|| Cachify::builder().redis(url.as_str()).prefix("t").build().unwrap());
                    println!("a service {way} ms away, password {password:?}: refused of five {refused:?}");
                    let most = if way > 300 { 2 } else { 0 };
                    assert!(refused.iter().all(|refused| *refused <= most), "{way} ms, {password:?}: {refused:?}");
                });
            }
        }
    });
}

#[test]
fn a_limit_that_was_set_is_kept_and_so_is_the_connection() {
    let server = Server::start(Engine::Redis);
    let proxy = far(&server, millis(300));
    let c = through(&server, &proxy).op_timeout(millis(150)).build().unwrap();
    let (refused, took) = timed(|| run(async { c.lock("k").acquire().await.map(drop) }));
    assert!(matches!(refused, Err(Refused::Unavailable { cause: Cause::Unreachable, .. })), "{refused:?}");
    assert!(took < secs(2), "{took:?}");
    run(async {
        tokio::time::sleep(secs(2)).await;
        for _ in 0..5 {
            let _ = c.lock("k").acquire().await.map(drop);
        }
        // a question that nobody waited for is answered all the same
        assert!(proxy.connections() <= 3, "{} connections, each thrown away", proxy.connections());
    });
}

#[test]
fn a_server_that_stalls_costs_no_connection() {
    let server = Server::start(Engine::Redis);
    let proxy = far(&server, millis(60));
    let c = through(&server, &proxy).op_timeout(millis(200)).build().unwrap();
    run(async {
        // the first one learns how far it is
        while c.lock("k").acquire().await.is_err() {}
        let before = proxy.connections();
        proxy.delay(Direction::ToClient, millis(230));
        assert!(c.lock("k").acquire().await.is_err());
        proxy.delay(Direction::ToClient, millis(30));
        tokio::time::sleep(millis(500)).await;
        c.lock("other").acquire().await.unwrap().release().await.unwrap();
        assert!(proxy.connections() <= before + 1, "one for giving back");
    });
}

/// Locks on both faces by somebody who waits; when the server is back after that long.
fn while_it_is_away(away: impl FnOnce(&mut Server), back: impl FnOnce(&mut Server) + Send, for_long: Duration) {
    let mut server = Server::start(Engine::Redis);
    let c = over_quickly(&server);
    c.lock("warm").run_blocking(|_| ()).unwrap();
    run(c.lock("warm").run(async |_| ())).unwrap();
    away(&mut server);
    let refused = c.lock("now").acquire_blocking().map(drop);
    assert!(refused.is_err(), "without `wait` a call ends at once");
    let (loaded, took) = timed(|| c.cache("k").ttl(secs(60)).get_or_insert_with_blocking(|| Ok::<u8, ()>(1)));
    assert_eq!(loaded, Ok(1));
    assert!(took < secs(3), "a cached call waits for no server: {took:?}");
    thread::scope(|scope| {
        let patient = c.clone();
        let threads = scope.spawn(move || patient.lock("a").ttl(secs(60)).wait(secs(30)).run_blocking(|_| 1));
        let tasks = c.clone();
        let tasks = scope.spawn(move || run(tasks.lock("b").ttl(secs(60)).wait(secs(30)).run(async |_| 2)));
        pass(for_long);
        assert!(!threads.is_finished() && !tasks.is_finished(), "they wait");
        back(&mut server);
        assert_eq!((threads.join().unwrap(), tasks.join().unwrap()), (Ok(1), Ok(2)));
    });
}

fn over_quickly(server: &Server) -> Cachify {
    Cachify::builder().redis(server.url()).prefix("t").op_timeout(millis(300)).build().unwrap()
}

#[test]
fn a_wait_outlasts_a_server_that_is_away() {
    while_it_is_away(Server::kill, Server::restart, secs(2));
}

#[test]
fn a_wait_outlasts_a_server_that_is_stopped() {
    while_it_is_away(|server| server.pause(), |server| server.resume(), secs(2));
}

#[test]
fn a_wait_outlasts_a_server_that_is_full() {
    everywhere(|server| {
        let c = over(&server);
        c.lock("warm").run_blocking(|_| ()).unwrap();
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        server.command(&["CONFIG", "SET", "maxmemory", "100kb"]);
        let why = c.lock("k").acquire_blocking().map(drop).unwrap_err();
        assert!(matches!(why, Refused::Unavailable { cause: Cause::NotNow(_), .. }), "{why:?}");
        thread::scope(|scope| {
            let waits = scope.spawn(|| c.lock("k").wait(secs(30)).run_blocking(|_| 1));
            let began = Instant::now();
            server.reset_stats();
            pass(secs(2));
            assert!(!waits.is_finished(), "there was room");
            assert!(server.commandstats("evalsha") < 20, "it asks with pauses: in {:?}", began.elapsed());
            server.command(&["CONFIG", "SET", "maxmemory", "0"]);
            assert_eq!(waits.join().unwrap(), Ok(1));
        });
        assert_eq!(int(&server.command(&["EXISTS", "t:l:{k}"])), 1);
    });
}

#[test]
fn who_waits_for_ever_has_enough_when_an_outage_is_older_than_the_lease() {
    let mut server = Server::start(Engine::Redis);
    let c = over_quickly(&server);
    c.lock("warm").run_blocking(|_| ()).unwrap();
    server.kill();
    let (refused, took) = timed(|| c.lock("k").ttl(secs(6)).wait_forever().acquire_blocking().map(drop));
    assert!(matches!(refused, Err(Refused::Unavailable { .. } | Refused::Indeterminate { .. })), "{refused:?}");
    assert!(took >= secs(6) && took < secs(15), "{took:?}");
    // the outage is older already
    let (refused, took) = timed(|| c.lock("other").ttl(secs(6)).wait_forever().acquire_blocking().map(drop));
    assert!(refused.is_err() && took < secs(4), "{took:?}");
    server.restart();
    assert_eq!(c.lock("k").ttl(secs(2)).wait_forever().run_blocking(|_| 1), Ok(1));
}

#[test]
fn what_will_not_pass_is_not_waited_for() {
    let server = Server::of(Engine::Redis).password("sesame").start();
    let c = Cachify::builder().redis(server.url().replace("sesame", "rhubarb")).prefix("t").build().unwrap();
    let (refused, took) = timed(|| c.lock("k").wait(secs(30)).acquire_blocking().map(drop));
    assert!(matches!(refused, Err(Refused::Unavailable { cause: Cause::Rejected { .. }, .. })), "{refused:?}");
    assert!(took < secs(10), "{took:?}");
}
