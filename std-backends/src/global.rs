//! The global instance: one handle, replaced as a whole, read without a lock.
//!
//! Handles are leaked, one for each `init`, so that a call can keep `&'static` to the one it began with. Every thread
//! remembers the handle it saw last and a version that tells when to look again.

use crate::{instance::Cachify, observe::Watcher, store::AnyStore};
use cachify_core::{Cause, Config, Error, Instance};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        LazyLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

static VERSION: AtomicU64 = AtomicU64::new(1);
static CURRENT: LazyLock<RwLock<&'static Cachify>> = LazyLock::new(|| {
    let nothing = Instance::with(AnyStore::nothing(), Config::DEFAULT, Watcher::default());
    RwLock::new(leak(Cachify::new(nothing)))
});

/// What a thread saw last; a version of `SCOPED` never grows old.
#[derive(Clone, Copy)]
struct Seen {
    version: u64,
    handle: Option<&'static Cachify>,
}

const SCOPED: u64 = u64::MAX;

thread_local!(static SEEN: Cell<Seen> = const { Cell::new(Seen { version: 0, handle: None }) });

pub(crate) fn leak(instance: Cachify) -> &'static Cachify {
    Box::leak(Box::new(instance))
}

pub(crate) fn set(instance: Cachify) {
    let handle = leak(instance);
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = handle;
    VERSION.fetch_add(1, Ordering::Release);
}

/// The global instance; before `init` one that answers "not initialised" to everything.
#[inline]
pub fn current() -> &'static Cachify {
    let seen = SEEN.get();
    match seen.handle {
        Some(handle) if seen.version == SCOPED || seen.version == VERSION.load(Ordering::Acquire) => handle,
        _ => look(),
    }
}

#[cold]
fn look() -> &'static Cachify {
    // the version first: a handle set after it is looked for once more, never missed
    let version = VERSION.load(Ordering::Acquire);
    let handle = *CURRENT.read().unwrap_or_else(PoisonError::into_inner);
    SEEN.set(Seen { version, handle: Some(handle) });
    handle
}

/// The global instance, as a value.
///
/// # Errors
/// [`Error::NotInitialised`] before `init`.
pub fn global() -> Result<Cachify, Error> {
    let current = current();
    if current.instance().store().is_nothing() { Err(Error::NotInitialised) } else { Ok(current.clone()) }
}

/// What a cached function does before `init`: it has no error to return.
#[cold]
#[track_caller]
pub(crate) fn not_initialised() -> ! {
    panic!("{}", Cause::NotInitialised)
}

impl Cachify {
    /// Uses this instance as the global one while `f` runs, on this thread only. For tests.
    ///
    /// Each call keeps the instance, with its values and its thread, until the process ends.
    pub fn scope<T>(&self, f: impl FnOnce() -> T) -> T {
        let _scoped = Scoped::enter(self.clone());
        f()
    }

    /// Uses this instance as the global one whenever `future` is polled. For tests.
    ///
    /// Tasks that it spawns do not inherit it. Keeps the instance, with its values and its thread, until the process
    /// ends.
    pub async fn scope_async<T>(&self, future: impl Future<Output = T>) -> T {
        let handle = leak(self.clone());
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _scoped = Scoped::again(handle);
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// Another instance stands for the global one on this thread while this lives.
pub(crate) struct Scoped(Seen);

impl Scoped {
    pub(crate) fn enter(instance: Cachify) -> Self {
        Self::again(leak(instance))
    }

    pub(crate) fn again(handle: &'static Cachify) -> Self {
        Self(SEEN.replace(Seen { version: SCOPED, handle: Some(handle) }))
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        SEEN.set(self.0);
    }
}
