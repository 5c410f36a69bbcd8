//! The thread of one instance: its runtime, on which the reaper gives back and the subscription listens.
//!
//! It outlives any runtime of the user's, serves users who have none, and ends with the instance, after one more
//! attempt to give back what was dropped before. Not here: what a message means, which is the subscription's.

use super::{Shared, common::Common, reaper::Reaper, subscription};
use cachify_core::{
    drive::beside,
    time::{Clock, Timer},
};
use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Handle};

/// How long the thread outlives its instance at most.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(super) struct Background {
    pub(super) runtime: Handle,
    pub(super) reaper: Arc<Reaper>,
}

impl Background {
    /// Starts the thread; `None` if the system has none to give.
    pub(super) fn start(common: &Common) -> Option<Self> {
        let (tell, told) = mpsc::sync_channel(1);
        let run = {
            let (mut closed, clock) = (common.closed(), common.clock.clone());
            move || {
                // built here: where the thread cannot start, no runtime is to be dropped inside another one
                let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
                let reaper = Arc::new(Reaper::new(runtime.handle().clone()));
                let _ = tell.send(Self { runtime: runtime.handle().clone(), reaper: reaper.clone() });
                runtime.block_on(async {
                    let _ = closed.wait_for(|closed| *closed).await;
                    let limit = clock.sleep_until(clock.now().saturating_add(FAREWELL));
                    let _ = beside(reaper.idle(), limit).await;
                });
                // not by being dropped, which waits for a search of the system's for an address
                runtime.shutdown_background();
            }
        };
        thread::Builder::new().name("cachify-redis".into()).spawn(run).ok()?;
        told.recv().ok()
    }

    /// Ends when everything dropped so far was given back, or given up.
    pub(super) async fn idle(&self) {
        self.reaper.idle().await;
    }

    /// Subscribes, and keeps subscribed until the instance ends.
    pub(super) fn listen(&self, shared: &Arc<Shared>) {
        self.runtime.spawn(subscription::keep_all(shared.clone()));
    }
}
