//! A cluster of real servers, each of them a test's own: masters, and replicas of them.
#![allow(clippy::must_use_candidate, reason = "what is counted by the way need not be looked at")]

use super::{Engine, Options, Server, free_ports, process::within_patience};
use crate::resp::Reply;

/// How soon a node that does not answer counts as gone.
const NODE_TIMEOUT: &str = "1000";
const SLOTS: u16 = 16_384;

/// Nodes that know each other and serve every slot.
#[derive(Debug)]
pub struct Cluster {
    /// The masters first, then the replicas of each in the same order.
    pub nodes: Vec<Server>,
    masters: usize,
}

impl Cluster {
    /// So many masters, each with as many replicas.
    #[must_use]
    pub fn start(engine: Engine, masters: usize, replicas: usize) -> Self {
        Self::with(masters, replicas, || Server::of(engine))
    }

    /// The same, each node with options of its own.
    #[must_use]
    pub fn with(masters: usize, replicas: usize, options: impl Fn() -> Options) -> Self {
        let node = || {
            let [bus, _] = free_ports();
            let node = options().option("cluster-enabled", "yes").option("cluster-config-file", "nodes.conf");
            let node = node.option("cluster-node-timeout", NODE_TIMEOUT).option("cluster-port", bus);
            // a replica is copied to at once, and may follow however old its data is
            let node = node.option("repl-diskless-sync-delay", 0).option("cluster-replica-validity-factor", 0);
            (node.start(), bus)
        };
        let started: Vec<_> = (0..masters * (1 + replicas)).map(|_| node()).collect();
        for (at, (node, _)) in started.iter().enumerate() {
            ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
        }
        for (at, (node, _)) in started.iter().enumerate() {
            for (other, bus) in started.iter().skip(at + 1) {
                ok(node, &["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), &bus.to_string()]);
            }
        }
        let cluster = Self { nodes: started.into_iter().map(|(node, _)| node).collect(), masters };
        let first = |at: usize| u16::try_from(at * usize::from(SLOTS) / masters).expect("a slot");
        for at in 0..masters {
            let (first, last) = (first(at), first(at + 1) - 1);
            ok(&cluster.nodes[at], &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        let all = cluster.nodes.len();
        let knows_all = |node: &Server| {
            let info = info(node);
            info.contains(&format!("cluster_known_nodes:{all}\r")) && info.contains("cluster_state:ok")
        };
        assert!(within_patience(|| cluster.nodes.iter().all(knows_all)), "the nodes do not meet");
        for at in masters..all {
            let master = id(&cluster.nodes[at % masters]);
            ok(&cluster.nodes[at], &["CLUSTER", "REPLICATE", &master]);
        }
        let follows = |node: &Server| text(&node.command(&["INFO", "replication"])).contains("master_link_status:up");
        assert!(within_patience(|| cluster.nodes[masters..].iter().all(follows)), "the replicas do not follow");
        cluster
    }

    /// Where a client connects: at all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The slot of a name.
    #[must_use]
    pub fn slot(&self, name: &str) -> u16 {
        match self.living().command(&["CLUSTER", "KEYSLOT", name]) {
            Reply::Int(slot) => u16::try_from(slot).expect("a slot"),
            other => panic!("no slot: {other:?}"),
        }
    }

    /// Whether a node tells of one at that port.
    #[must_use]
    pub fn tells(node: &Server, port: u16) -> bool {
        let Reply::List(ranges) = node.command(&["CLUSTER", "SLOTS"]) else { panic!("slots are a list") };
        ranges.iter().any(|range| {
            let Reply::List(fields) = range else { return false };
            matches!(fields.get(2), Some(Reply::List(master)) if master.get(1) == Some(&Reply::Int(port.into())))
        })
    }

    /// Which node serves a name now, as one of those that live knows: the others may hear of a change later.
    #[must_use]
    pub fn owner(&self, name: &str) -> usize {
        let port = served_at(self.living(), self.slot(name));
        let port = port.expect("somebody serves it");
        self.nodes.iter().position(|node| i64::from(node.port()) == port).expect("a node of ours")
    }

    /// The node that serves a name.
    #[must_use]
    pub fn node_of(&self, name: &str) -> &Server {
        &self.nodes[self.owner(name)]
    }

    /// A master that does not serve it.
    #[must_use]
    pub fn another_than(&self, owner: usize) -> usize {
        (owner + 1) % self.masters
    }

    /// A slot begins to move: its keys may lie on both nodes until it has moved.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        ok(&self.nodes[to], &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(&self.nodes[from])]);
        ok(&self.nodes[from], &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(&self.nodes[to])]);
    }

    /// Moves some keys of a slot that is on its way; how many.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, most: usize) -> usize {
        let keys = self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &most.to_string()]);
        let Reply::List(keys) = keys else { panic!("keys are a list") };
        let port = self.nodes[to].port().to_string();
        for key in &keys {
            let moved = self.nodes[from].command(&["MIGRATE", "127.0.0.1", &port, &text(key), "0", "5000"]);
            // one may end meanwhile
            assert!(moved == "OK".into() || moved == "NOKEY".into(), "{moved:?}");
        }
        keys.len()
    }

    /// The rest of a move; how many keys that were.
    pub fn end_move(&self, slot: u16, from: usize, to: usize) -> usize {
        let mut moved = 0;
        loop {
            match self.move_keys(slot, from, to, 100) {
                0 => break,
                more => moved += more,
            }
        }
        self.agree(slot, from, to);
        moved
    }

    /// Tells every master who serves a slot, the new one first, until all say so for a while: what the old one had sent before
    /// may be believed once more by who has not heard how new it is.
    fn agree(&self, slot: u16, from: usize, to: usize) {
        let (text, id) = (slot.to_string(), id(&self.nodes[to]));
        let others = (0..self.masters).filter(|other| ![to, from].contains(other));
        let all: Vec<_> = [to, from].into_iter().chain(others).map(|node| &self.nodes[node]).collect();
        let port = Some(i64::from(self.nodes[to].port()));
        let mut times = 0;
        let agreed = within_patience(|| {
            times = if all.iter().all(|node| served_at(node, slot) == port) { times + 1 } else { 0 };
            if times == 0 {
                for node in &all {
                    ok(node, &["CLUSTER", "SETSLOT", &text, "NODE", &id]);
                }
            }
            times == 5
        });
        assert!(agreed, "the masters do not agree who serves slot {slot}");
    }

    /// One node believes from now on that another one serves a slot, which that one does not.
    pub fn believe(&self, node: usize, slot: u16, other: usize) {
        ok(&self.nodes[node], &["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &id(&self.nodes[other])]);
    }

    /// Moves a slot with all its keys; how many.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) -> usize {
        self.begin_move(slot, from, to);
        self.end_move(slot, from, to)
    }

    /// Waits until the replica of a master has all that it has.
    pub fn catch_up(&self, master: usize) {
        let replica = &self.nodes[master + self.masters];
        let offset = |node: &Server, field: &str| {
            let info = text(&node.command(&["INFO", "replication"]));
            info.lines().find_map(|line| line.strip_prefix(field).map(str::to_owned))
        };
        let same = || offset(&self.nodes[master], "master_repl_offset:") == offset(replica, "slave_repl_offset:");
        assert!(within_patience(same), "the replica does not catch up");
    }

    /// The replica of the master of a name takes its place, with all that it had; until every node knows.
    pub fn hand_over(&self, name: &str) {
        let owner = self.owner(name);
        let replica = (owner + self.masters) % self.nodes.len();
        assert!(
            within_patience(|| self.nodes[replica].command(&["CLUSTER", "FAILOVER"]) == "OK".into()),
            "no failover"
        );
        assert!(within_patience(|| self.owner(name) == replica), "the failover does not end");
    }

    /// The master of a name dies, and comes back as a replica of the one that took its place.
    pub fn lose(&mut self, name: &str) {
        let owner = self.owner(name);
        self.nodes[owner].kill();
        assert!(within_patience(|| self.owner(name) != owner), "nobody takes its place");
        self.nodes[owner].restart();
        let node = &self.nodes[owner];
        let follows = || text(&node.command(&["INFO", "replication"])).contains("master_link_status:up");
        assert!(within_patience(follows), "it does not come back");
    }

    fn living(&self) -> &Server {
        self.nodes.iter().rfind(|node| node.is_running()).expect("a node lives")
    }
}

/// The port at which a slot is served, as one node knows.
fn served_at(node: &Server, slot: u16) -> Option<i64> {
    let Reply::List(ranges) = node.command(&["CLUSTER", "SLOTS"]) else { panic!("slots are a list") };
    ranges.iter().find_map(|range| {
        let Reply::List(fields) = range else { return None };
        let [Reply::Int(first), Reply::Int(last), Reply::List(master), ..] = fields.as_slice() else { return None };
        let [_, Reply::Int(port), ..] = master.as_slice() else { return None };
        (*first..=*last).contains(&i64::from(slot)).then_some(*port)
    })
}

fn ok(node: &Server, words: &[&str]) {
    assert_eq!(node.command(words), "OK".into(), "{words:?}");
}

fn id(node: &Server) -> String {
    text(&node.command(&["CLUSTER", "MYID"]))
}

fn info(node: &Server) -> String {
    text(&node.command(&["CLUSTER", "INFO"]))
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("not a text: {other:?}"),
    }
}
