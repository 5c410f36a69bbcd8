//! The public suite on every way to plug a store in.

use crate::{
    shelf::{Failing, Shelf, Slow},
    sqlite::Sqlite,
};
use cachify::{AsyncKv, Backend, Cachify, Cause, Kv, KvStore, ManualClock, testing};
use cachify_core::{
    testing::{
        Fault, block_on,
        conformance::{self, Broken},
    },
    time::Clock,
};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

pub(crate) fn instance(clock: &ManualClock, store: impl Backend) -> Cachify {
    Cachify::builder().clock(clock.clone()).store(store).build().unwrap()
}

#[test]
fn each_store_keeps_the_contract_of_stores() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let shelf = || Shelf::new(&clock, false);
    testing::key_values_blocking(&Kv(shelf()), &advance)?;
    testing::key_values_blocking(&Kv(Arc::new(shelf())), &advance)?;
    block_on(testing::key_values(&AsyncKv(Slow { shelf: shelf(), after: true }), &advance))?;
    let file = File::new("contract");
    testing::key_values_blocking(&Kv(file.open(&clock)), &advance)
}

fn words() -> [String; 2] {
    ["a".to_owned(), String::new()]
}

#[test]
fn a_blocking_store_conforms_on_both_faces() -> Result<(), Broken> {
    for wall in [false, true] {
        let clock = ManualClock::new();
        let advance = |by| clock.advance(by);
        let fresh = || instance(&clock, Kv(Shelf::new(&clock, wall)));
        block_on(conformance::all(fresh(), &advance, words()))?;
        conformance::all_blocking(fresh(), &advance, words())?;
    }
    Ok(())
}

#[tokio::test]
async fn a_blocking_store_conforms_inside_tokio() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let c = instance(&clock, Kv(Shelf::new(&clock, true)));
    conformance::all(c, &|by| clock.advance(by), words()).await
}

#[test]
fn an_async_store_conforms() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let fresh = || instance(&clock, AsyncKv(Slow { shelf: Shelf::new(&clock, false), after: true }));
    block_on(conformance::all(fresh(), &advance, words()))?;
    conformance::all_blocking(fresh(), &advance, words())
}

/// A file that goes when the test ends.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("cachify-test-{}-{name}.db", std::process::id())))
    }

    fn open(&self, clock: &ManualClock) -> Sqlite {
        let clock = clock.clone();
        Sqlite::with_clock(&self.0, move || Duration::from_millis(clock.now().as_millis())).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

#[test]
fn the_sqlite_example_conforms_on_both_faces() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let (tasks, threads) = (File::new("tasks"), File::new("threads"));
    let fresh = |file: &File| instance(&clock, Kv(Arc::new(file.open(&clock))));
    block_on(conformance::all(fresh(&tasks), &advance, words()))?;
    conformance::all_blocking(fresh(&threads), &advance, words())
}

#[test]
fn the_sqlite_example_on_the_real_clock_is_shared_by_two_connections() {
    let file = File::new("shared");
    let open = || Cachify::builder().store(Kv(Arc::new(Sqlite::open(&file.0).unwrap()))).build().unwrap();
    let (a, b) = (open(), open());
    let guard = a.lock("k").acquire_blocking().unwrap();
    assert!(b.lock("k").try_acquire_blocking().unwrap().is_none());
    let fence = guard.fence();
    guard.release().unwrap();
    assert!(b.lock("k").acquire_blocking().unwrap().fence() > fence);
}

#[test]
fn a_store_whose_exchange_always_succeeds_is_found_out() {
    #[derive(Clone)]
    struct Careless(Shelf);
    impl KvStore for Careless {
        type Error = Cause;
        fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
            KvStore::get(&self.0, key)
        }
        fn compare_exchange(
            &self,
            key: &str,
            _: Option<&[u8]>,
            new: Option<&[u8]>,
            ttl: Option<Duration>,
        ) -> Result<bool, Cause> {
            let held = self.get(key)?;
            if held.is_some() || new.is_some() {
                self.0.compare_exchange(key, held.as_deref(), new, ttl)
            } else {
                Ok(true)
            }
        }
        fn remove(&self, key: &str) -> Result<bool, Cause> {
            self.0.remove(key)
        }
    }
    let clock = ManualClock::new();
    let c = instance(&clock, Kv(Careless(Shelf::new(&clock, false))));
    let found = block_on(conformance::all(c, &|by| clock.advance(by), words()));
    assert!(found.is_err());
}

#[test]
fn a_failing_store_keeps_no_cached_call_from_its_body() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let failing = Failing { shelf, at: 0, fault: Fault::Refused, calls: AtomicUsize::new(0) };
    let c = instance(&clock, Kv(Arc::new(failing)));
    assert_eq!(c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
}
