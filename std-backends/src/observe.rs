//! The observer of an instance, if there is one.

use cachify_core::observe::{Event, Observer};
use std::{fmt, sync::Arc};

/// Tells an observer, if there is one.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<dyn Observer + Send + Sync>>);

impl Watcher {
    pub(crate) fn new(observer: impl Observer + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher" } else { "Watcher(nobody)" })
    }
}

impl Observer for Watcher {
    #[inline]
    fn event(&self, event: &Event<'_>) {
        if let Some(observer) = &self.0 {
            observer.event(event);
        }
    }

    // nobody: no event is made
    #[inline]
    fn listens(&self) -> bool {
        self.0.as_ref().is_some_and(Observer::listens)
    }
}
