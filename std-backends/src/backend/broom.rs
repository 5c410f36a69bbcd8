//! Forgetting what has ended, now and then.

use super::{Backend, Runtime};
use cachify_core::time::Instant;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

/// How often a store is swept at most, in milliseconds.
const EVERY: u64 = 60_000;

/// When a store was swept last.
#[derive(Debug, Default)]
pub(crate) struct Broom {
    /// In milliseconds; zero before the first call.
    swept: AtomicU64,
    at_work: Arc<AtomicBool>,
}

impl Broom {
    /// Has a thread sweep the store, if it is time.
    pub(crate) fn sweep(&self, now: Instant, backend: &Arc<dyn Backend>, runtime: Option<&Runtime>) {
        let (now, swept) = (now.as_millis().max(1), self.swept.load(Relaxed));
        if swept == 0 {
            self.swept.store(now, Relaxed);
        }
        let is_time = swept > 0 && now.saturating_sub(swept) >= EVERY;
        if !is_time || self.at_work.swap(true, Relaxed) {
            return;
        }
        self.swept.store(now, Relaxed);
        let (backend, runtime, at_work) = (backend.clone(), runtime.cloned(), self.at_work.clone());
        let work = move || {
            let _inside = runtime.as_ref().map(Runtime::enter);
            // what it does wrong is its own
            let _ = catch_unwind(AssertUnwindSafe(|| backend.sweep()));
            at_work.store(false, Relaxed);
        };
        if thread::Builder::new().name("cachify-sweep".into()).spawn(work).is_err() {
            self.at_work.store(false, Relaxed);
        }
    }
}
