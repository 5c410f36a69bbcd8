//! An instance that is shut down: nothing new is asked, and who waits hears of it.

use crate::sync::locked;
use cachify_core::Cause;
use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering, fence},
    },
    task::{Poll, Waker},
};

/// Whether an instance was shut down.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    closed: AtomicBool,
    /// What was held to the last was given back: what is granted now comes too late.
    drained: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Closing {
    /// From now on nothing new is asked.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // who adds a part looks at this after it did
        fence(Ordering::SeqCst);
        let wakers = std::mem::take(&mut locked(&self.waiting).wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// What was held to the last is given back now.
    pub(crate) fn drain(&self) {
        self.drained.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }

    /// Whether something new may be asked.
    ///
    /// # Errors
    /// [`Cause::ShutDown`].
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Cause> {
        if self.closed.load(Ordering::Relaxed) { Err(Cause::ShutDown) } else { Ok(()) }
    }

    /// Ends when nothing new may be asked any more.
    pub(crate) async fn closed(&self) {
        let mut place = Place { closing: self, number: None };
        poll_fn(|cx| {
            // what a waker does when it is copied or dropped, it does without the lock
            let waker = cx.waker().clone();
            let _old = {
                let mut waiting = locked(&self.waiting);
                if self.closed.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                let number = *place.number.get_or_insert_with(|| {
                    waiting.last += 1;
                    waiting.last
                });
                waiting.wakers.insert(number, waker)
            };
            Poll::Pending
        })
        .await;
    }
}

/// One who waits for the end; its waker goes with it.
struct Place<'a> {
    closing: &'a Closing,
    number: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let _waker = self.number.and_then(|number| locked(&self.closing.waiting).wakers.remove(&number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Context};

    #[test]
    fn who_waits_hears_of_the_end_and_leaves_nothing_behind() {
        let closing = Closing::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut waits = pin!(closing.closed());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        {
            let mut gone = pin!(closing.closed());
            assert!(gone.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(locked(&closing.waiting).wakers.len(), 1);
        assert_eq!(closing.check(), Ok(()));
        closing.close();
        assert!(waits.as_mut().poll(&mut cx).is_ready());
        assert_eq!(closing.check(), Err(Cause::ShutDown));
        assert!(locked(&closing.waiting).wakers.is_empty());
    }
}
