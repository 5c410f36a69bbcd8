//! How many commands each operation costs, counted by the server.

use super::world::{everywhere, int, over, run, texts, until, until_blocking};
use cachify::{Cachify, Holding, secs};
use cachify_tests::server::Server;
use std::collections::BTreeMap;

/// What the server did since the last look: commands of clients, by name, and how many more the scripts called.
fn sent(server: &Server) -> (BTreeMap<String, u64>, u64) {
    let (ours, inner): (BTreeMap<_, _>, BTreeMap<_, _>) =
        server.calls().into_iter().partition(|(name, _)| ["eval", "evalsha"].contains(&name.as_str()));
    (ours, inner.values().sum())
}

fn scripts(count: u64, inner: u64) -> (BTreeMap<String, u64>, u64) {
    (BTreeMap::from([("evalsha".to_owned(), count)]), inner)
}

/// Has the server learn every script, so that none is sent whole while it is counted.
fn warm(c: &Cachify) {
    c.lock("warm").run_blocking(|_| ()).unwrap();
    c.pool("warm", 1).run_blocking(|_| ()).unwrap();
    c.once("warm").keep(secs(1)).run_blocking(|_| Some(())).unwrap();
    c.cache("warm").ttl(secs(1)).get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
}

#[test]
fn each_operation_is_one_command() {
    everywhere(|server| {
        let c = over(&server);
        warm(&c);
        let counted = |what: &str, expected: (BTreeMap<String, u64>, u64), action: &mut dyn FnMut()| {
            // its expiry is put off now and then
            action();
            server.reset_stats();
            action();
            assert_eq!(sent(&server), expected, "{what}");
        };
        let lock = c.lock("k");
        counted("acquire and release", scripts(2, 3 + 3), &mut || {
            assert_eq!(lock.acquire_blocking().unwrap().release(), Ok(Holding::Held));
        });
        let held = lock.acquire_blocking().unwrap();
        counted("refused", scripts(1, 2), &mut || assert!(lock.try_acquire_blocking().unwrap().is_none()));
        held.release().unwrap();
        let pool = c.pool("k", 2);
        counted("take and give back", scripts(2, 5 + 5), &mut || {
            assert_eq!(pool.take_blocking().unwrap().release(), Ok(Holding::Held));
        });
        let once = c.once("k");
        counted("a run, begun and failed", scripts(2, 3 + 3), &mut || {
            assert_eq!(once.begin_blocking().unwrap().fail(), Ok(Holding::Held));
        });
        let cache = c.cache("k").ttl(secs(60));
        let load = || Ok::<u32, ()>(7);
        // looked for, joined (time, value, flight) and published (time, flight, value)
        let miss = scripts(2, 1 + 4 + 4);
        let reset_too = scripts(3, miss.1 + 3);
        counted("a cold miss", reset_too, &mut || {
            cache.reset_blocking().unwrap();
            assert_eq!(cache.get_or_insert_with_blocking(load), Ok(7));
        });
        let hit = (BTreeMap::new(), 1);
        counted("a hit", hit, &mut || assert_eq!(cache.get_or_insert_with_blocking(load), Ok(7)));
    });
}

#[test]
fn a_contended_hand_over_is_two_commands() {
    everywhere(|server| {
        run(async {
            let (a, b) = (over(&server), over(&server));
            warm(&a);
            let held = a.lock("k").acquire().await.unwrap();
            let waiter = tokio::spawn({
                let lock = b.lock("k").wait(secs(10));
                async move { lock.acquire().await.unwrap() }
            });
            until(|| int(&server.command(&["ZCARD", "t:l:{k}:q"])) == 1).await;
            server.reset_stats();
            held.release().await.unwrap();
            let guard = waiter.await.unwrap();
            let calls = server.calls();
            assert_eq!(calls.get("publish"), Some(&1), "{calls:?}");
            // the release, and the one who was called asks
            assert_eq!(calls.get("evalsha"), Some(&2), "{calls:?}");
            guard.release().await.unwrap();
        });
    });
}

#[test]
fn every_record_of_a_key_shares_its_slot_and_ends_by_itself() {
    everywhere(|server| {
        let c = over(&server);
        warm(&c);
        let lock = c.lock(("k", "{x}")).acquire_blocking().unwrap();
        let permit = c.pool(("k", "{x}"), 1).take_blocking().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| c.lock(("k", "{x}")).wait(secs(60)).run_blocking(|_| ()).unwrap());
            scope.spawn(|| c.pool(("k", "{x}"), 1).wait(secs(60)).run_blocking(|_| ()).unwrap());
            until_blocking(|| texts(&server.command(&["KEYS", "*:q"])).len() == 2);
            let keys = texts(&server.command(&["KEYS", "*"]));
            assert!(keys.len() > 8, "{keys:?}");
            for key in keys {
                let tag =
                    key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).unwrap_or_else(|| panic!("{key}"));
                assert!(!tag.0.is_empty() && !tag.0.contains('{') && !tag.1.contains(['{', '}']), "{key}");
                // what ended since it was listed says -2
                assert_ne!(int(&server.command(&["PTTL", &key])), -1, "{key} never ends");
            }
            lock.release().unwrap();
            permit.release().unwrap();
        });
    });
}
