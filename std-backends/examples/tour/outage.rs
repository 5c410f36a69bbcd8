//! When the store goes away half-way: caches compute, leases refuse, and nothing new is begun.
//!
//! So whatever is under way ends within the limits of the store, and nobody adds up what cannot be trusted.

use crate::failure::Failure;
use cachify::Refused;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Default)]
pub(crate) struct Outage {
    refused: AtomicU64,
    computed: AtomicU64,
}

impl Outage {
    /// What was done under a right; `None` if the store could not grant one.
    pub(crate) fn survived<T>(&self, done: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match done {
            Err(Failure::Refused(why)) if self.explains(why) => Ok(None),
            done => done.map(Some),
        }
    }

    /// Whether the store, and nobody else, is why this was refused.
    pub(crate) fn explains(&self, why: Refused) -> bool {
        let gone = matches!(why, Refused::Unavailable { .. } | Refused::Indeterminate { .. });
        self.refused.fetch_add(u64::from(gone), Relaxed);
        gone
    }

    pub(crate) fn is_on(&self) -> bool {
        self.refused.load(Relaxed) > 0
    }

    /// A file was analysed, with the store or without.
    pub(crate) fn analysed(&self) {
        self.computed.fetch_add(u64::from(self.is_on()), Relaxed);
    }

    /// An outage is a failure as soon as everything under way has ended.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        let (refused, computed) = (self.refused.load(Relaxed), self.computed.load(Relaxed));
        if refused == 0 { Ok(()) } else { Err(Failure::Gone { refused, computed }) }
    }
}
