//! The observer: counts what the library says happened.
//!
//! It keeps no text of a hit or a miss: those are called for on every request.

use cachify::{Event, Observer, Refused, cachify_core::key::Kind};
use std::{
    ops::Sub,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Every clone counts into the same place: one goes to the builder, one stays with whoever reads.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Counters>);

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    /// Rights that ended before they were given back, and failures of the store.
    troubles: AtomicU64,
    refusals: Mutex<Vec<Refusal>>,
}

/// Calls that did not run, by what they asked for.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(crate) asked: String,
    pub(crate) times: u64,
    /// Why, the last time.
    pub(crate) why: Refused,
}

#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) troubles: u64,
}

impl Sub for Counts {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        Self {
            hits: self.hits - before.hits,
            misses: self.misses - before.misses,
            troubles: self.troubles - before.troubles,
        }
    }
}

impl Tally {
    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Counts { hits: of(&self.0.hits), misses: of(&self.0.misses), troubles: of(&self.0.troubles) }
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self, asked: String, why: Refused) {
        // an observer must not block: this is held for one addition
        let mut refusals = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match refusals.iter_mut().find(|known| known.asked == asked) {
            Some(known) => {
                known.times += 1;
                known.why = why;
            }
            None => refusals.push(Refusal { asked, times: 1, why }),
        }
    }
}

impl Observer for Tally {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Hit { .. } => add(&self.0.hits),
            Event::Miss { .. } => add(&self.0.misses),
            Event::Lost { .. } | Event::Failed { .. } => add(&self.0.troubles),
            Event::Refused { key, why } => {
                let asked = key.map_or_else(
                    || "a call without a key".into(),
                    |key| format!("{} `{}`", word(key.kind), key.text()),
                );
                self.refused(asked, *why);
            }
            _ => {}
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Cache => "cache",
        Kind::Lock => "lock",
        Kind::Once => "once",
        Kind::Pool => "pool",
    }
}
