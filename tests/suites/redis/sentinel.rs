//! Sentinel: the master of a service, whoever that is now.

use super::world::{millis, patient, run, timed, until_blocking, why};
use cachify::{Cachify, Cause, Error, Holding, ReadFrom, secs};
use cachify_tests::{
    resp::Reply,
    server::{Engine, Sentinels, Server},
};

fn over(service: &Sentinels) -> Cachify {
    patient(service.url()).build().unwrap()
}

#[test]
fn a_service_is_asked_at_its_master() {
    for engine in Engine::ALL {
        let service = Sentinels::start(engine);
        let c = over(&service);
        let held = c.lock("k").acquire_blocking().unwrap();
        assert!(service.nodes[0].is_held("t:l:{k}"));
        assert_eq!(held.release(), Ok(Holding::Held));
        run(async {
            let value: u64 = c.cache("k").get_or_insert(async { 7 }).await;
            assert_eq!((value, c.cache("k").get().await), (7, Ok(Some(7_u64))));
        });
    }
}

/// A lock that is granted on the old master and on the new one has one valid guard: the first learns of its loss when its
/// master refuses to renew it, and its fence is the smaller one.
#[test]
fn after_a_failover_everybody_goes_to_the_new_master() {
    for engine in Engine::ALL {
        let service = Sentinels::start(engine);
        let (a, b) = (over(&service), over(&service));
        let held = a.lock("k").ttl(secs(3)).acquire_blocking().unwrap();
        std::thread::scope(|scope| {
            let waiters = [
                scope.spawn(|| b.lock("k").wait(secs(60)).acquire_blocking().unwrap().fence()),
                scope.spawn(|| run(async { b.lock("k").wait(secs(60)).acquire().await.unwrap().fence() })),
            ];
            until_blocking(|| service.nodes[0].command(&["ZCARD", "t:l:{k}:q"]) == Reply::Int(2));
            service.fail_over();
            let fence = held.fence();
            // it was replicated, and is renewed there
            super::world::pass(secs(4));
            assert!(held.is_valid());
            assert_eq!(held.release(), Ok(Holding::Held));
            for waiter in waiters {
                assert!(waiter.join().unwrap() > fence);
            }
        });
        // what a task dropped is given back in the background
        until_blocking(|| !service.nodes[1].is_held("t:l:{k}"));
    }
}

#[test]
fn a_master_that_dies_is_followed_by_its_replica() {
    for engine in Engine::ALL {
        let mut service = Sentinels::start(engine);
        let c = over(&service);
        c.lock("warm").acquire_blocking().unwrap().release().unwrap();
        service.nodes[0].kill();
        let guard = c.lock("k").wait(secs(60)).acquire_blocking().unwrap();
        assert!(service.nodes[1].is_held("t:l:{k}"));
        assert_eq!(guard.release(), Ok(Holding::Held));
    }
}

#[test]
fn sentinels_that_know_no_such_service_or_are_none_say_so() {
    let service = Sentinels::start(Engine::Redis);
    assert_eq!(why(&service.url_of("other")), "the sentinels know no service of that name");
    let plain = Server::start(Engine::Redis);
    let url = format!("redis+sentinel://127.0.0.1:{}/main", plain.port());
    assert_eq!(why(&url), "the server is no sentinel: a URL of `redis+sentinel://..` names sentinels");
    let url = format!("redis://127.0.0.1:{}", service.sentinel_port());
    assert_eq!(why(&url), "the server is a sentinel: its URL is `redis+sentinel://..`");
    let nobody = Cachify::builder().redis("redis+sentinel://127.0.0.1:1/main").op_timeout(millis(500)).build().unwrap();
    let (failed, took) = timed(|| nobody.ping_blocking());
    assert_eq!(failed.unwrap_err(), Error::Store(Cause::Unreachable));
    assert!(took < secs(5), "{took:?}");
}

#[test]
fn values_are_read_at_a_replica_where_that_is_wished() {
    for engine in Engine::ALL {
        let mut service = Sentinels::start(engine);
        let c = patient(service.url()).read_from(ReadFrom::Replicas).build().unwrap();
        let value = c.cache("k").ttl(secs(600));
        assert_eq!(value.get_or_insert_blocking(|| 7_u64), 7);
        until_blocking(|| service.nodes[1].command(&["EXISTS", "t:c:{k}"]) == Reply::Int(1));
        let before = service.nodes[1].commandstats("get");
        for _ in 0..10 {
            assert_eq!(value.get_blocking(), Ok(Some(7_u64)));
            assert_eq!(run(value.get()), Ok(Some(7_u64)));
        }
        assert!(service.nodes[1].commandstats("get") >= before + 20);
        service.nodes[1].kill();
        assert_eq!(value.get_blocking(), Ok(Some(7_u64)));
    }
    let refused = patient("redis://localhost").read_from(ReadFrom::Replicas).build().unwrap_err();
    assert!(refused.to_string().contains("`read_from`"), "{refused}");
}

#[test]
fn a_sentinel_that_names_nobody_is_believed_once() {
    let service = Sentinels::with_a_stale_one(Engine::Redis);
    let c = over(&service);
    let guard = c.lock("k").wait(secs(30)).acquire_blocking().unwrap();
    assert_eq!(guard.release(), Ok(Holding::Held));
    run(async { c.lock("k").wait(secs(30)).acquire().await.unwrap().release().await }).unwrap();
}

#[test]
fn sentinels_with_a_password_of_their_own_are_told_it() {
    for engine in Engine::ALL {
        let service = Sentinels::with_password(engine, Some("sesame"));
        for builder in [
            patient(service.url()).sentinel_password("sesame"),
            patient(service.url() + "?sentinel_user=default&sentinel_password=ses%61me"),
        ] {
            let c = builder.poll(secs(60)).build().unwrap();
            let held = c.lock("k").acquire_blocking().unwrap();
            // a failover is told of, too
            service.fail_over();
            let next = c.lock("other").wait(secs(30)).acquire_blocking().unwrap();
            assert!(service.nodes[service.master()].is_held("t:l:{other}"));
            assert_eq!(next.release(), Ok(Holding::Held));
            drop(held);
        }
        for url in [service.url(), service.url() + "?sentinel_password=rhubarb"] {
            let said = why(&url);
            assert!(said.contains("password"), "{said}");
        }
    }
    let refused = patient("redis://localhost").sentinel_password("x").build().unwrap_err();
    assert!(refused.to_string().contains("`redis+sentinel://..`"), "{refused}");
}
