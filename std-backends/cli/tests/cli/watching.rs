//! `watch`: what changed, for as long as somebody looks and there is a server.

use super::world::{patient, tool_at, until};
use cachify::secs;
use cachify_tests::server::{Engine, Server};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

fn watch(server: &Server, words: &[&str]) -> (Child, BufReader<ChildStdout>) {
    // one that hears of nothing ends, and its test with it
    let looks: &[_] = if words.contains(&"--looks") { &[] } else { &["--looks", "600"] };
    let words = [&["watch", "--every", "0.1"], looks, words].concat();
    let mut tool = tool_at(&server.url(), &words);
    let mut tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(tool.stdout.take().unwrap());
    (tool, out)
}

fn line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    assert!(out.read_line(&mut line).unwrap() > 0, "it ended");
    line
}

fn errors(tool: &mut Child) -> String {
    let mut errors = String::new();
    tool.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    errors
}

#[test]
fn what_begins_differs_and_ends_is_said() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let c = patient(server.url()).label("api-7").build().unwrap();
        let (mut tool, mut out) = watch(&server, &["--kind", "lock"]);
        assert!(line(&mut out).starts_with("0 held"));
        let guard = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
        let began = line(&mut out);
        assert!(began.starts_with("+ lock k  held, api-7 ("), "{began}");
        // a renewal is no change
        std::thread::scope(|threads| {
            let waiter = threads.spawn(|| c.lock("k").wait(secs(60)).acquire_blocking());
            let differs = line(&mut out);
            assert!(
                differs.starts_with("~ lock k  held, api-7 (") && differs.contains("1 wait; was held"),
                "{differs}"
            );
            guard.release().unwrap();
            waiter.join().unwrap().unwrap().release().unwrap();
        });
        loop {
            let said = line(&mut out);
            if said.starts_with("- lock k  was held") {
                break;
            }
            assert!(said.starts_with("~ lock k"), "{said}");
        }
        tool.kill().unwrap();
        tool.wait().unwrap();
    }
}

#[test]
fn a_program_reads_changes_as_json() {
    let server = Server::start(Engine::Redis);
    let c = patient(server.url()).build().unwrap();
    let (mut tool, mut out) = watch(&server, &["--json"]);
    // it says nothing before something changed: until it has looked twice nobody knows what it saw first
    until("it has looked", || server.commandstats("scan") >= 2);
    c.cache("v").ttl(secs(600)).insert_blocking(1_u8).unwrap();
    let said: Value = serde_json::from_str(&line(&mut out)).unwrap();
    assert_eq!((&said["change"], &said["seen"]["key"], &said["before"]), (&"began".into(), &"v".into(), &Value::Null));
    tool.kill().unwrap();
    tool.wait().unwrap();
}

#[test]
fn it_ends_after_so_many_looks() {
    let server = Server::start(Engine::Redis);
    let (mut tool, mut out) = watch(&server, &["--looks", "3"]);
    assert!(line(&mut out).starts_with("0 held"));
    assert_eq!((tool.wait().unwrap().code(), errors(&mut tool)), (Some(0), String::new()));
    assert_eq!(server.commandstats("scan"), 3);
}

#[test]
fn a_server_that_goes_away_ends_it_with_one_sentence() {
    let mut server = Server::start(Engine::Redis);
    let (mut tool, mut out) = watch(&server, &[]);
    line(&mut out);
    server.kill();
    assert_eq!(tool.wait().unwrap().code(), Some(3));
    let errors = errors(&mut tool);
    assert!(errors.lines().count() == 1 && errors.contains("cannot be reached"), "{errors}");
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let server = Server::start(Engine::Redis);
    let c = patient(server.url()).build().unwrap();
    let (mut tool, mut out) = watch(&server, &[]);
    line(&mut out);
    drop(out);
    let _guard = c.lock("k").ttl(secs(600)).acquire_blocking().unwrap();
    assert_eq!((tool.wait().unwrap().code(), errors(&mut tool)), (Some(0), String::new()));
}
