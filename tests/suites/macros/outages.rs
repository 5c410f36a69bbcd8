//! A store that is away: what cannot say so skips, and tells the observer; nothing panics.

use cachify::{Cachify, Error, Event, Observer, Refused, cached, lock, once, pooled};
use std::{
    cell::RefCell,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

static TOLD: Mutex<Vec<Refused>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Told;

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::Refused { why, .. } = event {
            TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(*why);
        }
    }
}

/// Nobody listens there.
static AWAY: LazyLock<Cachify> = LazyLock::new(|| {
    let builder = Cachify::builder().redis("redis://127.0.0.1:1").op_timeout(Duration::from_millis(20));
    builder.observer(Told).build().unwrap()
});

#[once(instance = AWAY, key = "job:{id}", keep = 60)]
fn job(id: u32) -> Option<u32> {
    Some(id)
}

#[once(instance = AWAY, key = "task")]
async fn task(runs: &RefCell<u32>) {
    *runs.borrow_mut() += 1;
}

#[pooled(instance = AWAY, key = "slot", size = 2)]
fn slot() -> Option<u32> {
    Some(1)
}

#[lock(instance = AWAY, key = "skip", when_busy = Ok(None))]
async fn skips() -> Result<Option<u32>, Error> {
    Ok(Some(1))
}

#[cached(instance = AWAY, key = "value:{id}", ttl = 5)]
fn value(id: u32) -> u32 {
    id
}

#[tokio::test]
async fn what_cannot_say_that_a_store_is_away_skips_and_tells_the_observer() {
    assert_eq!((job(1), slot(), value(3)), (None, None, 3));
    task(&RefCell::new(0)).await;
    let told = |why: &Refused| matches!(why, Refused::Unavailable { .. } | Refused::Indeterminate { .. });
    let all = TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(all.len() == 3 && all.iter().all(told), "{all:?}");
    assert!(matches!(skips().await, Err(Error::Refused(why)) if told(&why)), "no skip is made of an outage");
}

#[derive(Debug, PartialEq)]
enum Failed {
    Store(cachify::Error),
}

impl From<cachify::Error> for Failed {
    fn from(why: cachify::Error) -> Self {
        Self::Store(why)
    }
}

#[cached(instance = AWAY, key = "paid:{id}", closed)]
fn pay(id: u32) -> Result<u32, Failed> {
    unreachable!("{id} was paid, and nobody knows")
}

#[cached(instance = AWAY, key = "sent:{id}", ttl = 60, stale_for = 60, stale_on_error, jitter = 0.1, closed = true)]
async fn send(id: u32) -> Result<u32, Refused> {
    unreachable!("{id} was sent, and nobody knows")
}

#[cached(key = "before", closed)]
fn before_init() -> Result<u32, Refused> {
    unreachable!("there is no instance")
}

#[tokio::test]
async fn a_closed_cache_is_refused_and_says_why() {
    let told = |why: &Refused| matches!(why, Refused::Unavailable { .. });
    let Err(Failed::Store(Error::Refused(why))) = pay(1) else { panic!("it was paid") };
    assert!(told(&why) && send(1).await.is_err_and(|why| told(&why)));
    assert_eq!(before_init(), Err(Refused::NotInitialised));
}
