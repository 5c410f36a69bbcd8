//! Servers that run no scripts, when something goes wrong: slots that move, refusals amid a transaction, servers that are
//! away, far, or still loading.

use super::{
    connecting::documented_in,
    unscripted::{Way, list},
    world::{millis, pass, patient, run, until, until_blocking},
};
use cachify::{Cachify, Holding, secs};
use cachify_tests::{
    proxy::{Direction, Proxy},
    resp::Reply,
    server::{Cluster, Engine, Server},
};

/// A cluster, and how a client connects to it that may run no script.
fn cluster(engine: Engine) -> (Cluster, Cachify, Cachify) {
    let [one, more] = documented_in("without_lua").try_into().unwrap();
    let is_forbidden = engine != Engine::Valkey9;
    let cluster = Cluster::with(3, 0, || {
        let server = Server::of(engine).user(&format!("{one} {}", more.trim_start_matches("app ")));
        if is_forbidden { server } else { server.option("enable-module-command", "yes") }
    });
    let way = if is_forbidden { Way::Forbidden(engine) } else { Way::Unloaded };
    cluster.nodes.iter().for_each(|node| way.take_away(node));
    let open = || patient(way.url(&cluster.url())).prefix("app").build().unwrap();
    let (a, b) = (open(), open());
    (cluster, a, b)
}

#[test]
fn a_cluster_without_scripts_keeps_what_is_held_while_its_slot_moves() {
    for engine in [Engine::Redis, Engine::Valkey9] {
        let (cluster, a, b) = cluster(engine);
        let name = "app:l:{k}";
        let (slot, from) = (cluster.slot(name), cluster.owner(name));
        let to = cluster.another_than(from);
        run(async {
            let held = a.lock("k").ttl(secs(4)).acquire().await.unwrap();
            assert_eq!(a.cache("k").get_or_insert(async { 7_u64 }).await, 7);
            let waiter = tokio::spawn({
                let lock = b.lock("k").wait(secs(30));
                async move { lock.acquire().await.map(|guard| guard.fence()) }
            });
            until(|| cluster.node_of(name).command(&["EXISTS", "app:l:{k}:fence"]) == Reply::Int(1)).await;
            cluster.begin_move(slot, from, to);
            cluster.move_keys(slot, from, to, 1);
            tokio::time::sleep(secs(1)).await;
            cluster.end_move(slot, from, to);
            tokio::time::sleep(secs(5)).await;
            assert!(held.is_valid(), "renewed on its way");
            assert_eq!(a.cache("k").get().await, Ok(Some(7_u64)));
            let fence = held.fence();
            assert_eq!(held.release().await, Ok(Holding::Held));
            assert!(waiter.await.unwrap().unwrap() > fence);
        });
    }
}

/// Of two keys of one pool one is absent where the slot comes from, so that its node sends the question on.
#[test]
fn a_permit_is_not_lost_while_its_slot_moves() {
    let (cluster, c, _) = cluster(Engine::Redis);
    let name = "app:p:{p}";
    let (slot, from) = (cluster.slot(name), cluster.owner(name));
    let held = c.pool("p", 2).ttl(secs(60)).take_blocking().unwrap();
    c.pool("p", 2).ttl(secs(60)).take_blocking().unwrap().release().unwrap();
    cluster.begin_move(slot, from, cluster.another_than(from));
    assert_eq!(c.pool("p", 2).in_use_blocking(), Ok(1));
    assert_eq!(held.release(), Ok(Holding::Held));
}

#[test]
fn what_is_refused_amid_a_transaction_is_not_done() {
    for forbidden in ["-multi", "-exec", "-watch", "-unwatch"] {
        let server = Server::of(Engine::Redis).user(&format!("{} {forbidden}", list())).start();
        let c = Way::Forbidden(Engine::Redis).over(&server).build().unwrap();
        let guard = c.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
        let before = server.command(&["GET", "app:l:{k}"]);
        assert!(guard.release().is_err(), "{forbidden}");
        assert_eq!(server.command(&["GET", "app:l:{k}"]), before, "{forbidden}");
        // the connection is of use still
        assert!(c.lock("other").ttl(secs(60)).acquire_blocking().is_ok(), "{forbidden}");
    }
}

#[test]
fn a_server_that_was_loading_when_it_was_met_is_asked_again() {
    let server = Server::of(Engine::Valkey9)
        .option("enable-module-command", "yes")
        .option("enable-debug-command", "yes")
        .option("loading-process-events-interval-bytes", "1024")
        .start();
    server.command(&["DEBUG", "POPULATE", "5000", "fill", "100"]);
    assert_eq!(server.command(&["CONFIG", "SET", "key-load-delay", "100"]), "OK".into());
    let c = patient(server.url()).prefix("app").build().unwrap();
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| server.command(&["DEBUG", "RELOAD"]));
        let is_loading = || matches!(server.command(&["GET", "x"]), Reply::Error(why) if why.contains("LOADING"));
        until_blocking(is_loading);
        // met while it can tell nothing of scripts
        let _ = c.lock("k").acquire_blocking();
        reload.join().unwrap();
    });
    Way::Unloaded.take_away(&server);
    c.lock("k").wait(secs(5)).acquire_blocking().unwrap().release().unwrap();
    run(async { c.lock("k").wait(secs(5)).acquire().await.unwrap().release().await }).unwrap();
}

#[test]
fn what_was_dropped_while_the_server_is_away_is_given_back_when_it_is_there() {
    let way = Way::Forbidden(Engine::Redis);
    let server = way.start();
    let proxy = Proxy::to(server.port());
    let c = patient(way.url(&server.url_at(proxy.port()))).op_timeout(millis(500)).prefix("app").build().unwrap();
    run(async {
        let guard = c.lock("k").ttl(secs(600)).acquire().await.unwrap();
        proxy.refuse();
        proxy.cut();
        drop(guard);
        tokio::time::sleep(secs(3)).await;
        proxy.accept();
        assert!(c.lock("k").wait(secs(30)).acquire().await.is_ok());
    });
}

#[test]
fn many_leases_are_renewed_over_a_long_way() {
    let way = Way::Forbidden(Engine::Redis);
    let server = way.start();
    let proxy = Proxy::to(server.port());
    let c = patient(way.url(&server.url_at(proxy.port()))).prefix("app").build().unwrap();
    let held: Vec<_> = (0..200_u64).map(|n| c.lock(n).ttl(secs(20)).acquire_blocking().unwrap()).collect();
    proxy.delay(Direction::ToClient, millis(50));
    pass(secs(30));
    let lost = held.iter().filter(|guard| !guard.is_valid()).count();
    assert_eq!(lost, 0, "of {}", held.len());
    proxy.heal();
}

/// Outside any runtime a task's questions are asked by threads of the instance's own.
#[test]
fn an_executor_that_is_nobodys_is_not_kept_waiting() {
    let server = Way::Forbidden(Engine::Redis).start();
    let c = Way::Forbidden(Engine::Redis).over(&server).build().unwrap();
    c.ping_blocking().unwrap();
    server.pause();
    let began = std::time::Instant::now();
    let lock = c.lock("k");
    let mut asked = std::pin::pin!(lock.acquire());
    assert!(cachify_tests::poll(asked.as_mut()).is_pending());
    assert!(began.elapsed() < secs(5), "it blocked: {:?}", began.elapsed());
    server.resume();
    assert!(cachify_core::testing::block_on(asked).is_ok());
}
