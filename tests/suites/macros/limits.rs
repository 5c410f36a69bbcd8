//! Attributes whose loads may take so long and no longer.

use cachify::{Asked, Cachify, Error, LoadFailed, ManualClock, Refused, cached};
use cachify_tests::crew::{Crew, sleep};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static HERE: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().clock(CLOCK.clone()).build().unwrap());

const LIMIT: Duration = Duration::from_secs(2);
const OVER: Refused = Refused::LoadTimedOut { limit: LIMIT, asked: Asked::NOTHING };

/// What a load asks, and for how many seconds.
struct Source {
    c: Cachify,
    clock: ManualClock,
    lasts: Cell<u64>,
    asked: Cell<u32>,
}

impl Source {
    async fn ask(&self) -> u32 {
        self.asked.set(self.asked.get() + 1);
        let number = self.asked.get();
        sleep(&self.clock, Duration::from_secs(self.lasts.get())).await;
        number
    }
}

#[cached(instance = source.c, key = "{fn}", ttl = 60, load_timeout = 2, companions = false)]
async fn limited(source: &Source) -> Result<u32, Refused> {
    Ok(source.ask().await)
}

/// By an expression, an error that is made of the library's own, and over another layer.
#[cached(instance = source.c, key = "{fn}:near", ttl = 60, load_timeout = LIMIT, companions = false)]
#[cached(instance = source.c, key = "{fn}:far", ttl = 60, companions = false)]
async fn layered(source: &Source) -> Result<u32, Error> {
    Ok(source.ask().await)
}

#[cached(instance = source.c, key = "{fn}", ttl = 60, stale_for = 600, stale_on_error, load_timeout = "2s", companions = false)]
async fn made_good(source: &Source) -> Result<u32, Refused> {
    Ok(source.ask().await)
}

#[test]
fn a_load_ends_at_its_limit_and_says_so() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).build().unwrap();
    let source = &Source { c, clock: clock.clone(), lasts: Cell::new(5), asked: Cell::new(0) };
    let got = &RefCell::new(Vec::new());
    let mut crew = Crew::new(&clock);
    crew.spawn(async move {
        let first = [limited(source).await.map_err(Error::from), layered(source).await];
        source.lasts.set(1);
        let second = [limited(source).await.map_err(Error::from), layered(source).await];
        got.borrow_mut().extend([first, second]);
        assert_eq!(made_good(source).await, Ok(5));
        source.lasts.set(5);
        sleep(&source.clock, Duration::from_secs(61)).await;
        assert_eq!(made_good(source).await, Ok(5), "the old one");
    });
    crew.run(120_000);
    let over = || Err(Error::Refused(OVER));
    assert_eq!(*got.borrow(), [[over(), over()], [Ok(3), Ok(4)]]);
    assert_eq!(source.asked.get(), 6, "each ran to its end or its limit");
}

type Failing<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Passes so many milliseconds, in which each task does what it can.
async fn pass(ms: u64) {
    for _ in 0..ms.div_ceil(10) {
        CLOCK.advance(Duration::from_millis(10));
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }
}

/// What a call brings within so many milliseconds.
async fn within<T: Send + 'static>(ms: u64, call: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let call = tokio::spawn(call);
    pass(ms).await;
    if call.is_finished() { Some(call.await.unwrap()) } else { None }
}

#[cached(instance = HERE, key = "soft:{name}", ttl = 10, stale_for = 600, soft_load_timeout = "50ms", detached)]
async fn soft(name: String, loads: Arc<AtomicU32>) -> Failing<u32> {
    let number = loads.fetch_add(1, SeqCst);
    sleep(&CLOCK, Duration::from_secs(5)).await;
    Ok(number)
}

/// With a limit at which the load ends that went on, and arguments that are moved into it.
#[cached(instance = HERE, key = "hard:{name}", ttl = |_: &u32| 10, stale_for = 600, soft_load_timeout = 1, load_timeout = 3, detached)]
async fn hard(name: String, loads: Arc<AtomicU32>) -> Result<u32, Refused> {
    if loads.fetch_add(1, SeqCst) == 0 {
        return Ok(0);
    }
    pending::<()>().await;
    drop(name);
    Ok(1)
}

#[cached(instance = HERE, key = "told:{n}", load_timeout = 2)]
async fn told(n: u32) -> Failing<u32> {
    pending::<()>().await;
    Err(LoadFailed::new(&n.to_string()).into())
}

#[tokio::test]
async fn past_its_soft_limit_a_load_goes_on_and_at_the_hard_one_it_ends() {
    let loads = Arc::new(AtomicU32::new(0));
    let call = || {
        let call = soft("k".to_owned(), loads.clone());
        async { call.await.unwrap() }
    };
    assert_eq!(within(4_900, call()).await, None, "nothing is there: it waits");
    pass(11_000).await;
    assert_eq!(within(40, call()).await, None, "not before its time");
    assert_eq!(within(40, call()).await, Some(0), "the old one, as everybody else has it");
    pass(6_000).await;
    assert_eq!((within(10, call()).await, loads.load(SeqCst)), (Some(1), 2), "nobody waited for that");

    let loads = Arc::new(AtomicU32::new(0));
    let call = || hard("k".to_owned(), loads.clone());
    assert_eq!(within(10, call()).await, Some(Ok(0)));
    for load in 2..4 {
        pass(11_000).await;
        assert_eq!((within(1_100, call()).await, loads.load(SeqCst)), (Some(Ok(0)), load), "its key is free");
    }
    pass(700_000).await;
    let limit = Duration::from_secs(3);
    assert_eq!(
        within(3_100, call()).await,
        Some(Err(Refused::LoadTimedOut { limit, asked: Asked::NOTHING })),
        "nothing is there any more"
    );

    let calls = within(2_100, async { tokio::join!(told(1), told(1)) }).await.unwrap();
    for failed in [calls.0, calls.1] {
        assert_eq!(failed.unwrap_err().to_string(), "cached \"told:{n}\": the load took longer than 2 s");
    }
}
