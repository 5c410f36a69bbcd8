//! What a server's store is told of a lease, to count and to draw spans by. Without the feature `insight` nothing of it is
//! compiled: a device runs the same instructions as if it were not there.

use super::Lease;
use crate::instance::Handle;
#[cfg(feature = "insight")]
use crate::{
    key::KeyBuffer,
    observe::Event,
    store::{Met, Platform, Store},
};

/// What is part of it.
impl<H: Handle> Lease<H> {
    /// Runs its body, or one step of that.
    #[cfg(feature = "insight")]
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        <H::Store>::within(&self.state, step)
    }

    #[cfg(not(feature = "insight"))]
    #[inline(always)]
    #[expect(clippy::inline_always, clippy::unused_self, reason = "nothing at all on a device")]
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        step()
    }
}

#[cfg(feature = "insight")]
impl<H: Handle> Lease<H> {
    /// The same, of the attribute that its instance met last.
    pub(crate) fn met(mut self) -> Self {
        self.key.set_name(self.handle.instance().store().met(Met::Lease));
        self.name();
        self
    }

    /// Tells by what name it is counted, once its key is there.
    pub(super) fn name(&mut self) {
        <H::Store>::named(&mut self.state, &self.key, self.kind);
    }

    /// Keeps of what was taken out of it what is seen still.
    pub(super) fn see(&mut self, state: &mut super::InFlightOf<H>) {
        self.state = <H::Store>::seen(state);
    }

    /// Tells what an observer is told.
    pub(super) fn note(&self, event: &Event<'_>) {
        self.handle.instance().store().noted(&self.state, event);
    }
}
