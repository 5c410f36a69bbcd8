//! `force-release` and `reset`: what they do, and to whom they say it was done.

use super::world::{ask, patient, said, tool_at, until};
use cachify::{Holding, secs};
use cachify_tests::{
    resp::Reply,
    server::{Cluster, Engine, Server},
};
use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

#[test]
fn a_lock_is_taken_from_its_holder_and_the_next_one_called() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let url = server.url();
        let c = patient(&url).label("api-7").build().unwrap();
        let guard = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
        thread::scope(|threads| {
            let waiter = threads.spawn(|| c.lock("k").wait(secs(60)).acquire_blocking().map(|guard| guard.fence()));
            until("one waits", || c.lock("k").inspect_blocking().unwrap().waiting() == Some(1));
            // nobody was asked, so nothing is done
            ask(&url, &["force-release", "k"]).refused(2, "say --yes");
            assert!(c.lock("k").is_locked_blocking().unwrap());
            let done = ask(&url, &["force-release", "k", "--yes"]).well().out;
            for words in ["the lock `k` was taken from api-7 (", &guard.fence().to_string(), "the first is called"] {
                assert!(done.contains(words), "{words}: {done}");
            }
            assert!(waiter.join().unwrap().unwrap() > guard.fence());
        });
        assert_eq!(guard.release().unwrap(), Holding::Lost);
        until("the waiter gave it back", || !c.lock("k").is_locked_blocking().unwrap());
        ask(&url, &["force-release", "k", "--yes"]).refused(1, "nobody holds a lock or a run `k`");
        ask(&url, &["force-release", "other", "--yes"]).refused(1, "nobody holds");
    }
}

#[test]
fn a_run_is_taken_or_forgotten_and_two_of_one_key_are_told_apart() {
    let server = Server::start(Engine::Redis);
    let url = server.url();
    let c = patient(&url).build().unwrap();
    let _lock = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
    c.once("k").keep(secs(600)).run_blocking(|_| ()).unwrap();
    ask(&url, &["force-release", "k", "--yes"]).refused(2, "say --kind");
    let done = ask(&url, &["force-release", "k", "--kind", "once", "--yes", "--json"]).well().json().remove(0);
    assert_eq!((&done["done"], &done["was"]["state"]), (&"force-release".into(), &"done".into()));
    assert!(c.lock("k").is_locked_blocking().unwrap() && !c.once("k").is_locked_blocking().unwrap());
    let run = c.once("k").ttl(secs(600)).label("import").begin_blocking().unwrap();
    let done = ask(&url, &["force-release", "k", "--kind", "once", "--yes"]).well().out;
    assert!(done.starts_with("the run `k` was taken from import ("), "{done}");
    drop(run);
    let pool = ask(&url, &["force-release", "k", "--kind", "pool", "--yes"]);
    assert!(pool.code == Some(2) && pool.err.contains("possible values: lock, once"), "{pool:?}");
}

#[test]
fn a_value_is_forgotten_alone_or_with_its_group() {
    let cluster = Cluster::start(Engine::Redis, 3, 0);
    let url = cluster.url();
    let c = patient(&url).build().unwrap();
    let group = c.group("pages");
    let kept = |cache: &str| c.cache(cache).get_blocking::<u8>().unwrap();
    let paged = |cache: &str| group.cache(cache).get_blocking::<u8>().unwrap();
    for key in ["a", "b"] {
        c.cache(key).ttl(secs(600)).insert_blocking(1_u8).unwrap();
        group.cache(key).ttl(secs(600)).insert_blocking(2_u8).unwrap();
    }
    ask(&url, &["reset", "a"]).refused(2, "say --yes");
    let done = ask(&url, &["reset", "a", "--yes"]).well().out;
    assert!(done.starts_with("the cached value `a` is forgotten (kept, "), "{done}");
    assert_eq!((kept("a"), kept("b"), paged("a")), (None, Some(1), Some(2)));
    ask(&url, &["reset", "a", "--yes"]).refused(1, "no value is kept under `a`");
    ask(&url, &["reset", "a", "--group", "pages", "--yes"]).well();
    assert_eq!((paged("a"), paged("b")), (None, Some(2)));
    ask(&url, &["reset", "--group", "pages", "--yes", "--json"]).well();
    assert_eq!((paged("b"), kept("b")), (None, Some(1)));
    // a slip of the keyboard makes no group
    let keys = || cluster.nodes.iter().map(|node| node.command(&["DBSIZE"])).collect::<Vec<Reply>>();
    let before = keys();
    ask(&url, &["reset", "--group", "pagse", "--yes"]).refused(1, "there is no group `pagse`");
    assert_eq!(keys(), before);
    assert_eq!(ask(&url, &["reset", "--yes"]).code, Some(2));
}

/// What the tool says on a terminal to somebody who types this.
fn on_a_terminal(url: &str, words: &str, typed: &str) -> (Option<i32>, String) {
    let line = format!("{} {words}", env!("CARGO_BIN_EXE_cachify"));
    let mut script = Command::new("script");
    let of = tool_at(url, &[]);
    script.envs(of.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let script = script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut script = script.expect("`script` is missing (Debian's package bsdutils)");
    script.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let out = script.wait_with_output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn on_a_terminal_it_asks_and_has_colours() {
    let server = Server::start(Engine::Redis);
    let c = patient(server.url()).label("api-7").build().unwrap();
    let _guard = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
    let (code, said) = on_a_terminal(&server.url(), "force-release k", "n\n");
    assert!(
        code == Some(1) && said.contains("Take the lock `k` from api-7 (") && said.contains("nothing was done"),
        "{said}"
    );
    assert!(c.lock("k").is_locked_blocking().unwrap());
    let (code, said) = on_a_terminal(&server.url(), "force-release k", "y\n");
    assert!(code == Some(0) && said.contains("was taken from api-7"), "{said}");
    assert!(!c.lock("k").is_locked_blocking().unwrap());
    let (_, said) = on_a_terminal(&server.url(), "stats", "");
    assert!(said.contains("\x1b[1m"), "{said:?}");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let server = Server::start(Engine::Redis);
    server.command(&["HSET", "app:l:{hash}", "a", "b"]);
    server.command(&["SET", "app:o:{text}", "of another program"]);
    server.command(&["RPUSH", "app:c:{list}", "a"]);
    for (key, words) in [("hash", "another program's data"), ("text", "another release")] {
        ask(&server.url(), &["force-release", key, "--yes"]).refused(1, words);
    }
    said(&mut tool_at(&server.url(), &["reset", "list", "--yes"])).refused(1, "another program's data");
    assert_eq!(server.command(&["EXISTS", "app:l:{hash}", "app:o:{text}", "app:c:{list}"]), Reply::Int(3));
}
