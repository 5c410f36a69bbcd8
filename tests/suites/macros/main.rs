//! What a user writes: the attributes on real functions, on both faces.
// bounds in two places must survive the expansion; the rest is what users write
#![allow(clippy::multiple_bound_locations)]
#![allow(missing_docs, clippy::unused_async, clippy::needless_pass_by_value, clippy::trivially_copy_pass_by_ref)]

mod aging;
mod arguments;
mod chance;
mod chosen;
mod companions_loading;
mod companions_placed;
mod detached;
mod determined;
mod entries;
mod fragments;
mod generics;
mod grouped;
mod hashed;
mod keyless;
mod limits;
mod lives;

mod lints;
mod methods;
mod named;
mod names;
mod outages;
mod parts;
mod passed;
mod paths;
mod refusals;
mod returned;
mod scopes;
mod seen;
mod shared;
mod stacks;
mod times;
mod told_why;
mod values;

use cachify::{AsIs, Cachify, Memory, Refused, cached, lock, once, pooled, secs};
use std::{
    sync::{
        Arc, LazyLock, Once,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Notify, task::yield_now};

fn setup() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        Cachify::builder().prefix("macros").init().unwrap();
    });
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct User {
    pub id: u64,
}

/// Neither `Clone` nor `Serialize`: an error never is.
#[derive(Debug)]
pub enum AppError {
    Refused(Refused),
    Bad(std::io::Error),
}
impl From<Refused> for AppError {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}
pub type Answer<T> = Result<T, AppError>;

static RUNS: AtomicU32 = AtomicU32::new(0);
static USER_RUNS: AtomicU32 = AtomicU32::new(0);

/// Loads a user.
#[cached(key = "user:{id}", ttl = 300)]
pub async fn user(id: u64) -> Answer<Arc<User>> {
    USER_RUNS.fetch_add(1, SeqCst);
    yield_now().await;
    if id == 0 {
        return Err(AppError::Bad(std::io::Error::other("no such user")));
    }
    Ok(Arc::new(User { id }))
}

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().default_ttl(secs(5)).build_memory());

static OUTER: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());
static STACKED_RUNS: AtomicU32 = AtomicU32::new(0);

#[cached(instance = OUTER, key = "st:{id}", ttl = 5)]
#[cached(key = "st:{id}", ttl = 300)]
async fn stacked(id: u64) -> Answer<u64> {
    STACKED_RUNS.fetch_add(1, SeqCst);
    Ok(id)
}

#[lock(key = "item:{item.id}", wait = 10, ttl = 30)]
async fn process(item: &User, log: &mut Vec<u64>) -> Answer<()> {
    log.push(item.id);
    yield_now().await;
    Ok(())
}

#[once(key = "sync:{id}")]
async fn sync_order(id: u64, started: Arc<Notify>, go_on: Arc<Notify>) -> Option<u64> {
    started.notify_one();
    go_on.notified().await;
    Some(id)
}

/// Sees itself: the fence is the lock's, and only one is inside.
#[lock(key = "both:{id}")]
#[pooled(key = "both", size = 2)]
fn both(id: u64) -> Result<(u32, bool, u32), Refused> {
    let seen = both::inspect(id)?;
    Ok((seen.held, seen.fence().is_some(), both::in_use()?))
}

#[once(key = "kept:{id}", keep = 60)]
fn kept(id: u64, fine: bool) -> Option<u64> {
    fine.then_some(id)
}

#[once(key = "other", otherwise = 7)]
async fn other() -> u8 {
    Box::pin(other()).await
}

#[lock(key = "why", otherwise = |why| if why.is_contended() { 1 } else { 2 })]
fn says_why() -> u8 {
    says_why()
}

#[lock(key = "thread:{}", wait = 10)]
fn threaded(id: u64, inside: &AtomicU32) -> Result<u64, Refused> {
    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two threads inside");
    std::thread::yield_now();
    inside.fetch_sub(1, SeqCst);
    Ok(id)
}

#[lock(key = "fenced", guard = held)]
async fn fenced() -> Result<u64, Refused> {
    assert!(held.is_valid());
    Ok(held.fence().0)
}

async fn later(user: u64, body: String, _: Arc<Notify>) -> usize {
    usize::try_from(user).unwrap() + body.len() + 1_000
}

#[pooled(key = "api:{user}", size = 1, on_full = later)]
async fn call_api(user: u64, body: String, go_on: Arc<Notify>) -> usize {
    let _ = user;
    go_on.notified().await;
    body.len()
}

#[pooled(key = "typed", size = 2)]
fn typed(depth: u8) -> Result<u8, Refused> {
    if depth == 0 { Ok(0) } else { typed(depth - 1).map(|d| d + 1) }
}

struct Service {
    base: u64,
}

impl Service {
    #[cached(key = "svc:{self.base}:{n}")]
    async fn total(&self, n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        self.base + n
    }

    #[lock(key = "svc:{self.base}")]
    fn change(&mut self) -> Result<u64, Refused> {
        self.base += 1;
        Ok(self.base)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tasks_one_run_and_the_future_is_send() {
    setup();
    let all: Vec<_> = (0..20).map(|_| tokio::spawn(user(42))).collect();
    for task in all {
        assert_eq!(task.await.unwrap().unwrap().id, 42);
    }
    assert_eq!(USER_RUNS.load(SeqCst), 1);
    assert!(user(0).await.is_err());
    assert!(user(0).await.is_err());
    assert_eq!(USER_RUNS.load(SeqCst), 3, "an error is not kept");
    assert!(tokio::spawn(async { user::reset(42).await.unwrap() }).await.unwrap());
    assert_eq!(user::key(42).unwrap(), "user:42");
}

#[test]
fn a_hit_costs_no_large_future() {
    assert!(size_of_val(&user(1)) <= 256, "{}", size_of_val(&user(1)));
}

#[tokio::test]
async fn a_lock_waits_and_a_run_is_skipped() {
    setup();
    let item = User { id: 7 };
    let (mut a, mut b) = (vec![], vec![]);
    let (x, y) = tokio::join!(process(&item, &mut a), process(&item, &mut b));
    x.unwrap();
    y.unwrap();
    assert!(!process::is_locked(&item).await.unwrap());
    assert_eq!((a, b), (vec![7], vec![7]));

    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = tokio::spawn(sync_order(1, started.clone(), go_on.clone()));
    started.notified().await;
    assert!(sync_order::is_locked(1).await.unwrap());
    let seen = sync_order::inspect(1).await.unwrap();
    assert_eq!((seen.held, seen.waiting(), seen.fence().is_some()), (1, Some(0), true));
    assert_eq!(sync_order(1, started.clone(), go_on.clone()).await, None);
    go_on.notify_one();
    assert_eq!(first.await.unwrap(), Some(1));
    // dropped while it runs: the token goes back at once
    let dropped = tokio::time::timeout(Duration::from_millis(10), sync_order(2, started, go_on.clone()));
    assert!(dropped.await.is_err());
    assert!(!sync_order::is_locked(2).await.unwrap());
}

#[test]
fn a_marker_is_kept_after_success_only() {
    setup();
    assert_eq!(kept(1, false), None);
    assert!(!kept::is_locked(1).unwrap());
    assert_eq!(kept(1, true), Some(1));
    assert_eq!(kept(1, true), None);
    assert!(kept::force_release(1).unwrap());
    assert_eq!(kept(1, true), Some(1));
}

#[tokio::test]
async fn a_refused_call_returns_what_was_said() {
    setup();
    assert_eq!(other().await, 7);
    assert_eq!(says_why(), 1);
    assert!(fenced().await.unwrap() < fenced().await.unwrap());
}

#[tokio::test]
async fn a_full_pool_hands_its_arguments_on() {
    setup();
    let go_on = Arc::new(Notify::new());
    let first = tokio::spawn(call_api(1, "a".into(), go_on.clone()));
    while call_api::in_use(1).await.unwrap() == 0 {
        yield_now().await;
    }
    assert_eq!(call_api(1, "bc".into(), go_on.clone()).await, 1_003);
    go_on.notify_one();
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(call_api::in_use(1).await.unwrap(), 0);
    assert_eq!(typed(1), Ok(1));
    assert!(matches!(typed(2), Err(Refused::Full { .. })));
}

#[test]
fn threads_exclude_each_other() {
    setup();
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| threaded(1, &inside).unwrap());
        }
    });
    assert!(!threaded::is_locked(1).unwrap());
}

#[test]
fn of_several_layers_the_outermost_is_inspected() {
    setup();
    assert_eq!(both(1).unwrap(), (1, true, 1));
    assert_eq!(both::inspect(1).unwrap().held, 0);
}

#[tokio::test]
async fn stacks_and_methods() {
    setup();
    assert_eq!(stacked(1).await.unwrap(), 1);
    assert_eq!(stacked(1).await.unwrap(), 1);
    assert_eq!(STACKED_RUNS.load(SeqCst), 1);
    assert!(stacked::reset(1).await.unwrap());
    stacked(1).await.unwrap();
    assert_eq!(STACKED_RUNS.load(SeqCst), 2);
    let mut service = Service { base: 1 };
    assert_eq!(service.total(1).await + service.total(1).await, 4);
    assert!(service.total_reset(1).await.unwrap());
    assert_eq!(service.change().unwrap(), 2);
    assert!(!service.change_is_locked().unwrap());
    #[cached(key = "inside:{x}", codec = AsIs, instance = LOCAL)]
    fn inside(x: u8) -> u8 {
        x
    }
    assert_eq!(inside(3), 3);
    assert!(inside::reset(3).unwrap());
}
