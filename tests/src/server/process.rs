//! The process of a server, and a watchdog that outlives the test process by just long enough to end it.
//!
//! The watchdog is a shell reading from a pipe that only the test process holds open: however that process ends, the
//! read ends. The kernel's own death signal is not used, for it is tied to the thread that started the server, and a
//! server shared by several tests outlives the thread of the first.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

use super::directory::Directory;
use std::{
    fs,
    io::ErrorKind,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything that a server has to do may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deaf to the signals of a terminal: a paused server obeys none of those, and must be ended after them.
const WATCHDOG: &str = r#"trap "" INT TERM HUP; read -r _; kill -KILL "$1"; rm -rf "$2""#;

#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    watchdog: Child,
}

impl Process {
    /// A server that is `ready`, or `None` if it ended by itself.
    pub(super) fn start(
        binary: &str,
        words: &[String],
        environment: &[(&str, String)],
        directory: &Directory,
        ready: impl Fn(u32) -> bool,
    ) -> Option<Self> {
        let server = spawn(binary, words, environment, directory);
        let watchdog = watch(server.id(), directory);
        let mut process = Self { server, watchdog };
        let mut ended = false;
        let settled = within_patience(|| {
            ended = process.has_ended();
            ended || ready(process.pid())
        });
        assert!(settled, "{binary} does not answer: {}", directory.log());
        (!ended).then_some(process)
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.id()
    }

    pub(super) fn pause(&self) {
        self.signal("STOP");
        // a signal is sent before it has stopped anything; where there is no /proc that has to do
        let stat = format!("/proc/{}/stat", self.pid());
        let stopped = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") T "));
        assert!(within_patience(stopped), "the server does not stop");
    }

    pub(super) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("there is a shell");
        assert!(sent.success(), "the server is gone");
    }

    fn has_ended(&mut self) -> bool {
        self.server.try_wait().expect("a child can be waited for").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // the watchdog first: after the server's end its pid may be anybody's
        for child in [&mut self.watchdog, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether `done` within the patience.
pub(super) fn within_patience(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn spawn(binary: &str, words: &[String], environment: &[(&str, String)], directory: &Directory) -> Child {
    let (log, errors) = directory.log_files();
    let mut command = Command::new(binary);
    command.args(words).envs(environment.iter().map(|(name, value)| (name, value)));
    let spawned = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    spawned.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{binary} is missing: run 'bash tests/servers.sh' as root and try again"),
        _ => panic!("{binary} cannot be started: {error}"),
    })
}

fn watch(pid: u32, directory: &Directory) -> Child {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &pid.to_string()])
        .arg(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("there is a shell")
}
