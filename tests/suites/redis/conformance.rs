//! The public suite on real servers, both faces; the servers' clocks stand still but for the suite's own steps.

use super::world::{over, run};
use cachify::{Cachify, testing};
use cachify_core::testing::conformance;
use cachify_tests::server::{Engine, Server};
use std::{env, process::Command};

#[test]
fn redis_conforms_for_tasks() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let advance = |by| server.advance(by);
        run(conformance::all(over(&server), &advance, ["a".to_owned(), "b".to_owned()])).unwrap();
    }
}

#[test]
fn redis_conforms_for_threads() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let advance = |by| server.advance(by);
        conformance::all_blocking(over(&server), &advance, [1_u64, 2]).unwrap();
    }
}

#[test]
fn redis_keeps_what_backends_promise_beside_somebody_elses_keys() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let advance = |by| server.advance(by);
        let open = || Cachify::builder().redis(server.url());
        let _theirs = open().build().unwrap().lock("lease").acquire_blocking().unwrap();
        run(testing::backend(open, "suite:", &advance)).unwrap();
        testing::backend_blocking(open, "suite:", &advance).unwrap();
    }
}

/// What a process shares that the test starts, of the url in `SERVER`.
fn shared(url: &str) -> Cachify {
    Cachify::builder().prefix("suite:").redis(url).build().unwrap()
}

#[test]
#[ignore = "the second process of the next"]
fn second() {
    testing::peer(&shared(&env::var("SERVER").unwrap())).unwrap();
}

#[test]
fn redis_is_shared_by_processes() {
    for engine in Engine::ALL {
        let server = Server::of(engine).still_clock().start();
        let advance = |by| server.advance(by);
        let mut peer = Command::new(env::current_exe().unwrap());
        peer.args(["--exact", "conformance::second", "--ignored"]).env("SERVER", server.url());
        testing::two_processes(&shared(&server.url()), &mut peer, &advance).unwrap();
    }
}

/// A suite that cannot fail shows nothing.
#[test]
fn a_server_whose_clock_is_stuck_is_found_out() {
    let server = Server::of(Engine::Redis).still_clock().start();
    let stuck = conformance::all_blocking(over(&server), &|_| (), [1_u64, 2]);
    assert_eq!(stuck, Err(conformance::Broken("answer `Lost` to a renewal after the end of a lease")));
}
