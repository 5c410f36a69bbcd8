//! An observer: counts what the library says happened, and prints it as a small table.
//!
//! `cargo run -p cachify-examples --example observer` makes the same calls in memory and on a server that is not there.
//! In real life the counters belong to whatever your metrics are.

use cachify::{Cachify, Event, Observer, secs};
use std::{
    convert::Infallible,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    misses: AtomicU64,
    /// Calls that did not run.
    refusals: AtomicU64,
    /// Rights that were gone before they were given back.
    losses: AtomicU64,
    /// The store failed, and the call ran all the same.
    failures: AtomicU64,
}

impl Observer for Tally {
    fn event(&self, event: &Event<'_>) {
        // the caller waits for this: it must neither block nor ask the instance anything
        let counter = match event {
            Event::Hit { .. } => &self.hits,
            Event::Miss { .. } => &self.misses,
            Event::Refused { .. } => &self.refusals,
            Event::Lost { .. } => &self.losses,
            Event::Failed { .. } => &self.failures,
            // grants, and whatever a later version tells
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Tally {
    fn rows(&self) -> [(&'static str, u64); 5] {
        let Self { hits, misses, refusals, losses, failures } = self;
        let rows =
            [("hits", hits), ("misses", misses), ("refusals", refusals), ("losses", losses), ("failures", failures)];
        rows.map(|(name, counter)| (name, counter.load(Relaxed)))
    }
}

/// A few calls, of which some are refused.
fn calls(c: &Cachify) -> Result<(), Box<dyn Error>> {
    for _ in 0..3 {
        let load = || Ok::<_, Infallible>(108);
        let rate: u32 = c.cache("rate").ttl(secs(60)).get_or_insert_with_blocking(load)?;
        assert_eq!(rate, 108);
    }
    // no `?`: whether it is granted is what this counts
    let first = c.lock("report").acquire_blocking();
    let second = c.lock("report").acquire_blocking();
    assert!(second.is_err());
    if let Ok(guard) = first {
        c.lock("report").force_release_blocking()?; // takes it away from its holder
        guard.release()?; // who is told
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, nowhere) = (Arc::<Tally>::default(), Arc::<Tally>::default());
    calls(&Cachify::builder().observer(memory.clone()).build()?)?;
    // nobody listens on port 1: caches compute, locks are refused
    calls(&Cachify::builder().redis("redis://127.0.0.1:1").observer(nowhere.clone()).build()?)?;

    println!("{:<10}{:>10}{:>12}", "", "in memory", "no server");
    for ((name, here), (_, there)) in memory.rows().into_iter().zip(nowhere.rows()) {
        println!("{name:<10}{here:>10}{there:>12}");
    }
    Ok(())
}
