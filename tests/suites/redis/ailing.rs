//! Clusters that ail: nodes that stand still, know nothing, or do not agree; and what else was found by a second reading.

use super::world::{millis, pass, patient, run, timed, until_blocking};
use cachify::{Cachify, Cause, Holding, Refused, secs};
use cachify_tests::{
    resp::Reply,
    server::{Cluster, Engine, Server},
};

fn over(cluster: &Cluster) -> Cachify {
    patient(cluster.url()).build().unwrap()
}

/// How often a node was asked that, refused or not.
fn asked(node: &Server, command: &str) -> u64 {
    let Reply::Text(info) = node.command(&["INFO", "commandstats"]) else { panic!("INFO answers with text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).unwrap_or_default();
    let figure = |name: &str| {
        let figure = line.split([':', ',']).find_map(|part| part.strip_prefix(name));
        figure.and_then(|figure| figure.parse::<u64>().ok()).unwrap_or_default()
    };
    figure("calls=") + figure("rejected_calls=")
}

fn waits(node: &Server, line: &str) {
    until_blocking(|| node.command(&["ZCARD", line]) == Reply::Int(1));
}

/// A waiter of `b` is told of what `a` gives back: nobody polls.
fn is_told(a: &Cachify, b: &Cachify, node: &Server, line: &str) {
    let held = a.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| b.lock("k").wait(secs(50)).acquire_blocking().unwrap().release());
        waits(node, line);
        let (released, took) = timed(|| (held.release(), waiter.join().unwrap()));
        assert_eq!(released, (Ok(Holding::Held), Ok(Holding::Held)));
        assert!(took < secs(10), "{took:?}");
    });
}

#[test]
fn a_brace_in_a_prefix_is_no_slot() {
    let single = Server::start(Engine::Redis);
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    for (prefix, spelled) in [("a{b", "a%(b"), ("{a}", "%(a%)")] {
        let line = format!("{spelled}:l:{{k}}:q");
        let at = |url: String| patient(url).prefix(prefix).poll(secs(60)).build().unwrap();
        is_told(&at(single.url()), &at(single.url()), &single, &line);
        is_told(&at(cluster.url()), &at(cluster.url()), cluster.node_of(&line), &line);
    }
}

#[test]
fn what_was_dropped_after_a_move_is_given_back_also_at_the_end() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let (name, b) = ("t:l:{k}", over(&cluster));
    let (slot, from) = (cluster.slot(name), cluster.owner(name));
    run(async {
        let a = over(&cluster);
        let held = a.lock("k").ttl(secs(60)).acquire().await.unwrap();
        cluster.move_slot(slot, from, cluster.another_than(from));
        drop((held, a));
    });
    let (next, took) = timed(|| b.lock("k").wait(secs(50)).acquire_blocking().unwrap());
    assert!(took < secs(20), "until its lease would have ended: {took:?}");
    assert_eq!(next.release(), Ok(Holding::Held));
}

#[test]
fn a_node_that_serves_nothing_makes_nobody_forget_who_does() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let lone = Server::of(Engine::Redis).option("cluster-enabled", "yes").start();
    let url = cluster.url().replace("cluster://", &format!("cluster://127.0.0.1:{},", lone.port()));
    for n in 0..10 {
        let c = patient(url.as_str()).build().unwrap();
        c.lock(n).acquire_blocking().unwrap().release().unwrap();
    }
    let (name, c) = ("t:l:{k}", patient(url.as_str()).build().unwrap());
    let mut owner = cluster.owner(name);
    for _ in 0..5 {
        let to = cluster.another_than(owner);
        cluster.move_slot(cluster.slot(name), owner, to);
        owner = to;
        for n in 0..5 {
            c.lock(n).acquire_blocking().unwrap().release().unwrap();
            c.lock("k").acquire_blocking().unwrap().release().unwrap();
        }
    }
}

#[test]
fn nodes_that_do_not_agree_are_asked_now_and_then() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let name = "t:l:{k}";
    let (a, b) = (over(&cluster), patient(cluster.url()).poll(secs(60)).build().unwrap());
    let (slot, from) = (cluster.slot(name), cluster.owner(name));
    let to = cluster.another_than(from);
    let held = a.lock("k").ttl(secs(1)).acquire_blocking().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| b.lock("k").wait(secs(5)).acquire_blocking().map(drop));
        waits(&cluster.nodes[from], "t:l:{k}:q");
        cluster.nodes[from].command(&["DEL", "t:l:{k}", "t:l:{k}:q"]);
        cluster.believe(from, slot, to);
        pass(secs(1));
        cluster.nodes.iter().for_each(Server::reset_stats);
        pass(secs(2));
        for node in [from, to] {
            let node = &cluster.nodes[node];
            let (subscriptions, questions) = (asked(node, "ssubscribe"), asked(node, "cluster|slots"));
            assert!(subscriptions < 100 && questions < 50, "{subscriptions} {questions}");
        }
    });
    drop(held);
}

#[test]
fn a_slot_that_nobody_serves_is_asked_for_ever_more_rarely() {
    let options = || Server::of(Engine::Redis).option("cluster-require-full-coverage", "no");
    let cluster = Cluster::with(3, 0, options);
    let (name, c) = ("t:l:{k}", over(&cluster));
    // its slot is listened for from now on
    is_told(&over(&cluster), &c, cluster.node_of(name), "t:l:{k}:q");
    for node in &cluster.nodes {
        node.command(&["CLUSTER", "DELSLOTS", &cluster.slot(name).to_string()]);
    }
    assert!(matches!(
        c.lock("k").acquire_blocking().map(drop),
        Err(Refused::Unavailable { cause: Cause::NotNow(_), .. })
    ));
    pass(secs(2));
    cluster.nodes.iter().for_each(Server::reset_stats);
    pass(secs(3));
    let questions: u64 = cluster.nodes.iter().map(|node| asked(node, "cluster|slots")).sum();
    assert!(questions <= 30, "{questions} questions of nobody in 3 s");
}

/// A command that lands after its sender gave up must say so to the node, also to one that was never met.
#[test]
fn a_node_that_was_never_met_is_told_until_when() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let name = "t:l:{k}";
    let (slot, from) = (cluster.slot(name), cluster.owner(name));
    let to = cluster.another_than(from);
    let held = over(&cluster).lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    cluster.nodes[from].command(&["ZADD", "t:l:{k}:q", "1", "rubbish"]);
    cluster.begin_move(slot, from, to);
    while cluster.move_keys(slot, from, to, 10) > 0 {}
    let target = &cluster.nodes[to];
    target.command(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    for _ in 0..2 {
        target.command(&["SLOWLOG", "RESET"]);
        let c = patient(format!("redis+cluster://127.0.0.1:{}", cluster.nodes[from].port()));
        let c = c.build().unwrap();
        let refused = run(async { c.lock("k").acquire().await.map(drop) });
        assert!(matches!(refused, Err(Refused::Busy { .. })), "{refused:?}");
        let Reply::List(log) = target.command(&["SLOWLOG", "GET", "100"]) else { panic!("a log is a list") };
        let asked = log.iter().filter_map(|entry| {
            let Reply::List(fields) = entry else { return None };
            let Some(Reply::List(words)) = fields.get(3) else { return None };
            // EVALSHA, digest, 2, two keys, token, ttl, not after
            let is_ours = words.first().is_some_and(|word| *word == "EVALSHA".into() || *word == "EVAL".into());
            // a greeting asks for a script that does nothing
            is_ours.then(|| words.get(7).cloned()).flatten()
        });
        let asked: Vec<_> = asked.collect();
        assert!(!asked.is_empty() && asked.iter().all(|until| *until != "0".into()), "{asked:?}");
    }
    drop(held);
}

#[test]
fn a_call_waits_for_a_slot_that_moves_as_long_as_it_may() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let name = "t:l:{k}";
    let (slot, from) = (cluster.slot(name), cluster.owner(name));
    let to = cluster.another_than(from);
    let c = patient(cluster.url()).op_timeout(secs(2)).build().unwrap();
    let held = over(&cluster).lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    cluster.begin_move(slot, from, to);
    // the lease lies on one node, and its line on none
    while cluster.move_keys(slot, from, to, 10) > 0 {}
    let (refused, took) = timed(|| c.lock("k").acquire_blocking().map(drop));
    assert!(matches!(refused, Err(Refused::Unavailable { cause: Cause::NotNow(_), .. })), "{refused:?}");
    assert!(took >= millis(1_500), "it gave up early: {took:?}");
    cluster.end_move(slot, from, to);
    assert_eq!(held.release(), Ok(Holding::Held));
}

#[test]
fn a_master_that_stands_still_costs_no_lease_of_the_others() {
    let options = || Server::of(Engine::Redis).option("cluster-require-full-coverage", "no");
    let cluster = Cluster::with(3, 0, options);
    let c = Cachify::builder().redis(cluster.url()).prefix("t").build().unwrap();
    let names: Vec<_> = (0..30).map(|n| format!("k{n}")).collect();
    let acquire = |name: &String| c.lock(name.as_str()).ttl(secs(6)).acquire_blocking().unwrap();
    let held: Vec<_> = names.iter().map(|name| (cluster.owner(&format!("t:l:{{{name}}}")), acquire(name))).collect();
    assert!(held.iter().any(|(owner, _)| *owner == 0) && held.iter().any(|(owner, _)| *owner != 0));
    cluster.nodes[0].pause();
    // twice their lease: each was renewed meanwhile
    for _ in 0..24 {
        pass(millis(500));
        let lost = held.iter().filter(|(owner, guard)| *owner != 0 && !guard.is_valid()).count();
        assert_eq!(lost, 0, "on nodes that answer");
    }
    cluster.nodes[0].resume();
}

#[test]
fn a_waiter_at_a_master_that_stands_still_goes_on_at_the_next_one() {
    for is_busy in [false, true] {
        let cluster = Cluster::start(Engine::Redis, 3, 1);
        let (a, b) = (over(&cluster), patient(cluster.url()).poll(secs(20)).op_timeout(secs(1)).build().unwrap());
        let name = "t:l:{k}";
        let owner = cluster.owner(name);
        let other =
            (0..200).map(|n| format!("o{n}")).find(|n| cluster.owner(&format!("t:l:{{{n}}}")) == owner).unwrap();
        let _held = a.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.lock("k").wait(secs(80)).acquire_blocking().unwrap().release());
            waits(&cluster.nodes[owner], "t:l:{k}:q");
            cluster.catch_up(owner);
            cluster.nodes[owner].pause();
            until_blocking(|| cluster.owner(name) != owner);
            // as if given back there while nobody listens
            until_blocking(|| matches!(cluster.node_of(name).command(&["DEL", name, "t:l:{k}:q"]), Reply::Int(1..)));
            if is_busy {
                let _ = b.lock(other.as_str()).acquire_blocking();
            }
            assert_eq!(waiter.join().unwrap(), Ok(Holding::Held));
            cluster.nodes[owner].resume();
        });
    }
}

#[test]
fn a_channel_that_was_forbidden_is_heard_once_it_is_allowed() {
    let server = Server::of(Engine::Redis).user("app on >pw ~* resetchannels +@all").start();
    let url = server.url().replace("redis://", "redis://app:pw@");
    let (a, b) = (patient(server.url()).build().unwrap(), patient(url).poll(secs(60)).build().unwrap());
    let held = a.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| b.lock("k").wait(secs(50)).acquire_blocking().unwrap().release());
        waits(&server, "t:l:{k}:q");
        assert_eq!(server.command(&["PUBSUB", "CHANNELS"]), Reply::List(Vec::new()));
        server.command(&["ACL", "SETUSER", "app", "allchannels"]);
        until_blocking(|| server.command(&["PUBSUB", "CHANNELS"]) != Reply::List(Vec::new()));
        held.release().unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(Holding::Held));
    });
}
