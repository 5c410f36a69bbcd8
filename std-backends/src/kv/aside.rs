//! Operations of tasks, on tokio's blocking threads.
//!
//! Whoever stops waiting does not stop what has begun; what has not begun is not done any more.

use super::{
    Kv, KvStore,
    noted::Noted,
    perform::perform_blocking,
    turn::{self, Turn},
};
use crate::backend::{Call, Reply};
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
};
use tokio::runtime::Handle;

pub(super) async fn call<S: KvStore + 'static>(store: Arc<Kv<S>>, call: Call) -> Result<Reply, Cause> {
    let Ok(runtime) = Handle::try_current() else { return perform_blocking(&store.0, &call) };
    let (clock, limit) = (call.clock.clone(), call.limit);
    let work = Arc::new(Work { asked: clock.now().as_millis().into(), gone: false.into() });
    let caller = Caller(work.clone());
    let mut done = runtime.spawn_blocking(move || {
        let is_gone = || work.gone.load(SeqCst);
        let turn = call.op.is_of_holder().then(|| Turn::take(call.token, is_gone));
        if is_gone() || matches!(turn, Some(None)) {
            return Err(Cause::TimedOut);
        }
        let note = || work.asked.store(call.clock.now().as_millis(), SeqCst);
        perform_blocking(&Noted { kv: &store.0, note: &note }, &call)
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
        turn::look();
    }
}
