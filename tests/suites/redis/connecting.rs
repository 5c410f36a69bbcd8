//! Getting there: addresses, passwords, access lists, TLS. What a wrong one says is in `causes`.

use super::world::{int, millis, pass, patient, run, texts, timed, until_blocking};
use cachify::{Cachify, Cause, Error, Event, Holding, ManualClock, Observer, secs};
use cachify_tests::{
    resp::Reply,
    server::{BLESS, Engine, Server},
};
use std::{
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// Uses all four primitives on both faces.
fn works(c: &Cachify) {
    c.ping_blocking().unwrap();
    assert_eq!(c.lock("k").run_blocking(|_| 1), Ok(1));
    assert_eq!(c.cache("k").ttl(secs(9)).get_or_insert_with_blocking(|| Ok::<u8, ()>(1)), Ok(1));
    run(async {
        c.ping().await.unwrap();
        assert_eq!(c.pool("k", 1).run(async |_| 1).await, Ok(1));
        c.once("k").run(async |_| Some(1)).await.unwrap();
        let held = c.lock("w").acquire().await.unwrap();
        let waiter = c.lock("w").wait(secs(20));
        let (next, _) = tokio::join!(waiter.acquire(), async {
            tokio::time::sleep(millis(50)).await;
            held.release().await
        });
        next.unwrap().release().await.unwrap();
    });
}

/// Of a lease that is held until it has been renewed.
const LEASE: Duration = secs(3);

/// Does whatever can be asked of a server, renewals included.
pub(crate) fn does_everything(server: &Server, c: &Cachify) {
    works(c);
    // who may not listen polls, and all would seem well
    let first = c.lock("told").acquire_blocking().unwrap();
    std::thread::scope(|scope| {
        let next = scope.spawn(|| c.lock("told").wait(secs(20)).run_blocking(|_| 1));
        until_blocking(|| int(&server.command(&["ZCARD", "app:l:{told}:q"])) == 1);
        first.release().unwrap();
        assert_eq!(next.join().unwrap(), Ok(1));
    });
    assert!(server.commandstats("publish") > 0);
    let lock = c.lock("held").ttl(LEASE).acquire_blocking().unwrap();
    let permit = c.pool("held", 2).ttl(LEASE).take_blocking().unwrap();
    let turn = c.once("held").ttl(LEASE).begin_blocking().unwrap();
    let held = c.cache("held").ttl(secs(60));
    let load = || {
        pass(LEASE + secs(1));
        Ok::<u8, ()>(1)
    };
    assert_eq!(held.get_or_insert_with_blocking(load), Ok(1));
    assert_eq!(held.get_blocking::<u8>(), Ok(Some(1)), "its flight was renewed");
    assert!(lock.is_valid() && permit.is_valid() && turn.is_valid());
    assert_eq!(c.pool("held", 2).in_use_blocking(), Ok(1));
    assert_eq!(lock.release(), Ok(Holding::Held));
    assert_eq!(permit.release(), Ok(Holding::Held));
    assert_eq!(turn.fail(), Ok(Holding::Held));
    // another type's value is a miss, and a load that fails leaves nothing
    assert_eq!(held.get_or_insert_with_blocking(|| Ok::<_, ()>("x".to_owned())), Ok("x".to_owned()));
    assert_eq!(held.get_blocking::<String>(), Ok(Some("x".to_owned())));
    assert!(held.reset_blocking().unwrap());
    assert_eq!(held.get_or_insert_with_blocking(|| Err::<u8, _>(())), Err(()));
    let kept = c.once("kept").keep(secs(60));
    kept.run_blocking(|_| Some(1)).unwrap();
    assert!(kept.is_locked_blocking().unwrap() && kept.force_release_blocking().unwrap());
    let lock = c.lock("forced").acquire_blocking().unwrap();
    assert!(c.lock("forced").force_release_blocking().unwrap());
    assert_eq!(lock.release(), Ok(Holding::Lost));
}

fn at(url: &str) -> Cachify {
    patient(url).prefix("app").flight(LEASE).build().unwrap()
}

#[test]
fn a_socket_works_like_a_port() {
    let server = Server::of(Engine::Redis).unix_socket().start();
    works(&at(&format!("unix://{}", server.socket().display())));
}

#[test]
fn a_password_is_used_and_never_shown() {
    let server = Server::of(Engine::Redis).password("sesame").start();
    let wrong = server.url().replace("sesame", "rhubarb");
    works(&at(&server.url()));
    let c = at(&wrong);
    let why = [c.ping_blocking().unwrap_err(), run(async { c.ping().await.unwrap_err() })];
    for why in why {
        assert!(matches!(why, Error::Store(Cause::Rejected { why: what, .. }) if what.contains("password")), "{why:?}");
    }
    let shown = format!("{c:?} {:?} {:?}", Cachify::builder().redis(&wrong), c.lock("k").acquire_blocking().map(drop));
    assert!(!shown.contains("rhubarb") && !shown.contains("sesame"), "{shown}");
}

/// What a page of the guide adds to that.
pub(crate) fn documented_of(page: &str) -> String {
    documented_in(page).swap_remove(0).trim_start_matches("app ").to_owned()
}

/// The lists of a page of the guide, in their order.
pub(crate) fn documented_in(page: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../std-backends/guide/{page}.md"));
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("ACL SETUSER ").skip(1).map(|block| block.split_once("```").expect("a block of code").0);
    let lists: Vec<_> = blocks.map(|list| list.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(!lists.is_empty(), "the page has a list");
    lists
}

/// The user of the guide: what is missing there is missing here.
pub(crate) fn documented() -> String {
    documented_in("redis").swap_remove(0)
}

/// What that user connects to.
fn as_documented(server: &Server) -> String {
    server.url().replace("redis://", "redis://app:password@")
}

/// Such a server refuses whatever touches two slots, or a key that was not declared.
#[test]
fn every_operation_keeps_to_one_slot() {
    for engine in Engine::ALL {
        let server = Server::of(engine).option("cluster-enabled", "yes").start();
        server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        until_blocking(|| server.command(&["SET", "x", "1"]) == "OK".into());
        does_everything(&server, &at(&server.url()));
    }
}

#[test]
fn the_access_list_of_the_documentation_is_enough() {
    for engine in Engine::ALL {
        let server = Server::of(engine).user(&documented()).start();
        does_everything(&server, &at(&as_documented(&server)));
    }
}

#[test]
fn a_database_wants_what_the_documentation_says() {
    for engine in Engine::ALL {
        let select = documented() + " +select";
        let server = Server::of(engine).user(&select).start();
        works(&at(&format!("{}/1", as_documented(&server))));
        assert_eq!(int(&server.command(&["DBSIZE"])), 0, "all of it is in the other database");
        let server = Server::of(engine).user(&documented()).start();
        let c = at(&format!("{}/1", as_documented(&server)));
        for why in [c.ping_blocking().unwrap_err(), run(async { c.ping().await.unwrap_err() })] {
            assert!(
                matches!(why, Error::Store(Cause::Rejected { why: what, .. }) if what.contains("access list")),
                "{why:?}"
            );
        }
    }
}

#[test]
fn the_memory_policy_wants_what_the_documentation_says() {
    for engine in Engine::ALL {
        for (more, told) in [("", None), (" +config|get", Some("allkeys-lru"))] {
            let user = documented() + more;
            let server = Server::of(engine).user(&user).option("maxmemory-policy", "allkeys-lru").start();
            assert_eq!(at(&as_documented(&server)).ping_blocking().unwrap().evicts.as_deref(), told);
        }
    }
}

#[test]
fn an_access_list_that_lacks_something_is_said_so() {
    let server = Server::of(Engine::Redis).user("app on >pw ~other:* &* +@all").start();
    let why = at(&server.url().replace("redis://", "redis://app:pw@")).ping_blocking().unwrap_err();
    assert!(matches!(why, Error::Store(Cause::Rejected { why: what, .. }) if what.contains("access list")), "{why:?}");
}

#[test]
fn tls_works_on_both_faces() {
    let server = Server::of(Engine::Redis).tls().start();
    let root = std::fs::read(server.authority()).unwrap();
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(root) };
    let client = redis::Client::build_with_tls(server.url(), certificates).unwrap();
    works(&patient(server.url()).redis_client(client).build().unwrap());
}

#[test]
fn certificates_are_said_by_the_builder_or_by_the_url() {
    for engine in Engine::ALL {
        let server = Server::of(engine).tls().start();
        server.command(&["CONFIG", "SET", "tls-auth-clients", "yes"]);
        let [certificate, key] = server.identity();
        let authority = server.authority();
        works(&patient(server.url()).tls_authority(&authority).tls_identity(&certificate, &key).build().unwrap());
        let parameters = format!(
            "?tls_authority={}&tls_certificate={}&tls_key={}&prefix=t",
            authority.display(),
            certificate.display(),
            key.display()
        );
        works(&patient(server.url() + &parameters).build().unwrap());
        // another authority's
        let stranger = Server::of(engine).tls().start();
        let why =
            patient(server.url()).tls_authority(stranger.authority()).build().unwrap().ping_blocking().unwrap_err();
        assert!(matches!(why, Error::Store(Cause::Rejected { why, .. }) if why.contains("not trusted")), "{why:?}");
    }
    let elsewhere = Server::of(Engine::Redis).tls_of("DNS:elsewhere").start();
    let why =
        patient(elsewhere.url()).tls_authority(elsewhere.authority()).build().unwrap().ping_blocking().unwrap_err();
    assert!(matches!(why, Error::Store(Cause::Rejected { why, .. }) if why.contains("another host")), "{why:?}");
    let wrong = |builder: cachify::Builder, what: &str| {
        let why = builder.build().unwrap_err().to_string();
        assert!(why.contains(what), "{why}");
    };
    wrong(patient("redis://h").tls_authority("/nowhere"), "`rediss://");
    wrong(patient("rediss://h").tls_authority("/nowhere"), "cannot be read");
    wrong(patient("rediss://h?tls_key=/nowhere"), "together");
    wrong(patient("rediss://h").tls_authority("/dev/null"), "no PEM");
}

#[derive(Clone, Default)]
struct Policies(Arc<Mutex<Vec<String>>>);

impl Observer for Policies {
    fn event(&self, event: &Event<'_>) {
        if let Event::Evicts { policy } = event {
            self.0.lock().unwrap().push((*policy).to_owned());
        }
    }
}

#[test]
fn a_server_that_may_drop_live_leases_is_reported_once() {
    for (policy, told) in [("allkeys-lru", vec!["allkeys-lru".to_owned()]), ("noeviction", vec![])] {
        let server = Server::of(Engine::Redis).option("maxmemory-policy", policy).start();
        let policies = Policies::default();
        let c = patient(server.url()).observer(policies.clone()).build().unwrap();
        assert_eq!(c.ping_blocking().unwrap().evicts, told.first().cloned());
        run(async { c.ping().await.unwrap() });
        assert_eq!(*policies.0.lock().unwrap(), told);
    }
}

/// By a double of the command, since no server that has it can be had here.
#[test]
fn a_server_that_evicts_is_told_to_keep_what_is_held_where_it_can_be() {
    for engine in Engine::ALL {
        for (policy, is_told) in [("allkeys-lru", true), ("noeviction", false)] {
            let server = Server::of(engine).option("maxmemory-policy", policy).option("loadmodule", BLESS).start();
            let c = patient(server.url()).build().unwrap();
            let blessed = || {
                let mut all = texts(&server.command(&["SMEMBERS", "blessed"]));
                all.sort();
                assert_eq!(server.command(&["DEL", "blessed"]), Reply::Int(i64::from(!all.is_empty())));
                all
            };
            let told =
                |keys: &[&str]| if is_told { keys.iter().map(|key| (*key).to_owned()).collect() } else { vec![] };
            let lock = c.lock("k").ttl(secs(2)).acquire_blocking().unwrap();
            let permit = c.pool("p", 2).take_blocking().unwrap();
            c.once("o").keep(secs(60)).run_blocking(|_| ()).unwrap();
            assert_eq!(c.cache("v").get_or_insert_blocking(|| 7_u8), 7);
            let held = ["t:c:{v}:f", "t:l:{k}", "t:o:{o}", "t:p:{p}", "t:p:{p}:h"];
            assert_eq!(blessed(), told(&held), "and no value");
            // what is written anew is blessed anew
            until_blocking(|| !is_told || server.command(&["SCARD", "blessed"]) == Reply::Int(1));
            assert_eq!(blessed(), told(&["t:l:{k}"]));
            lock.release().unwrap();
            permit.release().unwrap();
            assert_eq!(blessed(), Vec::<String>::new(), "what is free may go");
        }
    }
}

#[test]
fn a_dead_server_is_said_long_before_the_limit() {
    let mut server = Server::start(Engine::Redis);
    let c = at(&server.url());
    server.kill();
    let (why, took) = timed(|| c.ping_blocking().unwrap_err());
    assert_eq!(why, Error::Store(Cause::Unreachable));
    assert!(took < secs(3), "{took:?}");
    let (why, took) = timed(|| run(async { c.ping().await.unwrap_err() }));
    assert_eq!(why, Error::Store(Cause::Unreachable));
    assert!(took < secs(3), "{took:?}");
}

/// A server that closes what it accepts: so does one that is full of clients, or a balancer without a server behind it.
#[test]
fn a_server_that_closes_each_connection_is_not_stormed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, accepted) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
    let count = accepted.clone();
    // ends with the test's process
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            count.fetch_add(1, SeqCst);
            drop(connection);
        }
    });
    for face in [0, 1] {
        let clock = ManualClock::new();
        clock.advance(secs(9));
        let url = format!("redis://127.0.0.1:{port}");
        let c = Cachify::builder().redis(url).clock(clock.clone()).build().unwrap();
        let calls = |many: usize| {
            let before = accepted.load(SeqCst);
            for _ in 0..many {
                match face {
                    0 => assert!(c.cache("k").get_blocking::<u32>().is_err()),
                    _ => run(async { assert!(c.cache("k").get::<u32>().await.is_err()) }),
                }
            }
            accepted.load(SeqCst) - before
        };
        let first = calls(200);
        assert!((1..=9).contains(&first), "{first} connections for 200 calls at one moment");
        assert!(calls(50) <= 1, "the pause is not over");
        for _ in 0..9 {
            clock.advance(secs(1));
            calls(9);
        }
        clock.advance(secs(1));
        let later = calls(200);
        assert!((1..=3).contains(&later), "{later} connections for 200 calls a second later");
    }
}
