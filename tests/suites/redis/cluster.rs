//! A cluster: the same words as of one server, wherever a key lies; slots that move, and masters that die.

use super::{
    mixed,
    world::{millis, pass, patient, run, until, until_blocking},
};
use cachify::{Cachify, Holding, secs};
use cachify_core::testing::conformance;
use cachify_tests::server::{Cluster, Engine};

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
                until(|| node.command(&["ZCARD", &line]) == cachify_tests::resp::Reply::Int(1)).await;
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
    assert!(held.iter().all(|guard| guard.is_valid()));
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
            until(|| cluster.node_of(name).command(&["ZCARD", &line]) == cachify_tests::resp::Reply::Int(1)).await;
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
            until_blocking(|| cluster.nodes[owner].command(&["ZCARD", line]) == cachify_tests::resp::Reply::Int(1));
            cluster.nodes[owner].kill();
            // what the replica knows may be older than the grant: then it ends by itself
            let fence = held.fence();
            drop(held);
            let next = waiter.join().unwrap();
            assert!(next.fence() > fence);
        });
        assert_ne!(cluster.owner("t:l:{k}"), owner);
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
        assert_eq!((report.overlaps(), report.double_runs(), report.double_loads()), (0, 0, 0));
    }
}
