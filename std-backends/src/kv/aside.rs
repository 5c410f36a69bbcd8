//! Operations of tasks, on tokio's blocking threads.
//!
//! Whoever stops waiting does not stop what has begun; what has not begun is not done any more.

use super::{
    Cause, Kv, KvStore,
    perform::{perform_blocking, turn},
};
use crate::backend::{Call, Reply};
use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tokio::runtime::Handle;

pub(super) async fn call<S: KvStore + 'static>(store: Arc<Kv<S>>, call: Call) -> Result<Reply, Cause> {
    let Ok(runtime) = Handle::try_current() else { return perform_blocking(&store, &call) };
    let caller = Caller::default();
    let gone = caller.0.clone();
    let done = runtime.spawn_blocking(move || {
        let _turn = call.op.is_of_holder().then(|| turn(call.token));
        if gone.load(SeqCst) { Err(Cause::TimedOut) } else { perform_blocking(&store, &call) }
    });
    let done = done.await;
    drop(caller);
    match done {
        Ok(answer) => answer,
        Err(e) if e.is_panic() => resume_unwind(e.into_panic()),
        // the runtime ended before the call began
        Err(_) => Err(Cause::Unreachable),
    }
}

/// Tells the work that nobody waits for it any more.
#[derive(Default)]
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
