//! Locks of the standard library.

use cachify_core::store::lock::Lock;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
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
