//! A cluster: its nodes, and what they say of who serves which slot.
//!
//! Nobody is asked before somebody needs it, and then all that are known at once: the first who knows is believed, for
//! who is wrong sends us on. Not here: what a caller does with a redirection, which is the call's.

use super::slots::{SLOTS, Served, served};
use crate::{
    redis::{
        address::Address,
        call::Wire,
        common::Common,
        reply::{Failure, Redirect, unreached},
        server::Server,
        tasks::{Task, Use},
    },
    sync::locked,
};
use cachify_core::{
    Cause,
    drive::beside,
    time::{Clock, Instant, Timer},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// The least time between two inquiries.
const PAUSE: Duration = Duration::from_millis(50);
/// For how long the outcome of an inquiry is news enough for whoever finds a node gone.
const NEWS: Duration = Duration::from_secs(1);

/// How often it is asked at most whether a node has replicas by now.
const REPLICAS: Duration = Duration::from_secs(5);

const NO_NODE: Cause = Cause::NotNow("no node of the cluster serves this key's slot");

pub(in crate::redis) struct Cluster {
    common: Arc<Common>,
    /// Where the cluster was said to be.
    seeds: Vec<Arc<Server>>,
    map: RwLock<Map>,
    inquiry: Mutex<Inquiry>,
    reads_replicas: bool,
    /// Which of several replicas is next.
    turn: AtomicUsize,
    /// Told of each new map, and each inquiry that brought none.
    changed: watch::Sender<()>,
}

/// Who serves what.
struct Map {
    /// By address.
    servers: HashMap<String, Arc<Server>>,
    owners: Vec<Option<Arc<Server>>>,
    /// Replicas from which values are read, by address; none unless that is wished.
    readers: HashMap<String, Arc<Server>>,
    /// Those of each owner, by its number.
    replicas: HashMap<u64, Vec<Arc<Server>>>,
}

impl Map {
    fn new(servers: HashMap<String, Arc<Server>>) -> Self {
        let (readers, replicas) = (HashMap::new(), HashMap::new());
        Self { servers, owners: vec![None; usize::from(SLOTS)], readers, replicas }
    }
}

#[derive(Debug, Default)]
struct Inquiry {
    is_running: bool,
    /// Somebody asked for another one meanwhile.
    again: bool,
    /// When the last one ended, if one did.
    ended: Option<Instant>,
    /// Why it brought nothing.
    why: Option<Cause>,
}

impl Cluster {
    pub(super) fn new(common: &Arc<Common>, seeds: &[Address], reads_replicas: bool) -> Arc<Self> {
        let seeds: Vec<_> = seeds.iter().map(|seed| Arc::new(Server::new(common.clone(), seed.clone()))).collect();
        let servers = seeds.iter().map(|server| (server.address.text(), server.clone())).collect();
        let (map, common, turn) = (RwLock::new(Map::new(servers)), common.clone(), AtomicUsize::new(0));
        let (inquiry, changed) = (Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { common, seeds, map, inquiry, reads_replicas, turn, changed })
    }

    fn read<T>(&self, look: impl FnOnce(&Map) -> T) -> T {
        look(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn find(&self, slot: u16) -> Option<Arc<Server>> {
        self.read(|map| map.owners.get(usize::from(slot)).cloned().flatten())
    }

    /// A replica of whoever serves a slot, where such are to be read from: another one each time.
    pub(super) fn reader(self: &Arc<Self>, slot: u16) -> Option<Arc<Server>> {
        if !self.reads_replicas {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let reader = self.read(|map| {
            let owner = map.owners.get(usize::from(slot))?.as_ref()?;
            let replicas = map.replicas.get(&owner.number).filter(|replicas| !replicas.is_empty())?;
            replicas.get(turn % replicas.len()).cloned()
        });
        // one that is new, or was away, is told of only when somebody asks
        if reader.is_none() && self.has_been_silent(self.common.clock.now(), REPLICAS) {
            self.inquire();
        }
        reader
    }

    pub(super) fn all(&self) -> Vec<Arc<Server>> {
        self.read(|map| map.servers.values().cloned().collect())
    }

    /// The same with the replicas that are read from.
    pub(super) fn all_with_replicas(&self) -> Vec<Arc<Server>> {
        self.read(|map| map.servers.values().chain(map.readers.values()).cloned().collect())
    }

    pub(super) fn op_timeout(&self) -> Duration {
        let longest = || self.read(|map| map.servers.values().map(|server| server.op_timeout()).max());
        self.common.op_timeout.or_else(longest).unwrap_or_default()
    }

    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// An inquiry, and its end.
    pub(super) async fn known(self: &Arc<Self>) {
        let mut changed = self.changed.subscribe();
        if self.inquire() {
            // the sender is ours
            let _ = changed.changed().await;
        }
    }

    pub(super) fn why(&self) -> Cause {
        locked(&self.inquiry).why.unwrap_or(NO_NODE)
    }

    pub(super) fn may_learn(&self, now: Instant) -> bool {
        self.has_been_silent(now, NEWS)
    }

    /// Whether no inquiry has ended for so long.
    fn has_been_silent(&self, now: Instant, time: Duration) -> bool {
        locked(&self.inquiry).ended.is_none_or(|ended| now.since(ended) > time)
    }

    /// The node at `to`; if the slot has moved there, for everybody.
    pub(super) fn follow(self: &Arc<Self>, asked: &Server, to: &Redirect) -> Option<Arc<Server>> {
        let (host, port) = to.at.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let address = asked.address.at(if host.is_empty() { None } else { Some(host) }, port)?;
        let server = {
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            let server = map.server(&self.common, address);
            let owner = map.owners.get_mut(usize::from(to.slot))?;
            if !to.is_ask {
                *owner = Some(server.clone());
            }
            server
        };
        if !to.is_ask {
            self.changed.send_replace(());
            // where one slot has moved, others may have
            self.inquire();
        }
        Some(server)
    }

    /// Sees to it that the nodes are asked soon who serves what; whether they will be.
    pub(super) fn inquire(self: &Arc<Self>) -> bool {
        {
            let mut inquiry = locked(&self.inquiry);
            if inquiry.is_running {
                inquiry.again = true;
                return true;
            }
            inquiry.is_running = true;
        }
        let running = Running(self.clone(), true);
        let Some(background) = self.common.background() else { return false };
        background.runtime.spawn(running.ask());
        true
    }

    /// The first answer of any node, or the most telling refusal.
    async fn ask_any(&self) -> Result<Vec<Served>, Cause> {
        let mut all = self.all();
        all.extend(
            self.seeds
                .iter()
                .filter(|seed| !all.iter().any(|server| Arc::ptr_eq(server, seed)))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let (sender, mut answers) = mpsc::unbounded_channel();
        for server in all {
            let sender = sender.clone();
            tokio::spawn(async move { drop(sender.send(ask(&server).await)) });
        }
        drop(sender);
        let mut why = Cause::Unreachable;
        while let Some(answer) = answers.recv().await {
            match answer {
                Ok(served) => return Ok(served),
                Err(cause) if why == Cause::Unreachable => why = cause,
                Err(_) => {}
            }
        }
        Err(why)
    }

    fn learn(&self, all: Vec<Served>) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Map::new(HashMap::new());
        let address = |at: &str| {
            let (host, port) = at.rsplit_once(':')?;
            self.seeds.first()?.address.at(Some(host), port.parse().ok()?)
        };
        for Served { slots, at, replicas } in all {
            let Some(server) = address(&at).map(|address| map.server(&self.common, address)) else { continue };
            let reader = |address: Address| {
                let known = map.readers.get(&address.text()).cloned();
                known.unwrap_or_else(|| Arc::new(Server::replica(self.common.clone(), address)))
            };
            let replicas = replicas.iter().filter(|_| self.reads_replicas);
            let readers: Vec<_> = replicas.filter_map(|at| address(at)).map(reader).collect();
            new.readers.extend(readers.iter().map(|reader| (reader.address.text(), reader.clone())));
            new.replicas.insert(server.number, readers);
            new.servers.insert(server.address.text(), server.clone());
            new.owners[usize::from(*slots.start())..=usize::from(*slots.end())].fill(Some(server));
        }
        let number = |owner: &Option<Arc<Server>>| owner.as_ref().map(|server| server.number);
        let mut both = map.owners.iter().zip(&new.owners);
        let is_another = both.any(|(old, new)| old.is_some() && number(old) != number(new));
        let old = std::mem::replace(&mut *map, new);
        drop(map);
        if is_another {
            // a replica may know less than its master did
            self.common.reconnected();
        }
        // whoever left is closed outside the lock
        drop(old);
    }
}

impl Map {
    /// The node at that address, made now if it was not known.
    fn server(&mut self, common: &Arc<Common>, address: Address) -> Arc<Server> {
        let server = self.servers.entry(address.text());
        server.or_insert_with(|| Arc::new(Server::new(common.clone(), address))).clone()
    }
}

/// An inquiry under way; what panics ends it all the same.
struct Running(Arc<Cluster>, bool);

impl Running {
    async fn ask(mut self) {
        let cluster = self.0.clone();
        let clock = &cluster.common.clock;
        loop {
            let last = locked(&cluster.inquiry).ended;
            if let Some(last) = last {
                cluster.common.or_closed(clock.sleep_until(last.saturating_add(PAUSE))).await;
            }
            let why = match cluster.ask_any().await {
                Ok(served) => {
                    cluster.learn(served);
                    None
                }
                Err(cause) => Some(cause),
            };
            let again = {
                let mut inquiry = locked(&cluster.inquiry);
                (inquiry.ended, inquiry.why) = (Some(clock.now()), why);
                self.1 = std::mem::take(&mut inquiry.again) && !cluster.common.is_closed();
                inquiry.is_running = self.1;
                self.1
            };
            cluster.changed.send_replace(());
            if !again {
                return;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.1 {
            locked(&self.0.inquiry).is_running = false;
            self.0.changed.send_replace(());
        }
    }
}

/// Asks one node.
async fn ask(server: &Arc<Server>) -> Result<Vec<Served>, Cause> {
    let until = server.deadline();
    let task = Task::new(Use::Leases, until, server.op_timeout());
    let question = || {
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        slots
    };
    let limit = server.common.clock.sleep_until(until);
    match beside(task.send(server, false, question), limit).await {
        Ok(Ok(answer)) => served(&answer, &server.address.host()),
        Ok(Err(failure)) => Err(unreached(failure)),
        Err(()) => {
            task.timed_out();
            Err(unreached(Failure::TimedOut))
        }
    }
}
