//! A gateway with its store, devices on lines, and tasks on them: polled in turn while the clock is moved by hand.

use crate::pipe::{Faults, Line, Random};
use cachify_core::{
    Instance,
    key::{Key, Kind},
    store::{growing::MapStore, lock::NoLock},
    testing::ManualClock,
    time::{Clock, Instant},
};
use cachify_link::{Gateway, LineEnd, RemoteStore, Session};
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) type Device<'c> = Instance<RemoteStore<NoLock, &'c ManualClock>>;
pub(crate) type Memory<'c> = MapStore<NoLock, &'c ManualClock, Vec<u8>>;
pub(crate) type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(crate) fn device(clock: &ManualClock, id: u32) -> Device<'_> {
    let device = Instance::new(RemoteStore::<NoLock, _>::new(clock));
    device.store().start(Session { id, device: [id, !id] });
    device
}

/// A pump and a gateway that begin again whenever their line ends.
pub(crate) fn connected<'a>(
    device: &'a Device<'a>,
    store: &'a Memory<'a>,
    clock: &'a ManualClock,
    line: &Line,
) -> [Task<'a>; 2] {
    let (near, far) = (line.clone(), line.clone());
    let pump = async move {
        loop {
            device.store().pump(near.down.clone(), near.up.clone()).await;
            once_more().await;
        }
    };
    let serve = async move {
        let mut gateway = Gateway::new(store, clock);
        loop {
            let end = gateway.serve(far.up.clone(), far.down.clone()).await;
            assert!(!matches!(end, LineEnd::Read(_)), "pipes are always read");
            once_more().await;
        }
    };
    [Box::pin(pump), Box::pin(serve)]
}

/// Pending once.
pub(crate) async fn once_more() {
    let mut polled = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Waits by the clock.
pub(crate) async fn pass(clock: &ManualClock, time: Duration) {
    let end = clock.now().saturating_add(time);
    while clock.now() < end {
        once_more().await;
    }
}

/// Polls everything in turn, a millisecond after each few rounds, until the tasks have ended or `limit` passed; what
/// `check` finds wrong after any round ends the test.
pub(crate) struct World<'a> {
    pub(crate) clock: &'a ManualClock,
    pub(crate) random: RefCell<Random>,
    pub(crate) services: Vec<Task<'a>>,
    pub(crate) tasks: Vec<Option<Task<'a>>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(clock: &'a ManualClock, seed: u64) -> Self {
        Self { clock, random: RefCell::new(Random::new(seed)), services: Vec::new(), tasks: Vec::new() }
    }

    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'a) {
        self.tasks.push(Some(Box::pin(task)));
    }

    /// The devices say that their lives begin, and are answered; no time passes.
    pub(crate) fn greet(&mut self) {
        for _ in 0..4 {
            self.round();
        }
    }

    /// One round; whether any task is left.
    pub(crate) fn round(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        for service in &mut self.services {
            assert!(service.as_mut().poll(&mut cx).is_pending(), "services never end");
        }
        for slot in &mut self.tasks {
            if let Some(task) = slot
                && task.as_mut().poll(&mut cx).is_ready()
            {
                *slot = None;
            }
        }
        self.tasks.iter().any(Option::is_some)
    }

    /// Runs for at most `limit`; whether all tasks ended.
    pub(crate) fn run(&mut self, limit: Duration, mut check: impl FnMut()) -> bool {
        let end = self.clock.now().saturating_add(limit);
        while self.clock.now() < end {
            for _ in 0..3 {
                let is_left = self.round();
                check();
                if !is_left {
                    return true;
                }
            }
            let step = 1 + self.random.borrow_mut().below(3);
            self.clock.advance(Duration::from_millis(step));
        }
        false
    }
}

/// A line on which about everything goes wrong now and then.
pub(crate) fn fault(random: &mut Random) -> Faults {
    let mut some = |least: u64| if random.once_in(2) { 0 } else { least + random.below(least * 20) };
    Faults {
        flips: some(60),
        losses: some(60),
        additions: some(60),
        doubles: some(3),
        gaps: some(3),
        delays: some(2),
        ..Faults::default()
    }
}

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const LONG: Duration = Duration::from_secs(100);

pub(crate) fn named(kind: Kind) -> Key<'static> {
    Key::new(kind, "", b"k", 0)
}

pub(crate) fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// A device, its gateway's store, and a clock, on a line that does as told; and perhaps something that tasks borrow.
macro_rules! world {
    ($clock:ident, $store:ident, $local:ident, $device:ident, $line:ident, $world:ident $(, $more:ident = $value:expr)?) => {
        let $clock = ManualClock::new();
        let $store = Memory::new(&$clock);
        #[allow(unused_variables, reason = "not every test has a caller at the gateway")]
        let $local = Instance::new(&$store);
        let $device = device(&$clock, 1);
        let $line = Line::new(0);
        $(let $more = $value;)?
        let mut $world = World::new(&$clock, 0);
        $world.services.extend(connected(&$device, &$store, &$clock, &$line));
        $world.greet();
    };
}
pub(crate) use world;
