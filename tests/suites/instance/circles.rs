//! Cached values that are made of each other, asked for from several ends at once.

use cachify::{Cachify, ManualClock, cachify_core::store::Store, clock::StdClock};
use cachify_core::store::{Platform, Values};
use cachify_tests::{Guest, poll};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};

/// How often each value was made.
#[derive(Default)]
struct Loads([AtomicU32; 4]);

impl Loads {
    fn all(&self) -> u32 {
        self.0.iter().map(|loads| loads.load(SeqCst)).sum()
    }
}

/// The value `n` of a ring, which is made of the next one, and so on for so many.
fn ring<'a, S>(c: &'a Cachify<S>, loads: &'a Loads, n: usize, more: usize) -> Pin<Box<dyn Future<Output = u32> + 'a>>
where
    S: Store + Platform<Clock = StdClock> + Values<u32, <S as Platform>::Codec>,
{
    Box::pin(async move {
        let size = loads.0.len();
        let make = async {
            loads.0[n % size].fetch_add(1, SeqCst);
            pause().await;
            if more == 0 { 1 } else { ring(c, loads, n + 1, more - 1).await + 1 }
        };
        c.cache(("ring", n % size)).get_or_insert(make).await
    })
}

async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Each end asks for its own value first, and then for the next end's.
fn all_ends_finish<S>(c: &Cachify<S>, ends: usize)
where
    S: Store + Platform<Clock = StdClock> + Values<u32, <S as Platform>::Codec>,
{
    let loads = Loads::default();
    // the distance between ends, in a ring of four
    let apart = 4 / ends;
    finish((0..ends).map(|end| ring(c, &loads, end * apart, apart)).collect());
    // less than twice what one caller after another would have made
    assert!(loads.all() < 2 * 4, "{} loads", loads.all());
}

/// Polls all of them in turn until they are done; none may wait for ever.
fn finish(tasks: Vec<Pin<Box<dyn Future<Output = u32> + '_>>>) {
    let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
    for _ in 0..100 {
        for task in &mut tasks {
            if task.as_mut().is_some_and(|future| poll(future.as_mut()).is_ready()) {
                *task = None;
            }
        }
    }
    assert!(tasks.iter().all(Option::is_none), "{} wait for ever", tasks.iter().flatten().count());
}

#[test]
fn flights_that_want_each_other_all_finish() {
    for ends in [2, 4] {
        all_ends_finish(&Cachify::builder().build_memory(), ends);
        all_ends_finish(&Cachify::builder().build().unwrap(), ends);
        all_ends_finish(&Cachify::builder().store(Guest::new(ManualClock::new())).build().unwrap(), ends);
    }
}

#[test]
fn two_threads_whose_flights_want_each_other_finish() {
    let c = Cachify::builder().build_memory();
    let (gate, loads) = (Barrier::new(2), AtomicU32::new(0));
    let make = |own: &str, other: &'static str| {
        c.cache(own).get_or_insert_with_blocking(|| {
            loads.fetch_add(1, SeqCst);
            // both are in flight before either asks for the other's
            gate.wait();
            let next = c.cache(other).get_or_insert_with_blocking(|| {
                loads.fetch_add(1, SeqCst);
                Ok::<u32, ()>(1)
            });
            next.map(|next| next + 1)
        })
    };
    thread::scope(|s| {
        let ends = [("person", "team"), ("team", "person")].map(|(own, other)| s.spawn(move || make(own, other)));
        for end in ends {
            assert!(end.join().unwrap().is_ok());
        }
    });
    assert_eq!(loads.load(SeqCst), 3, "one of the two waited, and one computed");
}

/// A circle is only what leads back: whoever waits for a flight that waits for another one goes on waiting.
#[test]
fn a_chain_of_flights_is_waited_for() {
    let c = Cachify::builder().build_memory();
    let loads = Loads::default();
    finish(vec![ring(&c, &loads, 2, 0), ring(&c, &loads, 1, 1), ring(&c, &loads, 0, 2)]);
    assert_eq!(loads.all(), 3, "each was made once");
}
