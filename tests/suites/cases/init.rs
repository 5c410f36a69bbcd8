//! I: initialisation. Every case has a Rust meaning; here alone the global instance of this process is touched.

use crate::{harness::memory, world::now};
use cachify::{Cachify, Config, Error, ManualClock, Memory, Refused, cached, lock, once, pooled};
use cachify_tests::Guest;
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook},
    sync::LazyLock,
};

const GUIDANCE: &str = "cachify is not initialised: call `Cachify::builder()....init()` before the first call";

#[cached(key = "user:{id}")]
async fn user(id: u8) -> u8 {
    id
}

#[lock(key = "item:{id}")]
async fn item(id: u8) -> Result<u8, Refused> {
    Ok(id)
}

#[once(key = "sync:{id}")]
fn sync(id: u8) -> Option<u8> {
    Some(id)
}

#[pooled(key = "api", size = 1)]
fn api() -> Result<u8, Refused> {
    Ok(1)
}

#[cached(key = "value:{id}")]
fn value(id: u8) -> u8 {
    id
}

#[pooled(key = "slot", size = 1, on_full = also_slot)]
fn slot(id: u8) -> u8 {
    id
}

fn also_slot(id: u8) -> u8 {
    id
}

#[lock(key = "quiet", otherwise = 0)]
fn quiet() -> u8 {
    1
}

#[cached(instance = LOCAL, key = "local:{id}")]
fn local(id: u8) -> u8 {
    id
}

#[lock(instance = LOCAL, key = "local:{id}")]
fn local_lock(id: u8) -> Result<u8, Refused> {
    Ok(id)
}

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| memory(Config::DEFAULT).0);

/// What all those functions come to; a panic is its message.
#[derive(Debug, PartialEq)]
struct All {
    user: Result<u8, String>,
    item: Result<u8, Refused>,
    sync: Result<Option<u8>, String>,
    api: Result<u8, Refused>,
    quiet: u8,
    companions: (Result<bool, Error>, Result<bool, Error>, Result<u32, Error>),
    global: Option<Error>,
}

thread_local!(static PANICKED_AT: Cell<u32> = const { Cell::new(0) });

/// The lines at which calls panic in this file, and the line of the first of them.
fn places() -> (Vec<u32>, u32) {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        let at = info.location().filter(|at| at.file() == file!()).map_or(0, Location::line);
        PANICKED_AT.set(at);
        before(info);
    }));
    let at = || PANICKED_AT.take();
    let first = line!() + 1;
    let sync_at = (caught(|| sync(1)).is_err(), at()).1;
    let value_at = (caught(|| value(1)).is_err(), at()).1;
    let pool_at = (caught(|| slot(1)).is_err(), at()).1;
    (vec![sync_at, value_at, pool_at], first)
}

fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(_) => "another panic".to_owned(),
    })
}

impl All {
    fn called() -> Self {
        Self {
            user: caught(|| now(user(1))),
            item: now(item(1)),
            sync: caught(|| sync(1)),
            api: api(),
            quiet: quiet(),
            companions: (now(user::reset(1)), sync::is_locked(1), api::in_use()),
            global: cachify::global().err(),
        }
    }

    fn before_init() -> Self {
        Self {
            user: Err(GUIDANCE.to_owned()),
            item: Err(Refused::NotInitialised),
            sync: Err(format!("{GUIDANCE} (return a `Result`, or say `otherwise`, to handle this)")),
            api: Err(Refused::NotInitialised),
            quiet: 0,
            companions: (Err(Error::NotInitialised), Err(Error::NotInitialised), Err(Error::NotInitialised)),
            global: Some(Error::NotInitialised),
        }
    }

    fn after_init() -> Self {
        Self {
            user: Ok(1),
            item: Ok(1),
            sync: Ok(Some(1)),
            api: Ok(1),
            quiet: 1,
            companions: (Ok(true), Ok(false), Ok(0)),
            global: None,
        }
    }
}

/// There is one global instance, so its story is told once, whichever test asks first.
struct Story {
    before: All,
    places: (Vec<u32>, u32),
    local: (u8, Result<u8, Refused>),
    after_local: All,
    after_init: All,
    local_after_init: bool,
}

static STORY: LazyLock<Story> = LazyLock::new(|| {
    let before = All::called();
    let places = places();
    let in_local = (local(1), local_lock(2));
    let after_local = All::called();
    let global = Cachify::builder().init().expect("no zeros");
    let after_init = All::called();
    let seen = global.cache("local:1").get_blocking::<u8>() == Ok(Some(1));
    Story { before, places, local: in_local, after_local, after_init, local_after_init: seen }
});

#[test]
fn i1_before_init_every_call_is_an_error_that_names_init() {
    assert_eq!(STORY.before, All::before_init());
    assert_eq!(Refused::NotInitialised.to_string(), GUIDANCE);
    assert_eq!(Error::NotInitialised.to_string(), GUIDANCE);
}

#[test]
fn i1_a_call_that_panics_before_init_does_so_at_its_caller() {
    let (places, first) = &STORY.places;
    assert_eq!(*places, [*first, first + 1, first + 2]);
}

#[test]
fn i2_functions_declared_before_init_work_after_it() {
    assert_eq!(STORY.after_init, All::after_init());
}

#[test]
fn i3_an_instance_of_ones_own_neither_needs_nor_changes_the_global_one() {
    assert_eq!(STORY.local, (1, Ok(2)));
    assert_eq!(STORY.after_local, All::before_init());
    assert!(!STORY.local_after_init, "nor does the global one see what it keeps");
}

/// Whether `b` finds a value and a lock of `a`.
fn finds(a: &Cachify, b: &Cachify) -> (bool, bool) {
    a.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
    let _guard = a.lock("k").acquire_blocking().unwrap();
    (b.cache("k").get_blocking::<u8>().unwrap().is_some(), b.lock("k").is_locked_blocking().unwrap())
}

#[test]
fn i5_memories_are_apart_and_a_shared_store_is_shared_by_prefix() {
    let clock = ManualClock::new();
    let apart = [(); 2].map(|()| Cachify::builder().prefix("p").build().unwrap());
    let store = Guest::new(clock.clone());
    let shared = ["p", "p", "q"]
        .map(|prefix| Cachify::builder().prefix(prefix).clock(clock.clone()).store(store.clone()).build().unwrap());
    assert_eq!(finds(&apart[0], &apart[1]), (false, false));
    assert_eq!(finds(&apart[0], &apart[0].clone()), (true, true));
    assert_eq!(finds(&shared[0], &shared[1]), (true, true));
    assert_eq!(finds(&shared[0], &shared[2]), (false, false));
}
