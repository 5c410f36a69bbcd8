//! What nobody meant: labels that a terminal would obey, other programs' keys, many keys, wrong words, closed pipes.

use super::world::{ask, connection, patient, said, tool, tool_at};
use cachify::secs;
use cachify_tests::{
    proxy::{Direction, Proxy},
    server::{Engine, Server},
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

/// A lease as the scripts of a release write it that lays it out as `layout`; it ends in the year 2100.
fn record(layout: u8, label: &[u8]) -> Vec<u8> {
    let numbers = [1.0_f64, 4.1e12, 7.0].map(f64::to_be_bytes).concat();
    [&[layout][..], &[b'a'; 32], &numbers, &[0], label].concat()
}

fn set(server: &Server, name: &str, value: &[u8]) {
    redis::cmd("SET").arg(name).arg(value).exec(&mut connection(server)).unwrap();
}

#[test]
fn labels_and_keys_are_shown_escaped_and_cut() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let evil = "\x1b]0;owned\x07\x1b[2J\r\nroot@host:~# \u{9b}31m\u{202e}";
        let label = [evil, &"x".repeat(10_000)].concat();
        set(&server, "app:l:{long}", &record(b'1', label.as_bytes()));
        set(&server, "app:l:{bytes}", &record(b'1', b"\xff\xfe\x1b[31m"));
        let c = patient(server.url()).build().unwrap();
        let key = ("k", evil);
        let _guard = c.lock(key).ttl(secs(600)).acquire_blocking().unwrap();
        let ls = ask(&server.url(), &["ls"]).well();
        let inspect = ask(&server.url(), &["inspect", "long"]).well();
        let taken = ask(&server.url(), &["force-release", "long", "--yes"]).well();
        for text in [&ls.out, &inspect.out, &taken.out] {
            assert!(!text.chars().any(|one| one.is_control() && one != '\n'), "{text:?}");
            assert!(text.contains("\\u{1b}]0;owned\\u{7}") && !text.contains('\u{202e}'), "{text}");
            assert!(text.lines().all(|line| line.chars().count() < 400), "{text}");
        }
        // head, two records and the key: no line was made by what stands in them
        assert_eq!(ls.out.lines().count(), 4, "{}", ls.out);
        let json = ask(&server.url(), &["ls", "--json"]).well();
        assert!(!json.out.chars().any(|one| one.is_control() && one != '\n'), "{json:?}");
        let rendered = json.json().into_iter().find(|seen| seen["key"].as_str().unwrap().starts_with("k:")).unwrap();
        assert!(rendered["key"].as_str().unwrap().contains('\x1b'), "a program gets it as it is");
    }
}

#[test]
fn what_others_wrote_is_told_apart_and_not_read() {
    let server = Server::start(Engine::Valkey);
    for words in [
        &["HSET", "app:l:{hash}", "a", "b"][..],
        &["RPUSH", "app:c:{list}", "a"],
        &["SADD", "app:p:{set}", "a"],
        &["SET", "app:o:{text}", "of another program"],
        &["SET", "app:somebody:else", "x"],
        &["SET", "app:l:bare", "x"],
        &["SET", "app:l:{open", "x"],
        &["SET", "app2:l:{k}", "x"],
        &["SET", "l:{k}", "x"],
    ] {
        server.command(words);
    }
    set(&server, "app:l:{future}", &record(b'2', b""));
    // ended a second into 1970, and is nobody's any more
    let ended = [&b"1"[..], &[b'a'; 32], &[1.0_f64, 1_000.0, 7.0].map(f64::to_be_bytes).concat(), &[0]].concat();
    set(&server, "app:l:{ended}", &ended);
    set(&server, "app:l:{\u{ff}}", &record(b'1', b""));
    redis::cmd("SET").arg(b"app:l:{\xff}").arg("x").exec(&mut connection(&server)).unwrap();
    let all = ask(&server.url(), &["ls", "--json"]).well();
    let states: Vec<_> = all.json().iter().map(|seen| (seen["key"].clone(), seen["state"].clone())).collect();
    let expected = [
        ("future", "another layout"),
        ("hash", "another program's"),
        ("\u{ff}", "held"),
        ("text", "another layout"),
        ("set", "another program's"),
        ("list", "another program's"),
    ];
    assert_eq!(states, expected.map(|(key, state)| (json!(key), json!(state))));
    let text = ask(&server.url(), &["inspect", "hash"]).well().out;
    assert!(text.contains("another program uses this name"), "{text}");
    let text = ask(&server.url(), &["inspect", "future"]).well().out;
    assert!(text.contains("another release of cachify laid it out"), "{text}");
}

/// Many values, written in one go.
fn many(server: &Server, keys: usize) {
    let mut pipe = redis::pipe();
    for key in 0..keys {
        pipe.cmd("SET").arg(format!("app:c:{{item:{key}}}")).arg("a value of some program").ignore();
    }
    pipe.exec(&mut connection(server)).unwrap();
}

#[test]
fn many_keys_are_looked_at_in_small_steps_and_within_bounds() {
    const KEYS: usize = 20_000;
    let server = Server::start(Engine::Redis);
    many(&server, KEYS);
    server.reset_stats();
    let some = ask(&server.url(), &["ls", "--limit", "100"]);
    assert_eq!((some.code, some.out.lines().count()), (Some(0), 101));
    assert!(some.err.contains("of its 20000 keys were looked at"), "{some:?}");
    let scans = server.commandstats("scan");
    assert!(scans <= 2, "{scans}");
    server.reset_stats();
    let bounded = ask(&server.url(), &["ls", "item:no", "--look", "2000"]);
    assert!(bounded.err.contains("only about 2000 of its 20000 keys were looked at"), "{bounded:?}");
    assert_eq!(server.commandstats("scan"), 8);
    server.reset_stats();
    let all = ask(&server.url(), &["ls", "--limit", "0", "--json"]).well();
    assert_eq!(all.out.lines().count(), KEYS);
    let (scans, keys) = (server.commandstats("scan"), server.commandstats("keys"));
    assert!((70..=300).contains(&scans) && keys == 0, "{scans} {keys}");
    // nothing that it asks takes longer the more there is
    let short = ["ping", "scan", "time", "pttl", "strlen", "getrange", "zcard"];
    let calls = server.calls();
    assert!(calls.keys().all(|command| short.contains(&command.as_str())), "{calls:?}");
    let stats = ask(&server.url(), &["stats", "--json"]).well().json().remove(0);
    assert_eq!(stats["keys"][0]["keys"], KEYS);
}

#[test]
fn a_pipe_that_closes_is_no_fault() {
    let server = Server::start(Engine::Redis);
    many(&server, 5_000);
    for words in [&["ls", "--limit", "0"][..], &["ls", "--limit", "0", "--json"], &["completions", "bash"], &["man"]] {
        let mut tool = tool_at(&server.url(), words);
        let mut tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::with_capacity(1, tool.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        drop(out);
        let (code, mut errors) = (tool.wait().unwrap().code(), String::new());
        tool.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_wrong_password_is_one_sentence_without_it() {
    for engine in Engine::ALL {
        let server = Server::of(engine).password("right").start();
        for login in ["", ":hushed@", "nobody:hushed@"] {
            let url = server.url().replace(":right@", login);
            for words in [&["ls"][..], &["inspect", "k"], &["force-release", "k", "--yes"], &["stats"], &["watch"]] {
                let said = ask(&url, words);
                said.refused(3, "does not accept the user name or password");
                assert!(!said.err.contains("hushed") && said.out.is_empty(), "{said:?}");
            }
        }
    }
}

#[test]
fn words_that_cannot_be_meant_are_told() {
    let url = "http://:hushed@127.0.0.1";
    let said_of = ask(url, &["ls"]);
    said_of.refused(2, "the URL of the server is not one");
    assert!(!said_of.err.contains("hushed"));
    said(&mut tool(&["ls"])).refused(2, "no server is named: set CACHIFY_URL, or say --url");
    ask("redis://127.0.0.1?colour=red", &["ls"]).refused(2, "a parameter of the URL is none");
    for words in [&["ls", "--kind", "file"][..], &["watch", "--every", "0"], &["inspect"], &["dance"], &[]] {
        assert_eq!(ask("redis://127.0.0.1:1", words).code, Some(2), "{words:?}");
    }
}

#[test]
fn a_server_that_is_not_there_or_goes_away_is_one_sentence() {
    let mut server = Server::start(Engine::Redis);
    let (url, port) = (server.url(), server.port());
    server.kill();
    for words in
        [&["ls"][..], &["inspect", "k"], &["force-release", "k", "--yes"], &["reset", "k", "--yes"], &["stats"]]
    {
        ask(&url, words).refused(3, "cannot be reached");
    }
    server.restart();
    many(&server, 100);
    let proxy = Proxy::to(port);
    let url = server.url_at(proxy.port());
    ask(&url, &["ls"]).well();
    proxy.refuse();
    ask(&url, &["ls"]).refused(3, "cannot be reached");
    // what is said there is heard, and never answered
    proxy.accept();
    proxy.blackhole(Direction::ToClient);
    ask(&url, &["ls"]).refused(3, "cannot be reached");
}
