//! Loads that finish although their callers gave up.

use cachify::{Cachify, LoadFailed, cached, secs};
use cachify_core::testing::block_on;
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

static HERE: LazyLock<Cachify> = LazyLock::new(|| Cachify::builder().build().unwrap());

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

type Failing<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[cached(instance = HERE, key = "slow:{name}", ttl = 600, detached)]
async fn slow(name: String, loads: Arc<AtomicU32>) -> Failing<String> {
    loads.fetch_add(1, SeqCst);
    sleep(ms(80)).await;
    Ok(format!("value of {name}"))
}

/// The same without the word.
#[cached(instance = HERE, key = "left:{name}", ttl = 600)]
async fn left(name: String, loads: Arc<AtomicU32>) -> Failing<String> {
    loads.fetch_add(1, SeqCst);
    sleep(ms(80)).await;
    Ok(format!("value of {name}"))
}

/// Twenty callers, one each 10 ms, who give up after 50; how often it was loaded, how many were served, and whether the value is
/// there in the end.
async fn storm<F: Future<Output = Failing<String>> + Send + 'static>(
    call: impl Fn(String, Arc<AtomicU32>) -> F,
) -> (u32, usize, bool) {
    let loads = Arc::new(AtomicU32::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..20 {
        let call = call("k".to_owned(), loads.clone());
        callers.spawn(async move {
            sleep(ms(10 * caller)).await;
            timeout(ms(50), call).await.is_ok()
        });
    }
    let served = callers.join_all().await.into_iter().filter(|served| *served).count();
    let before = loads.load(SeqCst);
    let is_there = timeout(ms(1), call("k".to_owned(), loads.clone())).await.is_ok();
    (before, served, is_there)
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_impatient_callers_ends_with_one_load() {
    let (loads, served, is_there) = storm(slow).await;
    assert!(loads == 1 && served >= 16 && is_there, "{loads} loads, {served} served, {is_there}");
    let (loads, served, is_there) = storm(left).await;
    assert!(loads > 2 && served == 0 && !is_there, "without the word: {loads} loads, {served} served, {is_there}");
}

#[cached(instance = HERE, key = "panics:{n}", ttl = 600, detached)]
async fn panics(n: u32) -> Failing<u32> {
    sleep(ms(10)).await;
    assert!(n > 0, "a load that panics");
    Err(LoadFailed::new("no number").into())
}

#[cached(instance = HERE, key = "detached:{n}", ttl = 60, stale_for = 600, group = "detached", detached)]
#[cached(instance = HERE, key = "inner:{n}", ttl = 600, detached)]
async fn layered(n: u32) -> Option<u32> {
    sleep(ms(10)).await;
    (n > 0).then_some(n)
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_its_callers_and_an_error_everybodys() {
    let caught = tokio::spawn(AssertUnwindSafe(panics(0)).0).await;
    assert!(caught.unwrap_err().is_panic());
    let (first, second) = tokio::join!(panics(1), panics(1));
    assert!([first, second].into_iter().all(|failed| failed.unwrap_err().to_string() == "no number"));
    assert_eq!((layered(1).await, layered(1).await, layered(0).await), (Some(1), Some(1), None));
}

/// The compiler does not see through a circle whether a future can be sent.
type Sent = Pin<Box<dyn Future<Output = u32> + Send>>;

fn recursive_again(n: u32, depth: u32) -> Sent {
    Box::pin(recursive(n, depth))
}

fn there_again(n: u32, depth: u32) -> Sent {
    Box::pin(there(n, depth))
}

fn back_again(n: u32, depth: u32) -> Sent {
    Box::pin(back(n, depth))
}

#[cached(instance = HERE, key = "recursive:{n}", ttl = 600, detached)]
async fn recursive(n: u32, depth: u32) -> u32 {
    sleep(ms(1)).await;
    if depth == 0 { n } else { recursive_again(n, depth - 1).await }
}

/// Two functions that ask for each other.
#[cached(instance = HERE, key = "there:{n}", ttl = 600, detached)]
async fn there(n: u32, depth: u32) -> u32 {
    sleep(ms(1)).await;
    if depth == 0 { n } else { back_again(n, depth - 1).await }
}

#[cached(instance = HERE, key = "back:{n}", ttl = 600, detached)]
async fn back(n: u32, depth: u32) -> u32 {
    sleep(ms(1)).await;
    if depth == 0 { n } else { there_again(n, depth - 1).await }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_asks_for_itself_computes_also_in_a_task_of_its_own() {
    assert_eq!(timeout(ms(1_000), recursive(7, 3)).await, Ok(7));
    assert_eq!(timeout(ms(1_000), there(7, 5)).await, Ok(7));
    let both = timeout(ms(1_000), async { tokio::join!(there(8, 3), back(8, 3)) }).await;
    assert_eq!(both, Ok((8, 8)));
}

#[cached(instance = HERE, key = "anywhere:{n}", ttl = 600, detached)]
async fn anywhere(n: u32) -> u32 {
    n + 1
}

#[test]
fn without_a_runtime_it_runs_where_it_is_called() {
    assert_eq!(block_on(async { (anywhere(1).await, anywhere(1).await) }), (2, 2));
    assert_eq!(HERE.cache("anywhere:1").ttl(secs(600)).get_blocking::<u32>(), Ok(Some(2)));
}
