//! A subscriber that keeps every span and event, for all tests of a program: each looks at spans of its own.
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, reason = "nothing here is published")]

use cachify::{ManualClock, cachify_core::time::Clock};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::{Debug, Write},
    sync::{Mutex, Once},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_core::span::Current;

thread_local! {
    static STACK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// The clock by which spans of this thread are measured.
    static CLOCK: RefCell<Option<ManualClock>> = const { RefCell::new(None) };
    /// What the subscriber does on this thread whenever it is told something.
    static CALLS_BACK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// One span, as it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its own number.
    pub id: u64,
    /// Inside of which one it began.
    pub parent: Option<u64>,
    /// Its name.
    pub name: &'static str,
    /// Its fields, the last value of each.
    pub fields: BTreeMap<String, String>,
    /// What was told inside of it: its level, its fields.
    pub events: Vec<(tracing::Level, BTreeMap<String, String>)>,
    /// When it began and ended, in milliseconds of the thread's clock.
    pub began: u64,
    /// Nothing while it is open.
    pub ended: Option<u64>,
    count: usize,
    metadata: &'static Metadata<'static>,
}

/// All spans of a program.
#[derive(Debug, Default)]
pub struct Spans(Mutex<Vec<Told>>, Mutex<Vec<(tracing::Level, BTreeMap<String, String>)>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

struct Kept;

/// The subscriber, which is the program's from the first call on.
pub fn spans() -> &'static Spans {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Kept).expect("there is one subscriber"));
    &ALL
}

/// Measures the spans of this thread by `clock`.
pub fn measured_by(clock: &ManualClock) {
    CLOCK.set(Some(clock.clone()));
}

/// Lets the subscriber call `back` whenever it is told something on this thread while `f` runs.
pub fn calling_back<T>(back: impl Fn() + 'static, f: impl FnOnce() -> T) -> T {
    CALLS_BACK.set(Some(Box::new(back)));
    let out = f();
    CALLS_BACK.set(None);
    out
}

fn call_back() {
    let _ = CALLS_BACK.try_with(|back| back.borrow().iter().for_each(|back| back()));
}

fn now() -> u64 {
    CLOCK.with_borrow(|clock| clock.as_ref().map_or(0, |clock| clock.now().as_millis()))
}

static ALL: Spans = Spans(Mutex::new(Vec::new()), Mutex::new(Vec::new()));

impl Spans {
    /// What is kept now.
    pub fn all(&self) -> Vec<Told> {
        let _ = self;
        ALL.0.lock().unwrap().clone()
    }

    /// Those whose `cachify.name` is this one.
    pub fn named(&self, name: &str) -> Vec<Told> {
        self.all().into_iter().filter(|told| told.fields.get("cachify.name").is_some_and(|is| is == name)).collect()
    }

    /// Those inside of that one.
    pub fn within(&self, parent: u64) -> Vec<Told> {
        self.all().into_iter().filter(|told| told.parent == Some(parent)).collect()
    }

    /// Events of that name that were told outside of every span.
    pub fn outside(&self, name: &str) -> usize {
        let _ = self;
        let events = ALL.1.lock().unwrap();
        events.iter().filter(|(_, fields)| fields.get("cachify.name").is_some_and(|is| is == name)).count()
    }

    /// A span and what is inside of it, a column for each second.
    pub fn drawn(&self, root: u64) -> String {
        let mut text = String::new();
        self.draw(root, 0, &mut text);
        text
    }

    fn draw(&self, id: u64, depth: usize, text: &mut String) {
        let all = self.all();
        let told = all.iter().find(|told| told.id == id).expect("it was told");
        let (from, to) = (told.began / 1_000, told.ended.map_or(told.began, |ended| ended) / 1_000);
        let bar: String = (0..=10)
            .map(|s| {
                if s >= from && s < to {
                    '#'
                } else if s == from && s == to {
                    '|'
                } else {
                    '.'
                }
            })
            .collect();
        writeln!(text, "{:<24}{bar}", format!("{}{}", "  ".repeat(depth), told.name)).unwrap();
        for inner in self.within(id) {
            self.draw(inner.id, depth + 1, text);
        }
    }
}

impl Kept {
    fn change<T>(id: u64, change: impl FnOnce(&mut Told) -> T) -> Option<T> {
        ALL.0.lock().unwrap().iter_mut().find(|told| told.id == id).map(change)
    }
}

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cachify" || metadata.target() == "test"
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        call_back();
        let parent = span
            .parent()
            .map(Id::into_u64)
            .or_else(|| if span.is_contextual() { STACK.with_borrow(|stack| stack.last().copied()) } else { None });
        let mut all = ALL.0.lock().unwrap();
        let (id, metadata, began) = (all.len() as u64 + 1, span.metadata(), now());
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        all.push(Told {
            id,
            parent,
            name: metadata.name(),
            fields,
            events: vec![],
            began,
            ended: None,
            count: 1,
            metadata,
        });
        Id::from_u64(id)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        call_back();
        Self::change(span.into_u64(), |told| values.record(&mut Fields(&mut told.fields)));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        call_back();
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let told = (*event.metadata().level(), fields);
        match STACK.with_borrow(|stack| stack.last().copied()) {
            Some(id) => Self::change(id, |span| span.events.push(told)).unwrap_or_default(),
            None => ALL.1.lock().unwrap().push(told),
        }
    }
    fn enter(&self, span: &Id) {
        call_back();
        STACK.with_borrow_mut(|stack| stack.push(span.into_u64()));
    }
    fn exit(&self, span: &Id) {
        call_back();
        STACK.with_borrow_mut(|stack| {
            let at = stack.iter().rposition(|id| *id == span.into_u64()).expect("it was entered");
            stack.remove(at);
        });
    }
    fn clone_span(&self, id: &Id) -> Id {
        Self::change(id.into_u64(), |told| told.count += 1);
        id.clone()
    }
    fn try_close(&self, id: Id) -> bool {
        call_back();
        let ended = now();
        let is_over = |told: &mut Told| {
            told.count -= 1;
            told.ended = (told.count == 0).then_some(ended);
            told.count == 0
        };
        Self::change(id.into_u64(), is_over).unwrap_or_default()
    }
    fn current_span(&self) -> Current {
        match STACK.with_borrow(|stack| stack.last().copied()) {
            Some(id) => match Self::change(id, |told| told.metadata) {
                Some(metadata) => Current::new(Id::from_u64(id), metadata),
                None => Current::none(),
            },
            None => Current::none(),
        }
    }
}
