//! A cluster: its nodes, and what they say of who serves which slot.
//!
//! Nobody is asked before somebody needs it, and then all that are known at once: the first who knows is believed, for
//! who is wrong sends us on. Not here: what a caller does with a redirection, which is the call's.

use super::{
    known::{Known, NO_NODE, ask},
    slots::{SLOTS, Served},
};
use crate::{
    redis::{address::Address, common::Common, reply::Redirect, server::Server},
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

/// The least time between two inquiries, at first, and after many that brought nothing new.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// How many nodes are asked at once.
const SOME: usize = 5;
/// How long the others are waited for once one has answered.
const OTHERS: Duration = Duration::from_millis(100);
/// For how long the outcome of an inquiry is news enough for whoever finds a node gone.
const NEWS: Duration = Duration::from_secs(1);

/// How often it is asked at most whether a node has replicas by now.
const REPLICAS: Duration = Duration::from_secs(5);

pub(in crate::redis) struct Cluster {
    common: Arc<Common>,
    /// Where the cluster was said to be.
    seeds: Vec<Arc<Server>>,
    map: RwLock<Map>,
    inquiry: Mutex<Inquiry>,
    reads_replicas: bool,
    /// Which of several replicas is next.
    turn: AtomicUsize,
    /// How many maps there were.
    maps: watch::Sender<u64>,
    /// Told whenever an inquiry has ended.
    ended: watch::Sender<()>,
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
    /// For how long there is none after one that brought nothing new.
    pause: Duration,
}

impl Cluster {
    pub(super) fn new(common: &Arc<Common>, seeds: &[Address], reads_replicas: bool) -> Arc<Self> {
        let seeds: Vec<_> = seeds.iter().map(|seed| Arc::new(Server::new(common.clone(), seed.clone()))).collect();
        let servers = seeds.iter().map(|server| (server.address.text(), server.clone())).collect();
        let (map, common, turn) = (RwLock::new(Map::new(servers)), common.clone(), AtomicUsize::new(0));
        let (maps, ended) = (watch::Sender::new(0), watch::Sender::new(()));
        Arc::new(Self { common, seeds, map, inquiry: Mutex::default(), reads_replicas, turn, maps, ended })
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
        self.common.op_timeout.or_else(longest).unwrap_or(Duration::from_secs(3))
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.maps.subscribe()
    }

    /// An inquiry, and its end.
    pub(super) async fn known(self: &Arc<Self>) {
        let mut ended = self.ended.subscribe();
        if self.inquire() {
            // the sender is ours
            let _ = ended.changed().await;
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
        let address = asked.address.at(if matches!(host, "" | "?") { None } else { Some(host) }, port)?;
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
            self.maps.send_modify(|maps| *maps += 1);
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

    /// What the nodes know: the newest of what some of them say, or the most telling refusal. If none of these answers, all
    /// the others are asked.
    async fn ask_some(&self) -> Result<Vec<Served>, Cause> {
        let mut all = self.all();
        let seeds = self.seeds.iter().filter(|seed| !all.iter().any(|server| server.number == seed.number));
        let seeds: Vec<_> = seeds.cloned().collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % all.len().max(1);
        all.rotate_left(turn);
        all.extend(seeds);
        let others = all.split_off(SOME.min(all.len()));
        match self.ask(all).await {
            Err(why) if !others.is_empty() => self.ask(others).await.map_err(|_| why),
            answer => answer,
        }
    }

    async fn ask(&self, nodes: Vec<Arc<Server>>) -> Result<Vec<Served>, Cause> {
        let (sender, mut answers) = mpsc::unbounded_channel();
        for server in nodes {
            let sender = sender.clone();
            tokio::spawn(async move { drop(sender.send(ask(&server).await)) });
        }
        drop(sender);
        let (mut best, mut why): (Option<Known>, _) = (None, Cause::Unreachable);
        let mut until = Instant::MAX;
        while let Ok(Some(answer)) = beside(answers.recv(), self.common.clock.sleep_until(until)).await {
            match answer {
                // one that is cut off from the others may know less, or what was true once
                Ok(known) => {
                    until = until.min(self.common.clock.now().saturating_add(OTHERS));
                    best = best.into_iter().chain([known]).max_by_key(Known::rank);
                }
                Err(cause) if why == Cause::Unreachable => why = cause,
                Err(_) => {}
            }
        }
        best.map(|known| known.served).ok_or(why)
    }

    /// Whether anybody serves by now what another one did.
    fn learn(&self, all: Vec<Served>) -> bool {
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
        let is_another = both.clone().any(|(old, new)| old.is_some() && number(old) != number(new));
        let is_new = both.any(|(old, new)| number(old) != number(new)) || new.replicas.len() != map.replicas.len();
        let old = std::mem::replace(&mut *map, new);
        drop(map);
        if is_another {
            // a replica may know less than its master did
            self.common.reconnected();
        }
        // whoever left is closed outside the lock
        drop(old);
        is_new
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
            let (last, pause) = {
                let inquiry = locked(&cluster.inquiry);
                (inquiry.ended, inquiry.pause)
            };
            if let Some(last) = last {
                cluster.common.or_closed(clock.sleep_until(last.saturating_add(pause))).await;
            }
            let (is_new, why) = match cluster.ask_some().await {
                Ok(served) => (cluster.learn(served), None),
                Err(cause) => (false, Some(cause)),
            };
            {
                let mut inquiry = locked(&cluster.inquiry);
                inquiry.pause = if is_new { PAUSE[0] } else { (inquiry.pause * 2).clamp(PAUSE[0], PAUSE[1]) };
                (inquiry.ended, inquiry.why) = (Some(clock.now()), why);
                self.1 = std::mem::take(&mut inquiry.again) && !cluster.common.is_closed();
                inquiry.is_running = self.1;
            }
            if is_new {
                cluster.maps.send_modify(|maps| *maps += 1);
            }
            cluster.ended.send_replace(());
            if !self.1 {
                return;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.1 {
            let mut inquiry = locked(&self.0.inquiry);
            (inquiry.is_running, inquiry.ended) = (false, Some(self.0.common.clock.now()));
            drop(inquiry);
            self.0.ended.send_replace(());
        }
    }
}
