//! The spans of calls: what is inside of what, for how long, and what they say.

use cachify::{
    Backend, Cachify, Cause, KeyTemplate, ManualClock, Memory, Refused,
    backend::{About, BoxFuture, Call, OwnedKey, Reply},
    cached,
    cachify_core::{
        key::Arguments,
        op::{Left, Op},
        patience::Ticket,
    },
    lock, once, pooled, secs,
};
use cachify_core::testing::block_on;
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
    rest,
    spans::{Told, calling_back, measured_by, spans},
};
use std::{
    panic::catch_unwind,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
};
use tracing::{Level, info_span};

static C: LazyLock<Cachify<Memory>> = LazyLock::new(|| {
    spans();
    Cachify::builder().tracing(true).build_memory()
});

/// A key by a template, whose name no other test has.
macro_rules! key {
    ($template:literal) => {
        KeyTemplate::parse($template).unwrap().with(Arguments { positional: &[&4711], ..Arguments::default() })
    };
}

fn only(name: &str) -> Told {
    let told = spans().named(name);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.into_iter().next().unwrap()
}

/// What is told that is no warning, or is one.
fn warnings(told: &Told) -> Vec<&str> {
    let warned = told.events.iter().filter(|(level, _)| *level == Level::WARN);
    warned.map(|(_, fields)| fields["error.type"].as_str()).collect()
}

/// A guest who takes a second to give back, and fails while it is broken.
struct Slow(Arc<Guest>, ManualClock, Arc<AtomicBool>);

impl Backend for Slow {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move {
            if self.2.load(SeqCst) {
                return Err(Cause::Unreachable);
            }
            if matches!(call.op, Op::Release(_)) {
                sleep(&self.1, secs(1)).await;
            }
            self.0.clone().call(call).await
        })
    }
    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        if self.2.load(SeqCst) { Err(Cause::Unreachable) } else { self.0.clone().call_blocking(call) }
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        self.0.clone().changed(key, ticket)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: cachify::HolderToken, left: Left) {
        self.0.clone().abandon(key, token, left);
    }
    fn about(&self) -> About {
        self.0.about()
    }
}

fn slow(clock: &ManualClock) -> (Cachify, Arc<AtomicBool>) {
    spans();
    let (guest, broken) = (Arc::new(Guest::new(clock.clone())), Arc::new(AtomicBool::new(false)));
    let store = Slow(guest, clock.clone(), broken.clone());
    let builder = Cachify::builder().clock(clock.clone()).op_timeout(secs(5)).tracing(true);
    (builder.store(store).build().unwrap(), broken)
}

#[test]
fn a_contended_lock_is_seen_to_wait_to_hold_and_to_give_back() {
    let clock = ManualClock::new();
    measured_by(&clock);
    let (c, _) = slow(&clock);
    let mut crew = Crew::new(&clock);
    crew.spawn(async {
        c.lock(key!("drawn:{}")).run(async |_| sleep(&clock, secs(3)).await).await.unwrap();
    });
    crew.spawn(async {
        sleep(&clock, secs(1)).await;
        let body = async |_| {
            let span = info_span!(target: "test", "body");
            assert_eq!(span.in_scope(|| 1), 1);
            sleep(&clock, secs(3)).await;
        };
        c.lock(key!("drawn:{}")).wait_forever().run(body).await.unwrap();
    });
    crew.run(10_000);
    drop(crew);
    let [first, second] = spans().named("drawn:{}").try_into().unwrap();
    let drawn = spans().drawn(second.id);
    println!("{drawn}");
    assert_eq!(
        spans().drawn(first.id),
        "\
cachify.lock            ####.......
  cachify.give_back     ...#.......
"
    );
    // held from the fourth second on: the body's span is inside of the lock's
    assert_eq!(
        drawn,
        "\
cachify.lock            .#######...
  cachify.wait          .###.......
  body                  ....###....
  cachify.give_back     .......#...
"
    );
    assert_eq!(
        (second.fields["cachify.wait_ms"].as_str(), second.fields["cachify.outcome"].as_str()),
        ("3000", "granted")
    );
}

fn body(text: &'static str) {
    drop(info_span!(target: "test", "body", cachify.name = text));
}

#[lock(key = "spanned lock:{id}", instance = C)]
fn locked(id: u32) -> Result<(), Refused> {
    body("of a lock");
    let _ = id;
    Ok(())
}

#[lock(key = "spanned in a task:{id}", instance = C)]
async fn locked_in_a_task(id: u32) -> Result<(), Refused> {
    let _ = id;
    tokio::task::yield_now().await;
    body("in a task");
    Ok(())
}

#[once(key = "spanned run", instance = C)]
fn ran() -> Result<(), Refused> {
    body("of a run");
    Ok(())
}

#[pooled(key = "spanned pool", size = 1, instance = C)]
async fn taken() -> Result<(), Refused> {
    body("of a pool");
    Ok(())
}

#[cached(key = "spanned value", instance = C)]
fn kept() -> u32 {
    body("of a load");
    1
}

#[cached(key = "spanned value in a task", instance = C)]
async fn kept_in_a_task() -> u32 {
    tokio::task::yield_now().await;
    body("of a load in a task");
    1
}

#[test]
fn every_body_runs_inside_of_its_span_and_that_inside_of_the_callers() {
    LazyLock::force(&C);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let caller = info_span!(target: "test", "caller", cachify.name = "who calls");
    caller.in_scope(|| {
        locked(4711).unwrap();
        ran().unwrap();
        assert_eq!((kept(), kept()), (1, 1));
        runtime.block_on(async {
            locked_in_a_task(4711).await.unwrap();
            taken().await.unwrap();
            assert_eq!(kept_in_a_task().await, 1);
        });
        C.lock(key!("by value:{}")).run_blocking(|_| body("by value")).unwrap();
        block_on(C.lock(key!("by value in a task:{}")).run(async |_| body("by value in a task"))).unwrap();
        let guard = block_on(C.lock(key!("guarded:{}")).acquire()).unwrap();
        block_on(guard.run(async { body("guarded") }));
    });
    let caller = only("who calls").id;
    for (name, of, inner) in [
        ("spanned lock:{id}", "cachify.lock", "of a lock"),
        ("spanned in a task:{id}", "cachify.lock", "in a task"),
        ("spanned run", "cachify.once", "of a run"),
        ("spanned pool", "cachify.pooled", "of a pool"),
        ("spanned value", "cachify.cached", "of a load"),
        ("spanned value in a task", "cachify.cached", "of a load in a task"),
        ("by value:{}", "cachify.lock", "by value"),
        ("by value in a task:{}", "cachify.lock", "by value in a task"),
        ("guarded:{}", "cachify.lock", "guarded"),
    ] {
        let (told, inner) = (only(name), only(inner));
        assert_eq!((told.name, told.parent, inner.parent), (of, Some(caller), Some(told.id)), "{name}");
        assert_eq!(told.fields["cachify.outcome"], "granted", "{name}");
        assert!(told.ended.is_some() && !told.fields.contains_key("cachify.key"), "{told:?}");
    }
    assert!(
        spans().all().iter().flat_map(|told| told.fields.values()).all(|value| !value.contains("spanned lock:4711"))
    );
}

#[test]
fn a_key_is_said_only_where_that_is_asked_for() {
    spans();
    let c = Cachify::builder().tracing(true).trace_keys(true).build_memory();
    drop(c.lock(key!("keyed:{}")).acquire_blocking().unwrap());
    assert_eq!(only("keyed:{}").fields["cachify.key"], "keyed:4711");
}

#[test]
fn a_call_that_does_not_run_says_why() {
    let c = &*C;
    let guard = c.lock(key!("refused:{}")).acquire_blocking().unwrap();
    assert!(c.lock(key!("refused:{}")).acquire_blocking().is_err());
    drop(guard);
    let outcomes: Vec<_> =
        spans().named("refused:{}").into_iter().map(|told| told.fields["cachify.outcome"].clone()).collect();
    assert_eq!(outcomes, ["granted", "busy"]);
}

/// The background renews, finds that it was taken, and tells that inside of the span of the lock.
#[test]
fn a_loss_is_a_warning_inside_of_the_span_of_what_is_lost() {
    let clock = ManualClock::new();
    let (c, _) = slow(&clock);
    let lock = c.lock(key!("taken away:{}")).ttl(secs(9));
    let guard = lock.acquire_blocking().unwrap();
    assert!(lock.force_release_blocking().unwrap());
    // heard of at the next renewal, by another thread
    for _ in 0..10 {
        rest(&clock);
        clock.advance(secs(1));
    }
    rest(&clock);
    let told = only("taken away:{}");
    assert_eq!((warnings(&told), told.ended), (vec!["taken"], None));
    assert_eq!(spans().outside("taken away:{}"), 0);
    drop(guard);
    assert!(only("taken away:{}").ended.is_some());
}

#[test]
fn a_failure_of_the_store_is_a_warning_and_the_load_goes_on_inside() {
    let clock = ManualClock::new();
    let (c, broken) = slow(&clock);
    broken.store(true, SeqCst);
    let value = c.cache(key!("failing:{}")).get_or_insert_blocking(|| {
        body("without a store");
        1
    });
    assert_eq!(value, 1);
    let told = only("failing:{}");
    assert_eq!(warnings(&told), ["unreachable"], "{told:?}");
    assert_eq!(only("without a store").parent, Some(told.id));
    let refused = c.lock(key!("unavailable:{}")).acquire_blocking().unwrap_err();
    assert_eq!(refused, Refused::from(Cause::Unreachable));
    let told = only("unavailable:{}");
    assert_eq!((&*told.fields["cachify.outcome"], &*told.fields["error.type"]), ("unavailable", "unavailable"));
}

#[test]
fn a_subscriber_may_ask_the_instance_that_tells_it() {
    let (c, calls) = (C.clone(), Arc::new(AtomicU32::new(0)));
    let (asks, count) = (c.clone(), calls.clone());
    let back = move || {
        count.fetch_add(1, SeqCst);
        drop(asks.lock("asked by the subscriber").acquire_blocking());
        assert_eq!(asks.cache("a setting").get_or_insert_blocking(|| 7), 7);
    };
    calling_back(back, || {
        assert_eq!(c.lock(key!("called back:{}")).run_blocking(|_| 1), Ok(1));
        assert_eq!(c.cache(key!("called back:{}")).get_or_insert_blocking(|| 1), 1);
    });
    assert!(calls.load(SeqCst) >= 10, "it was told");
    assert_eq!(spans().named("called back:{}").len(), 2);
}

#[lock(key = "panics in a span", instance = C)]
fn panics() -> Result<(), Refused> {
    body("that panics");
    panic!("in a span")
}

#[test]
fn a_panic_leaves_the_span_and_closes_it() {
    LazyLock::force(&C);
    assert!(catch_unwind(panics).is_err());
    let told = only("panics in a span");
    assert_eq!(only("that panics").parent, Some(told.id));
    assert!(told.ended.is_some());
    body("after a panic");
    assert_eq!(only("after a panic").parent, None);
}

#[test]
fn an_instance_that_was_not_asked_has_no_spans() {
    spans();
    let c = Cachify::builder().build_memory();
    drop(c.lock(key!("unseen:{}")).acquire_blocking().unwrap());
    assert!(spans().named("unseen:{}").is_empty());
}

/// One whose flight was refused computes all the same, inside of its span; it waits for nothing then.
#[test]
fn a_load_without_a_flight_is_inside_of_its_span() {
    spans();
    let c = Cachify::builder().tracing(true).build().unwrap();
    c.shutdown_blocking(secs(0));
    let value = c.cache(key!("shut down:{}")).get_or_insert_blocking(|| {
        body("after the end");
        1
    });
    assert_eq!(value, 1);
    assert_eq!(only("after the end").parent, Some(only("shut down:{}").id));
}
