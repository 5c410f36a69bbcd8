//! A command that does not fit its key's kind is no request: what lies under a lock is never written over as a value.

use crate::{
    pipe::Line,
    world::{Store, named},
};
use cachify_core::{
    AsIs, Instance,
    key::Kind,
    link::{Gateway, frame::encode},
    store::{CacheStore, Inspect, PermitStore},
    testing::ManualClock,
};
use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

const KINDS: [Kind; 4] = [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool];

/// Every command by its number: the kinds it is for, and its fields.
fn commands() -> Vec<(Vec<Kind>, Vec<u8>)> {
    let token = [9; 16];
    // a TTL of 100 ms, without limit to the caller's patience
    let ask = [&token[..], &[100, 0]].concat();
    let with = |first: u8, rest: &[u8]| [&[first], rest].concat();
    let (lock, once, pool, cache) = (vec![Kind::Lock], vec![Kind::Once], vec![Kind::Pool], vec![Kind::Cache]);
    let either = vec![Kind::Lock, Kind::Once];
    vec![
        (lock.clone(), ask.clone()),
        (lock.clone(), ask.clone()),
        (lock, token.to_vec()),
        (pool.clone(), with(1, &ask)),
        (pool.clone(), ask.clone()),
        (pool.clone(), token.to_vec()),
        (pool, Vec::new()),
        (once.clone(), ask.clone()),
        (once.clone(), ask.clone()),
        (once.clone(), [&token[..], &[100]].concat()),
        (once, token.to_vec()),
        (either.clone(), Vec::new()),
        (either, Vec::new()),
        (cache.clone(), vec![50]),
        (cache.clone(), with(50, &ask)),
        (cache.clone(), [&with(50, &ask)[..], &[0]].concat()),
        (cache.clone(), [&token[..], &[0, 0, 1, 7]].concat()),
        (cache.clone(), ask),
        (cache.clone(), token.to_vec()),
        (cache, Vec::new()),
    ]
}

#[test]
fn a_command_that_does_not_fit_its_key_s_kind_is_rubbish_and_does_nothing() {
    for (number, (fitting, fields)) in commands().into_iter().enumerate() {
        for (at, kind) in KINDS.into_iter().enumerate() {
            let clock = ManualClock::new();
            let store = Store::new(&clock);
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
                    assert!(serve.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
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
            assert_eq!(PermitStore::in_use(&store, named(Kind::Pool)), Ok(1), "command {number} of {kind:?}");
            let value = CacheStore::<Vec<u8>, AsIs>::get(&store, named(Kind::Cache), &AsIs);
            assert_eq!(value, Ok(Some(b"v".to_vec())), "command {number} of {kind:?}");
        }
    }
}
