//! Cached values across the link.

use crate::{
    pipe::Line,
    world::{LONG, Store, World, at, connected, device, named, world},
};
use cachify_core::{
    AsIs, Fault, Instance,
    cell::{Ask, Kept, Life},
    codec::{Codec, Postcard, entry},
    key::Kind,
    link::RemoteStore,
    store::{AsyncCacheStore, CacheStore, lock::NoLock},
    testing::ManualClock,
    time::Clock,
    token::HolderToken,
    ttl::Ttl,
};

/// A server puts bytes into the cache.
fn put(store: &Store<'_>, bytes: Vec<u8>) {
    let (ask, key) = (Ask::new(HolderToken([9; 4]), LONG), named(Kind::Cache));
    CacheStore::join(store, key, &AsIs, &ask).unwrap();
    CacheStore::publish(store, key, &AsIs, ask.token, Kept::Own(bytes), Life::new(Ttl::Forever)).unwrap();
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
        let kept = CacheStore::get(&store, named(Kind::Cache), &AsIs).unwrap();
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
        let refused = AsyncCacheStore::<String, _>::get(device.store(), key, &Postcard).await;
        assert!(matches!(refused, Err(Fault::Rejected(why)) if why.contains("longer")), "{refused:?}");
        assert_eq!(
            device.cache("k").get_or_insert_with(|| async { Ok::<_, ()>(String::from("own")) }).await,
            Ok("own".into())
        );
    });
    assert!(world.run(LONG, || ()));
}
