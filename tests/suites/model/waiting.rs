//! The waiting protocol in RAM: all schedules of real futures on a real store.
//!
//! Nobody's timer ticks, but for the question whether a waiter that sleeps lets the others go on. Then, in every state:
//! nobody waits for what is free unless a wake-up is on its way that leads to a grant; nobody is granted before one who
//! asked earlier and still waits; and whoever is asleep when its turn comes delays the next by one turn at most.

mod searches;

use cachify_core::{
    FixedStore, Instance, Refused,
    cell::waiters::{Place, TURN},
    key::Key,
    op::{Answer, Left, Op, Request},
    patience::Ticket,
    store::{Platform, Store, lock::NoLock},
    testing::ManualClock,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

type Ram<'c> = FixedStore<NoLock, &'c ManualClock, 4, (), 8, 4>;

/// What is wrong with the store under search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A waiter that was woken and is cancelled keeps the wake-up to itself.
    NoBaton,
    /// A guard that is dropped is given back without waking anybody.
    SilentDrop,
    /// What is free is kept for nobody: whoever asks next takes it.
    NoReservation,
    /// Nobody sets a timer for the one who was called.
    NoStandby,
}

/// A store with a fault; everything else is the real one's.
struct Sabotaged<'c> {
    inner: Ram<'c>,
    fault: Fault,
}

impl<'c> Platform for Sabotaged<'c> {
    type Clock = &'c ManualClock;
    type KeyBuf = <Ram<'c> as Platform>::KeyBuf;
    type Monitor = ();
    type Codec = ();
    fn clock(&self) -> &&'c ManualClock {
        self.inner.clock()
    }
    fn token(&self) -> HolderToken {
        self.inner.token()
    }
}

impl Store for Sabotaged<'_> {
    type InFlight = Place;
    type Error = Infallible;

    fn poll_op(
        &self,
        state: &mut Place,
        request: &Request<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Infallible>> {
        let asks = matches!(request.op, Op::Acquire(_));
        let mut request = *request;
        if asks && self.fault == Fault::NoReservation {
            // every turn is over when somebody asks
            request.now = request.now.saturating_add(2 * turn());
        }
        match self.inner.poll_op(state, &request, cx) {
            Poll::Ready(Ok(Answer::Busy { ticket, .. })) if self.fault == Fault::NoStandby => {
                Poll::Ready(Ok(Answer::Busy { until: Instant::MAX, ticket }))
            }
            answer => answer,
        }
    }
    fn poll_changed(&self, state: &mut Place, key: &Key<'_>, ticket: Ticket, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_changed(state, key, ticket, cx)
    }
    fn abandon(&self, state: &mut Place, key: &Key<'_>, token: HolderToken, left: Left) {
        match (self.fault, left) {
            (Fault::NoBaton, Left::WakeUp) | (Fault::SilentDrop, Left::Lease) => {}
            _ => self.inner.abandon(state, key, token, left),
        }
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A guard of any kind: all that is done with it is to drop it.
trait Guard {}
impl<T> Guard for T {}
type Got<'a> = Result<Box<dyn Guard + 'a>, Refused>;
type Asking<'a> = Pin<Box<dyn Future<Output = Got<'a>> + 'a>>;

/// For how long what is free is kept for who was called.
fn turn() -> Duration {
    Duration::from_millis(TURN.into())
}

/// One task: it asks, holds, gives back, and does so again in its next round; it can be cancelled while it waits.
enum Phase<'a> {
    Idle,
    Waiting(Asking<'a>),
    Holding(#[expect(dead_code, reason = "held until the phase changes")] Box<dyn Guard + 'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Start(usize),
    Poll(usize),
    GiveBack(usize),
    Cancel(usize),
}

/// What is searched.
#[derive(Clone, Copy)]
struct Setup {
    tasks: usize,
    room: u16,
    /// How often each task asks.
    rounds: usize,
    fault: Fault,
}

const LOCK: Setup = Setup { tasks: 4, room: 1, rounds: 1, fault: Fault::None };

/// Of each task its phase, the rounds left, whether it was woken, and whether a poll would bring it in; and in which
/// order they asked.
type Digest = (Vec<(u8, usize, bool, bool)>, Vec<usize>);

const LOST: &str = "a lost wake-up";
const OVERTAKEN: &str = "one who asked later is granted first";
const ASLEEP: &str = "a sleeper keeps what is free for longer than its turn";

struct Task<'a> {
    phase: Phase<'a>,
    flag: Arc<Flag>,
    rounds: usize,
}

struct World<'a> {
    tasks: Vec<Task<'a>>,
    /// Who waits, in the order in which they asked.
    order: Vec<usize>,
    room: usize,
    overtaken: bool,
    clock: &'a ManualClock,
}

impl<'a> World<'a> {
    fn actions(&self) -> Vec<Action> {
        let each = self.tasks.iter().enumerate().flat_map(|(i, task)| match task.phase {
            Phase::Idle if task.rounds > 0 => vec![Action::Start(i)],
            Phase::Idle => vec![],
            Phase::Waiting(_) if task.is_woken() => vec![Action::Poll(i), Action::Cancel(i)],
            Phase::Waiting(_) => vec![Action::Cancel(i)],
            Phase::Holding(_) => vec![Action::GiveBack(i)],
        });
        each.collect()
    }

    fn act(&mut self, action: Action, ask: &dyn Fn() -> Asking<'a>) {
        match action {
            Action::Start(i) => {
                (self.tasks[i].phase, self.tasks[i].rounds) = (Phase::Waiting(ask()), self.tasks[i].rounds - 1);
                self.order.push(i);
                self.poll(i);
            }
            Action::Poll(i) => {
                self.poll(i);
            }
            Action::GiveBack(i) => self.tasks[i].phase = Phase::Idle,
            Action::Cancel(i) => {
                self.order.retain(|o| *o != i);
                self.tasks[i].phase = Phase::Idle;
            }
        }
    }

    /// Whether it holds now.
    fn poll(&mut self, i: usize) -> bool {
        let task = &mut self.tasks[i];
        task.flag.0.store(false, SeqCst);
        let Phase::Waiting(future) = &mut task.phase else { panic!("only a waiting task is polled") };
        let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(task.flag.clone())));
        let Poll::Ready(got) = polled else { return false };
        task.phase = Phase::Holding(got.expect("waits for ever"));
        // of several who may enter at once the order does not matter
        let ahead = self.order.iter().position(|o| *o == i).expect("it asked");
        self.overtaken |= ahead + self.count(|p| matches!(p, Phase::Holding(_))) > self.room;
        self.order.retain(|o| *o != i);
        true
    }

    /// Polls all who are woken, but one who sleeps, until nobody is.
    fn settle(&mut self, asleep: Option<usize>) {
        let woken = |world: &Self| {
            let of =
                |(i, task): (usize, &Task<'_>)| (task.waits() && task.is_woken() && Some(i) != asleep).then_some(i);
            world.tasks.iter().enumerate().find_map(of)
        };
        while let Some(i) = woken(self) {
            self.poll(i);
        }
    }

    /// Time passes: whoever waits for a point in time looks at the clock.
    fn advance(&mut self, by: Duration, asleep: Option<usize>) {
        self.clock.advance(by);
        for i in 0..self.tasks.len() {
            if self.tasks[i].waits() && Some(i) != asleep {
                self.poll(i);
            }
        }
        self.settle(asleep);
    }

    fn count(&self, phase: fn(&Phase<'_>) -> bool) -> usize {
        self.tasks.iter().filter(|task| phase(&task.phase)).count()
    }

    /// Whether somebody waits, but for that one, for what is free.
    fn is_stuck(&self, asleep: Option<usize>) -> bool {
        let waiting = self.tasks.iter().enumerate().filter(|(i, task)| task.waits() && Some(*i) != asleep).count();
        waiting > 0 && self.count(|p| matches!(p, Phase::Holding(_))) < self.room
    }

    fn is_sound(&self) -> Result<(), &'static str> {
        match () {
            () if self.count(|p| matches!(p, Phase::Holding(_))) > self.room => Err("too many inside"),
            () if self.overtaken => Err(OVERTAKEN),
            () => Ok(()),
        }
    }

    fn digest(&self) -> Digest {
        let number = |phase: &Phase<'_>| match phase {
            Phase::Idle => 0,
            Phase::Waiting(_) => 1,
            Phase::Holding(_) => 2,
        };
        let each = self.tasks.iter().map(|task| (number(&task.phase), task.rounds, task.is_woken(), false));
        (each.collect(), self.order.clone())
    }
}

impl Task<'_> {
    fn is_woken(&self) -> bool {
        self.flag.0.load(SeqCst)
    }

    fn waits(&self) -> bool {
        matches!(self.phase, Phase::Waiting(_))
    }
}

/// Does all that again on a new store, then something more: futures cannot be copied.
fn replay<R>(setup: Setup, path: &[Action], then: impl FnOnce(&mut World<'_>) -> R) -> R {
    let clock = ManualClock::new();
    let store = Sabotaged { inner: Ram::new(&clock), fault: setup.fault };
    let instance = Instance::new(&store);
    let instance = &instance;
    let ask = || -> Asking<'_> {
        if setup.room == 1 {
            let lock = instance.lock("k").wait_forever();
            return Box::pin(async move { Ok(Box::new(lock.acquire().await?) as Box<dyn Guard>) });
        }
        let pool = instance.pool("k", setup.room.into()).wait_forever();
        Box::pin(async move { Ok(Box::new(pool.take().await?) as Box<dyn Guard>) })
    };
    let task = || Task { phase: Phase::Idle, flag: Arc::default(), rounds: setup.rounds };
    let mut world = World {
        tasks: (0..setup.tasks).map(|_| task()).collect(),
        order: Vec::new(),
        room: setup.room.into(),
        overtaken: false,
        clock: &clock,
    };
    for action in path {
        world.act(*action, &ask);
    }
    then(&mut world)
}

/// How many states there are and which steps were taken, or the broken promise and the way to it.
type Found = Result<(usize, HashMap<Action, usize>), (&'static str, Vec<Action>)>;

/// Visits every state that can be reached.
fn search(setup: Setup) -> Found {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut taken: HashMap<Action, usize> = HashMap::new();
    let mut queue = VecDeque::from([Vec::<Action>::new()]);
    while let Some(path) = queue.pop_front() {
        let (sound, mut digest, actions) =
            replay(setup, &path, |world| (world.is_sound(), world.digest(), world.actions()));
        sound.map_err(|broken| (broken, path.clone()))?;
        let woken: Vec<_> = (0..setup.tasks).filter(|i| digest.0[*i].0 == 1 && digest.0[*i].2).collect();
        for i in &woken {
            digest.0[*i].3 = replay(setup, &path, |world| world.poll(*i));
        }
        if !seen.insert(digest) {
            continue;
        }
        let settles = replay(setup, &path, |world| {
            world.settle(None);
            !world.is_stuck(None)
        });
        let outlives = |asleep: &usize| {
            replay(setup, &path, |world| {
                world.settle(Some(*asleep));
                world.advance(turn(), Some(*asleep));
                !world.is_stuck(Some(*asleep))
            })
        };
        if !settles {
            return Err((LOST, path));
        }
        if !woken.iter().all(outlives) {
            return Err((ASLEEP, path));
        }
        for action in actions {
            *taken.entry(action).or_default() += 1;
            queue.push_back(path.iter().copied().chain([action]).collect());
        }
    }
    Ok((seen.len(), taken))
}
