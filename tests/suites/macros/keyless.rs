//! Caches without a key: their functions' paths, and all arguments.

use cachify::{Cachify, KeyPart, Memory, cached, lock};
use cachify_core::{
    FixedStore, Instance,
    store::lock::NoLock,
    testing::{ManualClock, block_on},
};
use std::sync::{
    LazyLock,
    atomic::{AtomicU32, Ordering::SeqCst},
};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());
static RUNS: AtomicU32 = AtomicU32::new(0);

fn runs() -> u32 {
    RUNS.fetch_add(1, SeqCst)
}

#[cached]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[derive(Clone, KeyPart)]
struct Page {
    path: String,
    of: (u8, Option<char>),
}

#[cached(instance = LOCAL, ttl = 60)]
async fn page(page: Page, languages: &[&str], (width, height): (u16, u16), mut wide: bool, wider: String) -> u32 {
    wide |= page.path.len() + languages.len() + wider.len() > usize::from(width.max(height));
    u32::from(wide) * 1_000_000 + runs()
}

#[cached(instance = LOCAL, ttl = 60, version = 2)]
fn nothing() -> u32 {
    runs()
}

struct App {
    cache: Cachify<Memory>,
}

impl App {
    /// Which instance it is does not stand in the key.
    #[cached(instance = app.cache, companions = methods)]
    fn looked_up(app: &Self, id: u32) -> u32 {
        id * 1_000 + u32::from(app.cache.cache("no").get_blocking::<u32>().is_ok()) + runs()
    }
}

struct Other;

impl Other {
    #[cached(instance = LOCAL, companions = methods)]
    fn looked_up(id: u32) -> u32 {
        id + runs()
    }
}

#[lock(key = "stacked:{n}", instance = LOCAL)]
#[cached(instance = LOCAL)]
fn stacked(n: u32) -> Result<u32, cachify::Refused> {
    Ok(n + runs())
}

macro_rules! twins {
    ($name:ident, $one:ident) => {
        /// Two parameters of one spelling, of which one is the macro's own.
        #[cached(instance = LOCAL)]
        fn $name($one: u8, n: u8) -> (u8, u8, u32) {
            ($one, n, runs())
        }
    };
}
twins!(twins, n);

#[cached(instance = LOCAL, companions = false)]
fn alone(r#fn: u8, r#type: u8) -> u32 {
    u32::from(r#fn + r#type) + runs()
}

#[test]
fn each_argument_makes_a_difference() {
    super::setup();
    assert_eq!(fibonacci(90), 2_880_067_194_370_816_120);
    assert!(fibonacci::key(90).unwrap().ends_with("keyless::fibonacci:90"), "{:?}", fibonacci::key(90));
    let one = Page { path: "a:b".into(), of: (1, None) };
    let call = |p: &Page, languages: &[&str], size, wide, wider: &str| {
        block_on(page(p.clone(), languages, size, wide, wider.to_owned()))
    };
    let first = call(&one, &["de", "en"], (640, 480), false, "");
    assert_eq!(call(&one, &["de", "en"], (640, 480), false, ""), first);
    let key = block_on(async { page::key(one.clone(), &["de", "en"], (640, 480), false, "") }).unwrap();
    assert!(key.ends_with("keyless::page:a%3Ab:1:None:2:de:en:640:480:false:"), "{key}");
    let others = [
        call(&Page { path: "a".into(), of: (1, None) }, &["de", "en"], (640, 480), false, ""),
        call(&Page { of: (1, Some('x')), ..one.clone() }, &["de", "en"], (640, 480), false, ""),
        call(&one, &["de"], (640, 480), false, ""),
        call(&one, &["de", "en"], (640, 481), false, ""),
        call(&one, &["de", "en"], (640, 480), true, ""),
        call(&one, &["de", "en"], (640, 480), false, "x"),
    ];
    let mut all = [&[first][..], &others].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 7);
    assert!(block_on(page::reset(one.clone(), &["de", "en"], (640, 480), false, "")).unwrap());
    assert_ne!(call(&one, &["de", "en"], (640, 480), false, ""), first);
}

#[test]
fn functions_of_one_name_are_two_and_what_leads_to_the_instance_is_no_part() {
    let apps = [(); 2].map(|()| App { cache: (*LOCAL).clone() });
    let first = App::looked_up(&apps[0], 1);
    assert_eq!(App::looked_up(&apps[1], 1), first);
    assert!(App::looked_up_key(&apps[0], 1).unwrap().ends_with("keyless::App::looked_up:1"));
    let other = Other::looked_up(1);
    assert!(other != first && Other::looked_up(1) == other);
    assert_eq!(nothing(), nothing());
    assert!(nothing::key().unwrap().ends_with("keyless::nothing:v2"), "{:?}", nothing::key());
    assert_eq!(stacked(1).unwrap(), stacked(1).unwrap());
    assert_ne!(stacked(1).unwrap(), stacked(2).unwrap());
    assert_ne!(twins(1, 2), twins(2, 1));
    assert_eq!(twins(1, 2), twins(1, 2));
    assert_eq!((twins(1, 2).0, twins(1, 2).1), (1, 2));
    assert_ne!(alone(1, 2), alone(2, 1));
    assert_eq!(alone(1, 2), alone(1, 2));
}

static SHARDS: LazyLock<[Cachify<Memory>; 2]> = LazyLock::new(|| [(); 2].map(|()| Cachify::builder().build_memory()));

#[cached(instance = SHARDS[usize::from(id % 2)])]
fn sharded(id: u8) -> u8 {
    id
}

#[test]
fn an_argument_that_says_which_instance_it_is_is_part_of_the_key() {
    assert_eq!([1, 3, 1, 2].map(sharded), [1, 3, 1, 2]);
    assert!(sharded::key(3).unwrap().ends_with("keyless::sharded:3"));
}

type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 4, u32>>;

#[cachify_core::cached(instance = device, ttl = 5, companions = false)]
async fn reading(device: &Device<'_>, sensor: u8) -> u32 {
    let _ = device;
    u32::from(sensor) + runs() * 1_000
}

#[test]
fn a_device_needs_no_key_either() {
    let clock = ManualClock::new();
    let device = Device::new(FixedStore::<NoLock, _, 4, _>::new(&clock));
    let first = block_on(reading(&device, 1));
    assert_eq!(block_on(reading(&device, 1)), first);
    assert_ne!(block_on(reading(&device, 2)), first);
}
