//! A future that is kept from poll to poll.

use crate::backend::BoxFuture;
use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};

/// A future under way. Behind a mutex that is never locked, so that guards, which hold it, may be shared.
pub(super) struct Held<T>(Mutex<Option<BoxFuture<'static, T>>>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl<T> Held<T> {
    pub(super) fn get(&mut self) -> &mut Option<BoxFuture<'static, T>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with it; begins it if there is none.
    pub(super) fn poll(&mut self, begin: impl FnOnce() -> BoxFuture<'static, T>, cx: &mut Context<'_>) -> Poll<T> {
        let out = ready!(self.get().get_or_insert_with(begin).as_mut().poll(cx));
        *self.get() = None;
        Poll::Ready(out)
    }
}
