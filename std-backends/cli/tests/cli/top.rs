//! `top` on a terminal of its own: it shows holders, takes a lock away, and always gives the terminal back.

use super::world::{ask, patient, tool_at, until};
use cachify::{Holding, secs};
use cachify_tests::server::{Engine, Server};
use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// What is written when the terminal is given back.
const GIVEN_BACK: &str = "\x1b[?1049l";

/// A terminal on which the tool runs, by `script`.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    written: Receiver<String>,
    seen: String,
}

impl Terminal {
    fn with_top(url: &str, columns: u16) -> Self {
        let line = format!("stty rows 12 cols {columns}; exec {} top --every 0.1", env!("CARGO_BIN_EXE_cachify"));
        let mut script = Command::new("script");
        let of = tool_at(url, &[]);
        script.envs(of.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        let script = script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut script = script.expect("`script` is missing (Debian's package bsdutils)");
        let (keys, mut out) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let (sender, written) = channel();
        thread::spawn(move || {
            let mut some = [0; 4_096];
            while let Ok(length @ 1..) = out.read(&mut some) {
                if sender.send(String::from_utf8_lossy(&some[..length]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { script, keys, written, seen: String::new() }
    }

    /// Waits until that was written, after what was waited for before. Only what changes is, so where something else stood
    /// before that has the same letters in places, it is not written in one piece.
    #[track_caller]
    fn shows(&mut self, words: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.seen.contains(words) {
            match self.written.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(some) => self.seen.push_str(&some),
                Err(why) => panic!("{words} is not shown ({why}): {:?}", self.seen),
            }
        }
        let (_, rest) = self.seen.split_once(words).unwrap();
        self.seen = rest.to_owned();
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// It has ended well, and the terminal is as it was.
    #[track_caller]
    fn ends(mut self) {
        self.shows(GIVEN_BACK);
        assert_eq!(self.script.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn top_shows_who_holds_what_and_takes_it_away() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let c = patient(server.url()).label("api-7").build().unwrap();
        let guard = c.lock(("item", 7)).ttl(secs(600)).acquire_blocking().unwrap();
        let mut top = Terminal::with_top(&server.url(), 100);
        top.shows("item:7");
        top.shows("api-7 (");
        // what comes later is seen, too
        let _other = c.lock("later").ttl(secs(600)).label("cron").acquire_blocking().unwrap();
        top.shows("later");
        top.press("/item");
        top.shows("m_");
        top.press("\r");
        top.shows("q quit");
        top.press("\r");
        top.shows("app:l:{item:7}");
        top.press(" ");
        top.shows("q quit");
        top.press("f");
        top.shows("[y/n]");
        top.press("y");
        until("it is taken", || !c.lock(("item", 7)).is_locked_blocking().unwrap());
        assert_eq!(guard.release().unwrap(), Holding::Lost);
        assert!(c.lock("later").is_locked_blocking().unwrap());
        top.press("q");
        top.ends();
    }
}

#[test]
fn an_interrupt_gives_a_narrow_terminal_back() {
    let server = Server::start(Engine::Redis);
    let c = patient(server.url()).build().unwrap();
    let _guard = c.lock("job").ttl(secs(600)).acquire_blocking().unwrap();
    let mut top = Terminal::with_top(&server.url(), 20);
    top.shows("job");
    top.press("\x03");
    top.ends();
}

#[test]
fn a_server_that_goes_away_is_a_line_until_it_is_back() {
    let mut server = Server::start(Engine::Valkey);
    let c = patient(server.url()).build().unwrap();
    let _guard = c.lock("first").ttl(secs(600)).acquire_blocking().unwrap();
    let mut top = Terminal::with_top(&server.url(), 100);
    top.shows("first");
    server.kill();
    top.shows("cannot be reached");
    server.restart();
    server.command(&["HSET", "app:l:{second}", "a", "b"]);
    top.shows("second");
    top.press("q");
    top.ends();
}

#[test]
fn top_wants_a_terminal_and_a_server() {
    let mut server = Server::start(Engine::Redis);
    ask(&server.url(), &["top"]).refused(2, "`top` wants a terminal");
    ask(&server.url(), &["top", "--json"]).refused(2, "`watch` and `ls` have --json");
    let url = server.url();
    server.kill();
    let mut top = Terminal::with_top(&url, 100);
    top.shows("cannot be reached");
    assert_eq!(top.script.wait().unwrap().code(), Some(3));
    assert!(!top.seen.contains("\x1b["), "the screen was not taken: {:?}", top.seen);
}
