//! The tool's binary, and servers with something on them.

use cachify::{Builder, Cachify, secs};
use cachify_tests::server::Server;
use serde_json::Value;
use std::{
    env,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

/// What the tool said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The tool with nothing of this machine's settings.
pub(crate) fn tool(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachify"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CACHIFY_")) {
        command.env_remove(name);
    }
    command.args(words).stdin(Stdio::null());
    command
}

/// The same for the keys of `app` on a server.
pub(crate) fn tool_at(url: &str, words: &[&str]) -> Command {
    let mut command = tool(words);
    command.env("CACHIFY_URL", url).env("CACHIFY_PREFIX", "app");
    command
}

/// Runs it to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said { code: status.code(), out: text(stdout), err: text(stderr) };
    assert!(!said.err.contains("panicked"), "{said:?}");
    said
}

pub(crate) fn ask(url: &str, words: &[&str]) -> Said {
    said(&mut tool_at(url, words))
}

impl Said {
    /// It ended well and had nothing to say beside its output.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert!(self.code == Some(0) && self.err.is_empty(), "{self:?}");
        self
    }

    /// It ended with this code and one sentence with these words.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert!(self.code == Some(code) && self.err.contains(words), "{words}: {self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
    }

    /// Its lines, each as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The line about a key of a kind.
    #[track_caller]
    pub(crate) fn of(&self, kind: &str, key: &str) -> Value {
        let mut all = self.json().into_iter();
        let found = all.find(|seen| seen["kind"] == kind && seen["key"] == key);
        found.unwrap_or_else(|| panic!("no {kind} {key}: {self:?}"))
    }
}

/// What an instance is built from whose calls are to succeed, even if the machine stands still for a second or two.
pub(crate) fn patient(url: impl Into<String>) -> Builder {
    Cachify::builder().redis(url).prefix("app").op_timeout(secs(10)).connect_timeout(secs(10))
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it never was so: {what}");
}

/// A connection of the tests' own, for what no library of ours would write.
pub(crate) fn connection(server: &Server) -> redis::Connection {
    redis::Client::open(server.url()).unwrap().get_connection().unwrap()
}
