//! The waiting protocol in RAM: all schedules of real futures on a real store, without timers.

use cachify_core::{
    FixedStore, Instance, Refused,
    cell::waiters::Place,
    key::Key,
    op::{Answer, Left, Request},
    patience::Ticket,
    store::{Platform, Store, lock::NoLock},
    testing::ManualClock,
    token::HolderToken,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
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
        self.inner.poll_op(state, request, cx)
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

/// One task: it asks, holds, gives back, and is done; it can be cancelled while it waits.
enum Phase<'a> {
    Idle,
    Waiting(Asking<'a>),
    Holding(#[expect(dead_code, reason = "held until the phase changes")] Box<dyn Guard + 'a>),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Start(usize),
    Poll(usize),
    GiveBack(usize),
    Cancel(usize),
}

/// Phase and wake flag of each task, and in which order they wait.
type Digest = (Vec<(u8, bool)>, Vec<usize>);

struct World<'a> {
    tasks: Vec<(Phase<'a>, Arc<Flag>)>,
    order: Vec<usize>,
    room: usize,
}

impl<'a> World<'a> {
    fn new(tasks: usize, room: usize) -> Self {
        Self { tasks: (0..tasks).map(|_| (Phase::Idle, Arc::default())).collect(), order: Vec::new(), room }
    }

    fn actions(&self) -> Vec<Action> {
        let each = self.tasks.iter().enumerate().flat_map(|(i, (phase, flag))| match phase {
            Phase::Idle => vec![Action::Start(i)],
            Phase::Waiting(_) if flag.0.load(SeqCst) => vec![Action::Poll(i), Action::Cancel(i)],
            Phase::Waiting(_) => vec![Action::Cancel(i)],
            Phase::Holding(_) => vec![Action::GiveBack(i)],
            Phase::Done => vec![],
        });
        each.collect()
    }

    fn act(&mut self, action: Action, ask: &dyn Fn() -> Asking<'a>) {
        match action {
            Action::Start(i) => {
                self.tasks[i].0 = Phase::Waiting(ask());
                self.order.push(i);
                self.poll(i);
            }
            Action::Poll(i) => {
                self.order.retain(|o| *o != i);
                self.order.push(i);
                self.poll(i);
            }
            Action::GiveBack(i) => self.tasks[i].0 = Phase::Done,
            Action::Cancel(i) => {
                self.order.retain(|o| *o != i);
                self.tasks[i].0 = Phase::Done;
            }
        }
    }

    fn poll(&mut self, i: usize) {
        let (phase, flag) = &mut self.tasks[i];
        flag.0.store(false, SeqCst);
        let Phase::Waiting(future) = phase else { panic!("only a waiting task is polled") };
        if let Poll::Ready(got) = future.as_mut().poll(&mut Context::from_waker(&Waker::from(flag.clone()))) {
            *phase = Phase::Holding(got.expect("waits for ever"));
            self.order.retain(|o| *o != i);
        }
    }

    fn count(&self, phase: fn(&Phase<'_>) -> bool) -> usize {
        self.tasks.iter().filter(|(p, _)| phase(p)).count()
    }

    /// The stronger invariant: nobody waits for what is free unless a wake-up is on its way.
    fn check(&self) -> Result<(), &'static str> {
        let holding = self.count(|p| matches!(p, Phase::Holding(_)));
        let waiting = |(p, _): &&(Phase<'_>, Arc<Flag>)| matches!(p, Phase::Waiting(_));
        let woken = self.tasks.iter().filter(waiting).filter(|(_, f)| f.0.load(SeqCst)).count();
        if holding > self.room {
            return Err("too many inside");
        }
        let stuck = self.tasks.iter().filter(waiting).count() > woken;
        if stuck && holding + woken < self.room { Err("a lost wake-up") } else { Ok(()) }
    }

    fn digest(&self) -> Digest {
        let number = |p: &Phase<'_>| match p {
            Phase::Idle => 0,
            Phase::Waiting(_) => 1,
            Phase::Holding(_) => 2,
            Phase::Done => 3,
        };
        (self.tasks.iter().map(|(p, f)| (number(p), f.0.load(SeqCst))).collect(), self.order.clone())
    }
}

/// How many states there are and which steps were taken, or the broken promise and the way to it.
type Found = Result<(usize, HashMap<Action, usize>), (&'static str, Vec<Action>)>;

/// Replays every schedule that leads to a new state; futures cannot be copied, so each is built anew.
fn search(tasks: usize, room: u16, fault: Fault) -> Found {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut taken: HashMap<Action, usize> = HashMap::new();
    let mut queue = VecDeque::from([Vec::<Action>::new()]);
    while let Some(path) = queue.pop_front() {
        let clock = ManualClock::new();
        let store = Sabotaged { inner: Ram::new(&clock), fault };
        let instance = Instance::new(&store);
        let instance = &instance;
        let ask = || -> Asking<'_> {
            if room == 1 {
                let lock = instance.lock("k").wait_forever();
                return Box::pin(async move { Ok(Box::new(lock.acquire().await?) as Box<dyn Guard>) });
            }
            let pool = instance.pool("k", room.into()).wait_forever();
            Box::pin(async move { Ok(Box::new(pool.take().await?) as Box<dyn Guard>) })
        };
        let mut world = World::new(tasks, usize::from(room));
        for action in &path {
            world.act(*action, &ask);
        }
        world.check().map_err(|broken| (broken, path.clone()))?;
        if !seen.insert(world.digest()) {
            continue;
        }
        for action in world.actions() {
            *taken.entry(action).or_default() += 1;
            queue.push_back(path.iter().copied().chain([action]).collect());
        }
    }
    Ok((seen.len(), taken))
}

#[test]
fn no_wake_up_is_lost_on_a_lock_whatever_is_cancelled() {
    let (states, taken) = search(4, 1, Fault::None).unwrap();
    assert!(states > 500, "{states} states are too few to mean anything");
    assert!((0..4).all(|i| taken.contains_key(&Action::Cancel(i)) && taken.contains_key(&Action::Poll(i))));
}

#[test]
fn no_wake_up_is_lost_on_a_pool_of_two() {
    let (states, _) = search(4, 2, Fault::None).unwrap();
    assert!(states > 200, "{states} states are too few to mean anything");
}

/// Kinds must not meet in the waiters either, whatever their keys hash to.
#[test]
fn a_release_wakes_nobody_who_waits_for_another_kind() {
    use cachify_core::{cell::waiters::Waiters, key::Kind};
    let waker = |flag: &Arc<Flag>| Waker::from(flag.clone());
    let (flight, lock): (Arc<Flag>, Arc<Flag>) = Default::default();
    let key = |kind| Key { hash: 7, ..Key::new(kind, "", b"k", 0) };
    let mut waiters = Waiters::new(Vec::new());
    let ticket = waiters.ticket();
    let mut places = [Place::default(); 2];
    assert!(!waiters.poll(&mut places[0], &key(Kind::Cache), ticket, &waker(&flight)));
    assert!(!waiters.poll(&mut places[1], &key(Kind::Lock), ticket, &waker(&lock)));
    waiters.release(&key(Kind::Lock)).unwrap().wake();
    assert!(lock.0.load(SeqCst) && !flight.0.load(SeqCst));
    let hashes = |bytes: &[u8]| [Kind::Cache, Kind::Lock].map(|kind| Key::new(kind, "", bytes, 5).hash);
    assert_ne!(hashes(b"user:1")[0], hashes(b"user:2")[1]);
}

#[test]
fn a_lost_baton_and_a_silent_drop_are_found() {
    for fault in [Fault::NoBaton, Fault::SilentDrop] {
        let (broken, path) = search(3, 1, fault).unwrap_err();
        assert_eq!(broken, "a lost wake-up", "{fault:?} by {path:?}");
    }
}
