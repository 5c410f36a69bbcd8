//! A load that fails: those who waited for it have its error by whatever way its type allows, or load for themselves.

use cachify::{Cachify, Cause, LoadFailed, ManualClock, Refused, cached, secs};
use cachify_tests::{
    Guest,
    crew::{Crew, sleep},
};
use std::{
    cell::{Cell, RefCell},
    error::Error as StdError,
    fmt, io,
};

/// How often the source was asked, and how long that takes.
struct Source {
    c: Cachify,
    clock: ManualClock,
    asked: Cell<u32>,
}

impl Source {
    fn of(c: Cachify, clock: &ManualClock) -> Self {
        Self { c, clock: clock.clone(), asked: Cell::new(0) }
    }

    async fn ask(&self) -> u32 {
        self.asked.set(self.asked.get() + 1);
        let number = self.asked.get();
        sleep(&self.clock, secs(1)).await;
        number
    }
}

fn sources(clock: &ManualClock) -> [Source; 2] {
    let builder = || Cachify::builder().clock(clock.clone());
    [builder().build().unwrap(), builder().store(Guest::new(clock.clone())).build().unwrap()]
        .map(|c| Source::of(c, clock))
}

type Boxed = Box<dyn StdError + Send + Sync>;

/// An error that can be neither copied nor made of a text.
#[derive(Debug, PartialEq)]
struct Own(u32);

/// One that is made of both.
#[derive(Debug, PartialEq)]
enum Mixed {
    Own(u32),
    Waited(LoadFailed),
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(number) => write!(f, "failure {number}"),
            Self::Waited(why) => write!(f, "the load that was waited for: {why}"),
        }
    }
}

impl From<LoadFailed> for Mixed {
    fn from(why: LoadFailed) -> Self {
        Self::Waited(why)
    }
}

/// An alias is seen through.
type Text<T> = Result<T, String>;

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn copied(source: &Source) -> Text<u32> {
    Err(format!("failure {}", source.ask().await))
}

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn told(source: &Source) -> Result<u32, Boxed> {
    Err(format!("failure {}", source.ask().await).into())
}

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn mixed(source: &Source) -> Result<u32, Mixed> {
    Err(Mixed::Own(source.ask().await))
}

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn missing(source: &Source) -> Option<u32> {
    source.ask().await;
    None
}

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn opaque(source: &Source) -> Result<u32, Own> {
    Err(Own(source.ask().await))
}

#[cached(instance = source.c, key = "{fn}", share_err = |error: &Own| Own(error.0 + 100), companions = false)]
async fn by_hand(source: &Source) -> Result<u32, Own> {
    Err(Own(source.ask().await))
}

#[cached(instance = source.c, key = "{fn}", share_err = false, companions = false)]
async fn never(source: &Source) -> Result<u32, String> {
    Err(format!("failure {}", source.ask().await))
}

/// What is borrowed from the call is nobody else's.
#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn lent<'s>(source: &'s Source) -> Result<u32, &'s Cell<u32>> {
    source.ask().await;
    Err(&source.asked)
}

#[cached(instance = source.c, key = "{fn}", companions = false)]
async fn lent_in_silence(source: &Source, name: &str) -> Result<u32, std::borrow::Cow<'static, str>> {
    source.ask().await;
    Err(name.to_owned().into())
}

#[cached(instance = source.c, key = "{fn}", ttl = 60, closed, companions = false)]
async fn closed(source: &Source) -> Result<u32, Refused> {
    source.ask().await;
    Err(Cause::Unreachable.into())
}

/// Two layers of one instance: the outer one waits, the inner one fails.
#[cached(instance = source.c, key = "{fn}:outer", ttl = 60, companions = false)]
#[cached(instance = source.c, key = "{fn}:inner", ttl = 600, companions = false)]
async fn layered(source: &Source) -> Text<u32> {
    Err(format!("failure {}", source.ask().await))
}

#[cached(instance = source.c, key = "{fn}", ttl = 60, stale_for = 600, stale_on_error, companions = false)]
async fn aged(source: &Source) -> Text<u32> {
    Err(format!("failure {}", source.ask().await))
}

/// How often a source is asked for twenty callers at once, and what they are told.
fn crowd<T: fmt::Debug>(source: &Source, call: impl AsyncFn(&Source) -> T + Copy) -> (u32, Vec<String>) {
    source.asked.set(0);
    let found = &RefCell::new(Vec::new());
    let mut crew = Crew::new(&source.clock);
    for _ in 0..20 {
        crew.spawn(async move {
            let out = call(source).await;
            found.borrow_mut().push(format!("{out:?}"));
        });
    }
    crew.run(5_000);
    let mut found = found.take();
    assert_eq!(found.len(), 20, "somebody waits still");
    found.sort_unstable();
    found.dedup();
    (source.asked.get(), found)
}

#[test]
fn those_who_waited_have_the_error_by_whatever_way_its_type_allows() {
    let clock = ManualClock::new();
    for source in &sources(&clock) {
        assert_eq!(crowd(source, copied), (1, vec![r#"Err("failure 1")"#.to_owned()]));
        assert_eq!(crowd(source, missing), (1, vec!["None".to_owned()]));
        let by_hand = crowd(source, by_hand);
        assert_eq!(by_hand, (1, vec!["Err(Own(1))".to_owned(), "Err(Own(201))".to_owned()]));
        assert_eq!(crowd(source, closed).0, 1);
        assert_eq!(crowd(source, layered), (1, vec![r#"Err("failure 1")"#.to_owned()]));
        assert_eq!(crowd(source, aged), (1, vec![r#"Err("failure 1")"#.to_owned()]));
        let (asked, boxed) = crowd(source, told);
        assert_eq!(asked, 1);
        assert_eq!(boxed, [r#"Err("failure 1")"#, r#"Err(LoadFailed("failure 1"))"#]);
        let (asked, mixed) = crowd(source, mixed);
        assert_eq!(asked, 1);
        assert_eq!(mixed, ["Err(Own(1))", r#"Err(Waited(LoadFailed("failure 1")))"#]);
    }
}

#[test]
fn an_error_that_cannot_be_shared_or_is_not_to_be_is_each_ones_own() {
    let clock = ManualClock::new();
    for source in &sources(&clock) {
        assert_eq!(crowd(source, opaque).0, 20);
        assert_eq!(crowd(source, never).0, 20);
        assert_eq!(crowd(source, async |source: &Source| lent(source).await.map_err(Cell::get)).0, 20);
        assert_eq!(crowd(source, async |source: &Source| lent_in_silence(source, "x").await).0, 1);
    }
}

/// An error of the standard library that is neither, for threads.
#[cached(instance = c, key = "{fn}", companions = false)]
fn read(c: &Cachify) -> io::Result<u32> {
    Err(io::ErrorKind::NotFound.into())
}

#[test]
fn an_error_of_the_standard_library_needs_nothing() {
    let c = Cachify::builder().build().unwrap();
    assert_eq!(read(&c).unwrap_err().kind(), io::ErrorKind::NotFound);
    let _: Boxed = Box::new(LoadFailed::new("text"));
    assert_eq!(LoadFailed::new("text").to_string(), "text");
}
