//! `ls`, `inspect` and `stats`: what they show is what is so.

use super::world::{ask, patient, until};
use cachify::{
    Cachify,
    cachify_core::key::{AsKey, KeySink, Text},
    secs,
};
use cachify_tests::server::{Cluster, Engine, Sentinels, Server};
use serde_json::json;
use std::{sync::mpsc, thread};

/// A key as a template would render it, braces and all.
struct Rendered(&'static str);

impl AsKey for Rendered {
    fn render_key(&self, out: &mut impl KeySink) {
        out.put_text(Text::of(self.0));
    }
}

/// Holds one of everything while the tool looks; also who waits, and what is being loaded.
fn with_all(url: &str, look: impl FnOnce(&Cachify)) {
    let c = patient(url).label("api-7").build().unwrap();
    let item = c.lock(("item", 7)).ttl(secs(60)).acquire_blocking().unwrap();
    let brace = c.lock(Rendered("a{b")).ttl(secs(60)).acquire_blocking().unwrap();
    let run = c.once("report").ttl(secs(60)).label("nightly import").begin_blocking().unwrap();
    c.once("done").keep(secs(600)).run_blocking(|_| ()).unwrap();
    let permits = [c.pool("api", 5), c.pool("api", 5)].map(|pool| pool.ttl(secs(60)).take_blocking().unwrap());
    c.cache(("user", 42)).ttl(secs(300)).insert_blocking(1_u8).unwrap();
    c.cache("ever").insert_blocking("for ever".to_owned()).unwrap();
    c.group("pages").cache("home").ttl(secs(300)).insert_blocking(1_u8).unwrap();
    drop(c.lock("back").ttl(secs(60)).acquire_blocking().unwrap());
    thread::scope(|threads| {
        let (other, (ready, begun), (end, ended)) = (c.clone(), mpsc::channel(), mpsc::channel::<()>());
        threads.spawn(move || {
            let load = || {
                ready.send(()).unwrap();
                ended.recv().unwrap();
                Ok::<_, ()>(1_u8)
            };
            other.cache("slow").ttl(secs(60)).get_or_insert_with_blocking(load).unwrap();
        });
        begun.recv().unwrap();
        let waiter = threads.spawn(|| c.lock(("item", 7)).wait(secs(60)).acquire_blocking().map(drop));
        until("one waits", || c.lock(("item", 7)).inspect_blocking().unwrap().waiting() == Some(1));
        until("a lock was given back", || !c.lock("back").is_locked_blocking().unwrap());
        look(&c);
        end.send(()).unwrap();
        item.release().unwrap();
        waiter.join().unwrap().unwrap();
    });
    drop((brace, run, permits));
    c.shutdown_blocking(secs(5));
}

fn shows_all(url: &str) {
    with_all(url, |c| {
        let all = ask(url, &["ls", "--json"]).well();
        let item = all.of("lock", "item:7");
        let inspected = c.lock(("item", 7)).inspect_blocking().unwrap();
        assert_eq!((&item["state"], &item["label"], &item["waiting"]), (&json!("held"), &json!("api-7"), &json!(1)));
        assert_eq!(item["fence"], json!(inspected.fence().unwrap().0));
        assert_eq!(item["holder"].as_str().unwrap().len(), 32);
        let remaining = item["remaining_ms"].as_u64().unwrap();
        assert!(remaining > 0 && remaining <= 60_000, "{item}");
        assert_eq!(item["name"], "app:l:{item:7}");
        assert_eq!(all.of("lock", "a{b")["name"], "app:l:{a%(b}");
        assert_eq!(all.of("once", "report")["label"], "nightly import");
        assert_eq!(
            (&all.of("once", "done")["state"], &all.of("once", "done")["fence"]),
            (&json!("done"), &json!(null))
        );
        let pool = all.of("pool", "api");
        assert_eq!((&pool["held"], &pool["size"], &pool["state"]), (&json!(2), &json!(5), &json!("held")));
        assert_eq!(all.of("cache", "ever")["remaining_ms"], json!(null));
        assert!(all.of("cache", "user:42")["remaining_ms"].as_u64().unwrap() <= 300_000);
        assert_eq!(all.of("cache", "home")["group"], "pages");
        let slow = all.of("cache", "slow");
        assert_eq!((&slow["state"], &slow["loading"], &slow["label"]), (&json!("loading"), &json!(true), &json!(null)));
        assert!(!all.out.contains("back"), "nobody holds it");
        assert_eq!(ask(url, &["ls", "--all", "--json"]).well().of("lock", "back")["state"], "free");

        let table = ask(url, &["ls"]).well().out;
        let line = table.lines().find(|line| line.contains("item:7")).unwrap();
        assert!(line.starts_with("lock") && line.contains("held") && line.contains("api-7 (") && line.ends_with(" 1"));
        assert!(table.contains("2 of 5") && table.contains("[pages] home") && table.contains("for ever"), "{table}");
        assert!(!table.contains('\x1b'), "colours are for terminals");
    });
}

#[test]
fn ls_shows_what_others_hold_done_and_keep() {
    for engine in Engine::ALL {
        shows_all(&Server::start(engine).url());
    }
}

#[test]
fn ls_shows_the_keys_of_all_nodes_of_a_cluster() {
    let cluster = Cluster::start(Engine::Valkey, 3, 0);
    shows_all(&cluster.url());
}

#[test]
fn ls_finds_the_master_by_its_sentinels() {
    let service = Sentinels::start(Engine::Redis);
    let c = patient(service.url()).label("api-7").build().unwrap();
    let _guard = c.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    assert_eq!(ask(&service.url(), &["ls", "--json"]).well().of("lock", "k")["label"], "api-7");
}

#[test]
fn ls_shows_what_it_was_asked_for() {
    let server = Server::start(Engine::Redis);
    let url = server.url();
    with_all(&url, |_| {
        let keys = |words: &[&str]| {
            let said = ask(&url, words).well().json();
            said.iter().map(|seen| seen["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys(&["ls", "--json", "item:*"]), ["item:7"]);
        assert_eq!(keys(&["ls", "--json", "--kind", "once,pool"]), ["done", "report", "api"]);
        assert_eq!(keys(&["ls", "--json", "*e*", "--kind", "lock"]), ["item:7"]);
        let none = ask(&url, &["ls", "nothing:*"]);
        assert!(none.code == Some(0) && none.out.is_empty() && none.err.contains("nothing like that"), "{none:?}");
        // another prefix is another program
        assert!(ask(&url, &["ls", "--json", "--prefix", "ap"]).well().out.is_empty());
        let at = format!("{url}?prefix=other");
        assert!(ask(&at, &["ls", "--json"]).well().out.is_empty());
        assert_eq!(ask(&at, &["ls", "--json", "--prefix", "app"]).well().of("lock", "item:7")["state"], "held");
    });
}

#[test]
fn inspect_shows_all_of_one_key() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let url = server.url();
        with_all(&url, |c| {
            let item = ask(&url, &["inspect", "item:7", "--json"]).well();
            let seen = item.of("lock", "item:7");
            assert_eq!((item.json().len(), seen["line"].as_array().unwrap().len()), (1, 1), "{item:?}");
            assert_eq!(seen["line"][0]["holder"].as_str().unwrap().len(), 32);
            assert_ne!(seen["line"][0]["holder"], seen["holder"]);
            let fence = c.lock(("item", 7)).inspect_blocking().unwrap().fence().unwrap();
            let text = ask(&url, &["inspect", "item:7"]).well().out;
            for words in
                ["lock item:7  held", "label      api-7", &format!("fence      {fence}"), "waiting    1", "for "]
            {
                assert!(text.contains(words), "{words}: {text}");
            }
            // as the server spells it
            let spelled = ask(&url, &["inspect", "app:l:{a%(b}", "--json"]).well();
            assert_eq!(spelled.of("lock", "a{b")["state"], "held");
            let home = ask(&url, &["inspect", "home", "--group", "pages", "--json"]).well();
            assert_eq!(home.of("cache", "home")["state"], "kept");
            ask(&url, &["inspect", "home"]).refused(1, "nothing under the key `home`");
            ask(&url, &["inspect", "item:7", "--kind", "once"]).refused(1, "nothing under the key");
        });
    }
}

#[test]
fn stats_count_by_kind_and_by_what_keys_begin_with() {
    let server = Server::start(Engine::Valkey);
    let c = patient(server.url()).build().unwrap();
    for id in 0..30 {
        c.cache(("user", id)).ttl(secs(60)).insert_blocking(1_u8).unwrap();
        c.cache(("page", id % 10)).ttl(secs(60)).insert_blocking(1_u8).unwrap();
    }
    let _guard = c.lock(("user", 1)).ttl(secs(60)).acquire_blocking().unwrap();
    let stats = ask(&server.url(), &["stats", "--json"]).well().json().remove(0);
    let count = |kind: &str, begins: &str| {
        let mut all = stats["keys"].as_array().unwrap().iter();
        all.find(|row| row["kind"] == kind && row["begins"] == begins).unwrap()["keys"].as_u64().unwrap()
    };
    assert_eq!((count("cache", "user"), count("cache", "page"), count("lock", "user")), (30, 10, 1));
    assert_eq!(stats["servers"][0]["kind"], "valkey");
    assert!(stats["servers"][0]["fields"]["used_memory"].as_u64().unwrap() > 0, "{stats}");
    let text = ask(&server.url(), &["stats"]).well().out;
    assert!(text.starts_with("41 keys under the prefix `app`") && text.contains("valkey "), "{text}");
}
