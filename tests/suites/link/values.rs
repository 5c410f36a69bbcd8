//! Cached values across the link.

use crate::{
    pipe::{Faults, Line},
    world::{Device, LONG, MS, Memory, World, at, connected, device, named, pass, world},
};
use cachify_core::testing::{BlockingWords, Words};
use cachify_core::{
    AsIs, Cause, Instance, Refused, cached,
    cell::{Ask, Life, MaybeOwned},
    codec::{Codec, Postcard, entry},
    drive::beside,
    key::{KeyError, KeyPart, KeySink, Kind, Shown},
    lock,
    store::lock::NoLock,
    testing::ManualClock,
    time::Clock,
    token::HolderToken,
    ttl::Ttl,
};
use cachify_link::RemoteStore;
use std::{cell::Cell, time::Duration};

/// A server puts bytes into the cache.
fn put(store: &Memory<'_>, bytes: Vec<u8>) {
    let (ask, key) = (Ask::new(HolderToken([9; 4]), LONG), named(Kind::Cache));
    BlockingWords::join(store, key, &AsIs, &ask).unwrap();
    BlockingWords::publish(store, key, &AsIs, ask.token, MaybeOwned::Owned(bytes), Life::new(Ttl::Forever)).unwrap();
}

/// What servers make of a value.
fn bytes_of<V>(value: &V) -> Vec<u8>
where
    Postcard: Codec<V>,
{
    let mut bytes = Vec::new();
    entry::encode(value, &Postcard, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_value_is_laid_out_as_servers_do_and_a_strange_one_is_a_miss() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        put(&store, bytes_of(&7_u32));
        let cached = device.cache("k");
        assert_eq!(cached.get::<u32>().await, Ok(Some(7)));
        assert_eq!(cached.get::<u64>().await, Ok(None), "of another type");
        let load = || async { Ok::<_, ()>(8_u64) };
        assert_eq!(cached.get_or_insert_with(load).await, Ok(8));
        assert_eq!(cached.get::<u64>().await, Ok(Some(8)), "the strange one made room");
        assert_eq!(cached.reset().await, Ok(true));
        assert_eq!(cached.get_or_insert_with(|| async { Ok::<_, ()>(9_u32) }).await, Ok(9));
        let kept = BlockingWords::get(&store, named(Kind::Cache), &AsIs).unwrap();
        assert_eq!(kept, Some(bytes_of(&9_u32)));
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn a_value_longer_than_a_frame_is_computed_and_leaves_no_flight() {
    const LONGEST: usize = RemoteStore::<NoLock, ManualClock>::VALUE - 6 - 1;
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        for (len, keeps) in [(LONGEST, true), (LONGEST + 1, false), (4_000, false)] {
            let cached = device.cache(("k", len));
            let load = || async { Ok::<_, ()>("v".repeat(len)) };
            assert_eq!(cached.get_or_insert_with(load).await, Ok("v".repeat(len)));
            assert_eq!(cached.get::<String>().await.unwrap().is_some(), keeps, "{len}");
            assert!(clock.now() < at(20), "nobody waited for a flight");
        }
        // a server wrote a long one
        put(&store, bytes_of(&"v".repeat(500)));
        let key = named(Kind::Cache);
        let refused = Words::get::<String, _>(device.store(), key, &Postcard).await;
        assert!(matches!(refused, Err(Cause::Rejected { why, .. }) if why.contains("longer")), "{refused:?}");
        assert_eq!(
            device.cache("k").get_or_insert_with(|| async { Ok::<_, ()>(String::from("own")) }).await,
            Ok("own".into())
        );
    });
    assert!(world.run(LONG, || ()));
}

/// What bodies are and do, one for each test.
struct Load<'c> {
    clock: &'c ManualClock,
    count: Cell<u32>,
    time: Duration,
}

impl<'c> Load<'c> {
    fn new(clock: &'c ManualClock, time: Duration) -> Self {
        Self { clock, count: Cell::new(0), time }
    }

    async fn run(&self) -> u32 {
        self.count.set(self.count.get() + 1);
        pass(self.clock, self.time).await;
        self.count.get()
    }
}

#[cached(instance = device, key = "k", ttl = "5s", companions = false)]
async fn number(device: &Device<'_>, load: &Load<'_>) -> u32 {
    load.run().await
}

#[cached(instance = device, key = "k", ttl = "5s", companions = false)]
async fn wider(device: &Device<'_>, load: &Load<'_>) -> u64 {
    u64::from(load.run().await)
}

#[cached(instance = device, key = "k", ttl = forever, companions = false)]
async fn text(device: &Device<'_>, load: &Load<'_>, len: usize) -> Option<String> {
    load.run().await;
    (len > 0).then(|| "v".repeat(len))
}

#[test]
fn a_value_cached_by_attribute_is_the_fleets_until_it_ends() {
    world!(clock, store, local, device, line, world, load = Load::new(&clock, 20 * MS));
    world.spawn(async {
        assert_eq!(number(&device, &load).await, 1);
        assert_eq!(BlockingWords::get(&store, named(Kind::Cache), &AsIs).unwrap(), Some(bytes_of(&1_u32)));
        assert_eq!(number(&device, &load).await, 1);
        pass(&clock, 5_000 * MS).await;
        assert_eq!(number(&device, &load).await, 2);
        // what a server wrote
        device.cache("k").reset().await.unwrap();
        put(&store, bytes_of(&7_u32));
        assert_eq!(number(&device, &load).await, 7);
        // a server that reads the other layout may meet the same bytes: each makes room for its own
        assert_eq!(wider(&device, &load).await, 3);
        assert_eq!(wider(&device, &load).await, 3);
        assert_eq!(number(&device, &load).await, 4);
        assert_eq!(BlockingWords::get(&store, named(Kind::Cache), &AsIs).unwrap(), Some(bytes_of(&4_u32)));
    });
    assert!(world.run(LONG, || ()));
}

#[test]
fn what_is_not_worth_keeping_or_too_long_is_computed_and_leaves_no_flight() {
    const LONGEST: usize = RemoteStore::<NoLock, ManualClock>::VALUE - 6 - 1;
    for (len, is_kept) in [(0, false), (LONGEST, true), (LONGEST + 1, false), (4_000, false)] {
        world!(clock, store, local, device, line, world, load = Load::new(&clock, Duration::ZERO));
        world.spawn(async {
            for _ in 0..2 {
                assert_eq!(text(&device, &load, len).await, (len > 0).then(|| "v".repeat(len)));
            }
            assert_eq!(load.count.get(), if is_kept { 1 } else { 2 }, "{len}");
            assert!(clock.now() < at(30), "nobody waited for a flight");
            // no flight is left, and what is without end stays
            pass(&clock, 99_000 * MS).await;
            assert_eq!(BlockingWords::get(&store, named(Kind::Cache), &AsIs).unwrap().is_some(), is_kept);
        });
        assert!(world.run(2 * LONG, || ()));
    }
}

#[test]
fn one_of_all_computes_and_the_others_are_told() {
    world!(clock, store, local, device, line, world, load = Load::new(&clock, 300 * MS));
    for _ in 0..4 {
        world.spawn(async { assert_eq!(number(&device, &load).await, 1) });
    }
    assert!(world.run(LONG, || ()));
    assert_eq!(load.count.get(), 1);
    assert!(clock.now() < at(400), "woken by notices: {:?}", clock.now());
}

#[test]
fn a_flight_is_renewed_while_its_body_runs() {
    world!(clock, store, local, device, line, world, load = Load::new(&clock, 70_000 * MS));
    for _ in 0..2 {
        world.spawn(async { assert_eq!(number(&device, &load).await, 1) });
    }
    assert!(world.run(LONG, || ()));
    assert_eq!(load.count.get(), 1, "a flight lasts for 30 s unless renewed");
}

#[test]
fn behind_a_line_that_fails_every_call_computes_and_nothing_stays_under_way() {
    world!(clock, store, local, device, line, world, load = Load::new(&clock, 3_000 * MS));
    world.spawn(async {
        // requests arrive, answers do not
        line.down.set(Faults { cut: true, ..Faults::default() });
        let (called, began) = (number(&device, &load), clock.now());
        let healed = async {
            pass(&clock, 1_000 * MS).await;
            assert_eq!(load.count.get(), 1, "it runs after one timeout");
            line.set(Faults::default());
            pass(&clock, 1_000 * MS).await;
            // while the body still runs
            let ask = Ask::new(HolderToken([9; 4]), LONG);
            let flight = BlockingWords::join(&store, named(Kind::Cache), &AsIs, &ask).unwrap();
            assert!(flight.granted().is_some(), "the flight that nobody knows of was given back");
            std::future::pending::<()>().await;
        };
        assert_eq!(beside(called, healed).await, Ok(1));
        assert!(clock.now().since(began) < 3_600 * MS);
        line.set(Faults { broken: true, ..Faults::default() });
        pass(&clock, 10 * MS).await;
        assert_eq!(number(&device, &load).await, 2);
    });
    assert!(world.run(LONG, || ()));
}

/// Shows the beginning of what it is.
struct GivesUp;

impl std::fmt::Display for GivesUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("k")?;
        Err(std::fmt::Error)
    }
}

/// No text.
struct Byte(u8);

impl KeyPart for Byte {
    fn render(&self, out: &mut impl KeySink, _: Option<char>) {
        out.put(&[self.0]);
    }
}

#[cached(instance = device, key = "k:{part}", ttl = 60, companions = false)]
async fn shown(device: &Device<'_>, part: GivesUp, runs: &Cell<u32>) -> u32 {
    runs.set(runs.get() + 1);
    runs.get()
}

#[lock(instance = device, key = "k:{part}", companions = false)]
async fn locked(device: &Device<'_>, part: Byte) -> Result<u8, Refused> {
    Ok(part.0)
}

#[test]
fn without_a_key_nothing_crosses_the_line() {
    world!(clock, store, local, device, line, world);
    world.spawn(async {
        let runs = Cell::new(0);
        assert_eq!((shown(&device, GivesUp, &runs).await, shown(&device, GivesUp, &runs).await), (1, 2));
        for byte in [0xff, 0xfe] {
            assert_eq!(locked(&device, Byte(byte)).await, Err(Refused::BadKey(KeyError::NotUtf8)));
            let cache = device.cache(("k", Byte(byte)));
            assert_eq!(cache.get_or_insert_with(|| async { Ok::<_, ()>(byte) }).await, Ok(byte));
            let held = device.lock(("k", Byte(byte))).acquire().await.map(drop);
            assert_eq!(held, Err(Refused::BadKey(KeyError::NotUtf8)));
        }
        let held = device.lock(("k", Shown(GivesUp))).acquire().await.map(drop);
        assert_eq!(held, Err(Refused::BadKey(KeyError::Display)));
    });
    assert!(world.run(LONG, || ()));
}
