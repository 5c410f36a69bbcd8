//! Operations of tasks, on tokio's blocking threads.
//!
//! Whoever stops waiting does not stop what has begun; what has not begun is not done any more.

use super::{
    Kv, KvStore,
    perform::{perform_blocking, turn},
};
use crate::{
    backend::{Call, Reply},
    clock::StdClock,
};
use cachify_core::{
    Cause,
    drive::beside,
    time::{Clock, Instant, Timer},
};
use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::runtime::Handle;

pub(super) async fn call<S: KvStore + 'static>(store: Arc<Kv<S>>, call: Call) -> Result<Reply, Cause> {
    let Ok(runtime) = Handle::try_current() else { return perform_blocking(&store.0, &call) };
    let (clock, limit) = (call.clock.clone(), call.limit);
    let work = Arc::new(Work { asked: clock.now().as_millis().into(), gone: false.into() });
    let caller = Caller(work.clone());
    let mut done = runtime.spawn_blocking(move || {
        let _turn = call.op.is_of_holder().then(|| turn(call.token));
        if work.gone.load(SeqCst) {
            return Err(Cause::TimedOut);
        }
        perform_blocking(&Noted { kv: &store.0, clock: &call.clock, work: &work }, &call)
    });
    // each question has the limit for itself
    loop {
        let until = caller.0.asked().saturating_add(limit);
        match beside(&mut done, clock.sleep_until(until)).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(e)) if e.is_panic() => resume_unwind(e.into_panic()),
            // the runtime ended before the call began
            Ok(Err(_)) => return Err(Cause::Unreachable),
            Err(()) if caller.0.asked().saturating_add(limit) <= until => return Err(Cause::TimedOut),
            Err(()) => {}
        }
    }
}

/// What is known of work under way.
struct Work {
    /// When the store was asked last, in milliseconds.
    asked: AtomicU64,
    /// Nobody waits for it any more.
    gone: AtomicBool,
}

impl Work {
    fn asked(&self) -> Instant {
        Instant::from_millis(self.asked.load(SeqCst))
    }
}

/// Tells the work when it is gone.
struct Caller(Arc<Work>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.gone.store(true, SeqCst);
    }
}

/// A store whose questions are noted.
struct Noted<'a, S> {
    kv: &'a S,
    clock: &'a StdClock,
    work: &'a Work,
}

impl<S> Noted<'_, S> {
    fn note(&self) -> &S {
        self.work.asked.store(self.clock.now().as_millis(), SeqCst);
        self.kv
    }
}

impl<S: KvStore> KvStore for Noted<'_, S> {
    type Error = S::Error;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S::Error> {
        self.note().get(key)
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, S::Error> {
        self.note().compare_exchange(key, old, new, ttl)
    }
    fn remove(&self, key: &str) -> Result<bool, S::Error> {
        self.note().remove(key)
    }
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, S::Error> {
        if self.kv.at_once() > 1 {
            return self.note().get_many(keys);
        }
        keys.iter().map(|key| self.get(key)).collect()
    }
    fn at_once(&self) -> usize {
        self.kv.at_once()
    }
    fn micros(&self) -> Option<u64> {
        self.kv.micros()
    }
}
