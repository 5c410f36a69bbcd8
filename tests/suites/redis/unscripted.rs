//! Servers that run no scripts: the rules of key-value stores by single commands, and what tells of it.

use super::{
    connecting::documented_in,
    mixed,
    world::{millis, pass, patient, run, until_blocking},
};
use cachify::{
    Builder, Cachify, Cause, Error, Holding, Refused,
    cachify_core::observe::{Event, Observer},
    secs, testing,
};
use cachify_core::testing::Coarse;
use cachify_tests::{
    proxy::{Direction, Proxy},
    resp::Reply,
    server::{Engine, Options, Server},
};
use std::sync::{Arc, Mutex};

/// How a server comes to run no scripts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Its access list, the one of the guide, forbids them.
    Forbidden(Engine),
    /// Its Lua was taken away.
    Unloaded,
}

const WAYS: [Way; 3] = [Way::Forbidden(Engine::Redis), Way::Forbidden(Engine::Valkey), Way::Unloaded];

pub(crate) fn list() -> String {
    documented_in("without_lua").swap_remove(0)
}

impl Way {
    fn options(self) -> Options {
        match self {
            Self::Forbidden(engine) => Server::of(engine).user(&list()),
            Self::Unloaded => Server::of(Engine::Valkey9).option("enable-module-command", "yes"),
        }
    }

    pub(crate) fn take_away(self, server: &Server) {
        if let Self::Unloaded = self {
            server.command(&["MODULE", "UNLOAD", "lua"]);
        }
    }

    pub(crate) fn start(self) -> Server {
        let server = self.options().start();
        self.take_away(&server);
        server
    }

    /// Where a client connects that may run no script.
    pub(crate) fn url(self, url: &str) -> String {
        match self {
            Self::Forbidden(_) => url.replace("://", "://app:password@"),
            Self::Unloaded => url.to_owned(),
        }
    }

    pub(crate) fn over(self, server: &Server) -> Builder {
        patient(self.url(&server.url())).prefix("app")
    }
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<usize>>);

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::NoScripts = event {
            *self.0.lock().unwrap() += 1;
        }
    }
}

#[test]
fn a_server_without_scripts_keeps_what_backends_promise() {
    for way in WAYS {
        // the newest counts a part of its time by a clock that cannot be moved
        let is_still = matches!(way, Way::Forbidden(_));
        let server = if is_still { way.options().still_clock().start() } else { way.start() };
        way.take_away(&server);
        // a key is there until its end is over; real time is long enough for a machine that stalls
        let grain = millis(if is_still { 1 } else { 250 });
        let time = Coarse { grain, pass: |by| if is_still { server.advance(by) } else { pass(by) } };
        let open = || Cachify::builder().redis(way.url(&server.url()));
        run(testing::backend(open, "app:", &time)).unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
        testing::backend_blocking(open, "app:", &time).unwrap_or_else(|e| panic!("{way:?}, blocking: {e:?}"));
        let unscripted = server.calls();
        assert!(unscripted["set"] > 100 && !unscripted.contains_key("publish"), "{way:?}: {unscripted:?}");
    }
}

#[test]
fn that_there_are_no_scripts_is_told_once_and_by_whoever_is_asked() {
    for way in WAYS {
        let (server, told) = (way.start(), Told::default());
        let c = way.over(&server).observer(told.clone()).build().unwrap();
        assert_eq!(*told.0.lock().unwrap(), 0, "not before anything is known");
        c.ping_blocking().unwrap();
        run(async {
            c.ping().await.unwrap();
            let health = c.about().await;
            assert!(health.is_well() && !health.nodes[0].found.as_ref().unwrap().scripts, "{health:?}");
        });
        assert_eq!(*told.0.lock().unwrap(), 1, "{way:?}");
    }
    let (server, told) = (Server::start(Engine::Valkey9), Told::default());
    let c = patient(server.url()).observer(told.clone()).build().unwrap();
    assert!(c.about_blocking().nodes[0].found.as_ref().unwrap().scripts);
    assert_eq!(*told.0.lock().unwrap(), 0, "it has Lua");
}

#[test]
fn whoever_comes_first_finds_it_out() {
    for way in WAYS {
        let server = way.start();
        let fresh = || way.over(&server).build().unwrap();
        for wait in [0, 5] {
            let c = fresh();
            let guard = c.lock("k").wait(secs(wait)).acquire_blocking().unwrap();
            assert_eq!(guard.release(), Ok(Holding::Held));
            run(async {
                let c = fresh();
                let guard = c.lock("k").wait(secs(wait)).acquire().await.unwrap();
                assert_eq!(guard.release().await, Ok(Holding::Held));
                assert_eq!(fresh().cache("c").get_or_insert(async { 7_u8 }).await, 7);
                drop(fresh().pool("p", 1).wait(secs(wait)).take().await.unwrap());
            });
        }
    }
}

#[test]
fn the_best_means_of_a_server_are_used() {
    for (way, means, not) in [
        (Way::Forbidden(Engine::Redis), &["watch", "exec"][..], "delifeq"),
        (Way::Forbidden(Engine::Valkey), &["watch", "exec"], "delifeq"),
        (Way::Unloaded, &["delifeq"], "watch"),
    ] {
        let server = way.start();
        let c = way.over(&server).build().unwrap();
        c.ping_blocking().unwrap();
        for round in 0..2 {
            server.reset_stats();
            c.lock("k").ttl(secs(60)).acquire_blocking().unwrap().release().unwrap();
            c.pool("p", 2).ttl(secs(60)).take_blocking().unwrap().release().unwrap();
            let calls = server.calls();
            assert!(means.iter().all(|means| calls.contains_key(*means)), "{way:?}: {calls:?}");
            assert!(round == 0 || !calls.contains_key(not), "what it lacks is asked for once: {way:?}: {calls:?}");
        }
    }
}

#[test]
fn eight_processes_share_a_server_without_scripts() {
    for way in WAYS {
        let server = Server::of(match way {
            Way::Forbidden(engine) => engine,
            Way::Unloaded => Engine::Valkey9,
        });
        // the processes have a prefix of their own
        let server = server.option("enable-module-command", "yes").user(&list().replace("~app:*", "~t:*")).start();
        way.take_away(&server);
        let report = mixed::work(&way.url(&server.url()), 8, 3_000, || {});
        report.judge(&format!("{way:?}"));
        assert!(report.failed.is_empty(), "{:?}", &report.failed[..1]);
        assert_eq!((report.overlaps(), report.disorder()), (0, 0));
        assert_eq!((report.double_runs(), report.double_loads()), (0, 0));
    }
}

#[test]
fn what_is_held_is_renewed_and_what_is_dropped_given_back() {
    for way in WAYS {
        let server = way.start();
        let (a, b) = (way.over(&server).build().unwrap(), way.over(&server).build().unwrap());
        let held = a.lock("k").ttl(secs(1)).acquire_blocking().unwrap();
        let permit = a.pool("p", 1).ttl(secs(1)).take_blocking().unwrap();
        pass(millis(2_500));
        assert!(held.is_valid() && permit.is_valid());
        assert!(matches!(b.lock("k").acquire_blocking().map(drop), Err(Refused::Busy { .. })));
        assert!(matches!(b.pool("p", 1).take_blocking().map(drop), Err(Refused::Full { .. })));
        run(async {
            drop((held, permit));
            assert!(b.pool("p", 1).wait(secs(9)).take().await.is_ok());
            let lock = b.lock("k").ttl(secs(60)).wait(secs(9)).acquire().await.unwrap();
            let waiter = tokio::spawn({
                let lock = a.lock("k").wait(secs(9));
                async move { lock.acquire().await.map(|guard| guard.fence()) }
            });
            tokio::time::sleep(millis(300)).await;
            let fence = lock.fence();
            drop(lock);
            assert!(waiter.await.unwrap().unwrap() > fence);
        });
    }
}

#[test]
fn connections_that_were_closed_at_rest_are_noticed_by_nobody() {
    for way in WAYS {
        let server = way.start();
        let c = way.over(&server).build().unwrap();
        let held = c.lock("held").ttl(secs(60)).acquire_blocking().unwrap();
        for n in 0..10 {
            server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
            match n % 3 {
                0 => drop(c.lock("k").acquire_blocking().unwrap()),
                1 => assert_eq!(c.cache(n).get_or_insert_blocking(|| n), n),
                _ => c.pool("p", 1).take_blocking().unwrap().release().map(drop).unwrap(),
            }
        }
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(held.release(), Ok(Holding::Held));
    }
}

/// A connection that breaks after the server did what it was asked, and before it said so.
#[test]
fn what_was_done_and_not_answered_is_found_done() {
    for way in WAYS {
        let server = way.start();
        let proxy = Proxy::to(server.port());
        let c = patient(way.url(&server.url_at(proxy.port()))).prefix("app").build().unwrap();
        let is_held = || matches!(server.command(&["GET", "app:l:{k}"]), Reply::Text(record) if record[1] == 2);
        for _ in 0..3 {
            proxy.delay(Direction::ToClient, millis(150));
            std::thread::scope(|scope| {
                let asked = scope.spawn(|| c.lock("k").ttl(secs(60)).acquire_blocking());
                until_blocking(is_held);
                proxy.cut();
                proxy.heal();
                let guard = asked.join().unwrap().unwrap();
                proxy.delay(Direction::ToClient, millis(150));
                let given_back = scope.spawn(|| guard.release());
                until_blocking(|| !is_held());
                proxy.cut();
                proxy.heal();
                assert_eq!(given_back.join().unwrap(), Ok(Holding::Held));
            });
        }
    }
}

#[test]
fn both_ways_on_one_server_refuse_each_other() {
    let way = Way::Forbidden(Engine::Redis);
    let server = way.start();
    let (scripted, not) = (patient(server.url()).prefix("app").build().unwrap(), way.over(&server).build().unwrap());
    for (one, other) in [(&scripted, &not), (&not, &scripted)] {
        let lock = one.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
        let permit = one.pool("p", 1).ttl(secs(60)).take_blocking().unwrap();
        one.once("o").ttl(secs(60)).keep(secs(60)).run_blocking(|_| ()).unwrap();
        let refused = [
            other.lock("k").acquire_blocking().map(drop).is_err(),
            other.pool("p", 1).take_blocking().map(drop).is_err(),
            other.pool("p", 9).take_blocking().map(drop).is_err(),
            other.once("o").begin_blocking().is_err(),
        ];
        assert_eq!(refused, [true; 4]);
        assert_eq!(one.cache("c").get_or_insert_blocking(|| 1_u8), 1);
        assert_eq!(other.cache("c").get_or_insert_blocking(|| 2_u8), 2);
        drop((lock, permit));
        assert_eq!(server.command(&["FLUSHALL"]), "OK".into());
    }
}

#[test]
fn scripts_that_are_taken_away_are_said_to_be() {
    let server = Server::of(Engine::Valkey9).option("enable-module-command", "yes").start();
    let c = patient(server.url()).build().unwrap();
    c.lock("k").acquire_blocking().unwrap().release().unwrap();
    Way::Unloaded.take_away(&server);
    for why in [c.ping_blocking().unwrap_err(), run(c.ping()).unwrap_err()] {
        assert!(matches!(why, Error::Store(Cause::Rejected { why, .. }) if why.contains("no scripts")), "{why:?}");
    }
    patient(server.url()).build().unwrap().ping_blocking().unwrap();
}
