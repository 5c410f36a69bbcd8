//! Questions whose answer did not come: what they asked for may be held without our knowing.

use crate::sync::locked;
use cachify_core::{key::Kind, time::Instant, token::HolderToken};
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How much of its kind may be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It was held, so there is no more of it than there was.
    Unbounded,
    /// Locks, runs and permits in doubt.
    Store,
    /// Flights in doubt.
    Flights,
}

/// Tokens of which a copy may still be on its way.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    all: Mutex<HashMap<HolderToken, Doubt>>,
    /// How many there are, so that nobody takes the lock for none.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Doubt {
    /// When the last copy can no longer land.
    until: Instant,
    /// A later copy was answered: it is held.
    granted: bool,
}

impl Doubts {
    /// For `within` from now a question with this token may be answered unheard.
    pub(super) fn add(&self, token: HolderToken, now: Instant, within: Duration) {
        let mut all = locked(&self.all);
        all.retain(|_, doubt| doubt.until > now);
        let until = now.saturating_add(within);
        all.entry(token).and_modify(|doubt| doubt.until = until).or_insert(Doubt { until, granted: false });
        self.count.store(all.len(), Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// One of its copies was answered: it is held.
    pub(super) fn granted(&self, token: HolderToken) {
        if !self.is_empty()
            && let Some(doubt) = locked(&self.all).get_mut(&token)
        {
            doubt.granted = true;
        }
    }

    /// Whether it may have been given back, or granted, without our knowing.
    pub(super) fn has(&self, token: HolderToken) -> bool {
        !self.is_empty() && locked(&self.all).contains_key(&token)
    }

    /// How much room there is for giving it back: what was held always has some.
    pub(super) fn room(&self, kind: Kind, token: HolderToken) -> Room {
        let in_doubt = !self.is_empty() && locked(&self.all).get(&token).is_some_and(|doubt| !doubt.granted);
        match (in_doubt, kind) {
            (false, _) => Room::Unbounded,
            (true, Kind::Cache) => Room::Flights,
            (true, Kind::Lock | Kind::Once | Kind::Pool) => Room::Store,
        }
    }

    /// It is in doubt no more; until when a copy may land.
    pub(super) fn take(&self, token: HolderToken) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        let mut all = locked(&self.all);
        let doubt = all.remove(&token);
        self.count.store(all.len(), Ordering::Relaxed);
        doubt.map(|doubt| doubt.until)
    }
}
