//! The public suite on every way to plug a store in.

use crate::{
    shelf::{Failing, Shelf, Slow},
    sqlite::Sqlite,
};
use cachify::{AsyncKv, Backend, Cachify, Cause, Kv, KvStore, ManualClock, secs, testing};
use cachify_core::{
    testing::{
        Coarse, Fault, block_on,
        conformance::{self, Broken},
    },
    time::Clock,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
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
    testing::key_values_blocking(&Kv(shelf()), "suite:", &advance)?;
    testing::key_values_blocking(&Kv(Arc::new(shelf())), "suite:", &advance)?;
    block_on(testing::key_values(&AsyncKv(Slow { shelf: shelf(), after: true }), "suite:", &advance))?;
    let file = File::new("contract");
    testing::key_values_blocking(&Kv(file.open(&clock)), "suite:", &advance)
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
            let _ = fs::remove_file(format!("{}{end}", self.0.display()));
        }
        let _ = fs::remove_file(self.0.with_extension("time"));
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
fn key_value_stores_keep_what_backends_promise() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let (advance, file) = (|by| clock.advance(by), File::new("backend"));
    let open = || Cachify::builder().clock(clock.clone()).store(Kv(Arc::new(file.open(&clock))));
    block_on(testing::backend(open, "suite:", &advance))?;
    testing::backend_blocking(open, "suite:", &advance)?;
    let shelf = Shelf::new(&clock, false);
    let open = || Cachify::builder().clock(clock.clone()).store(AsyncKv(Slow { shelf: shelf.clone(), after: true }));
    block_on(testing::backend(open, "suite:", &advance))?;
    testing::backend_blocking(open, "suite:", &advance)
}

/// An instance over a file that another process shares, as is the file beside it that tells the store the time.
fn shared(path: &Path) -> Cachify {
    let time = path.with_extension("time");
    let clock =
        move || Duration::from_millis(fs::read_to_string(&time).map_or(0, |now| now.parse().unwrap_or_default()));
    let store = Sqlite::with_clock(path, clock).unwrap();
    Cachify::builder().prefix("suite:").store(Kv(Arc::new(store))).build().unwrap()
}

/// Moves the time of a file forward, as a whole.
fn advance(path: &Path, by: Duration) {
    let (time, next) = (path.with_extension("time"), path.with_extension("next"));
    let now: u64 = fs::read_to_string(&time).map_or(0, |now| now.parse().unwrap());
    fs::write(&next, (now + by.as_millis() as u64).to_string()).unwrap();
    fs::rename(next, time).unwrap();
}

#[test]
#[ignore = "the second process of the next"]
fn second() {
    testing::peer(&shared(Path::new(&env::var_os("FILE").unwrap()))).unwrap();
}

#[test]
fn the_sqlite_example_is_shared_by_processes() -> Result<(), Broken> {
    let (file, other) = (File::new("processes"), File::new("apart"));
    let mut peer = Command::new(env::current_exe().unwrap());
    peer.args(["--exact", "conformance::second", "--ignored"]).env("FILE", &file.0);
    testing::two_processes(&shared(&file.0), &mut peer, &|by| advance(&file.0, by))?;
    let apart = testing::two_processes(&shared(&other.0), &mut peer, &|_| ());
    assert_eq!(apart, Err(Broken("refuse a second holder in another process")));
    Ok(())
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

/// A store that bends what it is asked.
#[derive(Clone)]
struct Bent {
    shelf: Shelf,
    key: fn(&str) -> String,
    value: fn(&[u8]) -> Vec<u8>,
    ttl: fn(Duration) -> Duration,
    /// Whatever is there is what was expected.
    careless: bool,
}

impl Bent {
    fn new(clock: &ManualClock) -> Self {
        let shelf = Shelf::new(clock, false);
        Self { shelf, key: str::to_owned, value: <[u8]>::to_vec, ttl: |ttl| ttl, careless: false }
    }
}

impl KvStore for Bent {
    type Error = Cause;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        KvStore::get(&self.shelf, &(self.key)(key))
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        let (key, held) = ((self.key)(key), self.get(key)?);
        if self.careless && held.is_none() && new.is_none() {
            return Ok(true);
        }
        let [old, new] = [old, new].map(|bytes| bytes.map(self.value));
        let old = if self.careless { held } else { old };
        self.shelf.compare_exchange(&key, old.as_deref(), new.as_deref(), ttl.map(self.ttl))
    }
    fn remove(&self, key: &str) -> Result<bool, Cause> {
        KvStore::remove(&self.shelf, &(self.key)(key))
    }
}

/// A suite that cannot fail shows nothing.
#[test]
fn stores_that_bend_keys_values_or_times_are_found_out() {
    let clock = ManualClock::new();
    let advance = |by| clock.advance(by);
    let found = |bent: Bent| testing::key_values_blocking(&Kv(bent), "suite:", &advance).unwrap_err().0;
    let bent = Bent::new(&clock);
    let keys = "tell keys apart, whatever their characters and their length";
    assert_eq!(found(Bent { key: |key| key.trim_end().into(), ..bent.clone() }), keys);
    assert_eq!(found(Bent { key: |key| key.chars().take(1_024).collect(), ..Bent::new(&clock) }), keys);
    assert_eq!(found(Bent { key: |key| key.split('\0').next().unwrap().into(), ..Bent::new(&clock) }), keys);
    assert_eq!(found(Bent { key: str::to_ascii_lowercase, ..Bent::new(&clock) }), keys);
    let short = Bent { value: |value| value[..value.len().min(65_535)].into(), ..Bent::new(&clock) };
    assert_eq!(found(short), "give back values of a mebibyte");
    let late = Bent { ttl: |ttl| ttl + secs(1), ..Bent::new(&clock) };
    assert_eq!(found(late), "end a key at its TTL");
    assert_eq!(found(Bent { careless: true, ..Bent::new(&clock) }), "not exchange what is absent");
    let careless = instance(&clock, Kv(Bent { careless: true, ..Bent::new(&clock) }));
    assert!(block_on(conformance::all(careless, &advance, words())).is_err());
}

#[test]
fn a_store_that_counts_whole_seconds_conforms_with_its_grain() -> Result<(), Broken> {
    let clock = ManualClock::new();
    let coarse = |ttl: Duration| secs(ttl.as_millis().div_ceil(1_000) as u64);
    let open = || Cachify::builder().clock(clock.clone()).store(Kv(Bent { ttl: coarse, ..Bent::new(&clock) }));
    let grain = Coarse { grain: secs(1), pass: |by| clock.advance(by) };
    testing::key_values_blocking(&Kv(Bent { ttl: coarse, ..Bent::new(&clock) }), "suite:", &grain)?;
    block_on(testing::backend(open, "suite:", &grain))?;
    testing::backend_blocking(open, "suite:", &grain)?;
    // cut down to whole seconds, or ended a step before
    for early in [|ttl: Duration| secs(ttl.as_secs()), |ttl: Duration| secs(ttl.as_millis().div_ceil(1_000) as u64 - 1)]
    {
        let found = testing::key_values_blocking(&Kv(Bent { ttl: early, ..Bent::new(&clock) }), "suite:", &grain);
        assert_eq!(found, Err(Broken("keep a key until its TTL, which is no whole step")));
        let open = || Cachify::builder().clock(clock.clone()).store(Kv(Bent { ttl: early, ..Bent::new(&clock) }));
        let found = testing::backend_blocking(open, "suite:", &grain);
        assert_eq!(found, Err(Broken("keep a lease until its TTL, which is no whole step")));
    }
    let fine = conformance::all_blocking(open().build().unwrap(), &|by| clock.advance(by), words());
    assert_eq!(fine, Err(Broken("answer `Lost` to a renewal after the end of a lease")));
    Ok(())
}

#[test]
fn a_failing_store_keeps_no_cached_call_from_its_body() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let failing = Failing { shelf, at: 0, fault: Fault::Refused, calls: AtomicUsize::new(0) };
    let c = instance(&clock, Kv(Arc::new(failing)));
    assert_eq!(c.cache("k").get_or_insert_with_blocking(|| Ok::<u32, ()>(1)), Ok(1));
}
