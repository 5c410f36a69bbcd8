//! What only the std crate has: bounds, renewal in the background, the builder, scopes, shutdown, troubled stores.

use cachify::{
    Cachify, Cause, Error, Event, FencingToken, HolderToken, Holding, ManualClock, Observer, Ran, Refused,
    backend::{About, Ask, Backend, BoxFuture, Call, Inspection, Op, Outcome, Reply},
    cached,
    clock::StdClock,
    secs,
};
use cachify_core::{
    Instance,
    key::{Key, Kind},
    op::Answer,
    patience::Ticket,
    store::{Asking, Platform, Store, growing::MapStore, lock::NoLock},
    testing::{Fault, Faulty, ManualClock as BareClock, Script, block_on},
    time::Clock,
};
use cachify_tests::Guest;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets the renewer come to rest, so that moving the clock is seen by it.
fn rest(clock: &ManualClock) {
    while clock.sleepers() == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn the_bound_holds_at_every_instant_and_leases_are_never_evicted() {
    for bound in [1, 3, 16, 50] {
        let c = Cachify::builder().max_entries(bound).build_memory();
        let guard = c.lock("held").acquire_blocking().unwrap();
        let permit = c.pool("held", 1).take_blocking().unwrap();
        for n in 0..500_u32 {
            c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
            assert!(c.len() <= bound, "{} entries of {bound}", c.len());
        }
        assert!(c.lock("held").is_locked_blocking().unwrap() && guard.is_valid());
        assert_eq!(c.pool("held", 1).in_use_blocking().unwrap(), 1);
        assert_eq!(guard.release(), Ok(Holding::Held));
        assert_eq!(permit.release(), Ok(Holding::Held));
    }
}

#[test]
fn what_is_read_stays_and_what_is_not_goes() {
    let c = Cachify::builder().max_entries(64).build_memory();
    let load = |n: u32| c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    load(0);
    for n in 1..10_000 {
        load(n);
        assert_eq!(c.cache(("n", 0)).get_blocking::<u32>(), Ok(Some(0)), "evicted after {n} though it is read");
    }
}

#[test]
fn ended_values_are_reclaimed_without_being_read() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).default_ttl(secs(1)).build_memory();
    let load = |n: u32| c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    (0..10_000).for_each(|n| assert_eq!(load(n), n));
    assert_eq!(c.len(), 10_000);
    clock.advance(secs(2));
    (10_000..16_000).for_each(|n| assert_eq!(load(n), n));
    assert!(c.len() < 7_000, "{} entries, of which 6,000 live", c.len());
}

#[test]
fn a_value_is_dropped_outside_the_locks() {
    /// Asks the store it lay in while it is dropped: a lock held by its dropper would never be given.
    #[derive(Clone)]
    struct Curious(Arc<Mutex<Option<Cachify<cachify::Memory>>>>);
    impl Drop for Curious {
        fn drop(&mut self) {
            if let Some(c) = self.0.lock().unwrap().take() {
                c.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(0)).unwrap();
            }
        }
    }
    let c = Cachify::builder().build_memory();
    let value = Curious(Arc::default());
    c.cache("k").get_or_insert_with_blocking(|| Ok::<_, ()>(value.clone())).map(drop).unwrap();
    *value.0.lock().unwrap() = Some(c.clone());
    assert!(c.cache("k").reset_blocking().unwrap());
}

#[test]
fn a_guard_is_renewed_in_the_background_on_both_faces() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).store(Guest::new(clock.clone())).build().unwrap();
    let lock = c.lock("k").ttl(secs(30));
    let guard = lock.acquire_blocking().unwrap();
    let permit = block_on(c.pool("p", 1).ttl(secs(30)).take()).unwrap();
    for _ in 0..30 {
        rest(&clock);
        clock.advance(secs(10));
        while !guard.is_valid() || !permit.is_valid() {
            std::thread::yield_now();
        }
    }
    assert!(lock.try_acquire_blocking().unwrap().is_none());
    assert_eq!(guard.release(), Ok(Holding::Held));
    assert_eq!(block_on(permit.release()), Ok(Holding::Held));
}

#[test]
fn in_memory_a_live_guard_is_the_lease() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let guards = (
        c.lock("k").ttl(secs(1)).acquire_blocking().unwrap(),
        block_on(c.pool("k", 1).ttl(secs(1)).take()).unwrap(),
        c.once("k").ttl(secs(1)).begin_blocking().unwrap(),
    );
    clock.advance(secs(1 << 40));
    assert!(guards.0.is_valid() && guards.1.is_valid() && guards.2.is_valid());
    let busy = c.lock("k").wait(secs(0)).acquire_blocking().unwrap_err();
    assert_eq!(busy, Refused::Busy { remaining: None });
    assert_eq!(c.pool("k", 1).take_blocking().unwrap_err(), Refused::Full { next: None });
    assert_eq!(c.once("k").run_blocking(|_| ()), Ok(Ran::Skipped(None)));
    assert_eq!(clock.sleepers(), 0, "nothing renews, nothing waits");
    drop(guards);
    assert!(!c.lock("k").is_locked_blocking().unwrap() && !c.once("k").is_locked_blocking().unwrap());
    assert_eq!(c.pool("k", 1).in_use_blocking(), Ok(0));
}

#[test]
fn without_renewal_a_lease_ends_with_its_ttl_on_every_store() {
    fn case<S>(c: &Cachify<S>, clock: &ManualClock)
    where
        S: Store + Platform<Clock = StdClock>,
    {
        let (lock, pool) = (c.lock("k").ttl(secs(1)).renew(false), c.pool("k", 1).ttl(secs(1)).renew(false));
        let run = c.once("k").ttl(secs(1)).renew(false);
        let (guard, permit) = (lock.acquire_blocking().unwrap(), block_on(pool.take()).unwrap());
        let skipped = run.begin_blocking().unwrap();
        let mut lost = pin!(guard.lost());
        assert!(poll(lost.as_mut()).is_pending());
        assert_eq!(lock.acquire_blocking().unwrap_err(), Refused::Busy { remaining: Some(secs(1)) });
        clock.advance(Duration::from_millis(999));
        assert!(lock.acquire_blocking().is_err() && pool.take_blocking().is_err());
        clock.advance(Duration::from_millis(1));
        assert!(poll(lost.as_mut()).is_ready());
        assert!(!guard.is_valid() && !permit.is_valid() && !skipped.is_valid());
        drop((lock.acquire_blocking().unwrap(), pool.take_blocking().unwrap(), run.begin_blocking().unwrap()));
    }
    let clock = ManualClock::new();
    case(&Cachify::builder().clock(clock.clone()).build_memory(), &clock);
    let clock = ManualClock::new();
    case(&Cachify::builder().clock(clock.clone()).store(Guest::new(clock.clone())).build().unwrap(), &clock);
}

#[test]
fn who_holds_since_when_and_how_many_wait_is_seen_on_every_store() {
    fn case<S>(c: &Cachify<S>, clock: &ManualClock, remaining: Option<Duration>)
    where
        S: Store + Platform<Clock = StdClock>,
    {
        let lock = c.lock("k").ttl(secs(30)).wait_forever();
        let free = lock.inspect_blocking().unwrap();
        assert_eq!((free.held, free.fence(), free.remaining(), free.age()), (0, None, None, None));
        assert_eq!(free.waiting(), Some(0));
        let guard = lock.acquire_blocking().unwrap();
        clock.advance(secs(5));
        let mut waiters = [(); 2].map(|()| Box::pin(lock.acquire()));
        assert!(waiters.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
        let seen = block_on(lock.inspect()).unwrap();
        assert_eq!((seen.held, seen.fence(), seen.age()), (1, Some(guard.fence()), Some(secs(5))));
        assert_eq!((seen.waiting(), seen.remaining()), (Some(2), remaining));
        drop(waiters);
        guard.release().unwrap();
        let free = block_on(lock.inspect()).unwrap();
        assert_eq!((free.held, free.fence(), free.waiting()), (0, None, Some(0)));

        let run = c.once("k").ttl(secs(30)).keep(secs(60));
        run.run_blocking(|fence| {
            let seen = run.inspect_blocking().unwrap();
            assert_eq!((seen.held, seen.fence(), seen.age()), (1, Some(fence), Some(secs(0))));
        })
        .unwrap();
        let done = block_on(run.inspect()).unwrap();
        assert_eq!((done.held, done.fence(), done.age(), done.remaining()), (1, None, None, Some(secs(60))));

        let pool = c.pool("k", 2).ttl(secs(30)).wait_forever();
        let free = pool.inspect_blocking().unwrap();
        assert_eq!((free.held, free.remaining(), free.waiting()), (0, None, Some(0)));
        let first = pool.take_blocking().unwrap();
        clock.advance(secs(5));
        let _second = pool.take_blocking().unwrap();
        let mut waiter = Box::pin(pool.take());
        assert!(poll(waiter.as_mut()).is_pending());
        let seen = block_on(pool.inspect()).unwrap();
        assert_eq!((seen.held, seen.fence(), seen.age(), seen.waiting()), (2, None, None, Some(1)));
        assert_eq!(seen.remaining(), remaining, "of the first that ends");
        drop((waiter, first));
        assert_eq!(block_on(pool.inspect()).map(|seen| (seen.held, seen.waiting())), Ok((1, Some(0))));
    }
    let clock = ManualClock::new();
    case(&Cachify::builder().clock(clock.clone()).build_memory(), &clock, None);
    let clock = ManualClock::new();
    case(&Cachify::builder().clock(clock.clone()).build().unwrap(), &clock, None);
    let clock = ManualClock::new();
    let guest = Cachify::builder().clock(clock.clone()).store(Guest::new(clock.clone())).build().unwrap();
    case(&guest, &clock, Some(secs(25)));
}

#[test]
fn a_holder_whose_lock_is_broken_hears_of_it_at_once() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock).build_memory();
    let lock = c.lock("k").ttl(secs(30));
    let guard = block_on(lock.acquire()).unwrap();
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    let mut lost = Box::pin(guard.lost());
    assert!(lost.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(lock.force_release_blocking().unwrap());
    assert_eq!(woken.0.load(SeqCst), 1);
    assert!(poll(lost.as_mut()).is_ready());
    let next = lock.acquire_blocking().unwrap();
    drop(lost);
    assert!(!guard.is_valid() && next.is_valid() && next.fence() > guard.fence());
    assert_eq!(block_on(guard.release()), Ok(Holding::Lost));
    assert!(lock.is_locked_blocking().unwrap(), "a late release frees nobody else's lock");
}

#[derive(Default)]
struct Woken(AtomicU32);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn who_watches_a_lock_takes_no_turn_of_those_who_wait_for_it() {
    let c = Cachify::builder().build_memory();
    let lock = c.lock("k").wait_forever();
    let guard = block_on(lock.acquire()).unwrap();
    let (watching, waiting) = (Arc::<Woken>::default(), Arc::<Woken>::default());
    let [first, second] = [&watching, &waiting].map(|woken| Waker::from(woken.clone()));
    let mut acquire = Box::pin(lock.acquire());
    {
        let mut lost = Box::pin(guard.lost());
        assert!(lost.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        assert!(acquire.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
    }
    drop(guard);
    assert_eq!((watching.0.load(SeqCst), waiting.0.load(SeqCst)), (0, 1));
    assert!(poll(acquire.as_mut()).is_ready());
}

#[test]
fn who_waits_for_a_loss_rests_until_the_lease_ends() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build_memory();
    let guard = c.lock("k").ttl(secs(1)).renew(false).acquire_blocking().unwrap();
    let endless = c.lock("endless").acquire_blocking().unwrap();
    let (mut lost, mut never) = (pin!(guard.lost()), pin!(endless.lost()));
    for at in 0..1_000 {
        // also in the margin that a holder takes off its lease, where it once asked in a loop
        assert!(poll(lost.as_mut()).is_pending(), "{at} ms");
        assert!(poll(never.as_mut()).is_pending());
        clock.advance(Duration::from_millis(1));
    }
    assert!(poll(lost.as_mut()).is_ready());
    clock.advance(secs(60 * 24 * 3600));
    assert!(poll(never.as_mut()).is_pending() && endless.is_valid(), "sixty days later");
}

#[test]
fn who_is_refused_after_a_wait_calls_the_next_one() {
    let clock = BareClock::new();
    let device = Instance::new(cachify_core::FixedStore::<NoLock, _, 1, u32>::new(&clock));
    let lock = device.lock("k").wait_forever();
    let guard = block_on(lock.acquire()).unwrap();
    let (first, second) = (Arc::<Woken>::default(), Arc::<Woken>::default());
    let [one, two] = [&first, &second].map(|woken| Waker::from(woken.clone()));
    let (mut a, mut b) = (Box::pin(lock.acquire()), Box::pin(lock.acquire()));
    assert!(a.as_mut().poll(&mut Context::from_waker(&one)).is_pending());
    assert!(b.as_mut().poll(&mut Context::from_waker(&two)).is_pending());
    drop(guard);
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (1, 0));
    let other = block_on(device.lock("other").acquire()).unwrap();
    assert!(matches!(a.as_mut().poll(&mut Context::from_waker(&one)), Poll::Ready(Err(_))), "the one slot is taken");
    drop(a);
    assert_eq!(second.0.load(SeqCst), 1, "the wake-up was passed on");
    drop(other);
    assert!(matches!(b.as_mut().poll(&mut Context::from_waker(&two)), Poll::Ready(Ok(_))));
}

#[test]
fn a_shutdown_gives_back_what_is_held() {
    let c = Cachify::builder().build_memory();
    let (guard, permit) = (c.lock("k").acquire_blocking().unwrap(), c.pool("p", 2).take_blocking().unwrap());
    assert_eq!(block_on(c.shutdown(secs(1))), 2);
    assert!(!guard.is_valid() && !permit.is_valid());
    assert!(!c.lock("k").is_locked_blocking().unwrap());
    assert_eq!((guard.release(), permit.release()), (Ok(Holding::Lost), Ok(Holding::Lost)));
}

#[test]
fn a_zero_is_refused_before_anything_is_built() {
    let zero = Duration::ZERO;
    assert_eq!(Cachify::builder().default_ttl(zero).build().unwrap_err(), Error::Config("`default_ttl` is zero"));
    assert_eq!(Cachify::builder().default_lease(zero).build().unwrap_err(), Error::Config("`default_lease` is zero"));
    assert_eq!(Cachify::builder().max_entries(0).build().unwrap_err(), Error::Config("`max_entries` is zero"));
    let c = Cachify::builder().build_memory();
    assert_eq!(c.lock("k").ttl(zero).acquire_blocking().unwrap_err(), Refused::Zero);
    assert_eq!(c.pool("k", 0).take_blocking().unwrap_err(), Refused::Zero);
    let runs = AtomicU32::new(0);
    let load = || Ok::<u32, ()>(runs.fetch_add(1, SeqCst));
    c.cache("k").ttl(zero).get_or_insert_with_blocking(load).unwrap();
    c.cache("k").ttl(zero).get_or_insert_with_blocking(load).unwrap();
    assert_eq!(runs.load(SeqCst), 2, "a TTL of zero keeps nothing");
}

#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Observer for Diary {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Hit { key } => format!("hit {key}"),
            Event::Miss { key } => format!("miss {key}"),
            Event::Joined { key } => format!("joined {key}"),
            Event::Granted { key, .. } => format!("granted {key}"),
            Event::Refused { key: Some(key), why } => format!("refused {key}: {}", why.is_contended()),
            Event::Lost { key } => format!("lost {key}"),
            Event::Failed { cause, .. } => format!("failed: {cause}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

impl Diary {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn an_observer_is_told_what_happens_and_to_which_key() {
    let diary = Diary::default();
    let c = Cachify::builder().prefix("app").observer(diary.clone()).build_memory();
    let cache = c.cache(("user", 7));
    cache.get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
    cache.get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
    let guard = c.lock("k").acquire_blocking().unwrap();
    assert!(c.lock("k").try_acquire_blocking().unwrap().is_none());
    c.lock("k").force_release_blocking().unwrap();
    guard.release().unwrap();
    let expected =
        ["miss app:c:{user:7}", "hit app:c:{user:7}", "granted app:l:{k}", "refused app:l:{k}: true", "lost app:l:{k}"];
    assert_eq!(diary.take(), expected);
}

#[test]
fn what_is_printed_for_a_person_names_the_key_and_no_bytes() {
    #[derive(Clone, Default)]
    struct Printed(Arc<Mutex<Vec<String>>>);
    impl Observer for Printed {
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(format!("{event:?}"));
        }
    }
    let printed = Printed::default();
    let c = Cachify::builder().prefix("app").observer(printed.clone()).build().unwrap();
    let _ = c.cache(("user", 42)).get_or_insert_with_blocking(|| Ok::<u32, ()>(7));
    let guard = c.lock("k").acquire_blocking().unwrap();
    assert!(c.lock("k").acquire_blocking().is_err());
    let events = printed.0.lock().unwrap().clone();
    assert_eq!(events[0], "Miss { key: \"app:c:{user:42}\" }");
    assert!(events[1].starts_with("Granted { key: \"app:l:{k}\", fence: FencingToken("), "{events:?}");
    assert_eq!(events[2], "Refused { key: Some(\"app:l:{k}\"), why: Busy { remaining: None } }");
    let lock = c.lock(("k", 1)).ttl(secs(3));
    assert_eq!(format!("{lock:?}"), "Lock { key: \"k:1\", ttl: Some(3s), wait: No, renew: true, .. }");
    assert!(format!("{guard:?}").starts_with("BlockingLockGuard { key: \"app:l:{k}\", fence: "), "{guard:?}");
    assert!(
        format!("{c:?}").starts_with("Instance { store: Memory { entries: 1, .. }, config: Config { ttl: "),
        "{c:?}"
    );
}

#[test]
fn a_caller_that_waited_for_another_s_value_is_told_apart() {
    let diary = Diary::default();
    let c = Cachify::builder().prefix("").observer(diary.clone()).build_memory();
    let cache = c.cache("k");
    let load = || async {
        tokio::task::yield_now().await;
        Ok::<u8, ()>(1)
    };
    let mut first = Box::pin(cache.get_or_insert_with(load));
    let mut second = Box::pin(cache.get_or_insert_with(load));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    assert_eq!((block_on(first), block_on(second)), (Ok(1), Ok(1)));
    assert_eq!(diary.take(), ["miss c:{k}", "joined c:{k}"]);
}

#[cached(key = "scoped")]
fn scoped() -> u32 {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    RUNS.fetch_add(1, SeqCst)
}

#[cached(key = "scoped")]
async fn scoped_async() -> u32 {
    tokio::task::yield_now().await;
    1_000
}

#[tokio::test]
async fn a_scope_stands_for_the_global_instance() {
    let (a, b) = (Cachify::builder().build().unwrap(), Cachify::builder().build().unwrap());
    let first = a.scope(scoped);
    assert_eq!(a.scope(|| (scoped(), b.scope(scoped), scoped())), (first, first + 1, first));
    assert_eq!(b.scope_async(async { (scoped_async().await, scoped()) }).await, (first + 1, first + 1));
    assert_eq!(cachify::global().unwrap_err(), Error::NotInitialised);
}

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
        let refused = |why: Refused| matches!(why, Refused::Unavailable(cause) if is_other(cause));
        let busy = |why: Refused| matches!(why, Refused::Busy { .. } | Refused::Full { .. });
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
    let ask = Op::Acquire(Ask { ttl: 1_000, wait: 0, size: 1 });
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
    for op in [Op::Acquire(Ask { ttl: 1_000, wait: 0, size: 1 }), Op::Release(Outcome::Done { fresh: 1_000 })] {
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
    assert!(matches!(refused, Refused::Unavailable(Cause::Unsupported(face)) if face.contains("async face")));
}

#[test]
fn an_unknown_outcome_is_asked_again_by_the_same_token() {
    let script = [Fault::ReplyLost, Fault::None];
    let clock = BareClock::new();
    let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
    let instance = Instance::new(&store);
    let guard = instance.lock("k").wait(secs(1)).acquire_blocking().unwrap();
    assert_eq!((guard.fence().0, store.operations()), (1, 2), "granted once, found again by its token");
    assert!(clock.now().as_millis() < 1_000);
    assert_eq!(guard.release(), Ok(Holding::Held));
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

#[test]
fn a_late_value_is_dropped_outside_the_locks() {
    /// Uses the shard it was meant for while it is dropped.
    #[derive(Clone)]
    struct Last(Arc<Mutex<Option<Cachify<cachify::Memory>>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let last = Arc::strong_count(&self.0) == 1;
            if let Some(c) = self.0.lock().unwrap().take().filter(|_| last) {
                c.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(0)).unwrap();
            }
        }
    }
    let c = Cachify::builder().build_memory();
    let load = || {
        c.cache("k").reset_blocking().unwrap();
        Ok::<_, ()>(Last(Arc::new(Mutex::new(Some(c.clone())))))
    };
    drop(c.cache("k").get_or_insert_with_blocking(load).unwrap());
}

#[test]
fn giving_up_on_an_unknown_outcome_leaves_nothing_held() {
    for fault in [Fault::ReplyLost, Fault::RequestLost] {
        let script = [fault; 3];
        let clock = BareClock::new();
        let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
        let instance = Instance::new(&store);
        let why = instance.lock("k").wait(Duration::from_millis(90)).acquire_blocking().unwrap_err();
        assert!(why.is_indeterminate());
        assert!(!instance.lock("k").is_locked_blocking().unwrap(), "the token was handed to the store");
    }
}

#[test]
fn a_failing_store_never_replaces_the_body_s_result() {
    for fault in [Fault::Refused, Fault::RequestLost, Fault::ReplyLost, Fault::Duplicated] {
        for at in 0..4 {
            let mut script = [Fault::None; 5];
            script[at] = fault;
            let clock = BareClock::new();
            let store = Faulty::new(MapStore::<NoLock, _, u8>::new(&clock), Script::new(&script));
            let instance = Instance::new(&store);
            let value = instance.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(7));
            assert_eq!(value, Ok(7), "caches fail open: {fault:?} at {at}");
            match instance.lock("k").run_blocking(|_| 9) {
                Ok(out) => assert_eq!(out, 9),
                Err(why) => assert!(!why.is_contended(), "leases fail closed, and say why: {why:?}"),
            }
        }
    }
}

#[test]
fn a_wait_ends_at_its_deadline_outside_any_runtime() {
    let clock = StdClock::system();
    let c = Cachify::builder().build_memory();
    let guard = c.lock("k").acquire_blocking().unwrap();
    let before = clock.now();
    let lock = c.lock("k").wait(Duration::from_millis(20));
    let refused = on_this_thread(lock.acquire());
    assert!(matches!(refused, Err(Refused::Busy { .. })));
    assert!(clock.now().since(before) >= Duration::from_millis(20));
    drop(guard);
}

/// Polls when woken, on a thread without a runtime.
fn on_this_thread<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(out) => return out,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// By a clock that is not the product's: a millisecond that is cut off at the beginning is not missing at the end.
#[test]
fn nobody_waits_less_than_was_said() {
    #![allow(clippy::disallowed_methods, reason = "the system's own clock is the judge")]
    let c = Cachify::builder().build().unwrap();
    let _lock = c.lock("k").acquire_blocking().unwrap();
    let _permit = c.pool("k", 1).take_blocking().unwrap();
    let wait = Duration::from_millis(2);
    let began = std::time::Instant::now;
    for _ in 0..50 {
        let start = began();
        assert!(c.lock("k").wait(wait).acquire_blocking().is_err());
        assert!(start.elapsed() >= wait, "a thread: {:?}", start.elapsed());
        let start = began();
        assert!(block_on(c.pool("k", 1).wait(wait).take()).is_err());
        assert!(start.elapsed() >= wait, "a task without tokio: {:?}", start.elapsed());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..50 {
            let start = began();
            assert!(c.lock("k").wait(wait).acquire().await.is_err());
            assert!(start.elapsed() >= wait, "a task: {:?}", start.elapsed());
        }
    });
    let start = began();
    assert!(c.lock("k").wait(Duration::ZERO).acquire_blocking().is_err());
    assert!(start.elapsed() < Duration::from_secs(1), "a wait of zero is none");
}
