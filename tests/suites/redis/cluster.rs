//! A cluster: the same words as of one server, wherever a key lies; slots that move, and masters that die.

use super::{
    mixed,
    world::{millis, pass, patient, run, timed, until, until_blocking, why},
};
use cachify::{Cachify, Cause, Error, Holding, ReadFrom, Refused, secs};
use cachify_core::testing::conformance;
use cachify_tests::{
    resp::Reply,
    server::{Cluster, Engine, Server},
};
use std::cell::Cell;

/// An instance on a cluster, as one process would have it.
fn over(cluster: &Cluster) -> Cachify {
    patient(cluster.url()).build().unwrap()
}

/// Some names of locks that lie on at least two masters.
fn scattered(cluster: &Cluster) -> Vec<String> {
    let names: Vec<_> = (0..8).map(|n| format!("k{n}")).collect();
    let mut owners: Vec<_> = names.iter().map(|name| cluster.owner(&format!("t:l:{{{name}}}"))).collect();
    owners.sort_unstable();
    owners.dedup();
    assert!(owners.len() >= 2, "all lie on one node");
    names
}

#[test]
fn a_cluster_conforms_for_tasks_and_threads() {
    for engine in Engine::ALL {
        // nodes whose clocks stand still do not meet
        let cluster = Cluster::start(engine, 3, 0);
        let advance = |by| pass(by);
        run(conformance::all(over(&cluster), &advance, ["a".to_owned(), "b".to_owned()])).unwrap();
        conformance::all_blocking(over(&cluster), &advance, [1_u64, 2]).unwrap();
    }
}

#[test]
fn locks_values_and_waiters_live_on_every_node() {
    for engine in Engine::ALL {
        let cluster = Cluster::start(engine, 3, 0);
        let (a, b) = (over(&cluster), patient(cluster.url()).poll(secs(60)).build().unwrap());
        run(async {
            for name in scattered(&cluster) {
                let held = a.lock(name.as_str()).acquire().await.unwrap();
                let waiter = tokio::spawn({
                    let lock = b.lock(name.as_str()).wait(secs(30));
                    async move { lock.acquire().await.unwrap().release().await }
                });
                let line = format!("t:l:{{{name}}}:q");
                let node = cluster.node_of(&line);
                until(|| node.command(&["ZCARD", &line]) == Reply::Int(1)).await;
                held.release().await.unwrap();
                // by a message, for nobody polls
                assert_eq!(waiter.await.unwrap(), Ok(Holding::Held));
                let value: u64 = a.cache(name.as_str()).get_or_insert(async { 7 }).await;
                assert_eq!((value, b.cache(name.as_str()).get().await), (7, Ok(Some(7_u64))));
            }
        });
    }
}

#[test]
fn many_guards_are_renewed_and_given_back_wherever_they_lie() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let (a, b) = (over(&cluster), over(&cluster));
    let names = scattered(&cluster);
    let acquire = |name: &String| a.lock(name.as_str()).ttl(secs(1)).acquire_blocking().unwrap();
    let held: Vec<_> = names.iter().map(acquire).collect();
    pass(millis(2_500));
    assert!(held.iter().all(cachify::BlockingLockGuard::is_valid));
    drop(held);
    run(async {
        for name in &names {
            let again = b.lock(name.as_str()).wait(secs(30)).acquire().await.unwrap();
            again.release().await.unwrap();
        }
    });
}

#[test]
fn a_slot_that_moves_loses_nothing() {
    for engine in Engine::ALL {
        let cluster = Cluster::start(engine, 3, 0);
        let (a, b) = (over(&cluster), patient(cluster.url()).poll(secs(60)).build().unwrap());
        let name = "t:l:{k}";
        let (slot, from) = (cluster.slot(name), cluster.owner(name));
        let to = cluster.another_than(from);
        run(async {
            let held = a.lock("k").ttl(secs(2)).acquire().await.unwrap();
            let _: u64 = a.cache("k").get_or_insert(async { 7 }).await;
            let waiter = tokio::spawn({
                let lock = b.lock("k").wait(secs(30));
                async move { lock.acquire().await.map(|guard| guard.fence()) }
            });
            let line = format!("{name}:q");
            until(|| cluster.node_of(name).command(&["ZCARD", &line]) == Reply::Int(1)).await;
            cluster.begin_move(slot, from, to);
            // with the records of one key on both nodes, longer than the lease
            cluster.move_keys(slot, from, to, 1);
            tokio::time::sleep(secs(3)).await;
            assert!(held.is_valid(), "renewed on its way");
            cluster.end_move(slot, from, to);
            assert_eq!(a.cache("k").get().await, Ok(Some(7_u64)));
            let fence = held.fence();
            assert_eq!(held.release().await, Ok(Holding::Held));
            assert!(waiter.await.unwrap().unwrap() > fence);
        });
    }
}

#[test]
fn a_master_that_dies_is_followed_by_its_replica() {
    for engine in Engine::ALL {
        let mut cluster = Cluster::start(engine, 3, 1);
        let (a, b) = (over(&cluster), over(&cluster));
        let owner = cluster.owner("t:l:{k}");
        let held = a.lock("k").ttl(secs(2)).acquire_blocking().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.lock("k").wait(secs(60)).acquire_blocking().unwrap());
            let line = "t:l:{k}:q";
            until_blocking(|| cluster.nodes[owner].command(&["ZCARD", line]) == Reply::Int(1));
            cluster.nodes[owner].kill();
            // what the replica knows may be older than the grant: then it ends by itself
            let fence = held.fence();
            drop(held);
            let next = waiter.join().unwrap();
            assert!(next.fence() > fence);
        });
        // the others hear of it after the clients do
        until_blocking(|| cluster.owner("t:l:{k}") != owner);
    }
}

#[test]
fn mixed_work_of_eight_processes_notices_no_slot_that_moves() {
    for engine in Engine::ALL {
        let cluster = Cluster::start(engine, 3, 0);
        // the lock, the pool and the value of one key lie together
        let name = "t:l:{k:0}";
        let (slot, home) = (cluster.slot(name), cluster.owner(name));
        let away = cluster.another_than(home);
        let report = mixed::work(&cluster.url(), 8, 4_000, || {
            for _ in 0..4 {
                pass(millis(400));
                assert!(cluster.move_slot(slot, home, away) > 2, "a lock, a pool and a value lie there");
                pass(millis(400));
                cluster.move_slot(slot, away, home);
            }
        });
        report.judge(&format!("{engine:?}"));
        assert_eq!(report.failed, Vec::<String>::new());
        assert_eq!((report.overlaps(), report.disorder()), (0, 0));
        assert_eq!((report.double_runs(), report.double_loads()), (0, 0));
    }
}

#[test]
fn values_are_read_at_replicas_where_that_is_wished_and_at_masters_when_none_answers() {
    for engine in Engine::ALL {
        let mut cluster = Cluster::start(engine, 3, 1);
        let c = patient(cluster.url()).read_from(ReadFrom::Replicas).build().unwrap();
        let name = "t:c:{k}";
        let master = cluster.owner(name);
        let replica = master + 3;
        let value = c.cache("k").ttl(secs(600));
        assert_eq!(value.get_or_insert_blocking(|| 7_u64), 7);
        let has_it = || {
            let mut client = cluster.nodes[replica].connect().unwrap();
            client.ask(&["READONLY"]).unwrap();
            client.ask(&["EXISTS", name]).unwrap() == Reply::Int(1)
        };
        until_blocking(has_it);
        // nodes tell of a replica once they have heard of it, and are asked now and then
        until_blocking(|| {
            let before = cluster.nodes[replica].commandstats("get");
            value.get_blocking::<u64>().unwrap();
            cluster.nodes[replica].commandstats("get") > before
        });
        cluster.nodes.iter().for_each(Server::reset_stats);
        for _ in 0..10 {
            assert_eq!(value.get_blocking(), Ok(Some(7_u64)));
            assert_eq!(run(value.get_or_insert(async { 8_u64 })), 7);
        }
        assert_eq!((cluster.nodes[replica].commandstats("get"), cluster.nodes[master].commandstats("get")), (20, 0));
        // leases are asked for at masters only
        c.lock("k").acquire_blocking().unwrap().release().unwrap();
        assert_eq!(cluster.nodes[replica].commandstats("evalsha"), 0);
        cluster.nodes[replica].kill();
        assert_eq!(value.get_blocking(), Ok(Some(7_u64)));
        assert_eq!(run(value.get()), Ok(Some(7_u64)));
    }
}

#[test]
fn nodes_of_different_kinds_and_versions_are_one_cluster() {
    let kinds = [Engine::Redis, Engine::Valkey, Engine::Valkey9];
    let next = Cell::new(0);
    let cluster = Cluster::with(3, 0, || {
        let at = next.replace(next.get() + 1);
        Server::of(kinds[at % kinds.len()]).option("enable-module-command", "yes")
    });
    let (a, b) = (over(&cluster), over(&cluster));
    for name in scattered(&cluster) {
        let held = a.lock(name.as_str()).acquire_blocking().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.lock(name.as_str()).wait(secs(30)).acquire_blocking().unwrap().release());
            let line = format!("t:l:{{{name}}}:q");
            until_blocking(|| cluster.node_of(&line).command(&["ZCARD", &line]) == Reply::Int(1));
            held.release().unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(Holding::Held));
        });
    }
    // one that loses its scripts says so, and keeps nobody from the others
    cluster.nodes[2].command(&["MODULE", "UNLOAD", "lua"]);
    for name in scattered(&cluster) {
        let is_there = cluster.owner(&format!("t:l:{{{name}}}")) == 2;
        match a.lock(name.as_str()).acquire_blocking() {
            Ok(guard) => drop(guard.release()),
            Err(Refused::Unavailable { cause: Cause::Rejected { why, .. }, .. }) if is_there => {
                assert!(why.contains("runs no scripts"), "{why}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_url_of_the_wrong_kind_is_told_the_right_one() {
    for engine in Engine::ALL {
        let single = Server::start(engine);
        let url = single.url().replace("redis://", "redis+cluster://");
        assert_eq!(why(&url), "the server is no node of a cluster: its URL is `redis://..`");
        let cluster = Cluster::start(engine, 3, 0);
        let stranger = cluster.another_than(cluster.owner("cachify:l:{ping}"));
        let url = cluster.nodes[stranger].url();
        assert_eq!(why(&url), "the server is a node of a cluster: its URL is `redis+cluster://..`");
    }
}

#[test]
fn a_slot_that_nobody_serves_refuses_at_once_or_is_waited_for() {
    for engine in Engine::ALL {
        let options = || Server::of(engine).option("cluster-require-full-coverage", "no");
        let cluster = Cluster::with(3, 0, options);
        let c = over(&cluster);
        let name = "t:l:{k}";
        let (slot, owner) = (cluster.slot(name).to_string(), cluster.owner(name));
        c.lock("k").acquire_blocking().unwrap().release().unwrap();
        for node in &cluster.nodes {
            node.command(&["CLUSTER", "DELSLOTS", &slot]);
        }
        for refused in [c.lock("k").acquire_blocking().map(drop), run(c.lock("k").acquire()).map(drop)] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Refused::Unavailable { cause: Cause::NotNow(_), .. }), "{refused:?}");
        }
        // others are served, and a cached call computes
        assert_eq!(run(c.cache("k").get_or_insert(async { 7_u64 })), 7);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| c.lock("k").wait(secs(30)).acquire_blocking().unwrap().release());
            pass(millis(300));
            assert_eq!(cluster.nodes[owner].command(&["CLUSTER", "ADDSLOTS", &slot]), "OK".into());
            assert_eq!(waiter.join().unwrap(), Ok(Holding::Held));
        });
    }
}

#[test]
fn a_cluster_that_is_gone_is_unreached_within_the_limit_and_found_when_it_is_back() {
    let mut cluster = Cluster::start(Engine::Redis, 3, 0);
    let c = Cachify::builder().redis(cluster.url()).prefix("t").op_timeout(secs(1)).build().unwrap();
    cluster.nodes.iter_mut().for_each(Server::kill);
    for first in [true, false] {
        let (failed, took) = timed(|| (c.ping_blocking(), run(c.ping())));
        assert_eq!(failed, (Err(Error::Store(Cause::Unreachable)), Err(Error::Store(Cause::Unreachable))));
        assert!(took < secs(4), "{first} {took:?}");
    }
    cluster.nodes.iter_mut().for_each(Server::restart);
    let guard = c.lock("k").wait(secs(30)).acquire_blocking().unwrap();
    assert_eq!(guard.release(), Ok(Holding::Held));
}

#[test]
fn the_access_list_of_the_documentation_is_enough_for_a_cluster() {
    let list = super::connecting::documented() + " " + &super::connecting::documented_of("cluster");
    for engine in Engine::ALL {
        let cluster = Cluster::with(3, 0, || Server::of(engine).user(&list));
        let url = cluster.url().replace("cluster://", "cluster://app:password@");
        let at = || patient(url.as_str()).prefix("app").poll(secs(60)).build().unwrap();
        let (a, b) = (at(), at());
        for name in ["k1", "k2", "k3", "k4"] {
            let held = a.lock(name).acquire_blocking().unwrap();
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| b.lock(name).wait(secs(30)).acquire_blocking().unwrap().release());
                let line = format!("app:l:{{{name}}}:q");
                until_blocking(|| cluster.node_of(&line).command(&["ZCARD", &line]) == Reply::Int(1));
                held.release().unwrap();
                assert_eq!(waiter.join().unwrap(), Ok(Holding::Held));
            });
            let value = a.cache(name);
            assert_eq!((value.get_or_insert_blocking(|| 7_u64), value.reset_blocking()), (7, Ok(true)));
        }
        let name = "app:l:{k1}";
        let (slot, owner) = (cluster.slot(name), cluster.owner(name));
        let held = a.lock("k1").acquire_blocking().unwrap();
        a.cache("k1").get_or_insert_blocking(|| 7_u64);
        cluster.begin_move(slot, owner, cluster.another_than(owner));
        cluster.move_keys(slot, owner, cluster.another_than(owner), 100);
        assert_eq!(b.cache("k1").get_blocking(), Ok(Some(7_u64)), "asked for where it is");
        assert_eq!(run(b.cache("k1").get()), Ok(Some(7_u64)));
        cluster.end_move(slot, owner, cluster.another_than(owner));
        assert_eq!(held.release(), Ok(Holding::Held));
    }
}

#[test]
fn a_health_page_tells_well_from_degraded_and_down() {
    for engine in Engine::ALL {
        let mut cluster = Cluster::with(3, 0, || Server::of(engine).option("cluster-require-full-coverage", "no"));
        let c = Cachify::builder().redis(cluster.url()).op_timeout(secs(3)).build().unwrap();
        for health in [c.about_blocking(), run(c.about())] {
            assert!(health.is_well() && health.kept_in == "cluster" && health.nodes.len() == 3, "{health:?}");
            for node in health.nodes {
                let found = node.found.unwrap();
                let kind = if engine == Engine::Redis { "redis" } else { "valkey" };
                assert_eq!((found.kind.as_deref(), found.role), (Some(kind), Some("master")));
                assert!(found.version.is_some() && found.scripts && found.policy.as_deref() == Some("noeviction"));
                assert!(found.ahead_millis.abs() < 10_000, "one machine has one clock");
            }
        }
        let home = cluster.owner("cachify:l:{ping}");
        let other = cluster.another_than(home);
        cluster.nodes[other].kill();
        for health in [c.about_blocking(), run(c.about())] {
            assert!(!health.is_well() && !health.is_down(), "{health:?}");
            assert_eq!(health.nodes.iter().filter(|node| node.found.is_err()).count(), 1, "{health:?}");
        }
        cluster.nodes.iter_mut().for_each(Server::kill);
        for health in [c.about_blocking(), run(c.about())] {
            assert!(health.is_down() && health.nodes.iter().all(|node| node.found.is_err()), "{health:?}");
        }
    }
}
