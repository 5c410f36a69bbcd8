//! Attributes whose values are in a group: with a bound of their own, and forgotten together.

use cachify::{Cachify, Cause, Event, ManualClock, Memory, Observer, cached, secs};
use cachify_core::testing::block_on;
use cachify_tests::Guest;
use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};

static LOADS: AtomicU32 = AtomicU32::new(0);

fn loaded() -> u32 {
    LOADS.fetch_add(1, SeqCst)
}

#[cached(instance = c, key = "page:{n}", group = "pages")]
async fn page(c: &Cachify, n: u32, loads: &AtomicU32) -> u32 {
    loads.fetch_add(1, SeqCst) + n
}

#[cached(instance = c, key = "title:{n}", group = "pages", ttl = 60)]
async fn title(c: &Cachify, n: u32, loads: &AtomicU32) -> Result<String, String> {
    loads.fetch_add(1, SeqCst);
    Ok(format!("title {n}"))
}

#[cached(instance = c, key = "page:{n}")]
async fn other(c: &Cachify, n: u32, loads: &AtomicU32) -> u32 {
    loads.fetch_add(1, SeqCst) + n
}

fn kinds() -> [Cachify; 2] {
    let clock = ManualClock::new();
    let builder = || Cachify::builder().clock(clock.clone());
    [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()]
}

#[test]
fn functions_of_one_group_are_forgotten_together() {
    for c in &kinds() {
        block_on(async {
            let loads = AtomicU32::new(0);
            let all = async || {
                page(c, 1, &loads).await;
                title(c, 1, &loads).await.unwrap();
                other(c, 1, &loads).await;
                loads.load(SeqCst)
            };
            assert_eq!((all().await, all().await), (3, 3));
            assert_eq!(page::peek(c, 1).await, Ok(Some(1)));
            title::reset_all(c).await.unwrap();
            assert_eq!(page::peek(c, 1).await, Ok(None));
            assert_eq!((all().await, all().await), (5, 5), "both of the group are loaded again");
            page::insert(c, 1, &70).await.unwrap();
            assert_eq!(page(c, 1, &loads).await, 70);
            // by value it is the group's, under the key of the function
            assert_eq!(c.group("pages").cache(page::key(c, 1).unwrap()).get::<u32>().await, Ok(Some(70)));
            c.group("pages").reset_all().await.unwrap();
            assert_eq!((all().await, all().await), (7, 7));
            assert!(page::reset(c, 1).await.unwrap());
            assert_eq!(all().await, 8);
        });
    }
}

const MOST: usize = 16;

static BOUNDED: AtomicU32 = AtomicU32::new(0);

#[cached(instance = c, key = "bounded:{n}", max_entries = MOST)]
fn bounded(c: &Cachify, n: u32) -> u32 {
    loaded() + n
}

#[cached(instance = c, key = "outside:{n}", max_entries = MOST)]
fn outside(c: &Cachify, n: u32) -> u32 {
    BOUNDED.fetch_add(1, SeqCst) + n
}

#[cached(instance = c, key = "small:{n}", max_entries = 4)]
fn small(c: &Cachify<Memory>, n: u32) -> u32 {
    n
}

#[test]
fn a_function_has_a_bound_of_its_own_beside_those_of_others() {
    let c = Cachify::builder().max_entries(1_000).stats(true).build().unwrap();
    for n in 0..500 {
        c.cache(n).get_or_insert_blocking(|| n);
        bounded(&c, n);
    }
    assert_eq!(c.stats().unwrap().entries, 500 + MOST);
    let own = bounded::stats(&c).unwrap();
    assert_eq!((own.misses, own.entries, own.evicted), (500, MOST, 500 - MOST as u64));
    bounded::reset_all(&c).unwrap();
    assert_eq!(c.stats().unwrap().entries, 500);
    let memory = Cachify::builder().stats(true).build_memory();
    for n in 0..500 {
        small(&memory, n);
    }
    assert_eq!((memory.len(), memory.stats().unwrap().entries), (0, 4));
    small::reset_all(&memory).unwrap();
    assert_eq!(memory.stats().unwrap().entries, 0);
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Cause>>>);

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { cause, .. } = event {
            self.0.lock().unwrap().push(*cause);
        }
    }
}

#[cached(instance = c, key = "a:{n}", group = "shared", max_entries = 4)]
fn first(c: &Cachify, n: u32) -> u32 {
    n
}

#[cached(instance = c, key = "b:{n}", group = "shared", max_entries = 5)]
fn second(c: &Cachify, n: u32) -> u32 {
    n
}

#[test]
fn a_bound_that_cannot_be_kept_is_told_and_the_call_runs() {
    let told = Told::default();
    let take = || std::mem::take(&mut *told.0.lock().unwrap());
    let c = Cachify::builder().observer(told.clone()).build().unwrap();
    assert_eq!((first(&c, 1), first(&c, 2)), (1, 2));
    assert!(take().is_empty());
    assert_eq!(second(&c, 3), 3);
    assert!(take().iter().all(|cause| cause.to_string().contains("another bound")));
    let guest = Cachify::builder().observer(told.clone()).store(Guest::new(ManualClock::new())).build().unwrap();
    assert_eq!([0, 0].map(|n| outside(&guest, n)), [0, 1], "outside the process nothing is kept without its bound");
    let causes = take();
    assert!(!causes.is_empty() && causes.iter().all(|cause| cause.to_string().contains("`max_entries`")), "{causes:?}");
}

struct Shop {
    c: Cachify,
}

static SHOP: LazyLock<Shop> = LazyLock::new(|| Shop { c: Cachify::builder().build().unwrap() });

impl Shop {
    #[cached(instance = self.c, key = "price:{item}", max_entries = 2)]
    fn price(&self, item: u32) -> u32 {
        loaded() + item
    }

    #[cached(instance = SHOP.c, key = "stock:{item}", max_entries = 2, companions = methods)]
    fn stock(item: u32) -> u32 {
        loaded() + item
    }
}

#[test]
fn methods_have_groups_too() {
    (0..10).for_each(|item| assert!(SHOP.price(item) + Shop::stock(item) > 0));
    assert_eq!(SHOP.price(9), SHOP.price(9));
    assert_eq!(Shop::stock(9), Shop::stock(9));
    SHOP.price_reset_all().unwrap();
    Shop::stock_reset_all().unwrap();
}

/// Two layers, of which one is in a group.
#[cached(instance = near, key = "layered", group = "layers", ttl = 60)]
#[cached(instance = far, key = "layered", group = "layers", ttl = 600)]
async fn layered(near: &Cachify, far: &Cachify) -> u32 {
    loaded()
}

#[test]
fn layers_are_forgotten_from_the_inside() {
    let [near, far] = kinds();
    block_on(async {
        let before = layered(&near, &far).await;
        assert_eq!(layered(&near, &far).await, before);
        layered::reset_all(&near, &far).await.unwrap();
        assert_ne!(layered(&near, &far).await, before);
    });
}

#[cached(instance = c, key = "session:{n}", ttl = "1d", idle = 600)]
fn session(c: &Cachify, n: u32, loads: &AtomicU32) -> u32 {
    loads.fetch_add(1, SeqCst) + n
}

const BOUND: u64 = 10;

/// By constants, in a group of a name.
#[cached(instance = c, key = "text:{n}", group = "texts", max_weight = BOUND, max_entries = 1_000, idle = secs(60))]
async fn text(c: &Cachify, n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

#[test]
fn a_function_has_a_weight_and_an_idle_time_of_its_own() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).stats(true).weigher(|_: &[u8; 4]| 4).build().unwrap();
    let loads = AtomicU32::new(0);
    for _ in 0..3 {
        assert_eq!(session(&c, 7, &loads), 7);
        clock.advance(secs(599));
    }
    clock.advance(secs(1));
    assert_eq!(session(&c, 7, &loads), 8, "nobody asked");
    for n in 0..10 {
        block_on(text(&c, n));
    }
    let stats = text::stats(&c).unwrap();
    assert_eq!((stats.entries, stats.weight), (2, 8));
    clock.advance(secs(60));
    assert!((0..10).all(|n| block_on(text::peek(&c, n)).unwrap().is_none()));
    let away = Cachify::builder().store(Guest::new(clock.clone())).build().unwrap();
    assert_eq!(session(&away, 7, &loads), 9);
    let refused = session::peek(&away, 7);
    assert!(matches!(refused, Err(cachify::Error::Store(Cause::Unsupported(why))) if why.contains("`idle`")));
}
