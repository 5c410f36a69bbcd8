//! A future dropped at every await point of every operation: its token gives back what it left, or its end does.

use crate::{
    conformance::instance,
    shelf::{Shelf, Slow, TTL, ask, gated, key, token},
};
use cachify::{AsIs, AsyncKv, Cachify, Kv, ManualClock};
use cachify_core::testing::Words;
use cachify_core::{
    cell::{Life, MaybeOwned},
    key::Kind,
    testing::block_on,
    ttl::Ttl,
};
use cachify_tests::Over;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

type Operation = for<'a> fn(&'a Over<AsyncKv<Slow>>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! operations {
    ($($name:ident($kv:ident) $does:expr;)*) => {
        [$((stringify!($name), |$kv| Box::pin(async { let _ = $does.await; }))),*]
    };
}

const OPERATIONS: [(&str, Operation); 15] = operations! {
    acquire(kv) kv.acquire(key(Kind::Lock), &ask(1));
    renew(kv) kv.renew(key(Kind::Lock), &ask(9));
    release(kv) kv.release(key(Kind::Lock), token(9));
    force(kv) kv.force_release(key(Kind::Lock));
    take(kv) kv.take(key(Kind::Pool), 2, &ask(1));
    extend(kv) kv.extend(key(Kind::Pool), &ask(9));
    give_back(kv) kv.give_back(key(Kind::Pool), token(9));
    begin(kv) kv.begin(key(Kind::Once), &ask(1));
    touch(kv) kv.touch(key(Kind::Once), &ask(9));
    complete(kv) kv.complete(key(Kind::Once), token(9), TTL);
    fail(kv) kv.fail(key(Kind::Once), token(9));
    join(kv) kv.join(key(Kind::Cache), &AsIs, &ask(1));
    keep_flying(kv) kv.keep_flying(key(Kind::Cache), &ask(9));
    publish(kv) kv.publish(key(Kind::Cache), &AsIs, token(9), MaybeOwned::Owned(vec![1]), Life::new(Ttl::For(TTL)));
    invalidate(kv) kv.invalidate(key(Kind::Cache));
};

/// A store in which token 9 holds one of everything, or nobody anything.
fn store(clock: &ManualClock, held: bool) -> Over<AsyncKv<Slow>> {
    let kv = Over::new(AsyncKv(Slow { shelf: Shelf::new(clock, true), after: true }));
    if held {
        block_on(async {
            kv.acquire(key(Kind::Lock), &ask(9)).await.unwrap();
            kv.take(key(Kind::Pool), 2, &ask(9)).await.unwrap();
            kv.begin(key(Kind::Once), &ask(9)).await.unwrap();
            kv.join(key(Kind::Cache), &AsIs, &ask(9)).await.unwrap();
        });
    }
    kv
}

/// Whether token 2 gets everything, now.
async fn all_free(kv: &Over<AsyncKv<Slow>>) -> bool {
    kv.acquire(key(Kind::Lock), &ask(2)).await.unwrap().granted().is_some()
        && kv.take(key(Kind::Pool), 1, &ask(2)).await.unwrap().granted().is_some()
        && kv.begin(key(Kind::Once), &ask(2)).await.unwrap().contended().granted().is_some()
        && kv.join(key(Kind::Cache), &AsIs, &ask(2)).await.unwrap().granted().is_some()
}

async fn give_all_back(kv: &Over<AsyncKv<Slow>>, who: u32) {
    kv.release(key(Kind::Lock), token(who)).await.unwrap();
    kv.give_back(key(Kind::Pool), token(who)).await.unwrap();
    kv.fail(key(Kind::Once), token(who)).await.unwrap();
    kv.give_up(key(Kind::Cache), token(who)).await.unwrap();
}

/// Drops the operation after `polls` polls; whether it had ended before.
fn dropped_after(polls: usize, kv: &Over<AsyncKv<Slow>>, operation: Operation) -> bool {
    let mut future = operation(kv);
    (0..polls).any(|_| future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
}

#[test]
fn what_a_dropped_operation_left_ends_with_its_ttl() {
    for held in [false, true] {
        for (name, operation) in OPERATIONS {
            let points = (0..200).find(|polls| {
                let clock = ManualClock::new();
                let kv = store(&clock, held);
                clock.advance(Duration::from_millis(1));
                let ended = dropped_after(*polls, &kv, operation);
                clock.advance(TTL);
                assert!(block_on(all_free(&kv)), "{name} left something held after {polls} polls");
                ended
            });
            assert!(points.expect("ends") >= 3, "{name} has only {points:?} await points");
        }
    }
}

#[test]
fn what_a_dropped_operation_left_its_token_gives_back() {
    for (name, operation) in OPERATIONS {
        for polls in 0..40 {
            let clock = ManualClock::new();
            let kv = store(&clock, false);
            dropped_after(polls, &kv, operation);
            block_on(give_all_back(&kv, 1));
            assert!(block_on(all_free(&kv)), "{name} left something held after {polls} polls");
        }
    }
}

#[test]
fn a_holder_dropped_anywhere_in_its_renewal_or_return_is_alone_until_its_end() {
    for (name, operation) in OPERATIONS {
        if matches!(name, "release" | "force" | "give_back" | "complete" | "fail" | "publish" | "invalidate") {
            continue;
        }
        for polls in 0..40 {
            let clock = ManualClock::new();
            let kv = store(&clock, true);
            dropped_after(polls, &kv, operation);
            clock.advance(Duration::from_millis(399));
            block_on(async {
                assert!(kv.acquire(key(Kind::Lock), &ask(2)).await.unwrap().granted().is_none(), "{name}");
                assert!(kv.take(key(Kind::Pool), 1, &ask(2)).await.unwrap().granted().is_none(), "{name}");
                assert!(kv.begin(key(Kind::Once), &ask(2)).await.unwrap().contended().granted().is_none(), "{name}");
                assert!(kv.join(key(Kind::Cache), &AsIs, &ask(2)).await.unwrap().granted().is_none(), "{name}");
                assert!(kv.remaining(key(Kind::Lock)).await.unwrap().is_some());
            });
        }
    }
}

/// The brackets round it: a whole call of a user, dropped anywhere.
#[test]
fn a_call_dropped_anywhere_leaves_nothing_past_its_lease() {
    type Call = for<'a> fn(&'a Cachify) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
    const LEASE: Duration = Duration::from_secs(700);
    let calls: [(&str, Call); 4] = [
        ("lock", |c| Box::pin(async { c.lock("k").run(async |_| ()).await.unwrap() })),
        ("pool", |c| Box::pin(async { c.pool("k", 1).run(async |_| ()).await.unwrap() })),
        ("once", |c| {
            Box::pin(async {
                let _ = c.once("k").run(async |_| ()).await.unwrap();
            })
        }),
        ("cache", |c| {
            Box::pin(async {
                let _ = c.cache("k").get_or_insert_with(|| async { Ok::<u32, ()>(1) }).await.unwrap();
            })
        }),
    ];
    for (name, call) in calls {
        let points = (0..200).find(|polls| {
            let clock = ManualClock::new();
            let slow = Slow { shelf: Shelf::new(&clock, false), after: true };
            let c = Cachify::builder().clock(clock.clone()).default_ttl(LEASE).store(AsyncKv(slow)).build().unwrap();
            let mut future = call(&c);
            let ended = (0..*polls).any(|_| future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            drop(future);
            clock.advance(LEASE);
            block_on(call(&c));
            ended
        });
        assert!(points.expect("ends") >= 5, "{name} has only {points:?} await points");
    }
}

#[test]
fn a_shutdown_waits_until_what_was_dropped_is_given_back() {
    let clock = ManualClock::new();
    let (shelf, gate) = (Shelf::new(&clock, false), Arc::new(Mutex::new(())));
    let c = instance(&clock, Kv(gated(&shelf, &gate, "")));
    drop(block_on(c.pool("first", 1).take()).unwrap());
    let (held, guard) = (c.lock("held").acquire_blocking().unwrap(), c.lock("dropped").acquire_blocking().unwrap());
    let shut = gate.lock().unwrap();
    drop(guard);
    let mut shutdown = Box::pin(c.shutdown(Duration::from_secs(9)));
    assert!(shutdown.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(shut);
    clock.advance(Duration::from_secs(9));
    assert_eq!(block_on(shutdown), 1);
    let busy = |key: &str| c.lock(key).is_locked_blocking().unwrap();
    assert!(!busy("held") && !busy("dropped") && !held.is_valid());
    assert_eq!(c.pool("first", 1).in_use_blocking(), Ok(0));
}
