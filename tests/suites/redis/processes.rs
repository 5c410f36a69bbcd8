//! Several processes on one server: killed, stopped, and all at once.

use super::world::{everywhere, millis, over, pass, patient, timed, unpolled, until_blocking};
use cachify::{FenceGate, FencingToken, Holding, secs};
use cachify_tests::server::{Engine, Server};
use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

/// A process that ends with the test.
pub(crate) struct Worker {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(server: &Server, role: &[&str]) -> Self {
        Self::at(&server.url(), server.port(), role)
    }

    pub(crate) fn at(url: &str, port: u16, role: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_worker"))
            .args([url, &port.to_string()])
            .args(role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn says(&mut self) -> String {
        self.lines.next().expect("it says something").unwrap()
    }

    /// All that it says until it ends.
    pub(crate) fn all(&mut self) -> Vec<String> {
        self.lines.by_ref().map(Result::unwrap).collect()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn four_processes_of_twenty_five_tasks_run_a_cold_key_once() {
    everywhere(|server| {
        let mut fleet: Vec<_> = (0..4).map(|_| Worker::start(&server, &["flight"])).collect();
        for worker in &mut fleet {
            assert!((0..25).all(|_| worker.says() == "1"));
        }
        assert_eq!(server.command(&["GET", "runs"]), "1".into());
    });
}

#[test]
fn a_holder_that_is_killed_is_followed_when_its_lease_ends() {
    everywhere(|server| {
        let mut holder = Worker::start(&server, &["hold", "2000"]);
        let fence: u64 = holder.says().parse().unwrap();
        let c = unpolled(&server);
        let (next, took) = timed(|| {
            holder.signal("-KILL");
            c.lock("k").wait(secs(30)).acquire_blocking().unwrap()
        });
        assert!(next.fence().0 > fence);
        assert!(took < secs(5), "{took:?}");
        assert_eq!(next.release(), Ok(Holding::Held));
    });
}

#[test]
fn a_holder_that_is_stopped_past_its_lease_is_fenced_off_and_learns_it() {
    everywhere(|server| {
        let mut holder = Worker::start(&server, &["hold", "500"]);
        let old: u64 = holder.says().parse().unwrap();
        holder.signal("-STOP");
        let next = over(&server).lock("k").ttl(secs(30)).wait(secs(20)).acquire_blocking().unwrap();
        let mut resource = FenceGate::new(FencingToken(0));
        assert!(resource.admits(FencingToken(old)), "while it held");
        assert!(resource.admits(next.fence()));
        holder.signal("-CONT");
        assert_eq!(holder.says(), "lost");
        assert!(!resource.admits(FencingToken(old)), "too late");
        assert_eq!(next.release(), Ok(Holding::Held));
    });
}

#[test]
fn a_holder_that_lives_is_renewed_past_its_ttl() {
    everywhere(|server| {
        let mut holder = Worker::start(&server, &["hold", "3000"]);
        holder.says();
        let c = over(&server);
        for _ in 0..8 {
            pass(millis(600));
            assert!(c.lock("k").try_acquire_blocking().unwrap().is_none());
        }
        assert!(server.is_held("t:l:{k}"));
    });
}

#[test]
fn a_program_that_ends_after_its_guards_were_dropped_leaves_nothing_held() {
    everywhere(|server| {
        for _ in 0..10 {
            let mut program = Worker::start(&server, &["leave"]);
            assert!(program.process.wait().unwrap().success());
            assert!(!server.is_held("t:l:{k}") && !server.is_held("t:o:{k}"), "until its lease would have ended");
            assert_eq!(over(&server).pool("k", 1).in_use_blocking(), Ok(0));
        }
    });
}

/// Each drop waits for its answer, but not one after another for a server that does not answer.
#[test]
fn a_thread_that_drops_many_guards_waits_for_one_answer_that_never_comes() {
    let server = Server::start(Engine::Redis);
    let c = patient(server.url()).op_timeout(millis(500)).build().unwrap();
    let guards: Vec<_> = (0..20).map(|n| c.lock(n).ttl(secs(600)).acquire_blocking().unwrap()).collect();
    server.pause();
    let ((), took) = timed(|| drop(guards));
    server.resume();
    assert!(took < secs(4), "each of twenty waited: {took:?}");
    for n in 0..20 {
        let key = format!("t:l:{{{n}}}");
        until_blocking(|| !server.is_held(&key));
    }
}
