//! What lies in the store: how many calls, which keys, for how long, and what if it cannot be read.

use crate::conformance::instance;
use crate::shelf::{Shelf, TTL, ask, key, token};
use cachify::{AsIs, Cause, Kv, KvStore, ManualClock, secs};
use cachify_core::testing::BlockingWords;
use cachify_core::{
    cell::{Ask, Begun, Holding, Life, Lookup, MaybeOwned},
    key::Kind,
    patience::{BLIND_POLL, Busy, Contended, Ticket},
    testing::block_on,
    ttl::Ttl,
};
use cachify_tests::Over;
use std::time::Duration;

#[test]
fn each_operation_makes_as_many_calls_as_documented() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let kv = Over::new(Kv(shelf.clone()));
    let (lock, once, pool, cache) = (key(Kind::Lock), key(Kind::Once), key(Kind::Pool), key(Kind::Cache));
    let cost = |what: &str, calls: usize| assert_eq!(shelf.calls(), calls, "{what}");
    kv.acquire(lock, &ask(1)).unwrap();
    cost("acquire, the first time", 4);
    kv.acquire(lock, &ask(2)).unwrap();
    cost("acquire what is held", 1);
    BlockingWords::renew(&kv, lock, &ask(1)).unwrap();
    cost("renew", 2);
    BlockingWords::release(&kv, lock, token(1)).unwrap();
    cost("release", 2);
    kv.acquire(lock, &ask(1)).unwrap();
    cost("acquire what was given back", 3);
    kv.begin(once, &ask(1)).unwrap();
    cost("begin", 4);
    kv.complete(once, token(1), TTL).unwrap();
    cost("complete", 2);
    kv.take(pool, 3, &ask(1)).unwrap();
    cost("the first take of three", 6);
    kv.give_back(pool, token(1)).unwrap();
    cost("give it back", 4);
    kv.take(pool, 3, &ask(1)).unwrap();
    cost("take one of three", 5);
    kv.in_use(pool).unwrap();
    cost("in use", 2);
    BlockingWords::get(&kv, cache, &AsIs).unwrap();
    kv.join(cache, &AsIs, &ask(1)).unwrap();
    kv.publish(cache, &AsIs, token(1), MaybeOwned::Owned(vec![1]), Life::new(Ttl::Forever)).unwrap();
    cost("miss and fill", 4);
    BlockingWords::get(&kv, cache, &AsIs).unwrap();
    cost("hit", 1);
    let (lock, once) = (["app:l:{k}", "app:l:{k}:fence"], ["app:o:{k}", "app:o:{k}:fence"]);
    let pool = ["app:p:{k}", "app:p:{k}:0"];
    assert_eq!(shelf.keys(), [&["app:c:{k}"], &lock[..], &once, &pool].concat());
}

#[test]
fn a_pool_is_looked_at_in_one_question_where_the_store_can_take_many_keys() {
    let clock = ManualClock::new();
    let mut shelf = Shelf::new(&clock, false);
    shelf.at_once = 20;
    let kv = Over::new(Kv(shelf.clone()));
    let pool = key(Kind::Pool);
    let cost = |what: &str, calls: usize| assert_eq!(shelf.calls(), calls, "{what}");
    for who in 1..=5 {
        kv.take(pool, 5, &ask(who)).unwrap();
    }
    shelf.calls();
    kv.take(pool, 5, &ask(9)).unwrap();
    cost("take one of five that are held", 1);
    kv.give_back(pool, token(3)).unwrap();
    cost("give back the third of five", 4);
    assert_eq!(kv.take(pool, 5, &ask(9)).unwrap().granted().unwrap().index, 2);
    cost("take the third of five", 4);
    assert_eq!(kv.take(pool, 30, &ask(10)).unwrap().granted().unwrap().index, 5);
    assert_eq!((kv.in_use(pool), kv.take(pool, 6, &ask(11)).unwrap().granted()), (Ok(6), None));
    let many: Vec<_> = (20..60).filter_map(|who| kv.take(pool, 40, &ask(who)).unwrap().granted()).collect();
    assert_eq!((many.len(), kv.in_use(pool)), (34, Ok(40)), "more than one question has keys for");
}

#[test]
fn with_a_clock_nothing_is_left_for_ever() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, true);
    let kv = Over::new(Kv(shelf.clone()));
    let fence = kv.acquire(key(Kind::Lock), &ask(1)).unwrap().granted().unwrap().fence;
    kv.take(key(Kind::Pool), 3, &ask(1)).unwrap();
    kv.begin(key(Kind::Once), &ask(1)).unwrap();
    clock.advance(TTL + secs(59));
    assert_eq!(shelf.keys().len(), 3, "fences are remembered for a minute after their lease");
    clock.advance(secs(1));
    assert_eq!(shelf.keys(), Vec::<String>::new());
    assert!(kv.acquire(key(Kind::Lock), &ask(2)).unwrap().granted().unwrap().fence > fence);
}

#[test]
fn a_permit_that_is_extended_for_hours_is_counted_all_the_time() {
    for wall in [false, true] {
        let clock = ManualClock::new();
        let kv = Over::new(Kv(Shelf::new(&clock, wall)));
        let pool = key(Kind::Pool);
        let long = Ask::new(token(7), secs(600));
        kv.take(pool, 2, &ask(1)).unwrap();
        kv.take(pool, 2, &long).unwrap();
        for _ in 0..30 {
            clock.advance(secs(599));
            assert_eq!(BlockingWords::extend(&kv, pool, &long), Ok(Holding::Held));
            assert_eq!(kv.in_use(pool), Ok(1));
            // somebody with a short lease does not shorten what is remembered
            kv.take(pool, 2, &ask(3)).unwrap();
            assert_eq!(kv.in_use(pool), Ok(2));
        }
    }
}

#[test]
fn what_cannot_be_read_is_held_by_somebody_else_and_in_a_cache_a_miss() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let kv = Over::new(Kv(shelf.clone()));
    let unknown = Busy { remaining: BLIND_POLL, ticket: Ticket::NONE };
    for foreign in [&b""[..], b"\x02", b"\x02\x02half", b"\x03\x06newer", b"another program's"] {
        for name in ["app:l:{k}", "app:o:{k}", "app:p:{k}:0", "app:c:{k}"] {
            shelf.write(name, foreign);
        }
        let (lock, once, pool, cache) = (key(Kind::Lock), key(Kind::Once), key(Kind::Pool), key(Kind::Cache));
        assert_eq!(kv.acquire(lock, &ask(1)), Ok(Contended::Busy(unknown)));
        assert_eq!(BlockingWords::renew(&kv, lock, &ask(1)), Ok(Holding::Lost));
        assert_eq!(BlockingWords::release(&kv, lock, token(1)), Ok(Holding::Lost));
        assert_eq!(BlockingWords::remaining(&kv, lock), Ok(Some(BLIND_POLL)));
        assert_eq!(kv.begin(once, &ask(1)), Ok(Begun::Busy(unknown)));
        assert_eq!(kv.take(pool, 1, &ask(1)), Ok(Contended::Busy(unknown)));
        assert_eq!(kv.take(pool, 2, &ask(1)).unwrap().granted().unwrap().index, 1);
        assert_eq!(kv.give_back(pool, token(1)), Ok(Holding::Held));
        assert_eq!(BlockingWords::force_release(&kv, lock), Ok(true));
        assert_eq!(BlockingWords::get(&kv, cache, &AsIs), Ok(None));
        let filled = kv.join(cache, &AsIs, &ask(1)).unwrap();
        assert!(matches!(filled, Contended::Granted(Lookup::Fill { .. })));
        assert_eq!(BlockingWords::give_up(&kv, cache, token(1)), Ok(Holding::Held));
    }
    shelf.write("app:l:{k}:fence", b"?");
    assert_eq!(kv.acquire(key(Kind::Lock), &ask(1)), Err(Cause::Codec), "no fence is better than a lower one");
    assert_eq!(BlockingWords::remaining(&kv, key(Kind::Lock)), Ok(None));
}

#[test]
fn after_more_grants_than_were_reserved_at_once_a_lease_that_ends_is_followed_by_a_higher_fence() {
    let clock = ManualClock::new();
    let kv = Over::new(Kv(Shelf::new(&clock, false)));
    let (lock, mut last) = (key(Kind::Lock), 0);
    for turn in 0..2_501 {
        let fence = kv.acquire(lock, &ask(turn % 2)).unwrap().granted().unwrap().fence.0;
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        if turn < 2_500 {
            BlockingWords::release(&kv, lock, token(turn % 2)).unwrap();
        }
    }
    clock.advance(TTL);
    let next = kv.acquire(lock, &ask(7)).unwrap().granted().unwrap().fence.0;
    assert!(next > last && next <= last + 1_000, "{next} after {last}");
}

#[test]
fn a_store_that_never_exchanges_is_not_asked_for_ever() {
    #[derive(Clone)]
    struct Stubborn;
    impl KvStore for Stubborn {
        type Error = Cause;
        fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Cause> {
            Ok(None)
        }
        fn compare_exchange(
            &self,
            _: &str,
            _: Option<&[u8]>,
            _: Option<&[u8]>,
            _: Option<Duration>,
        ) -> Result<bool, Cause> {
            Ok(false)
        }
        fn remove(&self, _: &str) -> Result<bool, Cause> {
            Ok(false)
        }
    }
    let kv = Over::new(Kv(Stubborn));
    assert!(kv.acquire(key(Kind::Lock), &ask(1)).unwrap().granted().is_none());
    assert!(kv.take(key(Kind::Pool), 2, &ask(1)).unwrap().granted().is_none());
    assert!(kv.join(key(Kind::Cache), &AsIs, &ask(1)).unwrap().granted().is_none());
}

#[test]
fn what_is_known_of_a_holder_is_its_fence_and_its_whole_ttl() {
    let clock = ManualClock::new();
    let c = instance(&clock, Kv(Shelf::new(&clock, false)));
    let (lock, run) = (c.lock("k").ttl(TTL), c.once("k").ttl(TTL).keep(secs(60)));
    assert_eq!(lock.inspect_blocking().unwrap().held, 0);
    let guard = lock.acquire_blocking().unwrap();
    clock.advance(TTL / 2);
    let seen = block_on(lock.inspect()).unwrap();
    assert_eq!((seen.held, seen.fence(), seen.remaining()), (1, Some(guard.fence()), Some(TTL)));
    assert_eq!((seen.age(), seen.waiting()), (None, None));
    run.run_blocking(|_| ()).unwrap();
    let done = run.inspect_blocking().unwrap();
    assert_eq!((done.held, done.fence(), done.remaining()), (1, None, Some(secs(60))));
    let pool = c.pool("k", 2).ttl(TTL);
    assert_eq!(pool.inspect_blocking().map(|seen| (seen.held, seen.remaining())), Ok((0, None)));
    let _permits = [(); 2].map(|()| pool.take_blocking().unwrap());
    let seen = block_on(pool.inspect()).unwrap();
    assert_eq!((seen.held, seen.fence(), seen.remaining(), seen.waiting()), (2, None, Some(TTL), None));
}
