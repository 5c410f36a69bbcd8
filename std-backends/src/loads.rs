//! Loads of this process: whoever waits here for a cached value gets the one that was loaded for it, also when that has
//! ended by then, and when there is no store to keep it.
//!
//! Without the store one caller of the process loads for all. Not here: flights that the store knows, whose waiters only
//! stand by here until the value lands.

use crate::{
    backend::OwnedKey,
    process::PerProcess,
    sync::{Bell, locked, wake},
};
use cachify_core::{Cause, time::Instant, token::HolderToken};
use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    future::{Future, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// The loads of an instance; a forked child has its own.
pub(crate) type Loads = PerProcess<Table>;

#[derive(Debug, Default)]
pub(crate) struct Table {
    loads: Mutex<HashMap<OwnedKey, Load>>,
    /// How many invalidations there were.
    age: AtomicU64,
}

#[derive(Debug, Default)]
struct Load {
    /// Who of this process loads without the store.
    led_by: Option<HolderToken>,
    /// Until when that one is waited for, by its last heartbeat.
    until: Instant,
    /// Until when those who wait for a flight that the store knows ask for nothing: it is being ended, and brought nothing.
    ends_by: Option<Instant>,
    seats: BTreeMap<u64, Arc<Seat>>,
    last: u64,
}

/// What came of a load, for one who waited for it.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Value(Arc<[u8]>),
    /// It brought nothing that could be kept: each has what was passed on of that, or computes for itself, or one failure
    /// after another would be waited for.
    Nothing(Option<Failure>),
    /// Whoever loaded has gone.
    Gone,
}

/// What is passed on of a load that failed, in the type of its caller; and the generation of its group that it saw.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) of: Arc<dyn Any + Send + Sync>,
    pub(crate) seen: Option<[u8; 16]>,
}

impl Failure {
    pub(crate) fn new<T: Send + Sync + 'static>(failure: T) -> Self {
        Self { of: Arc::new(failure), seen: None }
    }
}

/// What a caller has to do with a load.
#[derive(Debug)]
pub(crate) enum Part {
    /// It loads without the store, which failed so.
    Leads(Leader, Cause),
    /// It waits for one who does, since the store failed so; until then, for that one may not get on.
    Waits(Waiter, Cause, Instant),
    /// It asks the store, or waits for a flight that the store knows.
    Stands(Waiter),
    /// That flight is being ended, and brought nothing: it waits for news of that alone.
    Ends(Waiter),
}

impl Part {
    /// The same, of one that waits for a flight which is being ended, or is not.
    pub(crate) fn at_end(self, is_at_end: bool) -> Self {
        match self {
            Self::Stands(waiter) | Self::Ends(waiter) if is_at_end => Self::Ends(waiter),
            Self::Stands(waiter) | Self::Ends(waiter) => Self::Stands(waiter),
            other => other,
        }
    }
}

type Seat = Bell<Option<News>>;

/// One who loads without the store; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Leader {
    loads: Arc<Loads>,
    key: OwnedKey,
    token: HolderToken,
    is_over: bool,
}

/// One who waits; no more when it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    loads: Arc<Loads>,
    key: OwnedKey,
    number: u64,
    seat: Arc<Seat>,
}

/// Tells all who wait, and forgets the load, if it is led by that one; by whomever for `None`.
fn tell(loads: &Loads, key: &OwnedKey, leader: Option<HolderToken>, news: &News) {
    let Some(table) = loads.get() else { return };
    let load = {
        let mut table = locked(&table.loads);
        // after an invalidation it may be another one's
        let is_it = table.get(key).is_some_and(|load| leader.is_none() || load.led_by == leader);
        is_it.then(|| table.remove(key)).flatten()
    };
    for seat in load.into_iter().flat_map(|load| load.seats.into_values()) {
        seat.note(|told| *told = Some(news.clone())).into_iter().for_each(wake);
    }
}

/// Whether anybody waits for a load of the key.
pub(crate) fn is_waited_for(loads: &Loads, key: &OwnedKey) -> bool {
    loads.get().is_some_and(|table| locked(&table.loads).contains_key(key))
}

/// Whether that token loads the key without the store.
pub(crate) fn is_led_by(loads: &Loads, key: &OwnedKey, token: HolderToken) -> bool {
    loads.get().is_some_and(|table| locked(&table.loads).get(key).is_some_and(|load| load.led_by == Some(token)))
}

/// A heartbeat of who loads without the store: it gets on, and is waited for until then; whether it is that token's.
pub(crate) fn beats(loads: &Loads, key: &OwnedKey, token: HolderToken, until: Instant) -> bool {
    let Some(table) = loads.get() else { return false };
    let mut table = locked(&table.loads);
    let load = table.get_mut(key).filter(|load| load.led_by == Some(token));
    load.map(|load| load.until = until).is_some()
}

/// The value of a flight that the store knows has landed.
pub(crate) fn landed(loads: &Loads, key: &OwnedKey, bytes: &[u8]) {
    tell(loads, key, None, &News::Value(bytes.into()));
}

/// A flight that the store knows ended without a value.
pub(crate) fn failed(loads: &Loads, key: &OwnedKey, failure: Option<Failure>) {
    tell(loads, key, None, &News::Nothing(failure));
}

/// A flight that the store knows was none any more when it ended.
pub(crate) fn lost(loads: &Loads, key: &OwnedKey) {
    tell(loads, key, None, &News::Gone);
}

/// A flight that the store knows is about to end without a value: those who wait hear of it from here, and are not to load
/// because the store was the first to tell them. Whether anybody waits.
pub(crate) fn ends(loads: &Loads, key: &OwnedKey, by: Instant) -> bool {
    let Some(table) = loads.get() else { return false };
    let mut table = locked(&table.loads);
    table.get_mut(key).map(|load| load.ends_by = Some(by)).is_some()
}

/// Without the store: leads the load of a key, or waits for whoever does.
pub(crate) fn join(loads: &Arc<Loads>, key: &OwnedKey, token: HolderToken) -> Result<Leader, Waiter> {
    let mut table = locked(&loads.get_or_init(Table::default).loads);
    let load = table.entry(key.clone()).or_default();
    if load.led_by.is_some() {
        return Err(load.waits(loads, key));
    }
    load.led_by = Some(token);
    Ok(Leader { loads: loads.clone(), key: key.clone(), token, is_over: false })
}

impl Load {
    fn waits(&mut self, loads: &Arc<Loads>, key: &OwnedKey) -> Waiter {
        let seat = Arc::<Seat>::default();
        self.last += 1;
        self.seats.insert(self.last, seat.clone());
        Waiter { loads: loads.clone(), key: key.clone(), number: self.last, seat }
    }
}

/// What was loaded so far is old: whoever comes from now on does not wait for it.
pub(crate) fn forget(loads: &Loads, key: &OwnedKey) {
    loads.get_or_init(Table::default).age.fetch_add(1, SeqCst);
    tell(loads, key, None, &News::Gone);
}

/// How many invalidations this process has begun: what is loaded between two looks at this is nobody's old value.
pub(crate) fn age(loads: &Loads) -> u64 {
    loads.get().map_or(0, |table| table.age.load(SeqCst))
}

impl Leader {
    /// It is over: with a value.
    pub(crate) fn land(self, value: &[u8]) {
        self.end(&News::Value(value.into()));
    }

    /// It is over: without a value that could be kept.
    pub(crate) fn fail(self, failure: Option<Failure>) {
        self.end(&News::Nothing(failure));
    }

    fn end(mut self, news: &News) {
        self.tell(news);
        self.is_over = true;
    }

    fn tell(&self, news: &News) {
        tell(&self.loads, &self.key, Some(self.token), news);
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(&News::Gone);
        }
    }
}

impl Waiter {
    /// Waits for whatever load of the key ends next.
    pub(crate) fn new(loads: &Arc<Loads>, key: &OwnedKey) -> Self {
        let mut table = locked(&loads.get_or_init(Table::default).loads);
        table.entry(key.clone()).or_default().waits(loads, key)
    }

    /// Until when whoever loads is waited for.
    pub(crate) fn until(&self) -> Instant {
        let until = |table: &Table| locked(&table.loads).get(&self.key).map(|load| load.until);
        self.loads.get().and_then(until).unwrap_or(Instant::ZERO)
    }

    /// Until when the end of the load is under way, if it is.
    pub(crate) fn ends_by(&self) -> Option<Instant> {
        locked(&self.loads.get()?.loads).get(&self.key)?.ends_by
    }

    /// What came of it, if anything did.
    pub(crate) fn take(&self) -> Option<News> {
        self.seat.look(Option::take)
    }

    /// Ends when something came of it.
    pub(crate) fn news(&self) -> impl Future<Output = ()> + Send + use<> {
        let seat = self.seat.clone();
        poll_fn(move |cx| seat.poll(cx, |told| told.is_some().then_some(())))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(table) = self.loads.get() else { return };
        let _seat = {
            let mut table = locked(&table.loads);
            let Some(load) = table.get_mut(&self.key) else { return };
            // a later load has seats of its own
            let is_here = load.seats.get(&self.number).is_some_and(|seat| Arc::ptr_eq(seat, &self.seat));
            let seat = is_here.then(|| load.seats.remove(&self.number));
            if load.seats.is_empty() && load.led_by.is_none() {
                table.remove(&self.key);
            }
            seat
        };
    }
}
