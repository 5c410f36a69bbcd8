//! The public suite on real servers, both faces.

use super::world::{everywhere, over, pass, run};
use cachify_core::{
    store::{Tasks, Threads},
    testing::conformance,
};

#[test]
fn redis_conforms_for_tasks() {
    everywhere(|server| run(conformance::all(&Tasks(over(&server)), &pass, ["a".to_owned(), "b".to_owned()])).unwrap());
}

#[test]
fn redis_conforms_for_threads() {
    everywhere(|server| {
        cachify_core::testing::block_on(conformance::all(&Threads(over(&server)), &pass, [1_u64, 2])).unwrap();
    });
}
