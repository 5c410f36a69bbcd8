//! The end of an instance: closed first, then what is held may end by itself, then it is given back.

use crate::{clock::StdClock, memory::Memory, store::AnyStore};
use cachify_core::{
    store::Platform,
    time::{Clock, Instant, Timer},
};
use std::time::Duration;

/// A store that can be shut down.
pub(super) trait Ends: Platform<Clock = StdClock> {
    fn close(&self);
    fn held(&self) -> usize;
    fn drain(&self) -> usize;
}

macro_rules! ends {
    ($($Store:ty)*) => {$(
        impl Ends for $Store {
            fn close(&self) {
                self.close();
            }
            fn held(&self) -> usize {
                self.held()
            }
            fn drain(&self) -> usize {
                self.drain()
            }
        }
    )*};
}
ends!(Memory AnyStore);

/// A shutdown under way; dropped before its end it gives back at once.
pub(super) struct Ending<'a, S: Ends>(Option<&'a S>, Instant);

/// How often it is looked whether anything is still held.
const LOOK: Duration = Duration::from_millis(10);

impl<'a, S: Ends> Ending<'a, S> {
    /// Nothing new is asked from now on.
    pub(super) fn of(store: &'a S, within: Duration) -> Self {
        store.close();
        Self(Some(store), store.clock().now().saturating_add(within))
    }

    /// Ends when nothing is held any more, or the time is over.
    pub(super) async fn ended(&self) {
        let (Some(store), until) = (self.0, self.1) else { return };
        while store.held() > 0 && store.clock().now() < until {
            let soon = store.clock().now().saturating_add(LOOK);
            store.clock().sleep_until(soon.min(until)).await;
        }
    }

    /// Gives back what is held still; how much that is, and when the time is over.
    pub(super) fn drain(mut self) -> (usize, Instant) {
        (self.0.take().map_or(0, Ends::drain), self.1)
    }
}

impl<S: Ends> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.take().map(Ends::drain);
    }
}
