//! Groups of cached values: a bound and numbers of their own, and one command that forgets them.

use crate::kinds::{Shelf, kinds};
use cachify::{
    AsyncKv, Backend, Cachify, Cause, Error, Event, Eviction, HolderToken, ManualClock, Observer, Refused, Source,
    backend::{BoxFuture, Call, OwnedKey, Reply},
    cached, secs,
};
use cachify_core::{op::Left, patience::Ticket, testing::block_on};
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{
    cell::Cell,
    future::poll_fn,
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::Duration,
};

#[test]
fn one_command_forgets_a_group_and_nothing_else() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let [pages, users] = ["pages", "users"].map(|name| c.group(name));
        block_on(async {
            for key in 0..100_u32 {
                pages.cache(key).ttl(secs(600)).insert(key).await.unwrap();
            }
            users.cache(1).ttl(secs(600)).insert(10_u32).await.unwrap();
            c.cache(1).ttl(secs(600)).insert(100_u32).await.unwrap();
            assert_eq!(
                pages.cache(1).get::<u32>().await,
                Ok(Some(1)),
                "kind {kind}: a key is another one in each group"
            );
            // a store without a clock cannot tell
            let has_clock = kind < 2;
            assert!(!has_clock || pages.cache(1).remaining().await.unwrap().is_some(), "kind {kind}");
            pages.reset_all().await.unwrap();
            for key in 0..100_u32 {
                assert_eq!(pages.cache(key).get::<u32>().await, Ok(None), "kind {kind}");
                assert!(!has_clock || pages.cache(key).remaining().await == Ok(None), "kind {kind}");
            }
            assert_eq!(users.cache(1).get::<u32>().await, Ok(Some(10)), "kind {kind}");
            assert_eq!(c.cache(1).get::<u32>().await, Ok(Some(100)), "kind {kind}");
            // it goes on, through whatever handle
            let again = c.group("pages").cache(1).ttl(secs(600)).fetch_with(async || Ok::<u32, ()>(2)).await.unwrap();
            assert_eq!((again.value, again.source), (2, Source::Loaded), "kind {kind}");
            let hit = pages.cache(1).ttl(secs(600)).fetch_with(async || Ok::<u32, ()>(3)).await.unwrap();
            assert_eq!((hit.value, hit.source), (2, Source::Hit), "kind {kind}");
            assert!(pages.cache(1).reset().await.unwrap(), "kind {kind}");
            assert_eq!(pages.cache(1).get::<u32>().await, Ok(None), "kind {kind}");
        });
    }
}

#[test]
fn a_load_that_began_before_fills_nothing_after_it() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock).iter().enumerate() {
        let (pages, loads, later) = (&c.group("pages"), &Cell::new(0), &Cell::new(0));
        let call = &async |takes: u64, value: u32| {
            let load = async || {
                loads.set(loads.get() + 1);
                sleep(clock, Duration::from_millis(takes)).await;
                Ok::<u32, ()>(value)
            };
            pages.cache("page").ttl(secs(600)).get_or_insert_with(load).await.unwrap()
        };
        let mut crew = Crew::new(clock);
        crew.spawn(async move { assert_eq!(call(1_000, 1).await, 1, "its own caller has it") });
        crew.run(500);
        crew.spawn(async move { pages.reset_all().await.unwrap() });
        crew.run(100);
        for _ in 0..10 {
            crew.spawn(async move {
                assert_eq!(call(1_000, 2).await, 2, "kind {kind}: nobody who came later has the old one");
                later.set(later.get() + 1);
            });
        }
        crew.run(5_000);
        assert_eq!((loads.get(), later.get()), (2, 10), "kind {kind}");
        crew.spawn(async move { assert_eq!(call(0, 3).await, 2, "kind {kind}") });
        crew.run(100);
    }
}

#[test]
fn values_near_their_end_and_refreshes_know_their_group_too() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock)[..2].iter().enumerate() {
        let pages = c.group("pages");
        let page = || pages.cache("page").ttl(secs(60)).stale_for(secs(600));
        let load = |value: u32| page().get_or_insert_with_blocking(move || Ok::<u32, ()>(value)).unwrap();
        assert_eq!((load(1), load(2)), (1, 1), "kind {kind}");
        pages.reset_all_blocking().unwrap();
        assert_eq!((load(3), load(4)), (3, 3), "kind {kind}");
        clock.advance(secs(100));
        assert_eq!(load(5), 5, "kind {kind}: stale, and loaded by who asks");
        clock.advance(secs(100));
        pages.reset_all_blocking().unwrap();
        let failed = page().stale_on_error().get_or_insert_with_blocking(|| Err::<u32, _>("down"));
        assert_eq!(failed, Err("down"), "kind {kind}: what was forgotten is not served for a failure");
        assert_eq!(load(6), 6, "kind {kind}");
        assert_eq!(page().refresh_with_blocking(|| Ok::<u32, ()>(7)), Ok(7), "kind {kind}");
        assert_eq!(load(8), 7, "kind {kind}");
        assert_eq!(page().update_with_blocking(|old: Option<u32>| old.unwrap_or(0) + 10), Ok(17), "kind {kind}");
        pages.reset_all_blocking().unwrap();
        assert_eq!(page().update_with_blocking(|old: Option<u32>| old.unwrap_or(0) + 10), Ok(10), "kind {kind}");
    }
}

#[test]
fn a_whole_instance_is_forgotten_in_memory_and_refused_by_name_elsewhere() {
    let clock = &ManualClock::new();
    let [memory, guest, _] = kinds(clock);
    let held = memory.lock("lock").ttl(secs(60)).acquire_blocking().unwrap();
    memory.once("run").keep(secs(600)).run_blocking(|_| ()).unwrap();
    memory.cache("own").insert_blocking(1_u32).unwrap();
    memory.group("pages").cache("page").insert_blocking(1_u32).unwrap();
    memory.reset_all_blocking().unwrap();
    assert_eq!(memory.cache("own").get_blocking::<u32>(), Ok(None));
    assert_eq!(memory.group("pages").cache("page").get_blocking::<u32>(), Ok(None));
    assert!(held.is_valid() && memory.lock("lock").is_locked_blocking().unwrap(), "leases stay");
    assert!(memory.once("run").is_locked_blocking().unwrap(), "markers stay");
    for refused in [guest.reset_all_blocking(), block_on(guest.reset_all())] {
        let why = refused.unwrap_err();
        assert!(matches!(why, Error::Store(Cause::Unsupported(_))) && why.to_string().contains("reset_all"), "{why}");
    }
}

#[derive(Clone, Default)]
struct Evicted(Arc<AtomicU32>);

impl Observer for Evicted {
    fn event(&self, event: &Event<'_>) {
        if let Event::Evicted { key, why: Eviction::Full } = event {
            assert!(key.to_string().starts_with("app:g:pages:c:"), "{key}");
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn a_group_has_a_bound_and_numbers_of_its_own() {
    let evicted = Evicted::default();
    let c = Cachify::builder().prefix("app").max_entries(1_000).stats(true).observer(evicted.clone()).build().unwrap();
    let quiet = Cachify::builder().build().unwrap();
    for most in [0, 1, 16, 100] {
        let group = quiet.group(&format!("of {most}")).max_entries(most).unwrap();
        for key in 0..300_u32 {
            assert_eq!(group.cache(key).get_or_insert_blocking(|| key), key);
        }
        assert_eq!(group.entries(), most, "a bound is reached, and not passed");
    }
    let pages = c.group("pages").max_entries(16).unwrap();
    for key in 0..300_u32 {
        pages.cache(key).get_or_insert_blocking(|| key);
    }
    assert_eq!(pages.entries(), 16);
    let (of_pages, of_all) = (pages.stats().unwrap(), c.stats().unwrap());
    assert_eq!((of_pages.misses, of_pages.entries, of_pages.evicted), (300, 16, 284));
    assert!(of_all.misses >= 300 && of_all.evicted >= 284, "all are its own, too: {of_all:?}");
    assert_eq!(c.cache("own").get_blocking::<u32>(), Ok(None));

    // the first bound that is said, or used, counts
    assert!(c.group("pages").max_entries(16).is_ok());
    assert!(matches!(c.group("pages").max_entries(17), Err(Error::Store(Cause::Unsupported(_)))));
    c.group("used").cache("k").insert_blocking(1_u32).unwrap();
    assert!(c.group("used").max_entries(16).is_err());
    let guest = Cachify::builder().store(Guest::new(ManualClock::new())).build().unwrap();
    let why = guest.group("pages").max_entries(16).unwrap_err();
    assert!(why.to_string().contains("`max_entries`"), "{why}");
}

#[test]
fn an_instance_that_is_shut_down_ends_its_groups_too() {
    let clock = &ManualClock::new();
    for c in &kinds(clock)[..2] {
        let pages = c.group("pages");
        let page = pages.cache("page").closed();
        assert_eq!(page.get_or_insert_with_blocking(|| Err::<u32, _>(Refused::Zero)), Err(Refused::Zero));
        c.shutdown_blocking(Duration::ZERO);
        let refused = page.get_or_insert_with_blocking(|| Err::<u32, _>(Refused::Zero));
        assert_eq!(refused, Err(Refused::ShutDown));
    }
}

#[test]
fn threads_that_meet_a_group_first_find_one() {
    for _ in 0..50 {
        let c = Cachify::builder().build().unwrap();
        thread::scope(|scope| {
            for thread in 0..4_u32 {
                let c = &c;
                scope.spawn(move || {
                    for group in 0..100_u32 {
                        c.group(&format!("group {group}")).cache(thread).insert_blocking(thread).unwrap();
                    }
                });
            }
        });
        for group in 0..100_u32 {
            assert_eq!(c.group(&format!("group {group}")).entries(), 4);
        }
    }
}

#[test]
fn a_generation_that_a_server_dropped_is_made_anew_and_old_values_stay_forgotten() {
    let (clock, shelf) = (&ManualClock::new(), Shelf::default());
    let build = || Cachify::builder().clock(clock.clone()).store(AsyncKv(shelf.clone())).build().unwrap();
    let (here, there) = (build(), build());
    let page = |c: &Cachify, value: u32| {
        let page = c.group("pages").cache("page").ttl(secs(600));
        block_on(async { page.get_or_insert_with(async || Ok::<u32, ()>(value)).await.unwrap() })
    };
    assert_eq!((page(&here, 1), page(&there, 2)), (1, 1));
    let dropped = shelf.with(|all| {
        let before = all.len();
        all.retain(|key, _| !key.contains("generation"));
        before - all.len()
    });
    assert_eq!(dropped, 1);
    assert_eq!((page(&there, 3), page(&here, 4)), (3, 3));
}

/// A store that notes how many questions were under way at once.
#[derive(Clone, Debug)]
struct Counting {
    guest: Arc<Guest>,
    now: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
}

impl Backend for Counting {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            let now = self.now.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(now, SeqCst);
            let mut is_on_its_way = true;
            poll_fn(|cx| {
                if take(&mut is_on_its_way) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            self.now.fetch_sub(1, SeqCst);
            self.guest.clone().call_blocking(call)
        })
    }
    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        self.guest.clone().changed(key, ticket)
    }
    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        self.guest.clone().abandon(key, token, left);
    }
}

#[test]
fn a_hit_of_a_task_asks_for_value_and_generation_at_once_and_what_is_in_no_group_asks_for_one() {
    let clock = ManualClock::new();
    let [now, most, asked] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
    let store = Counting { guest: Arc::new(Guest::new(clock.clone())), now, most: most.clone(), asked: asked.clone() };
    let c = Cachify::builder().clock(clock).store(store).build().unwrap();
    let pages = c.group("pages");
    block_on(async {
        pages.cache("page").ttl(secs(60)).insert(1_u32).await.unwrap();
        c.cache("page").ttl(secs(60)).insert(1_u32).await.unwrap();
        let counted = || (asked.swap(0, SeqCst), most.swap(0, SeqCst));
        counted();
        assert_eq!(pages.cache("page").get_or_insert(async { 2_u32 }).await, 1);
        assert_eq!(counted(), (2, 2));
        let aged = pages.cache("aged").ttl(secs(60)).stale_for(secs(60));
        aged.insert(1_u32).await.unwrap();
        counted();
        assert_eq!(aged.get_or_insert(async { 2_u32 }).await, 1);
        assert_eq!(counted(), (2, 2));
        assert_eq!(c.cache("page").get_or_insert(async { 2_u32 }).await, 1);
        assert_eq!(counted(), (1, 1));
        pages.reset_all().await.unwrap();
        assert_eq!(counted(), (1, 1), "one command");
    });
}

/// What a review found: groups outside the process are told apart wherever keys are, and end with their instance.
#[test]
fn a_load_of_one_group_may_ask_for_the_same_key_in_another() {
    let clock = &ManualClock::new();
    for (kind, c) in kinds(clock)[..2].iter().enumerate() {
        let (raw, page) = (c.group("raw"), c.group("page"));
        raw.cache("k").ttl(secs(600)).insert_blocking(1_u32).unwrap();
        let of_raw = || raw.cache("k").ttl(secs(600)).fetch_with_blocking(|| Ok::<u32, ()>(2)).unwrap();
        let made = page.cache("k").ttl(secs(600)).get_or_insert_blocking(|| {
            let found = of_raw();
            assert_eq!((found.value, found.source), (1, Source::Hit), "kind {kind}");
            c.cache("k").ttl(secs(600)).update_with_blocking(|_: Option<u32>| 5).unwrap();
            found.value + 10
        });
        assert_eq!((made, c.cache("k").get_blocking::<u32>()), (11, Ok(Some(5))), "kind {kind}");
    }
}

#[test]
fn a_group_is_one_wherever_its_name_is_cut_and_is_closed_with_its_instance() {
    #[cached(instance = c, key = "icon:{n}", max_entries = 3)]
    fn icon(c: &Cachify, n: u32) -> u32 {
        n
    }
    let c = Cachify::builder().build().unwrap();
    (0..10).for_each(|n| assert_eq!(icon(&c, n), n));
    let path = concat!(module_path!(), "::icon");
    assert_eq!(c.group(path).entries(), 3);
    c.group(path).reset_all_blocking().unwrap();
    assert_eq!((c.group(path).entries(), icon::peek(&c, 9)), (0, Ok(None)));

    c.shutdown_blocking(Duration::ZERO);
    let late = c.group("met afterwards").cache("k").closed();
    assert_eq!(late.get_or_insert_with_blocking(|| Ok::<u32, Refused>(1)), Err(Refused::ShutDown));
}

#[test]
fn nothing_is_kept_outside_the_process_that_says_a_bound() {
    #[cached(instance = c, key = "icon:{n}", max_entries = 3)]
    fn icon(c: &Cachify, n: u32) -> u32 {
        n
    }
    let c = Cachify::builder().store(Guest::new(ManualClock::new())).build().unwrap();
    assert_eq!(icon(&c, 7), 7);
    for refused in [icon::insert(&c, 7, &8), icon::peek(&c, 7).map(drop)] {
        assert!(matches!(refused, Err(Error::Store(Cause::Unsupported(_)))), "{refused:?}");
    }
}

#[test]
fn what_is_made_of_forgotten_values_does_not_outlive_them() {
    // the clock stands still; threads make and forget as fast as they can
    let c = &Cachify::builder().build().unwrap();
    let source = &AtomicU32::new(0);
    let is_over = &AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                while is_over.load(SeqCst) == 0 {
                    let _ = c
                        .cache("k")
                        .update_with_blocking(|old: Option<u32>| old.unwrap_or_else(|| source.load(SeqCst)));
                }
            });
        }
        for _ in 0..3_000 {
            let now = source.fetch_add(1, SeqCst) + 1;
            c.reset_all_blocking().unwrap();
            if let Ok(Some(found)) = c.cache("k").get_blocking::<u32>() {
                assert!(found >= now, "{found} was there before {now}");
            }
        }
        is_over.store(1, SeqCst);
    });
}
