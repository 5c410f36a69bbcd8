//! After a fork a child has its parent's memory but none of its threads, and must not speak on its connections.
//!
//! Invariant: what belongs to one process is neither used nor dropped in another. Only the thread that forked lives
//! on in the child, and a lock that another one held stays locked there: so nothing here takes one.

use std::{mem, sync::OnceLock};

/// The number of this process: a system call, since the memory it was kept in would be the child's as well.
pub(crate) fn id() -> u32 {
    std::process::id()
}

/// One `T` for each process: made when first asked for, made anew in a forked child.
#[derive(Debug)]
pub(crate) struct PerProcess<T>(OnceLock<Box<Own<T>>>);

/// What one process made, and what its children made.
#[derive(Debug)]
struct Own<T> {
    process: u32,
    /// There until it is dropped.
    value: Option<T>,
    child: PerProcess<T>,
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// This process's own.
    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let process = id();
        let mut make = Some(make);
        let mut place = self;
        loop {
            let own = place.0.get_or_init(|| {
                let value = make.take().map(|make| make());
                Box::new(Own { process, value, child: Self::new() })
            });
            match &own.value {
                Some(value) if own.process == process => return value,
                _ => place = &own.child,
            }
        }
    }

    /// This process's own, if it made one.
    pub(crate) fn get(&self) -> Option<&T> {
        let process = id();
        let mut place = self;
        loop {
            let own = place.0.get()?;
            match &own.value {
                Some(value) if own.process == process => return Some(value),
                _ => place = &own.child,
            }
        }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.process != id() {
            mem::forget(self.value.take());
        }
    }
}
