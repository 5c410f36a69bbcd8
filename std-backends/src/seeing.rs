//! What is seen of an instance: numbers for a recorder of `metrics`, spans for a subscriber of `tracing`, each if asked for.
//!
//! A lease is watched from its first question to its end by a [`Watch`] in what its store keeps of it; the gauges are moved
//! there and nowhere else, also by its `Drop`. Recorders and subscribers are the user's code: none runs under a lock, and
//! what they ask of an instance is not seen itself (`apart`). Not here: the observer, who is told beside all this.

mod apart;
mod here;
mod labels;
#[cfg(feature = "metrics")]
mod meters;
#[cfg(not(feature = "metrics"))]
#[path = "seeing/no_meters.rs"]
mod meters;
mod names;
mod seen;
mod sees;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(not(feature = "tracing"))]
#[path = "seeing/no_spans.rs"]
mod spans;
mod watch;

use crate::clock::StdClock;
use apart::is_apart;
use cachify_core::{
    Cause, Holding,
    key::{Key, Kind},
    observe::{Event, Eviction},
    op::Op,
    store::Met,
};
pub(crate) use here::Context;
pub use here::run;
use labels::{Came, Discarded};
use meters::Meters;
use names::Names;
pub(crate) use sees::{sees_keys, sees_leases};
use spans::Spans;
use std::{sync::Arc, time::Duration};
use watch::OF_ATTRIBUTE;
pub(crate) use watch::Watch;

/// When a question left the process.
pub(crate) type Since = Duration;

/// What the builder was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) metrics: bool,
    pub(crate) tracing: bool,
    /// Whether spans say the key.
    pub(crate) keys: bool,
}

/// What an instance and its groups share.
pub(crate) struct Seeing {
    names: Names,
    meters: Meters,
    spans: Spans,
    clock: StdClock,
}

impl Seeing {
    /// Nothing, unless something was asked for.
    pub(crate) fn new(asked: Asked, instance: &str, clock: &StdClock) -> Option<Arc<Self>> {
        (asked.metrics || asked.tracing).then(|| {
            let (meters, spans) = (Meters::new(asked.metrics, instance), Spans::new(asked.tracing, asked.keys));
            Arc::new(Self { names: Names::default(), meters, spans, clock: clock.clone() })
        })
    }

    /// The number of a name.
    pub(crate) fn number(&self, name: &str) -> u16 {
        self.names.number(name)
    }
}

/// What one instance, or one group, sees by.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    seeing: &'a Arc<Seeing>,
    /// The name of what has no other: the group's.
    base: u16,
}

impl<'a> Sight<'a> {
    /// Nothing, where nothing was asked for, or nobody listens for what was.
    #[inline]
    pub(crate) fn of(seeing: Option<&'a (Arc<Seeing>, u16)>) -> Option<Self> {
        let (seeing, base) = seeing?;
        let listens = seeing.meters.are_asked_for() || seeing.spans.may_warn();
        listens.then_some(Self { seeing, base: *base })
    }

    /// Whether leases are followed: what there is of them but warnings wants that.
    fn follows(self) -> bool {
        self.seeing.meters.are_asked_for() || self.seeing.spans.listens()
    }

    /// The name that counts.
    const fn name(self, name: u16) -> u16 {
        if name == 0 { self.base } else { name }
    }

    /// An attribute met the instance: what it makes now has this name.
    #[inline]
    pub(crate) fn meets(self, kind: Kind, name: u16) {
        here::expect(Arc::as_ptr(self.seeing) as usize, kind, name);
    }

    /// The number of a template that is known only now.
    pub(crate) fn number(self, template: &str) -> u16 {
        self.seeing.number(template)
    }

    /// The name of the attribute whose key is made now.
    pub(crate) fn met(self, what: Met) -> u16 {
        here::met(Arc::as_ptr(self.seeing) as usize, what) | OF_ATTRIBUTE
    }

    /// A value was served of which no lease was asked for.
    pub(crate) fn served(self, name: u16, event: &Event<'_>) {
        if !is_apart() {
            let (came, name) = (Came::of(event), self.name(name & !OF_ATTRIBUTE));
            self.counted(name, came);
            self.seeing.spans.came(came, self.seeing.names.text(name));
        }
    }

    /// Counts a call for a value.
    fn counted(self, name: u16, came: Came) {
        self.seeing.meters.came(&self.seeing.names, name, came);
    }

    /// The lease that this thread is in.
    pub(crate) fn here(self) -> Context {
        Context::new(here::name(), self.seeing.spans.current())
    }

    /// Something was told that no lease says: in the background, of the store, of a value that went.
    pub(crate) fn told(self, event: &Event<'_>) {
        if is_apart() {
            return;
        }
        let (meters, names) = (&self.seeing.meters, &self.seeing.names);
        let name = self.name(here::name());
        match event {
            Event::Lost { key, why } => meters.lost(names, key.kind, name, *why),
            Event::Evicted { why, .. } => meters.evicted(names, self.base, *why == Eviction::Full),
            Event::Failed { key: Some(key), cause: Cause::Codec } if key.kind == Kind::Cache => {
                meters.discarded(names, name, Discarded::Decode);
            }
            _ => {}
        }
        self.seeing.spans.told(event, names.text(name));
    }

    /// How many values there are now.
    pub(crate) fn holds(self, entries: usize) {
        if !is_apart() {
            self.seeing.meters.entries(&self.seeing.names, self.base, entries);
        }
    }

    /// When a question leaves the process.
    pub(crate) fn asks(self) -> Since {
        self.seeing.clock.exact()
    }

    /// It was answered.
    pub(crate) fn answered(self, since: Since, op: &Op, key: Kind, answer: Result<Option<Holding>, Cause>) {
        if is_apart() {
            return;
        }
        let meters = &self.seeing.meters;
        meters.asked(op, self.seeing.clock.exact().saturating_sub(since), answer.err());
        if matches!(op, Op::Renew { .. }) {
            meters.renewed(key, answer);
        }
    }

    /// One of many that were renewed at once.
    pub(crate) fn renewed(self, key: Kind, answer: Result<Holding, Cause>) {
        if !is_apart() {
            self.seeing.meters.renewed(key, answer.map(Some));
        }
    }
}

/// Whether a key may stand in a span.
fn shown<'a>(keys: bool, key: &Key<'a>) -> Option<&'a str> {
    keys.then(|| key.text())
}
