//! A store on Redis, Valkey, and what speaks like them: both faces, one layout of keys, one set of scripts.
//!
//! Every operation is one script, so it is atomic on the server, which also tells the time; every right has its
//! holder's token, so whatever is sent twice is done once. Not here: waiting, renewing, brackets, which are core's.

mod background;
mod call;
mod command;
mod doubts;
mod inbox;
mod name;
mod node;
mod options;
mod reaper;
mod renewal;
mod reply;
mod script;
mod subscription;
mod tasks;
mod threads;

use crate::{
    Error,
    backend::{Answer, Operation},
    clock::StdClock,
    keeper::{Keeper, Renew},
    locked,
    observe::Watcher,
    process::PerProcess,
    token,
};
use background::Background;
use cachify_core::{
    Fault,
    drive::{beside, ready},
    key::Key,
    observe::Event,
    op::Left,
    patience::Ticket,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use call::call;
use doubts::Doubts;
use inbox::Inbox;
use name::Name;
use node::Node;
use reaper::{Owed, Room};
use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tasks::{Lines, Task};
use threads::{Idle, Thread};
use tokio::sync::watch;

/// How long each thing may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) operation: Duration,
    pub(crate) connect: Duration,
}

/// The store. Every clone is the same; the last one ends its thread.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Owner>);

struct Owner {
    recipe: Recipe,
    /// Connections, waiters and threads of one process; a forked child makes its own.
    shared: PerProcess<Arc<Shared>>,
}

/// What a process makes its part of the store from.
struct Recipe {
    client: redis::Client,
    clock: StdClock,
    prefix: Box<str>,
    limits: Limits,
    watcher: Watcher,
}

/// What the store shares with its thread.
struct Shared {
    client: redis::Client,
    clock: StdClock,
    watcher: Watcher,
    op_timeout: Duration,
    connect_timeout: Duration,
    node: Node,
    lines: Lines,
    idle: Idle,
    /// The keeper's own: a right is not lost because calls wait on the others.
    renewing: Idle,
    inbox: Inbox,
    keeper: Keeper,
    background: OnceLock<Background>,
    starting: Mutex<()>,
    listening: AtomicBool,
    /// Whether a connection broke since the last one was made.
    broken: AtomicBool,
    closed: watch::Sender<bool>,
    doubts: Doubts,
}

impl fmt::Debug for Redis {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        f.debug_struct("Redis")
            .field("lines", &shared.lines)
            .field("idle", &shared.idle)
            .field("keeper", &shared.keeper)
            .finish_non_exhaustive()
    }
}

/// A client for a URL; nothing is sent yet.
pub(crate) fn client(url: &str) -> Result<redis::Client, Error> {
    options::client(url)
}

impl Recipe {
    fn make(&self) -> Arc<Shared> {
        let [a, b, c, d] = token::shared().0;
        let colon = if self.prefix.is_empty() { "" } else { ":" };
        Arc::new(Shared {
            client: self.client.clone(),
            keeper: Keeper::new(self.clock.clone()),
            clock: self.clock.clone(),
            watcher: self.watcher.clone(),
            op_timeout: self.limits.operation,
            connect_timeout: self.limits.connect,
            node: Node::new(),
            lines: Lines::default(),
            idle: Idle::default(),
            renewing: Idle::default(),
            inbox: Inbox::new(format!("{}{colon}in:{a:08x}{b:08x}{c:08x}{d:08x}", self.prefix)),
            background: OnceLock::new(),
            starting: Mutex::new(()),
            listening: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            closed: watch::Sender::new(false),
            doubts: Doubts::default(),
        })
    }
}

impl Owner {
    fn shared(&self) -> &Arc<Shared> {
        self.shared.get_or_init(|| self.recipe.make())
    }
}

impl Redis {
    pub(crate) fn new(client: redis::Client, clock: StdClock, prefix: &str, limits: Limits, watcher: Watcher) -> Self {
        let client = redis::Client::open(options::settled(client.get_connection_info().clone())).unwrap_or(client);
        let recipe = Recipe { client, clock, prefix: prefix.into(), limits, watcher };
        let owner = Owner { recipe, shared: PerProcess::new() };
        // now: a child of a fork amid the first call would wait for that for ever
        owner.shared();
        Self(Arc::new(owner))
    }

    fn shared(&self) -> &Arc<Shared> {
        self.0.shared()
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.shared().keeper
    }

    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// What renews through this store.
    pub(crate) fn renewer(&self) -> Weak<dyn Renew> {
        let owner: Arc<dyn Renew> = self.0.clone();
        Arc::downgrade(&owner)
    }

    /// One operation, within its limit; past it the outcome is unknown.
    pub(crate) async fn call(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        let shared = self.shared();
        let until = shared.deadline();
        let name = Name::of(&key);
        let limit = shared.clock.sleep_until(until);
        let task = Task::new(shared, until);
        beside(call(shared, &task, &name, &operation, until), limit).await.unwrap_or_else(|()| {
            task.timed_out();
            Err(Fault::TimedOut)
        })
    }

    /// One operation, blocking, within its limit; past it the outcome is unknown.
    pub(crate) fn call_blocking(&self, key: Key<'_>, operation: &Operation) -> Result<Answer, Fault> {
        let shared = self.shared();
        let until = shared.deadline();
        ready(call(shared, &Thread::calling(shared, until), &Name::of(&key), operation, until))
    }

    pub(crate) async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        self.shared().inbox.changed(&Name::of(&key), ticket).await;
    }

    pub(crate) fn abandon(&self, key: Key<'_>, token: HolderToken, left: Left) {
        match left {
            Left::Turn => self.waiter_gone(key, token),
            Left::Lease | Left::WakeUp => self.dropped(key, token),
            Left::Done { fresh, ttl } => {
                self.unfinished(key, token, Duration::from_millis(ttl), Duration::from_millis(fresh));
            }
        }
    }

    fn dropped(&self, key: Key<'_>, token: HolderToken) {
        let (shared, name) = (self.shared(), Name::of(&key));
        shared.inbox.gone(&name, token);
        let room = shared.doubts.room(name.kind, token);
        if shared.owe(Owed::back(name.clone(), token), room) {
            shared.settled(&name, token, room);
        } else {
            shared.doubts.take(token);
            let fault = Fault::Rejected("too many answers were lost at once: this right ends by itself");
            shared.tell(&Event::Failed { key: Some(key), fault });
        }
    }

    fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        let (shared, name) = (self.shared(), Name::of(&key));
        shared.inbox.gone(&name, token);
        let ends = shared.clock.now().saturating_add(ttl);
        shared.owe(Owed { name, token, done: Some(keep), ends }, Room::Unbounded);
    }

    pub(crate) fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        let (shared, name) = (self.shared(), Name::of(&key));
        if shared.inbox.gone(&name, token) {
            shared.pass_on(&name);
        }
    }

    /// Ends when everything dropped so far was given back.
    pub(crate) async fn flush(&self) {
        if let Some(background) = self.shared().running() {
            background.idle().await;
        }
    }

    /// The policy by which the server may drop live rights, if it said one.
    pub(crate) fn evicts(&self) -> Option<&str> {
        self.shared().node.evicts()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // a parent's part stays as it is in its child
        if let Some(shared) = self.shared.get() {
            shared.keeper.stop();
            shared.closed.send_replace(true);
        }
    }
}

impl Shared {
    /// When an operation that begins now is to end.
    fn deadline(&self) -> Instant {
        self.clock.now().saturating_add(self.op_timeout)
    }

    /// The thread; started now if it does not run yet.
    fn background(&self) -> Option<&Background> {
        if self.background.get().is_none() {
            let _starting = locked(&self.starting);
            if self.background.get().is_none() {
                let _ = self.background.set(Background::start(self)?);
            }
        }
        self.background.get()
    }

    fn running(&self) -> Option<&Background> {
        self.background.get()
    }

    /// Sees to it that there is a subscription, sooner or later; whether there can be one.
    fn listen(self: &Arc<Self>) -> bool {
        let Some(background) = self.background() else { return false };
        if !self.listening.swap(true, Ordering::Relaxed) {
            background.listen(self);
        }
        true
    }

    fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// A connection broke: the server may have been replaced by one that knows less.
    fn broke(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// A connection was made, and the server answered its first questions.
    fn greeted(&self, answers: &[redis::Value]) -> Result<(), Fault> {
        let policy = self.node.greeted(self.clock.now(), answers).map_err(tasks::unreached)?;
        if let Some(policy) = policy {
            self.tell(&Event::Evicts { policy });
        }
        if self.broken.swap(false, Ordering::Relaxed) {
            self.keeper.rush();
        }
        Ok(())
    }

    /// Sees to it that something is given back, soon; whether there was room to note it.
    fn owe(self: &Arc<Self>, owed: Owed, room: Room) -> bool {
        self.background().is_some_and(|background| background.reaper.owe(self, owed, Instant::ZERO, room))
    }

    /// Giving back what nobody holds wakes the next one, here or elsewhere.
    fn pass_on(self: &Arc<Self>, name: &Name) {
        self.owe(Owed::back(name.clone(), HolderToken([0; 4])), Room::Unbounded);
    }

    /// A question with this token may be answered without our knowing.
    fn doubt(&self, token: HolderToken) {
        // twice the limit: a copy says itself until when it may be done, by an estimate of the server's time
        self.doubts.add(token, self.clock.now(), self.op_timeout * 2);
    }

    /// It was given back; if a copy of its question may still land, it will be once more.
    fn settled(self: &Arc<Self>, name: &Name, token: HolderToken, room: Room) {
        if let (Some(at), Some(background)) = (self.doubts.take(token), self.background()) {
            background.reaper.owe(self, Owed::back(name.clone(), token), at, room);
        }
    }
}
