//! Locks of the standard library.

use cachify_core::store::lock::Lock;
use std::{
    mem::take,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// The mutex of the standard library, for RAM stores of core.
#[derive(Clone, Copy, Debug)]
pub struct StdLock;

impl Lock for StdLock {
    type Of<T> = Mutex<T>;
    fn new<T>(value: T) -> Self::Of<T> {
        Mutex::new(value)
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut locked(cell))
    }
    fn stack() -> u32 {
        thread_local!(static HERE: u8 = const { 0 });
        // the address of a thread's own variable is the thread's own
        HERE.with(|here| std::ptr::from_ref(here) as usize as u32 | 1)
    }
}

/// Locks a mutex; a panic of another thread has not left anything half done, for no foreign code runs inside.
pub(crate) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes on a thread that serves many: a waker that panics ends nobody else's waiting.
pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

/// What one who waits is told, and how it is woken. Its waker is neither copied, dropped nor woken under the lock: what a
/// waker does then is its own.
#[derive(Debug, Default)]
pub(crate) struct Bell<T>(Mutex<(T, Option<Waker>)>);

impl<T> Bell<T> {
    /// Notes news; whom to wake.
    pub(crate) fn note(&self, note: impl FnOnce(&mut T)) -> Option<Waker> {
        let mut bell = locked(&self.0);
        note(&mut bell.0);
        take(&mut bell.1)
    }

    /// Looks at the news, and may take it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut locked(&self.0).0)
    }

    /// Waits until `news` finds what it looks for.
    pub(crate) fn poll<R>(&self, cx: &mut Context<'_>, news: impl FnOnce(&mut T) -> Option<R>) -> Poll<R> {
        let waker = cx.waker().clone();
        let _before = {
            let mut bell = locked(&self.0);
            if let Some(found) = news(&mut bell.0) {
                return Poll::Ready(found);
            }
            bell.1.replace(waker)
        };
        Poll::Pending
    }
}
