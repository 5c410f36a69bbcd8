//! The public suite on real servers, both faces; the servers' clocks stand still but for the suite's own steps.

use super::world::{over, run};
use cachify_core::testing::conformance;
use cachify_tests::server::{Engine, Server};

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

/// A suite that cannot fail shows nothing.
#[test]
fn a_server_whose_clock_is_stuck_is_found_out() {
    let server = Server::of(Engine::Redis).still_clock().start();
    let stuck = conformance::all_blocking(over(&server), &|_| (), [1_u64, 2]);
    assert_eq!(stuck, Err(conformance::Broken("answer `Lost` at the end of a lease")));
}
