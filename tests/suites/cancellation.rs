//! A future dropped at every await point of every operation: nothing stays held, nobody is stuck.
//!
//! The store is core's own behind a face that pauses before and after every operation, so that each operation has
//! await points a store in memory does not have: one before it is done, one after it is done and before it is known.

use cachify_core::{
    Instance, Ran,
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    key::{Key, LongKeyBuf},
    patience::{Contended, Ticket},
    store::{
        AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore,
        AsyncRights, CacheStore, EntryStore, Force, Host, Inspect, LeaseStore, NoRoom, OnceStore, PermitStore, Store,
        growing::MapStore, lock::NoLock,
    },
    testing::{ManualClock, block_on},
    token::HolderToken,
    validity::Validity,
};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A store whose every operation has two await points.
struct Pausing<'c>(MapStore<NoLock, &'c ManualClock, u32>);

async fn pause() {
    let mut paused = false;
    poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Store for Pausing<'_> {
    type Error = NoRoom;
    fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
        self.0.changed(key, ticket)
    }
    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        self.0.dropped(key, token);
    }
    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        self.0.unfinished(key, token, ttl, keep);
    }
}

impl<'c> Host for Pausing<'c> {
    type Clock = &'c ManualClock;
    type KeyBuf = LongKeyBuf;
    type Attendance = Validity;
    type Codec = ();
    fn clock(&self) -> &&'c ManualClock {
        self.0.clock()
    }
    fn token(&self) -> HolderToken {
        self.0.token()
    }
    fn attend(&self, _: Key<'_>, _: HolderToken, _: Duration, validity: Validity) -> Validity {
        validity
    }
}

macro_rules! pausing {
    ($($Sync:ident $Async:ident [$($g:tt)*] { $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* })*) => { $(
        impl $Async $($g)* for Pausing<'_> {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, NoRoom> {
                pause().await;
                let done = $Sync::$f(&self.0, key, $($a),*);
                pause().await;
                done
            })*
        }
    )* };
}
pausing! {
    LeaseStore AsyncLeaseStore [] {
        fn acquire(ask: &Ask<'_>) -> Contended<Grant>;
        fn renew(ask: &Ask<'_>) -> Holding;
        fn release(token: HolderToken) -> Holding;
    }
    PermitStore AsyncPermitStore [] {
        fn take(size: u16, ask: &Ask<'_>) -> Contended<Grant>;
        fn extend(ask: &Ask<'_>) -> Holding;
        fn give_back(token: HolderToken) -> Holding;
        fn in_use() -> u16;
    }
    OnceStore AsyncOnceStore [] {
        fn begin(ask: &Ask<'_>) -> Begun;
        fn touch(ask: &Ask<'_>) -> Holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding;
        fn fail(token: HolderToken) -> Holding;
    }
    Inspect AsyncInspect [] { fn remaining() -> Option<Duration>; }
    Force AsyncForce [] { fn force_release() -> bool; }
    EntryStore AsyncEntryStore [] {
        fn keep_flying(ask: &Ask<'_>) -> Holding;
        fn abandon(token: HolderToken) -> Holding;
        fn invalidate() -> bool;
    }
    CacheStore AsyncCacheStore [<u32, ()>] {
        fn get(codec: &()) -> Option<u32>;
        fn join(codec: &(), ask: &Ask<'_>) -> Contended<Lookup<u32>>;
        fn publish(codec: &(), token: HolderToken, value: Kept<'_, u32>, life: Life) -> Holding;
    }
}

impl AsyncRights for Pausing<'_> {}

type Operation = for<'a> fn(&'a Instance<Pausing<'a>>) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Each operation whole: asked for, used, given back.
const OPERATIONS: [(&str, Operation); 5] = [
    ("lock", |i| Box::pin(async { i.lock("k").run(async |_| pause().await).await.unwrap() })),
    ("guard", |i| {
        Box::pin(async {
            let guard = i.lock("k").wait(Duration::from_secs(1)).acquire().await.unwrap();
            guard.run(pause()).await;
            guard.release().await.unwrap();
        })
    }),
    ("pool", |i| Box::pin(async { i.pool("k", 1).run(async |_| pause().await).await.unwrap() })),
    ("once", |i| Box::pin(async { assert_eq!(i.once("k").run(async |_| pause().await).await, Ok(Ran::Ran(()))) })),
    ("cache", |i| {
        Box::pin(async {
            let load = || async {
                pause().await;
                Ok::<u32, ()>(1)
            };
            assert_eq!(i.cache("k").get_or_insert_with(load).await, Ok(1));
        })
    }),
];

fn poll(future: &mut Pin<Box<dyn Future<Output = ()> + '_>>) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Drops the operation after `polls` polls; whether it had ended before.
fn dropped_after(polls: usize, operation: Operation) -> bool {
    let clock = ManualClock::new();
    let instance = Instance::new(Pausing(MapStore::new(&clock)));
    let mut future = operation(&instance);
    let ended = (0..polls).any(|_| poll(&mut future).is_ready());
    drop(future);
    assert!(!block_on(instance.lock("k").is_locked()).unwrap(), "a lock stayed held");
    assert_eq!(block_on(instance.pool("k", 1).in_use()).unwrap(), 0, "a permit stayed held");
    assert!(!block_on(instance.once("k").is_locked()).unwrap(), "a run stayed under way");
    let took_over = Cell::new(ended);
    let load = || async {
        took_over.set(true);
        Ok::<u32, ()>(2)
    };
    let value = block_on(instance.cache("k").get_or_insert_with(load)).unwrap();
    assert!(took_over.get() || value == 1, "a flight stayed under way");
    ended
}

#[test]
fn an_operation_dropped_anywhere_leaves_nothing_held() {
    for (name, operation) in OPERATIONS {
        let points = (0..100).find(|polls| dropped_after(*polls, operation)).expect("ends");
        assert!(points >= 5, "{name} has only {points} await points");
    }
}

#[test]
fn a_waiter_dropped_anywhere_leaves_nobody_stuck() {
    for polls in 0..20 {
        let clock = ManualClock::new();
        let instance = Instance::new(Pausing(MapStore::new(&clock)));
        let guard = block_on(instance.lock("k").acquire()).unwrap();
        let waiting = || -> Pin<Box<dyn Future<Output = ()> + '_>> {
            Box::pin(async { drop(instance.lock("k").wait_forever().acquire().await.unwrap()) })
        };
        let (mut first, mut second) = (waiting(), waiting());
        for _ in 0..4 {
            assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        }
        drop(guard);
        if (0..polls).all(|_| poll(&mut first).is_pending()) {
            drop(first);
        }
        assert!((0..20).any(|_| poll(&mut second).is_ready()), "stuck after {polls} polls of the first");
    }
}
