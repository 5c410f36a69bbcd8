//! Where the futures of a backend run when a thread waits for them.

use super::BoxFuture;
use crate::clock::StdClock;
use cachify_core::time::{Clock, Sleep};
use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

/// The tokio runtime of a caller, if there is one: a client of that runtime works in other threads too, inside of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runtime(#[cfg(feature = "tokio")] Option<tokio::runtime::Handle>);

impl Runtime {
    pub(crate) fn current() -> Self {
        #[cfg(feature = "tokio")]
        return Self(tokio::runtime::Handle::try_current().ok());
        #[cfg(not(feature = "tokio"))]
        Self()
    }

    /// Whether there is one.
    #[cfg_attr(not(feature = "tokio"), expect(clippy::unused_self, reason = "with tokio it is used"))]
    pub(crate) const fn is_any(&self) -> bool {
        #[cfg(feature = "tokio")]
        return self.0.is_some();
        #[cfg(not(feature = "tokio"))]
        false
    }

    /// This thread is inside until what it gives is dropped.
    #[cfg(feature = "tokio")]
    pub(crate) fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.0.as_ref().map(tokio::runtime::Handle::enter)
    }

    #[cfg(not(feature = "tokio"))]
    #[expect(clippy::unused_self, reason = "with tokio it is used")]
    pub(crate) const fn enter(&self) -> Option<()> {
        None
    }
}

/// The result of a future, waited for by this thread at most for `limit`.
pub(crate) fn park<T>(mut future: BoxFuture<'_, T>, limit: Duration) -> Option<T> {
    let clock = StdClock::system();
    let (until, mut out) = (clock.now().saturating_add(limit), None);
    loop {
        let event = poll_fn(|cx| {
            out = match future.as_mut().poll(cx) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => return Poll::Pending,
            };
            Poll::Ready(())
        });
        clock.wait(until, pin!(event));
        if out.is_some() || clock.now() >= until {
            return out;
        }
    }
}
