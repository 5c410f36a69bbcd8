//! Leases of a server: alive as long as their guard, looked at, broken, watched, renewed.

use cachify::{Asked, Cachify, Holding, ManualClock, Ran, Refused, clock::StdClock, secs};
use cachify_core::{
    store::{Platform, Store, lock::NoLock},
    testing::{ManualClock as BareClock, block_on},
    time::{Clock, Instant, Sleep},
};
use cachify_tests::{Guest, poll, rest};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

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
    assert_eq!(busy, Refused::Busy { remaining: None, asked: Asked::NOTHING });
    assert_eq!(c.pool("k", 1).take_blocking().unwrap_err(), Refused::Full { next: None, asked: Asked::NOTHING });
    assert_eq!(
        c.once("k").run_blocking(|_| ()),
        Ok(Ran::Skipped(Refused::Running { remaining: None, asked: Asked::NOTHING }))
    );
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
        assert_eq!(
            lock.acquire_blocking().unwrap_err(),
            Refused::Busy { remaining: Some(secs(1)), asked: Asked::NOTHING }
        );
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

/// A test's clock jumps ahead whenever its runtime is idle; leases and waits go by the system's.
#[test]
fn under_a_paused_clock_of_tokio_a_waiter_does_not_spin() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let polls = AtomicU32::new(0);
    runtime.block_on(async {
        let c = Cachify::builder().build_memory();
        let held = c.lock("k").acquire().await.unwrap();
        let lock = c.lock("k").wait(Duration::from_millis(80));
        let mut waiting = pin!(lock.acquire());
        let waited = std::future::poll_fn(|cx| {
            polls.fetch_add(1, SeqCst);
            waiting.as_mut().poll(cx)
        });
        assert!(waited.await.is_err());
        // and a release is heard
        let lock = c.lock("k").wait(secs(60));
        let (next, kept) = tokio::join!(lock.acquire(), held.release());
        assert!(next.is_ok() && kept == Ok(Holding::Held));
    });
    assert!(polls.load(SeqCst) < 20, "it was polled {} times", polls.load(SeqCst));
}

/// A device whose clock ticks a hundred times a second.
struct Coarse(BareClock);

impl Clock for Coarse {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.now().as_millis() / 10 * 10)
    }
    fn cut(&self) -> u64 {
        self.tick()
    }
    fn tick(&self) -> u64 {
        10
    }
}

impl Sleep for Coarse {
    fn wait(&self, until: Instant, event: Pin<&mut dyn Future<Output = ()>>) {
        // a timer rings at a tick
        self.0.wait(Instant::from_millis(until.as_millis().next_multiple_of(10)), event);
    }
}

#[test]
fn a_lease_that_its_clock_cannot_tell_is_refused_and_no_wait_ends_early() {
    let clock = Coarse(BareClock::new());
    let device = cachify_core::Instance::new(cachify_core::FixedStore::<NoLock, _, 4>::new(&clock));
    let short = Refused::TooShort { least: Duration::from_millis(30) };
    let lock = |ttl| device.lock("k").renew(false).ttl(Duration::from_millis(ttl));
    assert_eq!(lock(29).acquire_blocking().unwrap_err(), short);
    let (run, pool) = (device.once("k").renew(false), device.pool("k", 1).renew(false));
    assert_eq!(run.ttl(Duration::from_millis(1)).begin_blocking().unwrap_err(), short);
    assert_eq!(pool.ttl(Duration::from_millis(29)).take_blocking().unwrap_err(), short);
    assert_eq!(short.to_string(), "a TTL shorter than 30ms, three ticks of the clock");
    drop(lock(30).acquire_blocking().unwrap());
    let _held = device.lock("k").ttl(Duration::from_millis(1)).acquire_blocking().expect("it has no end in memory");
    // from the end of a tick on
    clock.0.advance(Duration::from_millis(9));
    let began = clock.0.now();
    device.lock("k").wait(Duration::from_millis(15)).acquire_blocking().unwrap_err();
    assert!(clock.0.now().since(began) >= Duration::from_millis(15), "{:?}", clock.0.now().since(began));
}

#[test]
fn who_is_refused_after_a_wait_calls_the_next_one() {
    let clock = BareClock::new();
    let device = cachify_core::Instance::new(cachify_core::FixedStore::<NoLock, _, 1, u32>::new(&clock));
    let lock = device.lock("k").wait_forever();
    let guard = block_on(lock.acquire()).unwrap();
    let (first, second) = (Arc::<Woken>::default(), Arc::<Woken>::default());
    let [one, two] = [&first, &second].map(|woken| Waker::from(woken.clone()));
    let (mut a, mut b) = (Box::pin(lock.acquire()), Box::pin(lock.acquire()));
    assert!(a.as_mut().poll(&mut Context::from_waker(&one)).is_pending());
    assert!(b.as_mut().poll(&mut Context::from_waker(&two)).is_pending());
    drop(guard);
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (1, 1), "the second one is to set a timer for the first");
    assert!(b.as_mut().poll(&mut Context::from_waker(&two)).is_pending());
    let other = block_on(device.lock("other").acquire()).unwrap();
    assert!(matches!(a.as_mut().poll(&mut Context::from_waker(&one)), Poll::Ready(Err(_))), "the one slot is taken");
    drop(a);
    assert_eq!(second.0.load(SeqCst), 2, "the turn was passed on");
    drop(other);
    assert!(matches!(b.as_mut().poll(&mut Context::from_waker(&two)), Poll::Ready(Ok(_))));
}
