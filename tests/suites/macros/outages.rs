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
    let told = |why: &Refused| matches!(why, Refused::Unavailable(_) | Refused::Indeterminate { .. });
    let all = TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(all.len() == 3 && all.iter().all(told), "{all:?}");
    assert!(matches!(skips().await, Err(Error::Refused(why)) if told(&why)), "no skip is made of an outage");
}
