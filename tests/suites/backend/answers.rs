//! Stores that answer the wrong thing, nothing, or never.

use cachify::{
    Cachify, Cause, Error, FencingToken, HolderToken, Holding, ManualClock, Refused,
    backend::{About, Ask, Backend, BoxFuture, Call, Inspection, Op, Outcome, Reply},
    clock::StdClock,
    secs,
};
use cachify_core::{
    Instance, Label,
    key::{Key, Kind},
    op::Answer,
    patience::Ticket,
    store::{Asking, growing::MapStore, lock::NoLock},
    testing::{Fault, Faulty, ManualClock as BareClock, Script, block_on},
    time::Clock,
};
use cachify_tests::{Guest, poll, rest};
use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

/// A store that never answers.
struct Silent;

impl Backend for Silent {
    fn call(self: Arc<Self>, _: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(std::future::pending())
    }
    fn about(&self) -> About {
        About::tasks_only()
    }
}

#[test]
fn a_store_that_never_answers_costs_a_cached_call_one_time_limit() {
    let clock = ManualClock::new();
    let c =
        Cachify::builder().clock(clock.clone()).op_timeout(Duration::from_millis(500)).store(Silent).build().unwrap();
    let cache = c.cache("k");
    let mut call = pin!(cache.get_or_insert_with(async || Ok::<u32, ()>(7)));
    assert!(poll(call.as_mut()).is_pending());
    clock.advance(Duration::from_millis(499));
    assert!(poll(call.as_mut()).is_pending());
    clock.advance(Duration::from_millis(1));
    assert_eq!(poll(call.as_mut()), Poll::Ready(Ok(7)), "it computes and asks no more");
}

/// A store that answers the same to everything.
struct Parrot(Reply);

impl Backend for Parrot {
    fn call(self: Arc<Self>, _: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        let reply = self.0.clone();
        Box::pin(async { Ok(reply) })
    }
}

#[test]
fn a_store_that_answers_another_operation_is_a_typed_error() {
    let (fence, remaining, ticket) = (FencingToken(1), secs(1), Ticket::NONE);
    let granted = Reply::Granted { fence, index: 0, remaining };
    let replies = [
        granted.clone(),
        Reply::Busy { remaining, ticket },
        Reply::Done { remaining },
        Reply::Filled(b"foreign".to_vec()),
        Reply::Absent,
        Reply::Held(Holding::Held),
        Reply::Cleared(true),
        Reply::Inspected(Inspection::new(1, 1_000)),
    ];
    for reply in replies {
        let c = Cachify::builder().store(Parrot(reply.clone())).build().unwrap();
        let is = |of: &[Reply]| of.iter().any(|one| std::mem::discriminant(one) == std::mem::discriminant(&reply));
        let is_other = |cause: Cause| matches!(cause, Cause::Unsupported(why) if why.contains("another question"));
        let refused = |why: Refused| matches!(why, Refused::Unavailable { cause, .. } if is_other(cause));
        let busy = Refused::is_contended;
        let asked = [
            c.lock("k").acquire_blocking().map(drop),
            block_on(c.pool("k", 2).take()).map(drop),
            c.once("k").begin_blocking().map(drop),
        ];
        for (at, asked) in asked.into_iter().enumerate() {
            match asked {
                Ok(()) => assert!(is(std::slice::from_ref(&granted)), "{reply:?}"),
                Err(why) if busy(why) => {
                    let done = at == 2 && is(&[Reply::Done { remaining }]);
                    assert!(done || is(&[Reply::Busy { remaining, ticket }]), "{reply:?}");
                }
                Err(why) => assert!(refused(why), "{reply:?}: {why:?}"),
            }
        }
        let looked = c.lock("k").is_locked_blocking();
        assert_eq!(looked.is_ok(), is(&[Reply::Inspected(Inspection::FREE)]), "{reply:?}: {looked:?}");
        assert!(looked.err().is_none_or(|e| matches!(e, Error::Store(cause) if is_other(cause))));
        let forced = block_on(c.lock("k").force_release());
        assert_eq!(forced.is_ok(), is(&[Reply::Cleared(true)]), "{reply:?}: {forced:?}");
        let got = c.cache("k").get_blocking::<u32>();
        assert_eq!(got.is_ok(), is(&[Reply::Filled(Vec::new()), Reply::Absent]), "{reply:?}: {got:?}");
        assert_eq!(c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(7)), Ok(7), "{reply:?}");
    }
}

#[test]
fn nobody_believes_a_grant_past_what_was_asked() {
    let clock = ManualClock::new();
    let granted = Reply::Granted { fence: FencingToken(1), index: 0, remaining: Duration::MAX };
    let c = Cachify::builder().clock(clock.clone()).store(Parrot(granted)).build().unwrap();
    let guard = c.lock("k").ttl(secs(1)).renew(false).acquire_blocking().unwrap();
    assert!(guard.is_valid());
    clock.advance(secs(1));
    assert!(!guard.is_valid());
}

/// Grants what is asked, and says nothing when it is to renew.
struct Terse;

impl Backend for Terse {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        let Op::Acquire(ask) = call.op else { return Box::pin(async { Err(Cause::Unreachable) }) };
        let remaining = Duration::from_millis(ask.ttl);
        Box::pin(async move { Ok(Reply::Granted { fence: FencingToken(1), index: 0, remaining }) })
    }
    fn call_many_blocking(self: Arc<Self>, _: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        Vec::new()
    }
}

#[test]
fn a_renewal_that_is_left_out_is_not_a_loss() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Terse).build().unwrap();
    let guard = c.lock("k").ttl(secs(30)).acquire_blocking().unwrap();
    for at in (0..29).step_by(2) {
        assert!(guard.is_valid(), "{at} s");
        rest(&clock);
        clock.advance(secs(2));
    }
    while guard.is_valid() {
        clock.advance(secs(1));
        std::thread::yield_now();
    }
}

#[test]
fn a_gateway_of_another_prefix_has_keys_of_its_own() {
    let c = Cachify::builder().prefix("app").store(Guest::new(StdClock::system())).build().unwrap();
    let (raw, token) = (c.raw(), HolderToken([1, 2, 3, 4]));
    let ask = Op::Acquire(Ask { ttl: 1_000, wait: 0, size: 1, window: 0, label: Label::NONE });
    for (prefix, is_locked) in [("devices", false), ("app", true)] {
        let key = Key::new(Kind::Lock, prefix, b"k", 0);
        let answer = block_on(Asking::new(&raw, false, key, token, ask).answer());
        assert!(matches!(answer, Ok(Answer::Granted { .. })), "{answer:?}");
        assert_eq!(c.lock("k").is_locked_blocking(), Ok(is_locked), "{prefix}");
    }
}

#[test]
fn a_flight_that_ends_well_without_its_value_leaves_none() {
    let c = Cachify::builder().prefix("app").store(Guest::new(StdClock::system())).build().unwrap();
    let (store, token) = (c.instance().store(), HolderToken([1, 2, 3, 4]));
    let key = Key::new(Kind::Cache, "app", b"k", 0);
    for op in [
        Op::Acquire(Ask { ttl: 1_000, wait: 0, size: 1, window: 0, label: Label::NONE }),
        Op::Release(Outcome::Done { fresh: 1_000 }),
    ] {
        assert!(block_on(Asking::new(store, false, key, token, op).answer()).is_ok());
    }
    assert_eq!(c.cache("k").get_blocking::<u32>(), Ok(None));
    assert_eq!(c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(7)), Ok(7));
}

#[test]
fn a_store_that_never_answers_refuses_a_lock_within_the_limit() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Silent).build().unwrap();
    let lock = c.lock("k");
    let mut call = pin!(lock.acquire());
    assert!(poll(call.as_mut()).is_pending());
    clock.advance(Duration::from_millis(500));
    let Poll::Ready(Err(why)) = poll(call.as_mut()) else { panic!("still waits") };
    assert!(why.is_indeterminate(), "never `not acquired`: {why}");
    let refused = c.lock("k").acquire_blocking().unwrap_err();
    assert!(
        matches!(refused, Refused::Unavailable { cause: Cause::Unsupported(face), .. } if face.contains("async face"))
    );
}

#[test]
fn a_store_that_stops_answering_after_a_miss_is_asked_no_more() {
    let mut script = [Fault::RequestLost; 100];
    script[0] = Fault::None;
    let clock = BareClock::new();
    let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
    let instance = Instance::new(&store);
    assert_eq!(instance.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(7)), Ok(7));
    assert_eq!((store.operations(), clock.now().as_millis()), (2, 0), "one look, one join, no waiting");
}
