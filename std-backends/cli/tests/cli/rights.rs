//! What a user who may only read, or less, gets to see.

use super::world::{ask, patient};
use cachify::secs;
use cachify_tests::server::{Engine, Server};
use serde_json::json;

/// A server with a lock that is held, and a reader with these rights.
fn with_reader(engine: Engine, rights: &str, look: impl FnOnce(&str)) {
    let server = Server::of(engine).user(&format!("reader on >secret {rights}")).start();
    let c = patient(server.url()).label("api-7").build().unwrap();
    let guard = c.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    c.cache("v").ttl(secs(60)).insert_blocking(1_u8).unwrap();
    look(&server.url().replace("redis://", "redis://reader:secret@"));
    guard.release().unwrap();
}

#[test]
fn a_user_who_may_only_read_sees_who_holds_what() {
    for engine in Engine::ALL {
        with_reader(engine, "~app:* -@all +@read +@connection", |url| {
            let said = ask(url, &["ls", "--json"]);
            let lock = said.of("lock", "k");
            assert_eq!(
                (&lock["label"], &lock["state"], &lock["waiting"]),
                (&json!("api-7"), &json!("held"), &json!(0))
            );
            assert_eq!(said.of("cache", "v")["state"], "kept");
            // by the clock of this machine, and it says so
            let unseen = said.json().pop().unwrap()["unseen"].to_string();
            assert!(said.code == Some(0) && unseen.contains("does not allow `time`"), "{said:?}");
            let taken = ask(url, &["force-release", "k", "--yes"]);
            taken.refused(3, "access list");
            assert_eq!(ask(url, &["ls", "--json"]).of("lock", "k")["state"], "held");
        });
    }
}

#[test]
fn what_is_kept_without_scripts_is_seen_one_by_one_and_taken() {
    for engine in Engine::ALL {
        let server = Server::of(engine).user("app on >secret ~app:* &app:in:* +@all -eval -evalsha").start();
        let url = server.url().replace("redis://", "redis://app:secret@");
        let c = patient(&url).label("api-7").build().unwrap();
        let guard = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
        assert_eq!(ask(&url, &["ls", "--json"]).well().of("lock", "k")["state"], "another layout");
        let seen = ask(&url, &["inspect", "k", "--json"]).well().of("lock", "k");
        assert_eq!(
            (&seen["state"], &seen["label"], &seen["fence"]),
            (&json!("held"), &json!("api-7"), &json!(guard.fence().0))
        );
        let taken = ask(&url, &["force-release", "k", "--yes"]).well().out;
        assert!(taken.starts_with("the lock `k` was taken from api-7, "), "{taken}");
        assert!(!c.lock("k").is_locked_blocking().unwrap());
    }
}

#[test]
fn what_may_not_be_seen_is_said() {
    with_reader(Engine::Redis, "~app:* -@all +@read -zcard +time +ping", |url| {
        let said = ask(url, &["ls"]);
        assert!(said.code == Some(0) && said.out.contains("api-7"), "{said:?}");
        assert!(said.err.contains("not all was seen") && said.err.contains("does not allow `zcard`"), "{said:?}");
    });
    with_reader(Engine::Redis, "~app:* -@all +@read -getrange -strlen -pttl +time +ping", |url| {
        let said = ask(url, &["ls", "--json"]);
        assert_eq!(
            (&said.of("lock", "k")["state"], &said.of("cache", "v")["state"]),
            (&json!("not to be seen"), &json!("not to be seen"))
        );
    });
    with_reader(Engine::Redis, "~other:* -@all +@read +time +ping", |url| {
        let said = ask(url, &["ls", "--json"]);
        assert_eq!(said.of("lock", "k")["state"], "not to be seen");
    });
    with_reader(Engine::Redis, "~app:* -@all +@read -scan +ping", |url| {
        ask(url, &["ls"]).refused(3, "access list");
    });
}
