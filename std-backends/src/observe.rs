//! The observer of an instance, if there is one.

use crate::{
    seeing::{Seeing, Sight},
    stats::Counters,
    templates::{Site, Templates},
};
use cachify_core::{
    Instance,
    observe::{Event, Observer, Silent},
};
use std::{fmt, sync::Arc};

/// Tells an observer, if there is one.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<Watching<dyn Observer + Send + Sync>>>);

/// An observer, and what it was told of templates.
struct Watching<O: ?Sized> {
    templates: Templates,
    stats: Option<Box<Counters>>,
    /// What is seen of it beside, and the number of a group's name.
    seeing: Option<(Arc<Seeing>, u16)>,
    observer: O,
}

impl Watcher {
    pub(crate) fn new(observer: impl Observer + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Watching { templates: Templates::new(), stats: None, seeing: None, observer })))
    }

    /// Whether it counts; not once it was handed on.
    pub(crate) fn set_counting(&mut self, counts: bool) {
        if self.0.is_none() && counts {
            *self = Self::new(Silent);
        }
        if let Some(watching) = self.0.as_mut().and_then(Arc::get_mut) {
            watching.stats = counts.then(Box::default);
        }
    }

    /// What is seen of the instance, once its clock is known; not once it was handed on.
    pub(crate) fn see(&mut self, seeing: Option<Arc<Seeing>>) {
        if self.0.is_none() && seeing.is_some() {
            *self = Self::new(Silent);
        }
        if let Some(watching) = self.0.as_mut().and_then(Arc::get_mut) {
            watching.seeing = seeing.map(|seeing| (seeing, 0));
        }
    }

    /// What sees the instance, if anything does.
    #[inline]
    pub(crate) fn sight(&self) -> Option<Sight<'_>> {
        Sight::of(self.0.as_ref()?.seeing.as_ref())
    }

    /// Tells what no lease tells: in the background, of the store, of what is gone.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(sight) = self.sight() {
            sight.told(event);
        }
        self.event(event);
    }

    /// The same, which counts if the other one did.
    pub(crate) fn counting_as(mut self, other: &Self) -> Self {
        self.set_counting(other.stats().is_some());
        self
    }

    /// Who watches a part of an instance: the same, and counts for itself if this one counts.
    pub(crate) fn of_part(&self, name: &str) -> Self {
        let Some(watching) = &self.0 else { return Self::default() };
        let mut part = Self::new(self.clone()).counting_as(self);
        if let (Some((seeing, _)), Some(of_part)) = (&watching.seeing, part.0.as_mut().and_then(Arc::get_mut)) {
            of_part.seeing = Some((seeing.clone(), seeing.number(name)));
        }
        part
    }

    pub(crate) fn stats(&self) -> Option<&Counters> {
        self.0.as_ref()?.stats.as_deref()
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
        if let Some(watching) = &self.0 {
            if let Some(stats) = &watching.stats {
                stats.count(event);
            }
            watching.observer.event(event);
        }
    }

    // nobody: no event is made
    #[inline]
    fn listens(&self) -> bool {
        self.0.as_ref().is_some_and(|watching| {
            watching.stats.is_some() || watching.seeing.is_some() || watching.observer.listens()
        })
    }
}

/// An instance meets the functions that use it: `(&instance).meet(..)` finds out by autoref whether it has a
/// [`Watcher`]. One trait at two depths of reference: the import is always used.
pub trait Meets {
    /// Meets one attribute of a function.
    fn meet(&self, site: &'static Site, function: &'static [Site], path: fn() -> [&'static str; 2]);
}

impl<S> Meets for &Instance<S, Watcher> {
    #[inline]
    fn meet(&self, site: &'static Site, function: &'static [Site], path: fn() -> [&'static str; 2]) {
        let watcher = self.observer();
        let Some(watching) = &watcher.0 else { return };
        let name = watching.templates.has_met(site).unwrap_or_else(|| {
            let number = |name: &str| watching.seeing.as_ref().map_or(0, |(seeing, _)| seeing.number(name));
            watching.templates.meet(site, function, path(), number, |event| watcher.tell(event))
        });
        if let Some(sight) = watcher.sight() {
            sight.meets(site.kind(), name);
        }
    }
}

impl<S, O> Meets for Instance<S, O> {
    #[inline]
    fn meet(&self, _: &'static Site, _: &'static [Site], _: fn() -> [&'static str; 2]) {}
}
