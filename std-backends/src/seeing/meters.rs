//! Counters, gauges and histograms of the crate `metrics`, registered when they are first needed and kept after that.
//!
//! A recorder that is asked for a handle runs outside of every lock: what two threads register at once is one series of it.

mod described;

use super::{
    apart::apart,
    labels::{Came, Discarded, ERRORS, Got, Loaded, OPS, error, loss, op, primitive},
    names::{NUMBERS, Names},
};
use cachify_core::{Cause, Holding, key::Kind, observe::Loss, op::Op};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, SharedString};
use std::{array, sync::OnceLock, time::Duration};

static METADATA: Metadata<'static> = Metadata::new("cachify", Level::INFO, Some("cachify"));

/// The numbers of an instance; of none that was not asked for them.
pub(super) struct Meters(Option<Box<Inner>>);

struct Inner {
    instance: SharedString,
    /// By kind and name.
    named: [Box<[OnceLock<Box<Named>>]>; 4],
    entries: Box<[OnceLock<Gauge>]>,
    evicted: Box<[[OnceLock<Counter>; 2]]>,
    /// By operation, and whether it failed.
    asked: [[OnceLock<Histogram>; 2]; OPS.len()],
    errors: [[OnceLock<Counter>; ERRORS.len()]; OPS.len()],
    /// By kind, and what came of it.
    renewed: [[OnceLock<Counter>; RENEWED.len()]; 4],
    woken: [OnceLock<Counter>; WOKEN.len()],
}

const RENEWED: [&str; 3] = ["held", "lost", "failed"];
const WOKEN: [&str; 2] = ["push", "timer"];

/// What there is of one name and kind.
#[derive(Default)]
struct Named {
    came: [OnceLock<Counter>; Came::ALL.len()],
    discarded: [OnceLock<Counter>; Discarded::ALL.len()],
    acquired: [OnceLock<Counter>; Got::ALL.len()],
    lost: [OnceLock<Counter>; 2],
    waited: [OnceLock<Histogram>; Got::ALL.len()],
    loaded: [OnceLock<Histogram>; Loaded::ALL.len()],
    hold: OnceLock<Histogram>,
    held: OnceLock<Gauge>,
    waiting: OnceLock<Gauge>,
}

/// A handle that is kept; a recorder makes it, so it is made before the lock of its place is taken.
fn kept<T>(place: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    match place.get() {
        Some(handle) => handle,
        None => {
            let handle = make();
            place.get_or_init(|| handle)
        }
    }
}

fn places<T>(count: usize) -> Box<[OnceLock<T>]> {
    (0..count).map(|_| OnceLock::new()).collect()
}

fn key(metric: &'static str, labels: Vec<Label>) -> Key {
    Key::from_parts(metric, labels)
}

fn counter(metric: &'static str, labels: Vec<Label>) -> Counter {
    metrics::with_recorder(|recorder| recorder.register_counter(&key(metric, labels), &METADATA))
}

fn gauge(metric: &'static str, labels: Vec<Label>) -> Gauge {
    metrics::with_recorder(|recorder| recorder.register_gauge(&key(metric, labels), &METADATA))
}

fn histogram(metric: &'static str, labels: Vec<Label>) -> Histogram {
    metrics::with_recorder(|recorder| recorder.register_histogram(&key(metric, labels), &METADATA))
}

/// What a name's series are told apart by.
struct Of<'a> {
    named: &'a Named,
    kind: Kind,
    name: &'a str,
}

impl Of<'_> {
    fn of_values(&self, key: &'static str, value: &'static str) -> Vec<Label> {
        vec![Label::new("name", self.name.to_owned()), Label::from_static_parts(key, value)]
    }

    fn of_leases(&self) -> Vec<Label> {
        let primitive = Label::from_static_parts("primitive", primitive(self.kind));
        vec![primitive, Label::new("name", self.name.to_owned())]
    }

    fn of_leases_by(&self, key: &'static str, value: &'static str) -> Vec<Label> {
        let mut labels = self.of_leases();
        labels.push(Label::from_static_parts(key, value));
        labels
    }
}

impl Meters {
    pub(super) fn new(asked: bool, instance: &str) -> Self {
        if asked {
            apart(described::describe);
        }
        Self(asked.then(|| {
            Box::new(Inner {
                instance: instance.to_owned().into(),
                named: array::from_fn(|_| places(NUMBERS)),
                entries: places(NUMBERS),
                evicted: (0..NUMBERS).map(|_| <[_; 2]>::default()).collect(),
                asked: Default::default(),
                errors: Default::default(),
                renewed: Default::default(),
                woken: Default::default(),
            })
        }))
    }

    #[inline]
    pub(super) const fn are_asked_for(&self) -> bool {
        self.0.is_some()
    }

    /// Tells something of what has a name, if anything is asked for.
    fn with(&self, names: &Names, kind: Kind, name: u16, tell: impl FnOnce(&Of<'_>)) {
        let Some(inner) = &self.0 else { return };
        let Some(place) = inner.named[kind as usize - 1].get(usize::from(name)) else { return };
        let of = Of { named: place.get_or_init(Box::default), kind, name: names.text(name) };
        apart(|| tell(&of));
    }

    pub(super) fn came(&self, names: &Names, name: u16, came: Came) {
        self.with(names, Kind::Cache, name, |of| {
            let make = || counter("cachify_cache_requests_total", of.of_values("result", came.text()));
            kept(&of.named.came[came as usize], make).increment(1);
        });
    }

    pub(super) fn discarded(&self, names: &Names, name: u16, why: Discarded) {
        self.with(names, Kind::Cache, name, |of| {
            let make = || counter("cachify_cache_discarded_total", of.of_values("reason", why.text()));
            kept(&of.named.discarded[why as usize], make).increment(1);
        });
    }

    pub(super) fn acquired(&self, names: &Names, kind: Kind, name: u16, got: Got) {
        self.with(names, kind, name, |of| {
            let make = || counter("cachify_acquire_total", of.of_leases_by("outcome", got.text()));
            kept(&of.named.acquired[got as usize], make).increment(1);
        });
    }

    pub(super) fn waited(&self, names: &Names, kind: Kind, name: u16, got: Got, time: Duration) {
        self.with(names, kind, name, |of| {
            let make = || histogram("cachify_acquire_wait_seconds", of.of_leases_by("outcome", got.text()));
            kept(&of.named.waited[got as usize], make).record(time.as_secs_f64());
        });
    }

    pub(super) fn hold(&self, names: &Names, kind: Kind, name: u16, time: Duration) {
        self.with(names, kind, name, |of| {
            let make = || histogram("cachify_hold_duration_seconds", of.of_leases());
            kept(&of.named.hold, make).record(time.as_secs_f64());
        });
    }

    pub(super) fn loaded(&self, names: &Names, name: u16, loaded: Loaded, time: Duration) {
        self.with(names, Kind::Cache, name, |of| {
            let make = || histogram("cachify_cache_load_duration_seconds", of.of_values("outcome", loaded.text()));
            kept(&of.named.loaded[loaded as usize], make).record(time.as_secs_f64());
        });
    }

    pub(super) fn held(&self, names: &Names, kind: Kind, name: u16, by: i8) {
        self.with(names, kind, name, |of| {
            kept(&of.named.held, || gauge("cachify_held", of.of_leases())).increment(f64::from(by));
        });
    }

    pub(super) fn waiting(&self, names: &Names, kind: Kind, name: u16, by: i8) {
        self.with(names, kind, name, |of| {
            kept(&of.named.waiting, || gauge("cachify_waiting", of.of_leases())).increment(f64::from(by));
        });
    }

    pub(super) fn lost(&self, names: &Names, kind: Kind, name: u16, why: Loss) {
        if kind == Kind::Cache {
            return self.discarded(names, name, Discarded::by(why));
        }
        self.with(names, kind, name, |of| {
            let make = || counter("cachify_lost_total", of.of_leases_by("reason", loss(why)));
            kept(&of.named.lost[usize::from(why == Loss::Expired)], make).increment(1);
        });
    }
}

/// What is counted of an instance, or of a group of it.
impl Meters {
    fn of(&self, names: &Names, group: u16) -> Option<(&Inner, Vec<Label>)> {
        let inner = self.0.as_deref()?;
        let instance = Label::new("instance", inner.instance.clone());
        Some((
            inner,
            vec![instance, Label::new("group", if group == 0 { String::new() } else { names.text(group).to_owned() })],
        ))
    }

    pub(super) fn evicted(&self, names: &Names, group: u16, is_full: bool) {
        let Some((inner, mut labels)) = self.of(names, group) else { return };
        let Some(places) = inner.evicted.get(usize::from(group)) else { return };
        labels.push(Label::from_static_parts("cause", if is_full { "full" } else { "expired" }));
        let make = || counter("cachify_cache_evictions_total", labels);
        apart(|| kept(&places[usize::from(is_full)], make).increment(1));
    }

    pub(super) fn entries(&self, names: &Names, group: u16, entries: usize) {
        let Some((inner, labels)) = self.of(names, group) else { return };
        let Some(place) = inner.entries.get(usize::from(group)) else { return };
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many")]
        apart(|| kept(place, || gauge("cachify_cache_entries", labels)).set(entries as f64));
    }
}

/// What is counted of a store outside the process.
impl Meters {
    pub(super) fn asked(&self, of: &Op, time: Duration, failed: Option<Cause>) {
        let Some(inner) = &self.0 else { return };
        let (at, outcome) = (op(of), if failed.is_some() { "error" } else { "ok" });
        let called = Label::from_static_parts("op", OPS[at]);
        apart(|| {
            let labels = || vec![called.clone(), Label::from_static_parts("outcome", outcome)];
            let make = || histogram("cachify_store_operation_duration_seconds", labels());
            kept(&inner.asked[at][usize::from(failed.is_some())], make).record(time.as_secs_f64());
            if let Some(cause) = failed {
                let why = error(cause);
                let labels = || vec![called.clone(), Label::from_static_parts("error_type", ERRORS[why])];
                kept(&inner.errors[at][why], || counter("cachify_store_errors_total", labels())).increment(1);
            }
        });
    }

    pub(super) fn renewed(&self, kind: Kind, answer: Result<Option<Holding>, Cause>) {
        let Some(inner) = &self.0 else { return };
        let at = match answer {
            Ok(Some(Holding::Lost)) => 1,
            Ok(_) => 0,
            Err(_) => 2,
        };
        let labels = || {
            let primitive = Label::from_static_parts("primitive", primitive(kind));
            vec![primitive, Label::from_static_parts("outcome", RENEWED[at])]
        };
        let make = || counter("cachify_renewals_total", labels());
        apart(|| kept(&inner.renewed[kind as usize - 1][at], make).increment(1));
    }

    pub(super) fn woken(&self, is_push: bool) {
        let Some(inner) = &self.0 else { return };
        let at = usize::from(!is_push);
        let make = || counter("cachify_wakeups_total", vec![Label::from_static_parts("source", WOKEN[at])]);
        apart(|| kept(&inner.woken[at], make).increment(1));
    }
}
