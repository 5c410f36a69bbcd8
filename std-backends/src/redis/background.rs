//! The thread of one instance: its runtime, on which the reaper gives back and the subscription listens.
//!
//! It outlives any runtime of the user's, serves users who have none, and ends with the instance, after one more
//! attempt to give back what was dropped before. Not here: what a message means, which is the subscription's.

use crate::{backlog::Backlog, clock::StdClock};
use cachify_core::{
    drive::beside,
    time::{Clock, Timer},
};
use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
};

/// How long the thread outlives its instance at most.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Background {
    pub(super) runtime: Handle,
    /// What it does not end before.
    pub(super) backlog: Arc<Backlog>,
}

impl Background {
    /// Starts the thread; `None` if the system has none to give.
    pub(super) fn start(mut closed: watch::Receiver<bool>, clock: StdClock) -> Option<Self> {
        let (tell, told) = mpsc::sync_channel(1);
        let run = move || {
            // built here: where the thread cannot start, no runtime is to be dropped inside another one
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            let backlog = Arc::<Backlog>::default();
            let _ = tell.send(Self { runtime: runtime.handle().clone(), backlog: backlog.clone() });
            runtime.block_on(async {
                let _ = closed.wait_for(|closed| *closed).await;
                let limit = clock.sleep_until(clock.now().saturating_add(FAREWELL));
                let _ = beside(backlog.idle(), limit).await;
            });
            // not by being dropped, which waits for a search of the system's for an address
            runtime.shutdown_background();
        };
        thread::Builder::new().name("cachify-redis".into()).spawn(run).ok()?;
        told.recv().ok()
    }
}
