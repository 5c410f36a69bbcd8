//! How many commands each operation costs, counted by the server.

use super::world::{everywhere, int, millis, over, run, texts, until, until_blocking};
use cachify::{Cachify, Holding, secs};
use cachify_tests::server::Server;
use std::collections::BTreeMap;

/// What the server did since the last look; it also counts what scripts call.
fn sent(server: &Server) -> BTreeMap<String, u64> {
    let mut calls = server.calls();
    calls.retain(|name, _| ["eval", "evalsha", "get", "publish", "set"].contains(&name.as_str()));
    calls
}

fn only(scripts: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([("evalsha".to_owned(), scripts)])
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
        let counted = |what: &str, expected: BTreeMap<String, u64>, action: &mut dyn FnMut()| {
            server.reset_stats();
            action();
            assert_eq!(sent(&server), expected, "{what}");
        };
        let lock = c.lock("k");
        let mut guard = None;
        counted("acquire", only(1), &mut || guard = Some(lock.acquire_blocking().unwrap()));
        counted("refused", only(1), &mut || assert!(lock.try_acquire_blocking().unwrap().is_none()));
        counted("release, which publishes nothing to nobody", only(1), &mut || {
            assert_eq!(guard.take().unwrap().release(), Ok(Holding::Held));
        });
        let pool = c.pool("k", 2);
        let mut permit = None;
        counted("take", only(1), &mut || permit = Some(pool.take_blocking().unwrap()));
        counted("give back", only(1), &mut || assert_eq!(permit.take().unwrap().release(), Ok(Holding::Held)));
        let once = c.once("k").keep(secs(5));
        counted("a run, begun and completed", only(2), &mut || {
            let _ = once.run_blocking(|_| Some(())).unwrap();
        });
        let cache = c.cache("k").ttl(secs(60));
        let load = || Ok::<u32, ()>(7);
        // one GET and the SET are the scripts' own: join looks once more, publish stores
        let miss = BTreeMap::from([("get".to_owned(), 2), ("evalsha".to_owned(), 2), ("set".to_owned(), 1)]);
        counted("a cold miss, looked for, joined and published", miss, &mut || {
            assert_eq!(cache.get_or_insert_with_blocking(load), Ok(7));
        });
        let hit = BTreeMap::from([("get".to_owned(), 1)]);
        counted("a hit", hit, &mut || assert_eq!(cache.get_or_insert_with_blocking(load), Ok(7)));
    });
}

#[test]
fn a_contended_hand_over_is_three_commands_at_most() {
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
            let calls = sent(&server);
            assert_eq!(calls.get("publish"), Some(&1), "{calls:?}");
            assert!(calls.get("evalsha").is_some_and(|n| *n <= 3), "{calls:?}");
            guard.release().await.unwrap();
        });
    });
}

#[test]
fn every_record_of_a_key_shares_its_slot_and_ends_by_itself() {
    everywhere(|server| {
        let c = over(&server);
        warm(&c);
        let _lock = c.lock(("k", "{x}")).acquire_blocking().unwrap();
        let _permit = c.pool(("k", "{x}"), 1).take_blocking().unwrap();
        until_blocking(|| {
            assert!(c.lock(("k", "{x}")).wait(millis(20)).acquire_blocking().is_err());
            assert!(c.pool(("k", "{x}"), 1).wait(millis(20)).take_blocking().is_err());
            texts(&server.command(&["KEYS", "*:q"])).len() == 2
        });
        let keys = texts(&server.command(&["KEYS", "*"]));
        assert!(keys.len() > 8, "{keys:?}");
        for key in keys {
            let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).unwrap_or_else(|| panic!("{key}"));
            assert!(!tag.0.is_empty() && !tag.0.contains('{') && !tag.1.contains(['{', '}']), "{key}");
            // what ended since it was listed says -2
            assert_ne!(int(&server.command(&["PTTL", &key])), -1, "{key} never ends");
        }
    });
}
