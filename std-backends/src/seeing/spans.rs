//! Spans and events of the crate `tracing`, target `cachify`.
//!
//! Where nobody listens for `DEBUG` there, a relaxed look at the level is all. A subscriber runs `apart`; a body that runs
//! inside of a span does not.

use super::{
    apart::apart,
    labels::{Came, ERRORS, Got, error, loss, primitive},
    shown,
};
use cachify_core::{
    key::{Key, Kind},
    observe::Event,
    token::FencingToken,
};
use std::{sync::Arc, time::Duration};
use tracing::{Level, Span, debug, field::Empty, level_filters::LevelFilter, span, warn};

/// A span inside of which something goes on, closed by whoever lets go of it last.
#[derive(Clone, Debug, Default)]
pub(super) struct Parent(Option<Arc<Span>>);

impl Parent {
    /// One that nobody wants is none.
    fn new(span: impl FnOnce() -> Span) -> Self {
        let span = apart(span);
        Self((!span.is_disabled()).then(|| Arc::new(span)))
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            apart(|| drop(span));
        }
    }
}

/// Whether anybody may listen for what is told.
#[inline]
fn listens(level: LevelFilter) -> bool {
    tracing::level_filters::STATIC_MAX_LEVEL >= level && LevelFilter::current() >= level
}

/// Runs a step inside of a span.
pub(super) fn entered<T>(Parent(span): &Parent, step: impl FnOnce() -> T) -> T {
    let _inside = span.as_deref().map(|span| Inside(Some(apart(|| span.enter()))));
    step()
}

/// Leaves a span as it was entered: apart.
struct Inside<'a>(Option<span::Entered<'a>>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let entered = self.0.take();
        apart(|| drop(entered));
    }
}

/// Whether there are spans, and what they say.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    asked: bool,
    keys: bool,
}

/// The spans of one lease, or none; those within it are closed first.
#[derive(Debug, Default)]
pub(super) struct Traced {
    waiting: Parent,
    ending: Parent,
    all: Parent,
}

/// One for each kind, for its name is part of the place where it is made.
macro_rules! spanned {
    ($text:literal, $name:expr, $key:expr) => {
        span!(
            target: "cachify", Level::DEBUG, $text,
            cachify.name = $name, cachify.key = $key, cachify.outcome = Empty, cachify.fence = Empty,
            cachify.wait_ms = Empty, error.type = Empty, otel.kind = "internal",
        )
    };
}

impl Spans {
    pub(super) const fn new(asked: bool, keys: bool) -> Self {
        Self { asked, keys }
    }

    #[inline]
    pub(super) fn listens(self) -> bool {
        self.asked && listens(LevelFilter::DEBUG)
    }

    #[inline]
    pub(super) fn may_warn(self) -> bool {
        self.asked && listens(LevelFilter::WARN)
    }

    /// The span that this thread is in.
    pub(super) fn current(self) -> Parent {
        if self.listens() { Parent::new(Span::current) } else { Parent::default() }
    }

    /// A lease is asked for.
    pub(super) fn begin(self, key: &Key<'_>, name: &str) -> Traced {
        if !self.listens() {
            return Traced::default();
        }
        let shown = shown(self.keys, key);
        let all = Parent::new(|| match key.kind {
            Kind::Cache => spanned!("cachify.cached", name, shown),
            Kind::Lock => spanned!("cachify.lock", name, shown),
            Kind::Once => spanned!("cachify.once", name, shown),
            Kind::Pool => spanned!("cachify.pooled", name, shown),
        });
        Traced { all, ..Traced::default() }
    }

    /// What came of a call for a value that asked for no lease.
    pub(super) fn came(self, came: Came, name: &str) {
        if self.listens() {
            apart(
                || debug!(target: "cachify", { cachify.name = name, cachify.outcome = came.text() }, "a cached value was asked for"),
            );
        }
    }

    /// What an observer is told: a loss and a failure of the store are warnings.
    pub(super) fn told(self, event: &Event<'_>, name: &str) {
        if !self.may_warn() {
            return;
        }
        let shown = |key: &Key<'_>| shown(self.keys, key).map(str::to_owned);
        apart(|| match event {
            Event::Lost { key, why } => warn!(
                target: "cachify",
                {
                    cachify.name = name, cachify.primitive = primitive(key.kind), cachify.key = shown(key),
                    error.type = loss(*why)
                },
                "lost before it was given back",
            ),
            Event::Failed { key, cause } => warn!(
                target: "cachify",
                {
                    cachify.name = name, cachify.primitive = key.map(|key| primitive(key.kind)),
                    cachify.key = key.as_ref().and_then(shown), error.type = ERRORS[error(*cause)]
                },
                "{cause}",
            ),
            Event::Evicts { policy } => {
                debug!(target: "cachify", { policy }, "the store may drop live leases when its memory is full");
            }
            Event::NoScripts => debug!(target: "cachify", "the server runs no scripts"),
            Event::SharedTemplate { template, functions: [first, second], .. } => {
                debug!(target: "cachify", { cachify.name = template, first, second }, "two functions share keys");
            }
            _ => {}
        });
    }
}

impl Traced {
    /// Inside of what a body runs.
    pub(super) const fn parent(&self) -> &Parent {
        &self.all
    }

    /// Says something of it.
    fn say(&self, say: impl FnOnce(&Span)) {
        if let Some(span) = &self.all.0 {
            apart(|| say(span));
        }
    }

    /// It is somebody else's, and there is patience.
    pub(super) fn waits(&mut self) {
        if let (Some(all), None) = (&self.all.0, &self.waiting.0) {
            self.waiting = Parent::new(
                || span!(target: "cachify", parent: &**all, Level::DEBUG, "cachify.wait", otel.kind = "internal"),
            );
        }
    }

    /// It waits for nothing any more.
    pub(super) fn turns(&mut self) {
        self.waiting = Parent::default();
    }

    pub(super) fn granted(&mut self, fence: FencingToken, waited: Duration) {
        self.turns();
        self.say(|span| {
            span.record("cachify.fence", fence.0);
            span.record("cachify.wait_ms", u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        });
        self.came(Got::Granted);
    }

    /// What it came to.
    pub(super) fn came(&self, got: Got) {
        self.say(|span| {
            span.record("cachify.outcome", got.text());
            if matches!(got, Got::Unavailable | Got::Indeterminate | Got::StoreFull) {
                span.record("error.type", got.text());
            }
        });
    }

    /// It is being given back.
    pub(super) fn ends(&mut self) {
        if let (Some(all), None) = (&self.all.0, &self.ending.0) {
            self.ending = Parent::new(
                || span!(target: "cachify", parent: &**all, Level::DEBUG, "cachify.give_back", otel.kind = "internal"),
            );
        }
    }
}
