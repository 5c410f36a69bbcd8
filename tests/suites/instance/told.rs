//! What an instance refuses, tells its observer, prints, and gives back at its end.

use cachify::{Cachify, Error, Event, Holding, ManualClock, Observer, Refused, cached, clock::StdClock, secs};
use cachify_core::{
    store::{Platform, Store},
    testing::block_on,
    time::Clock,
};
use cachify_tests::{Guest, poll, rest};
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
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Observer for Diary {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Hit { key } => format!("hit {key}"),
            Event::Miss { key } => format!("miss {key}"),
            Event::Joined { key } => format!("joined {key}"),
            Event::Granted { key, .. } => format!("granted {key}"),
            Event::Refused { key: Some(key), why } => format!("refused {key}: {}", why.is_contended()),
            Event::Lost { key, why } => format!("lost {key}: {why:?}"),
            Event::Failed { cause, .. } => format!("failed: {cause}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

impl Diary {
    pub(crate) fn take(&self) -> Vec<String> {
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
    let expected = [
        "miss app:c:{user:7}",
        "hit app:c:{user:7}",
        "granted app:l:{k}",
        "refused app:l:{k}: true",
        "lost app:l:{k}: Taken",
    ];
    assert_eq!(diary.take(), expected);
}

/// Not what an observer is for, but nothing that hangs.
#[test]
fn an_observer_may_use_the_instance() {
    #[derive(Clone, Default)]
    struct Nosy(Arc<Mutex<(Option<Cachify>, Vec<u32>)>>);
    impl Observer for Nosy {
        fn event(&self, event: &Event<'_>) {
            let c = self.0.lock().unwrap().0.clone();
            if let (Event::Miss { .. }, Some(c)) = (event, c) {
                let seen = c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(7)).unwrap();
                let _ = c.lock("k").try_acquire_blocking().unwrap();
                self.0.lock().unwrap().1.push(seen);
            }
        }
    }
    let guest = || Cachify::builder().store(Guest::new(ManualClock::new()));
    for builder in [Cachify::builder(), guest()] {
        let nosy = Nosy::default();
        let c = builder.observer(nosy.clone()).build().unwrap();
        nosy.0.lock().unwrap().0 = Some(c.clone());
        assert_eq!(c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
        assert_eq!(block_on(c.cache("other").get_or_insert(async { 2 })), 2);
        assert_eq!(nosy.0.lock().unwrap().1, [7, 1], "it computed inside of the flight, and had a hit afterwards");
    }
}

#[test]
fn a_loss_is_told_once_and_with_its_reason_whatever_becomes_of_the_guard() {
    fn case<S>(c: &Cachify<S>, clock: &ManualClock, diary: &Diary)
    where
        S: Store + Platform<Clock = StdClock>,
    {
        let (lock, run, pool) = (c.lock("k").renew(false), c.once("k").renew(false), c.pool("k", 1).renew(false));
        let told = |what: &str, lost: &[&str]| {
            let told: Vec<_> = diary.take().into_iter().filter(|line| line.starts_with("lost")).collect();
            assert_eq!(told, lost, "{what}");
        };
        let guard = lock.acquire_blocking().unwrap();
        assert!(lock.force_release_blocking().unwrap());
        assert_eq!(guard.release(), Ok(Holding::Lost));
        told("forced, given back", &["lost cachify:l:{k}: Taken"]);
        let guard = lock.acquire_blocking().unwrap();
        clock.advance(secs(60));
        assert_eq!(guard.release(), Ok(Holding::Lost));
        told("expired, given back", &["lost cachify:l:{k}: Expired"]);
        let guard = block_on(lock.acquire()).unwrap();
        clock.advance(secs(60));
        drop(guard);
        told("expired, dropped", &["lost cachify:l:{k}: Expired"]);
        drop((run.begin_blocking().unwrap(), pool.take_blocking().unwrap(), lock.acquire_blocking().unwrap()));
        told("dropped while it was held", &[]);
        let (guard, permit) = (run.begin_blocking().unwrap(), pool.take_blocking().unwrap());
        clock.advance(secs(601));
        drop((guard, permit));
        told("a run and a permit", &["lost cachify:o:{k}: Expired", "lost cachify:p:{k}: Expired"]);
    }
    let (clock, diary) = (ManualClock::new(), Diary::default());
    case(&Cachify::builder().clock(clock.clone()).observer(diary.clone()).build_memory(), &clock, &diary);
    let (clock, diary) = (ManualClock::new(), Diary::default());
    let guest = Guest::new(clock.clone());
    case(
        &Cachify::builder().clock(clock.clone()).observer(diary.clone()).store(guest).build().unwrap(),
        &clock,
        &diary,
    );
    // taken away while it is held, and dropped: in memory that is known
    let diary = Diary::default();
    let c = Cachify::builder().observer(diary.clone()).build_memory();
    let guard = c.lock("k").acquire_blocking().unwrap();
    assert!(c.lock("k").force_release_blocking().unwrap());
    drop(guard);
    assert_eq!(diary.take()[1..], ["lost cachify:l:{k}: Taken"]);
}

#[test]
fn a_renewal_that_finds_a_lease_lost_tells_it_once_and_one_without_answer_too() {
    let (clock, diary) = (ManualClock::new(), Diary::default());
    let guest = Guest::new(clock.clone());
    let builder = || Cachify::builder().clock(clock.clone()).store(guest.clone());
    let (c, other) = (builder().observer(diary.clone()).build().unwrap(), builder().build().unwrap());
    let guard = c.lock("k").ttl(secs(30)).acquire_blocking().unwrap();
    assert!(other.lock("k").force_release_blocking().unwrap());
    let lost = || diary.0.lock().unwrap().iter().filter(|line| line.starts_with("lost")).cloned().collect::<Vec<_>>();
    while lost().is_empty() {
        rest(&clock);
        clock.advance(secs(1));
    }
    assert!(!guard.is_valid());
    drop(guard);
    assert_eq!(lost(), ["lost cachify:l:{k}: Taken"]);
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
    assert_eq!(events[2], "Refused { key: Some(\"app:l:{k}\"), why: Busy { remaining: None, asked: lock } }");
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
}

/// On a clock that stands still any wait would be without an end.
#[test]
fn a_wait_of_zero_is_none() {
    let c = Cachify::builder().clock(ManualClock::new()).build().unwrap();
    let _lock = c.lock("k").acquire_blocking().unwrap();
    assert!(c.lock("k").wait(Duration::ZERO).acquire_blocking().is_err());
    assert!(block_on(c.lock("k").wait(Duration::ZERO).acquire()).is_err());
}
