//! A future dropped at every await point of every operation: nothing stays held, nobody is stuck.
//!
//! The store is core's own behind a face that pauses before and after every operation, so that each operation has
//! await points a store in memory does not have: one before it is done, one after it is done and before it is known.

use cachify_core::{
    Instance, Ran,
    cell::waiters::Place,
    key::{Key, LongKeyBuf},
    op::{Answer, Left, Request},
    patience::Ticket,
    store::{Fresh, Platform, Store, Values, growing::MapStore, lock::NoLock},
    testing::{ManualClock, block_on},
    token::HolderToken,
};
use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A store whose every operation is pending once before it is done, and once after.
struct Pausing<'c>(MapStore<NoLock, &'c ManualClock, u32>);

async fn pause() {
    let mut paused = false;
    poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// An operation between its pauses, with its answer once it is done.
#[derive(Default)]
struct Paused {
    place: Place,
    begun: bool,
    done: Option<Answer>,
}

impl Paused {
    fn poll(&mut self, operation: impl FnOnce(&mut Place) -> Answer) -> Poll<Answer> {
        match self.done.take() {
            Some(done) => {
                self.begun = false;
                return Poll::Ready(done);
            }
            None if self.begun => self.done = Some(operation(&mut self.place)),
            None => self.begun = true,
        }
        Poll::Pending
    }
}

impl<'c> Platform for Pausing<'c> {
    type Clock = &'c ManualClock;
    type KeyBuf = LongKeyBuf;
    type Monitor = ();
    type Codec = ();
    fn clock(&self) -> &&'c ManualClock {
        self.0.clock()
    }
    fn token(&self) -> HolderToken {
        self.0.token()
    }
}

fn now<T>(polled: Poll<Result<T, Infallible>>) -> T {
    let Poll::Ready(Ok(done)) = polled else { unreachable!("a store in memory is ready at once") };
    done
}

impl Store for Pausing<'_> {
    type InFlight = Paused;
    type Error = Infallible;

    fn poll_op(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        state.poll(|place| now(self.0.poll_op(place, request, cx))).map(Ok)
    }
    fn poll_changed(
        &self,
        state: &mut Self::InFlight,
        key: &Key<'_>,
        ticket: Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.0.poll_changed(&mut state.place, key, ticket, cx)
    }
    fn abandon(&self, state: &mut Self::InFlight, key: &Key<'_>, token: HolderToken, left: Left) {
        self.0.abandon(&mut state.place, key, token, left);
    }
}

impl Values<u32, ()> for Pausing<'_> {
    fn fetch(&self, state: &mut Self::InFlight, key: &Key<'_>, codec: &()) -> Option<u32> {
        self.0.fetch(&mut state.place, key, codec)
    }
    fn poll_publish(
        &self,
        state: &mut Self::InFlight,
        request: &Request<'_>,
        fresh: Fresh<'_, '_, u32, ()>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Answer>, Infallible>> {
        state
            .poll(|place| {
                now(self.0.poll_publish(place, request, fresh, cx));
                now(self.0.poll_op(place, request, cx))
            })
            .map(|answer| Ok(Some(answer)))
    }
}

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
