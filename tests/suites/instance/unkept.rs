//! Values that a store does not keep: what is too large for it, and what a thread asks of one that serves tasks only. The
//! caller has its value all the same, and the observer is told each time.

use crate::told::Diary;
use cachify::{Cachify, Error, ManualClock, cached, secs};
use cachify_core::testing::block_on;
use cachify_tests::{AsyncGuest, Guest};
use std::{
    cell::Cell,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

/// Bytes of format, codec and type before those of the value, and the length of a text of fewer than 128 bytes.
const HEADER: usize = 6 + 1;

#[test]
fn a_value_above_the_bound_is_returned_and_neither_sent_nor_encoded_to_its_end() {
    let (guest, diary) = (Guest::new(ManualClock::new()), Diary::default());
    let builder = || Cachify::builder().prefix("p").observer(diary.clone());
    let c = builder().max_value_bytes(HEADER + 100).store(guest.clone()).build().unwrap();
    let loads = Cell::new(0);
    let text = |len: usize| {
        let load = || {
            loads.set(loads.get() + 1);
            Ok::<String, ()>("x".repeat(len))
        };
        c.cache(("text", len)).get_or_insert_with_blocking(load).unwrap().len()
    };
    assert_eq!([100, 100, 101, 101, 101].map(text), [100, 100, 101, 101, 101]);
    assert_eq!(loads.get(), 1 + 3);
    let told = diary.take();
    let failed = told.iter().filter(|line| line.contains("`max_value_bytes`")).count();
    assert_eq!(failed, 3, "{told:?}");
    // nobody waits for the flight that ended without a value
    assert_eq!(
        block_on(c.cache(("text", 101_usize)).ttl(secs(1)).get_or_insert(async { "short".to_owned() })),
        "short"
    );
    assert_eq!(c.cache(("text", 101_usize)).get_blocking::<String>(), Ok(Some("short".to_owned())));
    // memory keeps values as they are, and counts no bytes
    let memory = builder().max_value_bytes(1).build().unwrap();
    assert_eq!(memory.cache("k").get_or_insert_blocking(|| "long".to_owned()), "long");
    assert_eq!(memory.cache("k").get_blocking::<String>(), Ok(Some("long".to_owned())));
}

/// Sixteen mebibytes unless said, and not a byte more.
#[test]
fn the_bound_is_sixteen_mebibytes_unless_said() {
    let diary = Diary::default();
    let c = Cachify::builder().observer(diary.clone()).store(Guest::new(ManualClock::new())).build().unwrap();
    // three more bytes are the length of so many
    let most = (16 << 20) - HEADER - 3;
    for (len, is_kept) in [(most, true), (most + 1, false)] {
        let _ = c.cache(len).get_or_insert_blocking(|| "x".repeat(len));
        let found = c.cache(len).get_blocking::<String>().unwrap();
        assert_eq!(found.map(|text| text.len()), is_kept.then_some(len));
    }
}

static TASKS_ONLY: LazyLock<(Cachify, Diary)> = LazyLock::new(|| {
    let (diary, store) = (Diary::default(), AsyncGuest::new(Guest::new(ManualClock::new())));
    (Cachify::builder().observer(diary.clone()).store(store).build().unwrap(), diary)
});

#[cached(instance = TASKS_ONLY.0, key = "total:{n}")]
fn total(n: u32, loads: &AtomicU32) -> u32 {
    loads.fetch_add(1, SeqCst) + n
}

#[test]
fn a_thread_that_asks_a_store_for_tasks_only_is_told_so_at_each_call_or_when_it_is_built() {
    let (c, diary) = &*TASKS_ONLY;
    let loads = AtomicU32::new(0);
    for call in 0..3 {
        assert_eq!(total(10, &loads), 10 + call);
        let told = diary.take();
        assert!(told.iter().any(|line| line.contains("only an async face")), "{told:?}");
    }
    for refused in [c.ping_blocking().map(drop), total::reset(10).map(drop), c.lock("k").is_locked_blocking().map(drop)]
    {
        let why = refused.unwrap_err();
        assert!(matches!(why, Error::Store(_)) && why.to_string().contains("only an async face"), "{why}");
    }
    block_on(c.ping()).unwrap();

    let guest = || Guest::new(ManualClock::new());
    let built = Cachify::builder().blocking(true).store(AsyncGuest::new(guest())).build();
    assert_eq!(built.unwrap_err(), Error::Config("`blocking`: this store has only an async face"));
    for builder in [Cachify::builder(), Cachify::builder().store(guest())] {
        builder.blocking(true).build().unwrap().ping_blocking().unwrap();
    }
    Cachify::builder().blocking(false).store(AsyncGuest::new(guest())).build().unwrap();
}
