//! Stores in memory that a user might have written: blocking, async with pauses, failing on demand.

use cachify::{AsyncKvStore, Cause, KvStore, ManualClock};
use cachify_core::{
    cell::Ask,
    key::{Key, Kind},
    testing::Fault,
    time::{Clock, Instant},
    token::HolderToken,
};
use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

pub(crate) const TTL: Duration = Duration::from_millis(400);

pub(crate) fn key(kind: Kind) -> Key<'static> {
    Key::new(kind, "app", b"k", 0)
}

pub(crate) const fn token(who: u32) -> HolderToken {
    HolderToken([who; 4])
}

pub(crate) const fn ask(who: u32) -> Ask {
    Ask::new(token(who), TTL)
}

type Entries = HashMap<String, (Vec<u8>, Option<Instant>)>;

/// A shelf that several clients share, on a clock moved by hand; with `wall` it also tells the time.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) clock: ManualClock,
    wall: bool,
    /// How many keys it takes in one question.
    pub(crate) at_once: usize,
    /// Whether every third exchange says `false` without a cause, as a store may.
    pub(crate) is_reluctant: bool,
    exchanges: Arc<AtomicUsize>,
    entries: Arc<Mutex<Entries>>,
    calls: Arc<AtomicUsize>,
}

impl Shelf {
    pub(crate) fn new(clock: &ManualClock, wall: bool) -> Self {
        Self { clock: clock.clone(), wall, ..Self::default() }
    }

    /// How many calls there were since this was last asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, SeqCst)
    }

    /// The keys that hold something.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.with(|entries, _| entries.keys().cloned().collect());
        keys.sort();
        keys
    }

    /// When a key ends.
    pub(crate) fn ends(&self, key: &str) -> Option<Instant> {
        self.with(|entries, _| entries.get(key).and_then(|(_, end)| *end))
    }

    pub(crate) fn write(&self, key: &str, value: &[u8]) {
        self.with(|entries, _| entries.insert(key.to_owned(), (value.to_vec(), None)));
    }

    fn with<T>(&self, f: impl FnOnce(&mut Entries, Instant) -> T) -> T {
        let now = self.clock.now();
        let mut entries = self.entries.lock().unwrap();
        entries.retain(|_, (_, end)| end.is_none_or(|end| now < end));
        f(&mut entries, now)
    }
}

impl KvStore for Shelf {
    type Error = Cause;

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.calls.fetch_add(1, SeqCst);
        Ok(self.with(|entries, _| entries.get(key).map(|(value, _)| value.clone())))
    }

    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.calls.fetch_add(1, SeqCst);
        assert!(old.is_some() || new.is_some(), "nothing for nothing");
        assert!(ttl.is_none_or(|ttl| !ttl.is_zero()), "a TTL of no length");
        if self.is_reluctant && self.exchanges.fetch_add(1, SeqCst).is_multiple_of(3) {
            return Ok(false);
        }
        Ok(self.with(|entries, now| {
            let same = entries.get(key).map(|(value, _)| &value[..]) == old;
            match new {
                _ if !same => {}
                Some(new) => {
                    entries.insert(key.to_owned(), (new.to_vec(), ttl.map(|ttl| now.saturating_add(ttl))));
                }
                None => {
                    entries.remove(key);
                }
            }
            same
        }))
    }

    fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.calls.fetch_add(1, SeqCst);
        Ok(self.with(|entries, _| entries.remove(key).is_some()))
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Cause> {
        if self.at_once < 2 {
            return keys.iter().map(|key| KvStore::get(self, key)).collect();
        }
        assert!(keys.len() <= self.at_once, "{keys:?}");
        self.calls.fetch_add(1, SeqCst);
        Ok(keys.iter().map(|key| self.with(|entries, _| entries.get(key).map(|(value, _)| value.clone()))).collect())
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn micros(&self) -> Option<u64> {
        self.wall.then(|| self.clock.now().as_millis() * 1_000)
    }
}

async fn pause() {
    let mut paused = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The same for tasks: pauses before every call, and with `after` also before its answer is known.
#[derive(Clone)]
pub(crate) struct Slow {
    pub(crate) shelf: Shelf,
    pub(crate) after: bool,
}

impl Slow {
    async fn slowly<T>(&self, call: impl FnOnce() -> T) -> T {
        pause().await;
        let done = call();
        if self.after {
            pause().await;
        }
        done
    }
}

impl AsyncKvStore for Slow {
    type Error = Cause;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.slowly(|| KvStore::get(&self.shelf, key)).await
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.slowly(|| KvStore::compare_exchange(&self.shelf, key, old, new, ttl)).await
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.slowly(|| KvStore::remove(&self.shelf, key)).await
    }
    fn micros(&self) -> Option<u64> {
        KvStore::micros(&self.shelf)
    }
}

/// Fails at its `at`th call, counted from zero.
pub(crate) struct Failing {
    pub(crate) shelf: Shelf,
    pub(crate) at: usize,
    pub(crate) fault: Fault,
    pub(crate) calls: AtomicUsize,
}

impl Failing {
    fn with<T>(&self, call: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
        match self.fault {
            _ if self.calls.fetch_add(1, SeqCst) != self.at => call(),
            Fault::Refused => Err(Cause::Unreachable),
            Fault::RequestLost => Err(Cause::TimedOut),
            Fault::ReplyLost => call().and(Err(Cause::TimedOut)),
            Fault::None | Fault::Duplicated => call(),
        }
    }
}

impl KvStore for Failing {
    type Error = Cause;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.with(|| KvStore::get(&self.shelf, key))
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.with(|| KvStore::compare_exchange(&self.shelf, key, old, new, ttl))
    }
    fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.with(|| KvStore::remove(&self.shelf, key))
    }
    fn micros(&self) -> Option<u64> {
        self.shelf.micros()
    }
}

/// Asks something before each of its calls, which are counted from zero, about its key; an error is the call's.
pub(crate) struct Hooked<F> {
    shelf: Shelf,
    ask: F,
    calls: AtomicUsize,
}

impl<F: Fn(usize, &str) -> Result<(), Cause>> Hooked<F> {
    pub(crate) fn new(shelf: Shelf, ask: F) -> Self {
        Self { shelf, ask, calls: AtomicUsize::new(0) }
    }

    fn asked(&self, key: &str) -> Result<&Shelf, Cause> {
        (self.ask)(self.calls.fetch_add(1, SeqCst), key).map(|()| &self.shelf)
    }
}

impl<F: Fn(usize, &str) -> Result<(), Cause> + Send + Sync> KvStore for Hooked<F> {
    type Error = Cause;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        KvStore::get(self.asked(key)?, key)
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        KvStore::compare_exchange(self.asked(key)?, key, old, new, ttl)
    }
    fn remove(&self, key: &str) -> Result<bool, Cause> {
        KvStore::remove(self.asked(key)?, key)
    }
}

/// Does not answer about keys that have this text in them while its gate is shut.
pub(crate) fn gated(
    shelf: &Shelf,
    gate: &Arc<Mutex<()>>,
    of: &'static str,
) -> Hooked<impl Fn(usize, &str) -> Result<(), Cause> + Send + Sync + 'static> {
    let gate = gate.clone();
    Hooked::new(shelf.clone(), move |_, key: &str| {
        if key.contains(of) {
            drop(gate.lock().unwrap());
        }
        Ok(())
    })
}
