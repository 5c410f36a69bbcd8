//! What all parts of an instance have, whatever servers it speaks to: its clock, its limits, its thread, its end.

use super::{Limits, background::Background};
use crate::{backend::News, clock::StdClock, observe::Watcher, sync::locked};
use cachify_core::{drive::beside, observe::Event};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

pub(super) struct Common {
    pub(super) clock: StdClock,
    watcher: Watcher,
    /// Unless set, it follows the way to the server.
    pub(super) op_timeout: Option<Duration>,
    pub(super) connect_timeout: Duration,
    news: Arc<OnceLock<News>>,
    background: OnceLock<Background>,
    starting: Mutex<()>,
    closed: watch::Sender<bool>,
    /// Whether it was told that a server evicts.
    evicts: AtomicBool,
    /// Whether the first server that said so runs scripts.
    scripts: OnceLock<bool>,
}

impl Common {
    pub(super) fn new(clock: StdClock, watcher: Watcher, limits: Limits, news: Arc<OnceLock<News>>) -> Self {
        let Limits { operation: op_timeout, connect: connect_timeout } = limits;
        let (background, starting, closed) = (OnceLock::new(), Mutex::new(()), watch::Sender::new(false));
        let (evicts, scripts) = (AtomicBool::new(false), OnceLock::new());
        Self { clock, watcher, op_timeout, connect_timeout, news, background, starting, closed, evicts, scripts }
    }

    /// The thread; started now if it does not run yet.
    pub(super) fn background(&self) -> Option<&Background> {
        if self.background.get().is_none() {
            let _starting = locked(&self.starting);
            if self.background.get().is_none() {
                let _ = self.background.set(Background::start(self.closed(), self.clock.clone())?);
            }
        }
        self.background.get()
    }

    pub(super) fn running(&self) -> Option<&Background> {
        self.background.get()
    }

    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// `None` if the instance ends first.
    pub(super) async fn or_closed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed();
        let closing = async move {
            let _ = closed.wait_for(|closed| *closed).await;
        };
        beside(future, closing).await.ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// A server evicts; whether that is news.
    pub(super) fn evicts(&self) -> bool {
        !self.evicts.swap(true, Ordering::Relaxed)
    }

    /// Whether scripts are run, which is told if they are not. What lies at the servers is laid out accordingly, so a later
    /// answer changes nothing.
    pub(super) fn found_scripts(&self, scripts: bool) {
        if self.scripts.set(scripts).is_ok() && !scripts {
            self.tell(&Event::NoScripts);
        }
    }

    /// Whether this instance does without scripts.
    pub(super) fn lacks_scripts(&self) -> bool {
        self.scripts.get() == Some(&false)
    }

    /// Tells the observer what happened in the background; its panic must not end that.
    pub(super) fn tell(&self, event: &Event<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.watcher.tell(event)));
    }

    /// A server is there again, which may know less than the one before.
    pub(super) fn reconnected(&self) {
        if let Some(news) = self.news.get() {
            news.reconnected();
        }
    }
}
