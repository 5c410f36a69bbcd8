//! Time, what the observer was told, and whoever waits.

use cachify::{
    ManualClock,
    cachify_core::{
        observe::{Event, Observer},
        time::{Clock, Instant},
    },
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Remembers events as short texts: `"hit k"`, `"refused k: held ..."`.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    new: Vec<String>,
    /// Whether anything was ever granted: then a store that renews has started its thread.
    granted: bool,
}

impl Log {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panics").new)
    }

    fn has_granted(&self) -> bool {
        self.0.lock().expect("no panics").granted
    }
}

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        let line = match event {
            Event::Hit { key } => format!("hit {}", key.text()),
            Event::Miss { key } => format!("miss {}", key.text()),
            Event::Joined { key } => format!("joined {}", key.text()),
            Event::Granted { key, .. } => format!("granted {}", key.text()),
            Event::Refused { key, why } => format!("refused {}: {why}", key.map_or("-", |key| key.text())),
            Event::Lost { key, .. } => format!("lost {}", key.text()),
            Event::Failed { key, cause } => format!("failed {}: {cause}", key.map_or("-", |key| key.text())),
            other => format!("{other:?}"),
        };
        let mut lines = self.0.lock().expect("no panics");
        lines.granted |= matches!(event, Event::Granted { .. } | Event::Miss { .. });
        lines.new.push(line);
    }
}

/// What surrounds one store: its clock, its observer, and whether it renews from a thread of its own.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub clock: ManualClock,
    pub log: Log,
    pub keeps: bool,
    /// How many threads were started and did not end.
    pub threads: Arc<AtomicUsize>,
}

impl World {
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Moves the clock; what was due has happened when this returns.
    pub fn advance(&self, by: Duration) {
        self.keeper_rests();
        self.clock.advance(by);
        self.keeper_rests();
    }

    /// Whoever is started is on its own until it waits; the renewer's thread has come to rest before.
    ///
    /// It stays at rest as long as whatever was granted before was granted in the order of its TTL: a heartbeat that
    /// is due sooner than all others wakes it.
    pub fn start_thread<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Waiting<T> {
        self.keeper_rests();
        self.threads.fetch_add(1, SeqCst);
        let waiting = Waiting::Thread { thread: thread::spawn(f), world: self.clone() };
        waiting.rests();
        waiting
    }

    fn keeper_rests(&self) {
        until(|| self.clock.sleepers() >= self.keepers());
    }

    /// Whether everybody waits: the threads that were started, and the one that renews.
    fn is_at_rest(&self) -> bool {
        self.clock.sleepers() >= self.threads.load(SeqCst) + self.keepers()
    }

    fn keepers(&self) -> usize {
        usize::from(self.keeps && self.log.has_granted())
    }
}

/// Somebody who may have to wait.
pub enum Waiting<T> {
    Task { future: Pin<Box<dyn Future<Output = T>>>, woken: Arc<Woken>, out: Option<T> },
    Thread { thread: JoinHandle<T>, world: World },
}

impl<T> Waiting<T> {
    /// A task that has been polled once.
    pub fn task(future: impl Future<Output = T> + 'static) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let mut task = Self::Task { future: Box::pin(future), woken, out: None };
        task.waits();
        task
    }

    /// Whether it waits still, after it did what it could.
    pub fn waits(&mut self) -> bool {
        match self {
            Self::Task { future, woken, out } => {
                // only who was woken is polled, as an executor does it
                while out.is_none() && woken.0.swap(false, SeqCst) {
                    let waker = Waker::from(woken.clone());
                    if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        *out = Some(done);
                    }
                }
                out.is_none()
            }
            Self::Thread { thread, .. } => {
                let over = thread.is_finished();
                self.rests();
                !over
            }
        }
    }

    /// What it came to; it must not wait any more.
    pub fn end(mut self) -> T {
        let waits = matches!(self, Self::Task { .. }) && self.waits();
        assert!(!waits, "still waiting");
        match self {
            Self::Task { out, .. } => out.expect("has ended"),
            Self::Thread { thread, world } => {
                until(|| thread.is_finished());
                world.threads.fetch_sub(1, SeqCst);
                thread.join().expect("no panic")
            }
        }
    }

    fn rests(&self) {
        if let Self::Thread { thread, world } = self {
            until(|| thread.is_finished() || world.is_at_rest());
        }
    }
}

pub struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// The result of a future that does not wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("this must not wait"),
    }
}

/// Gives way to other threads until it is so.
fn until(is_so: impl Fn() -> bool) {
    for _ in 0..20_000_000 {
        if is_so() {
            return;
        }
        thread::yield_now();
    }
    panic!("a thread did not come to rest");
}
