//! How much memory keeps, and what it drops.

use cachify::{Cachify, Holding, ManualClock, Ran, Refused, secs};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[test]
fn the_bound_holds_at_every_instant_and_leases_are_never_evicted() {
    for bound in [1, 3, 16, 50] {
        let c = Cachify::builder().max_entries(bound).build_memory();
        let guard = c.lock("held").acquire_blocking().unwrap();
        let permit = c.pool("held", 1).take_blocking().unwrap();
        for n in 0..500_u32 {
            c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
            assert!(c.len() <= bound, "{} entries of {bound}", c.len());
        }
        assert!(c.lock("held").is_locked_blocking().unwrap() && guard.is_valid());
        assert_eq!(c.pool("held", 1).in_use_blocking().unwrap(), 1);
        assert_eq!(guard.release(), Ok(Holding::Held));
        assert_eq!(permit.release(), Ok(Holding::Held));
    }
}

#[test]
fn up_to_the_bound_nothing_goes_and_a_bound_of_zero_keeps_nothing() {
    for bound in [0, 1, 2, 15, 16, 17, 20, 50, 100, 1_000] {
        for _ in 0..5 {
            let c = Cachify::builder().max_entries(bound).build_memory();
            let load = |n: usize| c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<usize, ()>(n)).unwrap();
            (0..bound.max(1)).for_each(|n| assert_eq!(load(n), n));
            let kept = (0..bound.max(1)).filter(|n| c.cache(("n", *n)).get_blocking::<usize>().unwrap().is_some());
            assert_eq!((kept.count(), c.len()), (bound, bound), "of {bound}");
            // one too many costs one
            load(bound + 1);
            assert_eq!(c.len(), bound);
        }
    }
}

#[test]
fn the_bound_holds_among_threads() {
    let c = Cachify::builder().max_entries(40).build_memory();
    std::thread::scope(|s| {
        for t in 0..4_u32 {
            let c = &c;
            s.spawn(move || {
                for n in 0..2_000_u32 {
                    c.cache((t, n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
                    // each thread may be about to make room for one
                    assert!(c.len() <= 40 + 4, "{} entries", c.len());
                }
            });
        }
    });
    assert_eq!(c.len(), 40);
}

#[test]
fn what_is_read_stays_and_what_is_not_goes() {
    let c = Cachify::builder().max_entries(64).build_memory();
    let load = |n: u32| c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    load(0);
    for n in 1..10_000 {
        load(n);
        assert_eq!(c.cache(("n", 0)).get_blocking::<u32>(), Ok(Some(0)), "evicted after {n} though it is read");
    }
}

#[test]
fn ended_values_are_reclaimed_without_being_read() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).default_ttl(secs(1)).build_memory();
    let load = |n: u32| c.cache(("n", n)).get_or_insert_with_blocking(|| Ok::<u32, ()>(n)).unwrap();
    (0..10_000).for_each(|n| assert_eq!(load(n), n));
    assert_eq!(c.len(), 10_000);
    clock.advance(secs(2));
    (10_000..16_000).for_each(|n| assert_eq!(load(n), n));
    assert!(c.len() < 7_000, "{} entries, of which 6,000 live", c.len());
}

#[test]
fn a_value_is_dropped_outside_the_locks() {
    /// Asks the store it lay in while it is dropped: a lock held by its dropper would never be given.
    #[derive(Clone)]
    struct Curious(Arc<Mutex<Option<Cachify<cachify::Memory>>>>);
    impl Drop for Curious {
        fn drop(&mut self) {
            if let Some(c) = self.0.lock().unwrap().take() {
                c.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(0)).unwrap();
            }
        }
    }
    let c = Cachify::builder().build_memory();
    let value = Curious(Arc::default());
    c.cache("k").get_or_insert_with_blocking(|| Ok::<_, ()>(value.clone())).map(drop).unwrap();
    *value.0.lock().unwrap() = Some(c.clone());
    assert!(c.cache("k").reset_blocking().unwrap());
}

#[test]
fn a_late_value_is_dropped_outside_the_locks() {
    /// Uses the shard it was meant for while it is dropped.
    #[derive(Clone)]
    struct Last(Arc<Mutex<Option<Cachify<cachify::Memory>>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let last = Arc::strong_count(&self.0) == 1;
            if let Some(c) = self.0.lock().unwrap().take().filter(|_| last) {
                c.cache("k").get_or_insert_with_blocking(|| Ok::<u8, ()>(0)).unwrap();
            }
        }
    }
    let c = Cachify::builder().build_memory();
    let load = || {
        c.cache("k").reset_blocking().unwrap();
        Ok::<_, ()>(Last(Arc::new(Mutex::new(Some(c.clone())))))
    };
    drop(c.cache("k").get_or_insert_with_blocking(load).unwrap());
}

#[test]
fn markers_of_runs_have_a_bound_of_their_own() {
    for runtime in [true, false] {
        let clock = ManualClock::new();
        let builder = Cachify::builder().clock(clock.clone()).max_markers(100).max_entries(10);
        if runtime {
            markers(&builder.build().unwrap(), &clock);
        } else {
            markers(&builder.build_memory(), &clock);
        }
    }
}

fn markers<S: cachify::cachify_core::store::Store>(c: &Cachify<S>, clock: &ManualClock)
where
    S::Clock: cachify::cachify_core::time::Sleep,
{
    let run = |n: u32| c.once(n).keep(secs(60)).run_blocking(|_| ());
    for n in 0..100 {
        assert_eq!(run(n), Ok(Ran::Ran(())), "{n}");
    }
    assert_eq!(run(100), Err(Refused::StoreFull), "one more is one too many");
    assert!(matches!(run(7), Ok(Ran::Skipped(Refused::Done(_)))), "what is done stays done");
    assert_eq!(c.lock("k").run_blocking(|_| 1), Ok(1), "locks have no part in it");
    clock.advance(Duration::from_millis(200));
    assert!(c.once(7).force_release_blocking().unwrap());
    assert_eq!(run(100), Ok(Ran::Ran(())), "one was forgotten");
    assert_eq!(run(101), Err(Refused::StoreFull));
    clock.advance(secs(60));
    for n in 200..300 {
        assert_eq!(run(n), Ok(Ran::Ran(())), "those before have ended: {n}");
    }
    assert_eq!(run(300), Err(Refused::StoreFull));
}

#[test]
fn a_bound_that_is_none_bounds_nothing() {
    for bound in [usize::MAX, usize::MAX / 2, 1 << 40] {
        let c = Cachify::builder().max_entries(bound).build_memory();
        for key in 0..1_000_u32 {
            assert_eq!(c.cache(key).get_or_insert_blocking(|| key), key);
        }
        assert_eq!(c.len(), 1_000);
        for key in 0..1_000_u32 {
            assert_eq!(c.cache(key).get_blocking(), Ok(Some(key)));
        }
    }
}

/// Values of two types under one key stand at two places of one hash.
#[test]
fn what_remains_of_many_is_found_after_the_others_have_ended() {
    let clock = ManualClock::new();
    let c = Cachify::builder().clock(clock.clone()).max_entries(1_000_000).build_memory();
    for key in 0..50_000_u32 {
        let ttl = if key % 100 == 0 { secs(1_000_000) } else { secs(1) };
        c.cache(key).ttl(ttl).insert_blocking(key).unwrap();
        c.cache(key).ttl(ttl).get_or_insert_blocking(|| format!("{key}"));
    }
    clock.advance(secs(2));
    // whoever stores sweeps, where its key lies: of so many keys one lies in each shard
    for key in 0..400_000_u32 {
        c.cache("another").insert_blocking(key).unwrap();
        c.cache(("more", key % 499)).insert_blocking(key).unwrap();
    }
    assert!(c.len() < 2_000, "{} remain", c.len());
    for key in (0..50_000_u32).step_by(100) {
        assert_eq!(c.cache(key).get_blocking(), Ok(Some(key)));
        assert_eq!(c.cache(key).get_blocking(), Ok(Some(format!("{key}"))));
        assert_eq!(c.cache(key).reset_blocking(), Ok(true));
    }
    assert!(c.len() < 600);
}
