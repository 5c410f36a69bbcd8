//! A recorder that keeps every number, for all tests of a program: each looks at names of its own.
#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, reason = "nothing here is published")]

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

thread_local! {
    /// What the recorder does on this thread whenever it is told a number.
    static CALLS_BACK: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Labels in their order.
pub type Labels = Vec<(String, String)>;

type Series = BTreeMap<(String, Labels), Arc<Number>>;

/// The numbers of a program.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Arc<Mutex<Series>>);

/// One series.
#[derive(Debug, Default)]
struct Number(Mutex<(f64, Vec<f64>)>);

/// The recorder, which is the program's from the first call on.
pub fn numbers() -> &'static Numbers {
    static NUMBERS: OnceLock<Numbers> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let numbers = Numbers::default();
        assert!(metrics::set_global_recorder(numbers.clone()).is_ok(), "there is one recorder");
        numbers
    })
}

/// Lets the recorder call `back` whenever it is told something on this thread while `f` runs.
pub fn calling_back<T>(back: impl Fn() + 'static, f: impl FnOnce() -> T) -> T {
    CALLS_BACK.set(Some(Box::new(back)));
    let out = f();
    CALLS_BACK.set(None);
    out
}

fn call_back() {
    CALLS_BACK.with_borrow(|back| back.iter().for_each(|back| back()));
}

impl Numbers {
    fn number(&self, key: &Key) -> Arc<Number> {
        call_back();
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        self.0.lock().unwrap().entry((key.name().to_owned(), labels)).or_default().clone()
    }

    fn series(&self, metric: &str, with: &[(&str, &str)]) -> Vec<Arc<Number>> {
        let all = self.0.lock().unwrap();
        let has = |labels: &Labels| {
            with.iter().all(|(key, value)| labels.iter().any(|(k, v)| (k.as_str(), v.as_str()) == (*key, *value)))
        };
        all.iter()
            .filter(|((name, labels), _)| name == metric && has(labels))
            .map(|(_, number)| number.clone())
            .collect()
    }

    /// The sum of the series of a metric that have these labels.
    pub fn sum(&self, metric: &str, with: &[(&str, &str)]) -> f64 {
        self.series(metric, with).iter().map(|number| number.0.lock().unwrap().0).sum()
    }

    /// What was recorded in them, in order.
    pub fn samples(&self, metric: &str, with: &[(&str, &str)]) -> Vec<f64> {
        let mut all: Vec<_> =
            self.series(metric, with).iter().flat_map(|number| number.0.lock().unwrap().1.clone()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// All labels of that key.
    pub fn values(&self, key: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        let mut values: Vec<_> =
            all.keys().flat_map(|(_, labels)| labels).filter(|(k, _)| k == key).map(|(_, v)| v.clone()).collect();
        values.sort();
        values.dedup();
        values
    }
}

impl Number {
    fn change(&self, change: impl FnOnce(&mut (f64, Vec<f64>))) {
        call_back();
        change(&mut self.0.lock().unwrap());
    }
}

#[allow(clippy::cast_precision_loss, reason = "tests count to less")]
impl CounterFn for Number {
    fn increment(&self, value: u64) {
        self.change(|(sum, _)| *sum += value as f64);
    }
    fn absolute(&self, value: u64) {
        self.change(|(sum, _)| *sum = value as f64);
    }
}

impl GaugeFn for Number {
    fn increment(&self, value: f64) {
        self.change(|(sum, _)| *sum += value);
    }
    fn decrement(&self, value: f64) {
        self.change(|(sum, _)| *sum -= value);
    }
    fn set(&self, value: f64) {
        self.change(|(sum, _)| *sum = value);
    }
}

impl HistogramFn for Number {
    fn record(&self, value: f64) {
        self.change(|(sum, samples)| {
            *sum += value;
            samples.push(value);
        });
    }
}

impl Recorder for Numbers {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.number(key))
    }
}
