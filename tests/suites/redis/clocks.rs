//! Clocks that are stepped: of a server, what stays true and what a step costs; of a machine that slept.

use super::world::{millis, over, run};
use cachify::{Holding, Refused, secs};
use cachify_tests::server::{ASLEEP, Engine, Server};
use std::process::Command;

fn still() -> impl Iterator<Item = Server> {
    Engine::ALL.into_iter().map(|engine| Server::of(engine).still_clock().start())
}

#[test]
fn a_clock_set_back_by_less_than_a_minute_lowers_no_fence() {
    for server in still() {
        let c = over(&server);
        let fence = |key: &str| c.lock(key).run_blocking(|fence| fence).unwrap();
        let permit = || c.pool("k", 2).run_blocking(|fence| fence).unwrap();
        let (first, entered) = (fence("k"), permit());
        server.step_back(secs(50));
        let (second, again) = (fence("k"), permit());
        assert!(second > first && again > entered);
        server.advance(secs(100));
        assert!(fence("k") > second && permit() > again);
    }
}

#[test]
fn a_record_that_was_forgotten_begins_above_every_fence_it_gave() {
    for server in still() {
        let c = over(&server);
        let before = c.lock("k").run_blocking(|fence| fence).unwrap();
        server.advance(secs(3_600));
        assert_eq!(server.command(&["EXISTS", "t:l:{k}"]), cachify_tests::resp::Reply::Int(0), "no key is immortal");
        assert!(c.lock("k").run_blocking(|fence| fence).unwrap() > before);
    }
}

#[test]
fn a_step_forward_costs_one_more_command_and_no_failure() {
    for server in still() {
        let c = over(&server);
        c.lock("k").run_blocking(|_| ()).unwrap();
        run(c.lock("k").run(async |_| ())).unwrap();
        server.advance(secs(3_600));
        server.reset_stats();
        let guard = c.lock("k").acquire_blocking().expect("asked again, by the server's new time");
        assert_eq!(server.commandstats("evalsha"), 2);
        server.advance(secs(3_600));
        assert!(matches!(run(c.lock("other").run(async |_| 1)), Ok(1)));
        assert_eq!(guard.release(), Ok(Holding::Lost), "an hour later it had ended");
    }
}

#[test]
fn a_step_forward_ends_leases_and_their_holders_learn_it() {
    for server in still() {
        let c = over(&server);
        let guard = c.lock("k").ttl(millis(600)).acquire_blocking().unwrap();
        server.advance(secs(10));
        let next = c.lock("k").ttl(secs(60)).acquire_blocking().expect("by the server's time it has ended");
        assert!(next.fence() > guard.fence(), "what tells them apart while both believe in it");
        super::world::until_blocking(|| !guard.is_valid());
        assert_eq!(guard.release(), Ok(Holding::Lost));
        assert!(matches!(c.lock("k").acquire_blocking().map(drop), Err(Refused::Busy { .. })));
        assert_eq!(next.release(), Ok(Holding::Held));
    }
}

/// The clock of a thread's waits stands still while a machine sleeps, and nobody has renewed anything.
#[test]
fn what_ended_while_the_machine_slept_has_ended_when_it_wakes() {
    let server = Server::of(Engine::Redis).start();
    let slept = std::env::temp_dir().join(format!("cachify-test-slept-{}", std::process::id()));
    let worker = Command::new(env!("CARGO_BIN_EXE_worker"))
        .env("LD_PRELOAD", ASLEEP)
        .env("CACHIFY_SLEPT", &slept)
        .args([&server.url(), "0", "sleep"])
        .arg(&slept)
        .output()
        .unwrap();
    let _ = std::fs::remove_file(&slept);
    let said = String::from_utf8(worker.stdout).unwrap();
    assert_eq!(said, "true true true\nfalse false true\n", "{}", String::from_utf8_lossy(&worker.stderr));
}
