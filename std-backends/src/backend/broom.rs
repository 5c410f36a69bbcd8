//! Forgetting what has ended, now and then.

use super::{Backend, Runtime};
use crate::process::PerProcess;
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
    /// A forked child has none of its parent's threads.
    at_work: PerProcess<Arc<AtomicBool>>,
}

impl Broom {
    /// Has a thread sweep the store, if it is time.
    pub(crate) fn sweep(&self, now: Instant, backend: &Arc<dyn Backend>, runtime: Option<&Runtime>) {
        let (now, swept) = (now.as_millis().max(1), self.swept.load(Relaxed));
        if swept == 0 {
            self.swept.store(now, Relaxed);
        }
        let is_time = swept > 0 && now.saturating_sub(swept) >= EVERY;
        if !is_time {
            return;
        }
        let at_work = self.at_work.get_or_init(Arc::default);
        if at_work.swap(true, Relaxed) {
            return;
        }
        self.swept.store(now, Relaxed);
        let (backend, runtime, done) = (backend.clone(), runtime.cloned(), at_work.clone());
        let work = move || {
            let _inside = runtime.as_ref().map(Runtime::enter);
            // what it does wrong is its own
            let _ = catch_unwind(AssertUnwindSafe(|| backend.sweep()));
            done.store(false, Relaxed);
        };
        if thread::Builder::new().name("cachify-sweep".into()).spawn(work).is_err() {
            at_work.store(false, Relaxed);
        }
    }
}
