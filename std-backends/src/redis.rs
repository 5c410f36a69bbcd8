//! A store on Redis, Valkey, and what speaks like them: both faces, one layout of keys, one set of scripts.
//!
//! Every operation is one script, so it is atomic on the server, which also tells the time; every right has its
//! holder's token, so whatever is sent twice is done once. Not here: waiting, renewing, brackets, which are core's.

mod address;
mod background;
mod call;
mod command;
mod common;
mod doubts;
mod fleet;
mod health;
mod inbox;
pub(crate) mod layout;
pub(crate) mod masters;
mod name;
mod options;
mod owed;
mod reaper;
mod renewal;
mod reply;
mod script;
mod sentinel;
mod server;
mod shared;
mod subscription;
mod target;
mod unscripted;

use crate::{
    Kv,
    backend::{About, Backend, BoxFuture, Call, News, Outcome, OwnedKey, Reply, ends},
    clock::StdClock,
    health::Node,
    observe::Watcher,
    process::{self, PerProcess},
    token,
};
use cachify_core::{
    Cause,
    drive::{beside, ready},
    key::Kind,
    observe::Event,
    op::Left,
    patience::Ticket,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use command::Question;
use common::Common;
use doubts::{Doubts, Room};
use fleet::Fleet;
use inbox::{Inbox, Place};
use name::Name;
pub(crate) use options::{Login, Tls};
use owed::Owed;
use reaper::Reaper;
#[cfg(feature = "redis-1-client")]
pub use server::lent::Connections;
pub(crate) use server::lent::Lent;
use server::{
    tasks::{Task, Use},
    threads::Thread,
};
use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};
pub(crate) use target::Target;
use unscripted::Unscripted;

/// What a user set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) reads_replicas: bool,
    /// Connections of the program's own.
    pub(crate) lent: Option<Lent>,
}

/// How long each thing may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Unless set, it follows the way to the server.
    pub(crate) operation: Option<Duration>,
    pub(crate) connect: Duration,
}

/// The store, which ends its thread when it is dropped.
pub(crate) struct Redis {
    recipe: Recipe,
    /// Connections, waiters and threads of one process; a forked child makes its own.
    shared: PerProcess<Arc<Shared>>,
    /// What does the same where no script may be run.
    unscripted: PerProcess<Arc<Kv<Unscripted>>>,
}

/// What a process makes its part of the store from.
struct Recipe {
    target: Target,
    clock: StdClock,
    prefix: Box<str>,
    settings: Settings,
    watcher: Watcher,
    news: Arc<OnceLock<News>>,
    /// What may use the connections of the program: what a forked child writes to one is read as its parent's.
    process: u32,
}

/// What the store shares with its thread.
struct Shared {
    common: Arc<Common>,
    fleet: Fleet,
    inbox: Inbox,
    listening: AtomicBool,
    doubts: Doubts,
    reaper: OnceLock<Reaper>,
}

impl fmt::Debug for Redis {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("fleet", &self.shared().fleet).finish_non_exhaustive()
    }
}

impl Recipe {
    fn make(&self) -> Arc<Shared> {
        let [a, b, c, d] = token::shared().0;
        let (clock, watcher) = (self.clock.clone(), self.watcher.clone());
        let common = Arc::new(Common::new(clock, watcher, self.settings.limits, self.news.clone()));
        let lent = self.settings.lent.clone().filter(|_| process::id() == self.process);
        let fleet = Fleet::new(&common, &self.target, self.settings.reads_replicas, lent);
        let inbox = format!("{}in:{a:08x}{b:08x}{c:08x}{d:08x}", name::beginning(&self.prefix));
        let inbox = Inbox::new(inbox, fleet.is_cluster());
        Arc::new(Shared {
            common,
            fleet,
            inbox,
            listening: AtomicBool::new(false),
            doubts: Doubts::default(),
            reaper: OnceLock::new(),
        })
    }
}

impl Redis {
    pub(crate) fn new(target: Target, clock: StdClock, prefix: &str, settings: Settings, watcher: Watcher) -> Self {
        let (news, process) = (Arc::default(), process::id());
        let recipe = Recipe { target, clock, prefix: prefix.into(), settings, watcher, news, process };
        let redis = Self { recipe, shared: PerProcess::new(), unscripted: PerProcess::new() };
        // now: a child of a fork amid the first call would wait for that for ever
        redis.shared();
        redis
    }

    fn shared(&self) -> &Arc<Shared> {
        self.shared.get_or_init(|| self.recipe.make())
    }

    /// Who does everything instead, once a server said that it runs no scripts.
    fn unscripted(&self) -> Option<Arc<Kv<Unscripted>>> {
        let shared = self.shared();
        let instead = || Arc::new(Kv(Unscripted { shared: shared.clone() }));
        shared.common.lacks_scripts().then(|| self.unscripted.get_or_init(instead).clone())
    }

    /// The same for what was refused: no script was run, so nothing was done.
    fn instead<T>(&self, answer: &Result<T, Cause>) -> Option<Arc<Kv<Unscripted>>> {
        if matches!(answer, Err(Cause::Rejected { why: reply::NO_SCRIPTS, .. })) {
            // of a server that could not say so when it was met, for it was loading its data
            self.shared().common.found_scripts(false);
        }
        self.unscripted().filter(|_| answer.as_ref().is_err_and(|cause| !cause.is_indeterminate()))
    }
}

impl Backend for Redis {
    fn call(self: Arc<Self>, call: Call) -> BoxFuture<'static, Result<Reply, Cause>> {
        if let Some(unscripted) = self.unscripted() {
            return self.shared().inside(unscripted.call(call));
        }
        Box::pin(async move {
            let shared = self.shared();
            let until = shared.common.clock.now().saturating_add(call.limit);
            let name = Name::of(&call.key.key());
            let limit = shared.common.clock.sleep_until(until);
            let task = Task::new(Use::of(name.kind), until, shared.op_timeout());
            let question = Question::of(&call);
            let answer = beside(call::call(shared, &task, &name, &question, until), limit).await.unwrap_or_else(|()| {
                if task.timed_out().is_some() {
                    shared.fleet.doubt();
                }
                Err(Cause::TimedOut)
            });
            // found out by this very call
            match self.instead(&answer) {
                Some(unscripted) => self.shared().inside(unscripted.call(call)).await,
                None => answer,
            }
        })
    }

    fn call_blocking(self: Arc<Self>, call: Call) -> Result<Reply, Cause> {
        if let Some(unscripted) = self.unscripted() {
            return unscripted.call_blocking(call);
        }
        let shared = self.shared();
        let until = shared.common.clock.now().saturating_add(call.limit);
        let (thread, name) = (Thread::calling(until), Name::of(&call.key.key()));
        let answer = ready(call::call(shared, &thread, &name, &Question::of(&call), until));
        match self.instead(&answer) {
            Some(unscripted) => unscripted.call_blocking(call),
            None => answer,
        }
    }

    fn call_many_blocking(self: Arc<Self>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
        match self.unscripted() {
            Some(unscripted) => unscripted.renew_many(calls),
            None => renewal::call_many(self.shared(), calls),
        }
    }

    fn attach(self: Arc<Self>, news: News) {
        let _ = self.recipe.news.set(news);
    }

    fn changed(self: Arc<Self>, key: OwnedKey, ticket: Ticket) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _ = key;
            self.shared().inbox.changed(ticket).await;
        })
    }

    fn abandon(self: Arc<Self>, key: OwnedKey, token: HolderToken, left: Left) {
        let (shared, name) = (self.shared(), Name::of(&key.key()));
        let place = shared.inbox.leave(token);
        if let Some(unscripted) = self.unscripted() {
            return unscripted.abandon(key, token, left);
        }
        match left {
            Left::HandOff => {
                if let Some(place) = place {
                    shared.pass_on(&name, place);
                }
            }
            Left::Lease | Left::WakeUp => {
                let place = place.unwrap_or_default();
                let room = shared.doubts.room(name.kind, token);
                let is_held = left == Left::Lease && !shared.doubts.has(token) && name.kind != Kind::Cache;
                let held = is_held.then(|| key.clone());
                if shared.owe(Owed { held, ..Owed::back(name.clone(), token, place.clone()) }, room) {
                    shared.settled(&name, token, &place, room);
                } else {
                    shared.doubts.take(token);
                    let cause = Cause::rejected("too many answers were lost at once: this lease ends by itself");
                    key.within(|| shared.common.tell(&Event::Failed { key: Some(key.key()), cause }));
                }
            }
            Left::Done { fresh, .. } => {
                let ends = ends(left, &shared.common.clock).unwrap_or(Instant::MAX);
                let outcome = Outcome::Done { fresh };
                shared.owe(Owed { outcome, ends, ..Owed::back(name, token, Place::default()) }, Room::Unbounded);
            }
        }
    }

    fn flush(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some(background) = self.shared().common.running() {
                background.backlog.idle().await;
            }
            if let Some(unscripted) = self.unscripted() {
                unscripted.flush().await;
            }
        })
    }

    /// The limit lies where it is noted which answers are in doubt.
    fn about(&self) -> About {
        About { keeps_limits: true, kept_in: self.recipe.target.kept_in(), ..About::default() }
    }

    fn nodes(self: Arc<Self>) -> BoxFuture<'static, Vec<Node>> {
        Box::pin(async move { health::nodes(self.shared()).await })
    }

    fn limit(&self) -> Duration {
        self.shared().op_timeout()
    }

    fn evicts(&self) -> Option<String> {
        self.shared().fleet.evicts()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // a parent's part stays as it is in its child
        if let Some(shared) = self.shared.get() {
            shared.common.close();
        }
    }
}
