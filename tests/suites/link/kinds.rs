//! A command that does not fit its key's kind is no request: what lies under a lock is never written over as a value.

use crate::{
    pipe::Line,
    world::{Memory, named},
};
use cachify_core::testing::BlockingWords;
use cachify_core::{AsIs, Instance, key::Kind, testing::ManualClock};
use cachify_link::{Gateway, frame::encode};
use cachify_tests::poll;
use std::{pin::pin, time::Duration};

const KINDS: [Kind; 4] = [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool];

/// Every command by its number: the kinds that have it, and its fields on a key of that kind.
fn commands(kind: Kind) -> Vec<(&'static [Kind], Vec<u8>)> {
    let token = [9; 16];
    let lasting = [&token[..], &[100]].concat();
    // a TTL of 100 ms, without limit to the caller's patience; then a size, or room, no foreign bytes and no window
    let ask = [&lasting[..], &[0]].concat();
    let acquire = match kind {
        Kind::Lock | Kind::Once => ask,
        Kind::Pool => [&ask[..], &[1]].concat(),
        Kind::Cache => [&ask[..], &[50, 0, 0]].concat(),
    };
    vec![
        (&KINDS, acquire),
        (&KINDS, lasting.clone()),
        (&KINDS, token.to_vec()),
        (&[Kind::Once], lasting),
        (&[Kind::Cache], [&token[..], &[0, 1, 7]].concat()),
        (&[Kind::Lock, Kind::Once, Kind::Cache], Vec::new()),
        (&KINDS, Vec::new()),
        (&[Kind::Cache], vec![50]),
    ]
}

#[test]
fn a_command_that_does_not_fit_its_key_s_kind_is_rubbish_and_does_nothing() {
    for (at, kind) in KINDS.into_iter().enumerate() {
        for (number, (fitting, fields)) in commands(kind).into_iter().enumerate() {
            let clock = ManualClock::new();
            let store = Memory::new(&clock);
            let local = Instance::new(&store);
            let _guard = local.lock("k").try_acquire_blocking().unwrap().unwrap();
            let _run = local.once("k").begin_blocking().unwrap();
            let _permit = local.pool("k", 1).take_blocking().unwrap();
            let ttl = Duration::from_secs(9);
            local.cache("k").ttl(ttl).get_or_insert_with_blocking(|| Ok::<_, ()>(b"v".to_vec())).unwrap();
            let line = Line::new(0);
            // version, session, request, kind, key, number
            let head = [1, 77, 1, at as u8 + 1, 1, b'k', number as u8];
            let mut frame = [0; 64];
            let len = encode(&mut frame, |to| {
                to.put(&head);
                to.put(&fields);
            });
            line.up.put(&frame[..len.unwrap()]);
            let mut gateway = Gateway::new(&store, &clock);
            {
                let mut serve = pin!(gateway.serve(line.up.clone(), line.down.clone()));
                for _ in 0..9 {
                    assert!(poll(serve.as_mut()).is_pending());
                }
            }
            let served = gateway.served();
            if fitting.contains(&kind) {
                assert_eq!((served.done, served.rubbish), (1, 0), "command {number} of {kind:?}");
                continue;
            }
            assert_eq!((served.done, served.rubbish), (0, 1), "command {number} of {kind:?}");
            assert!(line.down.drain().is_empty());
            let both = [Kind::Lock, Kind::Once].map(|kind| store.remaining(named(kind)).unwrap().is_some());
            assert_eq!(both, [true; 2], "command {number} of {kind:?}");
            assert_eq!(BlockingWords::in_use(&store, named(Kind::Pool)), Ok(1), "command {number} of {kind:?}");
            let value = BlockingWords::get::<Vec<u8>, AsIs>(&store, named(Kind::Cache), &AsIs);
            assert_eq!(value, Ok(Some(b"v".to_vec())), "command {number} of {kind:?}");
        }
    }
}
