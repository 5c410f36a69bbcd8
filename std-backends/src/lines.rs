//! Who waits in this process for what its store cannot signal: the first of a line asks the store, those behind wait for
//! it, in the order of their arrival.
//!
//! Invariant: whoever leaves a line calls the next. Those who do not ask when they should are passed.
//! Not here: whose turn it is among processes, which the store says.

use crate::{
    backend::OwnedKey,
    clock::StdClock,
    process::PerProcess,
    sync::{Bell, locked, wake},
};
use cachify_core::{
    drive::beside,
    patience::Ticket,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use std::{
    collections::{BTreeMap, HashMap},
    future::{Future, poll_fn},
    mem::take,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

/// How long the first of a line waits before it asks again though nobody called it: at first, and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];
/// How late a first one may ask before it counts as asleep.
const ASLEEP: Duration = Duration::from_secs(1);
/// How many in a row may be asleep; those behind them look after a while (`poll`) whether they have moved up.
const FEW: u32 = 8;

/// The ticket of one who stands in a line.
pub(crate) const IN_LINE: Ticket = Ticket(1);

/// The lines of an instance; a forked child has its own.
pub(crate) type Lines = PerProcess<Table>;

#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<HashMap<OwnedKey, BTreeMap<u32, Line>>>);

/// Those who wait for one key; of a pool, those who know it by one size, for another may have room.
#[derive(Debug)]
struct Line {
    seats: BTreeMap<u64, Arc<Seat>>,
    last: u64,
    /// When the first asks next.
    due: Instant,
    /// When what they wait for ends, as far as the first was told.
    until: Instant,
}

#[derive(Debug, Default)]
struct Seat {
    /// Its place in the order, which changes under the lock of the table only.
    number: AtomicU64,
    news: Bell<News>,
}

#[derive(Debug, Default)]
struct News {
    /// It is to ask, as the first.
    called: bool,
    /// It is to ask once, wherever it stands.
    all: bool,
    /// It stands further ahead than before.
    moved: bool,
}

impl Seat {
    fn call(&self) -> Option<Waker> {
        self.news.note(|news| news.called = true)
    }

    /// Ends when it is called, or moves up; whether it is called.
    async fn news(&self) -> bool {
        let heard = |news: &mut News| {
            let is_called = news.called || news.all;
            (is_called || take(&mut news.moved)).then_some(is_called)
        };
        poll_fn(|cx| self.news.poll(cx, heard)).await
    }
}

impl Line {
    /// The first takes its turn to ask; who has come to stand second looks after it.
    fn moved(&self, is_new_first: bool) -> Vec<Waker> {
        let mut front = self.seats.values();
        let first = front.next().filter(|_| is_new_first).and_then(|seat| seat.call());
        let second = front.next().and_then(|seat| seat.news.note(|news| news.moved = true));
        first.into_iter().chain(second).collect()
    }

    /// Puts it at the end.
    fn enter(&mut self, seat: Arc<Seat>) {
        self.last += 1;
        seat.number.store(self.last, Ordering::Relaxed);
        self.seats.insert(self.last, seat);
    }

    fn has(&self, seat: &Arc<Seat>) -> bool {
        self.seats.get(&seat.number.load(Ordering::Relaxed)).is_some_and(|other| Arc::ptr_eq(other, seat))
    }

    /// How many stand before it, if they are few.
    fn before(&self, seat: &Arc<Seat>) -> Option<u32> {
        let mut few = self.seats.values().zip(0..FEW);
        few.find(|(other, _)| Arc::ptr_eq(other, seat)).map(|(_, before)| before)
    }

    /// When one before whom so many stand asks though nobody called it: when all of them are asleep.
    fn wakes(&self, before: u32) -> Instant {
        self.due.saturating_add(ASLEEP * before)
    }
}

/// A place in a line, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    lines: Arc<Lines>,
    key: OwnedKey,
    size: u32,
    seat: Arc<Seat>,
    pause: Duration,
    /// What makes its pauses unlike those of others.
    noise: u32,
}

/// What is known of a line in which somebody else stands.
pub(crate) struct Seen {
    /// When what they wait for ends, as far as is known.
    pub(crate) until: Instant,
    /// Whether the first does not ask when it should.
    pub(crate) is_asleep: bool,
}

/// Looks at a line; nothing if nobody stands in it.
pub(crate) fn look(lines: &Lines, key: &OwnedKey, size: u32, now: Instant) -> Option<Seen> {
    let table = locked(&lines.get()?.0);
    let line = table.get(key)?.get(&size)?;
    Some(Seen { until: line.until, is_asleep: now >= line.wakes(1) })
}

/// Something of the key was given back: the first of each of its lines asks.
pub(crate) fn call(lines: &Lines, key: &OwnedKey) {
    let Some(table) = lines.get() else { return };
    let woken: Vec<_> = {
        let table = locked(&table.0);
        let firsts = table.get(key).into_iter().flatten().filter_map(|(_, line)| line.seats.values().next());
        firsts.filter_map(|seat| seat.call()).collect()
    };
    woken.into_iter().for_each(wake);
}

/// Whether anybody waits.
pub(crate) fn are_empty(lines: &Lines) -> bool {
    lines.get().is_none_or(|table| locked(&table.0).is_empty())
}

impl Place {
    /// Stands at the end of a line.
    pub(crate) fn new(lines: &Arc<Lines>, key: OwnedKey, size: u32, token: HolderToken) -> Self {
        let seat = Arc::<Seat>::default();
        let fresh = || Line { seats: BTreeMap::new(), last: 0, due: Instant::ZERO, until: Instant::MAX };
        let mut table = locked(&lines.get_or_init(Table::default).0);
        table.entry(key.clone()).or_default().entry(size).or_insert_with(fresh).enter(seat.clone());
        drop(table);
        Self { lines: lines.clone(), key, size, seat, pause: PAUSE[0], noise: token.0[1] }
    }

    /// With its line; in a child of a fork it stands in none.
    fn with<T>(&self, f: impl FnOnce(&mut Line) -> T) -> Option<T> {
        let mut table = locked(&self.lines.get()?.0);
        let line = table.get_mut(&self.key)?.get_mut(&self.size)?;
        line.has(&self.seat).then(|| f(line))
    }

    /// Whether it is to ask now. Those who sleep before it are passed, and stand at the end then.
    pub(crate) fn may_ask(&mut self, now: Instant) -> bool {
        // heard now, wherever it stands: what is called is not called for ever
        let (called, all) = self.seat.news.look(|news| (take(&mut news.called), take(&mut news.all)));
        if called {
            self.pause = PAUSE[0];
        }
        let passed = self.with(|line| match line.before(&self.seat) {
            Some(0) => (true, vec![]),
            Some(before) if now >= line.wakes(before) => {
                for _ in 0..before {
                    if let Some((_, asleep)) = line.seats.pop_first() {
                        asleep.news.look(|news| news.called = false);
                        line.enter(asleep);
                    }
                }
                (true, line.moved(false))
            }
            _ => (all, vec![]),
        });
        let (may, moved) = passed.unwrap_or((true, vec![]));
        moved.into_iter().for_each(wake);
        may
    }

    /// It asks, and has an answer by then.
    pub(crate) fn asks(&mut self, by: Instant) {
        self.with(|line| {
            if line.before(&self.seat) == Some(0) {
                line.due = by;
            }
        });
    }

    /// It was told to wait for what ends then.
    pub(crate) fn told(&mut self, now: Instant, until: Instant) {
        // a quarter more or less, so that those of many processes do not ask at once
        self.noise = self.noise.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let pause = self.pause * (768 + (self.noise >> 23)) / 1024;
        self.pause = (self.pause * 3 / 2).min(PAUSE[1]);
        self.with(|line| {
            if line.before(&self.seat) == Some(0) {
                (line.due, line.until) = (now.saturating_add(pause), until);
            }
        });
    }

    /// When what it waits for ends, as far as is known: later than now, for it is not over while the first waits.
    pub(crate) fn until(&self, now: Instant) -> Instant {
        let until = self.with(|line| line.until).unwrap_or(Instant::MAX);
        until.max(now.saturating_add(PAUSE[1]))
    }

    /// Ends when it is to ask.
    pub(crate) fn wait(&self, clock: &StdClock) -> impl Future<Output = ()> + Send + use<> {
        let (lines, key, size, seat, clock) =
            (self.lines.clone(), self.key.clone(), self.size, self.seat.clone(), clock.clone());
        async move {
            loop {
                let wakes = wakes(&lines, &key, size, &seat);
                match beside(seat.news(), clock.sleep_until(wakes)).await {
                    Ok(true) => return,
                    Err(()) if self::wakes(&lines, &key, size, &seat) <= clock.now() => return,
                    Ok(false) | Err(()) => {}
                }
            }
        }
    }

    /// It waits no more, and neither does anybody else: all ask.
    pub(crate) fn end_all(self) {
        let called = self.with(|line| {
            line.seats.values().filter_map(|seat| seat.news.note(|news| news.all = true)).collect::<Vec<_>>()
        });
        called.into_iter().flatten().for_each(wake);
    }
}

/// When a seat asks though nobody called it: the first when it is due, each other when those before it are asleep.
fn wakes(lines: &Lines, key: &OwnedKey, size: u32, seat: &Arc<Seat>) -> Instant {
    let Some(table) = lines.get() else { return Instant::ZERO };
    let table = locked(&table.0);
    let Some(line) = table.get(key).and_then(|sizes| sizes.get(&size)) else { return Instant::ZERO };
    line.before(seat).map_or(Instant::MAX, |before| line.wakes(before))
}

impl Drop for Place {
    fn drop(&mut self) {
        let woken = self.with(|line| {
            let was_first = line.before(&self.seat) == Some(0);
            line.seats.remove(&self.seat.number.load(Ordering::Relaxed));
            line.moved(was_first)
        });
        woken.into_iter().flatten().for_each(wake);
        let Some(table) = self.lines.get() else { return };
        let mut table = locked(&table.0);
        if let Some(sizes) = table.get_mut(&self.key) {
            sizes.retain(|_, line| !line.seats.is_empty());
            if sizes.is_empty() {
                table.remove(&self.key);
            }
        }
    }
}
