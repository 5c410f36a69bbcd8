//! What is still to be done in the background, by number: so that a shutdown can wait for what was noted before it.

use crate::sync::locked;
use std::{
    collections::BTreeSet,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

/// Everything that was noted and not done yet.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    numbers: BTreeSet<u64>,
    /// Who waits until all up to that number are done.
    waiting: Vec<(u64, Waker)>,
}

impl Open {
    fn is_done(&self, last: u64) -> bool {
        self.numbers.first().is_none_or(|first| *first > last)
    }
}

impl Backlog {
    /// One thing more; done when what it gives is dropped.
    pub(crate) fn note(self: &Arc<Self>) -> Noted {
        let mut open = locked(&self.0);
        open.last += 1;
        let number = open.last;
        open.numbers.insert(number);
        Noted { backlog: self.clone(), number }
    }

    /// How many things are to be done.
    pub(crate) fn len(&self) -> usize {
        locked(&self.0).numbers.len()
    }

    /// Ends when everything noted so far is done.
    pub(crate) async fn idle(&self) {
        let last = locked(&self.0).last;
        poll_fn(|cx| {
            // what a waker does when it is copied or dropped, it does without the lock
            let waker = cx.waker().clone();
            let mut open = locked(&self.0);
            if open.is_done(last) {
                return Poll::Ready(());
            }
            let replaced: Vec<_> =
                open.waiting.extract_if(.., |(number, old)| *number == last && old.will_wake(&waker)).collect();
            open.waiting.push((last, waker));
            drop(open);
            drop(replaced);
            Poll::Pending
        })
        .await;
    }
}

/// One thing to be done.
#[derive(Debug)]
pub(crate) struct Noted {
    backlog: Arc<Backlog>,
    number: u64,
}

impl Drop for Noted {
    fn drop(&mut self) {
        let woken: Vec<_> = {
            let mut open = locked(&self.backlog.0);
            open.numbers.remove(&self.number);
            let first = open.numbers.first().copied().unwrap_or(u64::MAX);
            open.waiting.extract_if(.., |(last, _)| *last < first).collect()
        };
        for (_, waker) in woken {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{pin::pin, task::Context};

    #[test]
    fn who_waits_waits_for_what_was_noted_before_and_for_nothing_else() {
        let backlog = Arc::<Backlog>::default();
        let (first, second) = (backlog.note(), backlog.note());
        let mut idle = pin!(backlog.idle());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(idle.as_mut().poll(&mut cx).is_pending());
        let _third = backlog.note();
        drop(second);
        assert!(idle.as_mut().poll(&mut cx).is_pending());
        drop(first);
        assert!(idle.as_mut().poll(&mut cx).is_ready());
    }
}
