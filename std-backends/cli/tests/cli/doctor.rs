//! `doctor`: servers with one fault each.

use super::world::{Said, ask, patient, until};
use cachify_tests::{
    resp::Reply,
    server::{Cluster, Engine, Options, Server},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

/// The verdict on something, what was found, and what to change.
fn finding(said: &Said, check: &str) -> [String; 3] {
    let json = said.json();
    let finding = json.iter().find(|finding| finding["check"] == check);
    let finding = finding.unwrap_or_else(|| panic!("no {check}: {said:?}"));
    ["verdict", "found", "advice"].map(|field| finding[field].as_str().unwrap_or_default().to_owned())
}

/// The one thing that is wrong with a server.
#[track_caller]
fn only(said: &Said, check: &str, words: &str, advice: &str) {
    assert_eq!(said.code, Some(1), "{said:?}");
    let wrong: Vec<_> = said.json().into_iter().filter(|finding| finding["verdict"] == "wrong").collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let [_, found, advised] = finding(said, check);
    assert!(wrong[0]["check"] == check && found.contains(words) && advised.contains(advice), "{wrong:?}");
}

fn examined(options: Options) -> Said {
    ask(&options.start().url(), &["doctor", "--json"])
}

#[test]
fn a_server_without_a_fault_is_well() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let said = ask(&server.url(), &["doctor", "--json"]).well();
        let checks: Vec<_> = said.json().iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect();
        let expected =
            ["server", "role", "eviction", "scripts", "clock", "round trip", "access", "memory", "connections"];
        assert_eq!(checks, expected);
        assert!(
            said.json().iter().all(|finding| finding["verdict"] == "well" && finding["advice"].is_null()),
            "{said:?}"
        );
        let text = ask(&server.url(), &["doctor"]).well().out;
        assert!(text.contains("well     eviction") && !text.contains("wrong"), "{text}");
    }
}

#[test]
fn every_node_of_a_cluster_is_examined() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let said = ask(&cluster.url(), &["doctor", "--json"]).well();
    for node in &cluster.nodes {
        let at = format!("127.0.0.1:{}", node.port());
        assert_eq!(said.json().iter().filter(|finding| finding["server"] == at.as_str()).count(), 9, "{said:?}");
    }
    assert_eq!(finding(&said, "clocks")[0], "well");
}

#[test]
fn a_policy_that_drops_live_locks_is_found() {
    let said = examined(Server::of(Engine::Redis).option("maxmemory-policy", "allkeys-lru"));
    only(&said, "eviction", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction");
}

#[test]
fn scripts_that_may_not_be_run_are_found() {
    for engine in Engine::ALL {
        let server = Server::of(engine).user("app on >secret ~app:* &app:in:* +@all -eval -evalsha").start();
        let said = ask(&server.url().replace("redis://", "redis://app:secret@"), &["doctor", "--json"]);
        only(&said, "scripts", "are not run", "+eval +evalsha");
    }
}

#[test]
fn rights_that_are_missing_are_named() {
    for engine in Engine::ALL {
        for (rights, words, advice) in [
            ("~app:* &app:in:* +@all -zadd -hset", "not allowed: hset zadd", "+hset +zadd"),
            ("~app:* &other:* +@all", "publish", "&app:in:*"),
        ] {
            let server = Server::of(engine).user(&format!("app on >secret resetchannels {rights}")).start();
            let said = ask(&server.url().replace("redis://", "redis://app:secret@"), &["doctor", "--json"]);
            only(&said, "access", words, advice);
        }
        // what the guide lists is enough for the library, and leaves the tool without a list
        let least = "~app:* resetchannels &app:in:* -@all +evalsha +eval +get +getrange +set +del +exists +hget +hset +hdel +hmget \
                     +zadd +zcard +zcount +zrange +zrangebyscore +zrem +zrevrangebyscore +zscore +pexpire +pttl +time \
                     +publish +subscribe +ping";
        let server = Server::of(engine).user(&format!("app on >secret {least}")).start();
        let said = ask(&server.url().replace("redis://", "redis://app:secret@"), &["doctor", "--json"]).well();
        assert_eq!(finding(&said, "access")[0], "well");
        assert_eq!(
            finding(&said, "this tool")[..2],
            ["unknown".into(), "cannot list all: not allowed are strlen scan".to_owned()]
        );
        assert_eq!(finding(&said, "memory")[0], "unknown");
    }
}

#[test]
fn a_wrong_password_is_found() {
    let server = Server::of(Engine::Valkey).password("right").start();
    let said = ask(&server.url().replace("right", "hushed"), &["doctor", "--json"]);
    said.refused(3, "does not accept the user name or password");
    let [verdict, found, advice] = finding(&said, "reach");
    assert_eq!(verdict, "wrong");
    assert!(found.contains("password") && advice.contains("CACHIFY_URL") && !said.out.contains("hushed"), "{said:?}");
}

#[test]
fn what_is_no_redis_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    let said = ask(&format!("redis://127.0.0.1:{port}"), &["doctor", "--json"]);
    said.refused(3, "what answers there is no Redis server");
    assert!(finding(&said, "reach")[2].contains("port on which Redis or Valkey listens"), "{said:?}");
}

#[test]
fn a_server_that_is_gone_is_found() {
    let mut server = Server::start(Engine::Redis);
    let url = server.url();
    server.kill();
    let said = ask(&url, &["doctor", "--json"]);
    said.refused(3, "cannot be reached");
    assert!(finding(&said, "reach")[2].contains("see that the server runs"), "{said:?}");
}

#[test]
fn a_server_that_is_full_is_found() {
    for engine in Engine::ALL {
        let server = Server::of(engine).option("maxmemory", "6mb").start();
        let value = "x".repeat(100_000);
        let full = (0..1_000).any(|n| matches!(server.command(&["SET", &n.to_string(), &value]), Reply::Error(_)));
        assert!(full, "it takes everything");
        let said = ask(&server.url(), &["doctor", "--json"]);
        only(&said, "memory", "used of 6", "raise `maxmemory`");
    }
}

#[test]
fn a_server_with_nearly_all_its_clients_is_found() {
    let server = Server::of(Engine::Redis).option("maxclients", 30).start();
    let clients: Vec<_> = (0..25).map(|_| server.connect().unwrap()).collect();
    until("all are there", || {
        let Reply::Text(info) = server.command(&["INFO", "clients"]) else { panic!("INFO answers with text") };
        let info = String::from_utf8(info).unwrap();
        let now = info.lines().find_map(|line| line.strip_prefix("connected_clients:")?.parse().ok());
        now.is_some_and(|now: usize| now > clients.len())
    });
    only(&ask(&server.url(), &["doctor", "--json"]), "connections", "of 30", "raise `maxclients`");
}

#[test]
fn a_clock_that_is_off_is_found() {
    let server = Server::of(Engine::Redis).still_clock().start();
    server.advance(Duration::from_secs(3_600));
    only(&ask(&server.url(), &["doctor", "--json"]), "clock", "this machine's", "NTP");
}

#[test]
fn a_replica_is_found() {
    let (master, replica) = (Server::start(Engine::Redis), Server::start(Engine::Redis));
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    only(&ask(&replica.url(), &["doctor", "--json"]), "role", "a replica", "redis+sentinel://");
    let c = patient(master.url()).build().unwrap();
    assert!(!c.lock("k").is_locked_blocking().unwrap(), "its master lives on");
}
