//! Which server has a key: the only one, or the node of a cluster that serves its slot.

pub(super) mod slots;

mod cluster;
mod known;

use super::{
    Target,
    common::Common,
    reply::{Failure, IN_CLUSTER, Redirect},
    server::{Server, lent::Lent},
};
use cachify_core::{Cause, time::Instant};
pub(super) use cluster::Cluster;
use std::{fmt, future::Future, sync::Arc, time::Duration};

/// The servers of an instance.
pub(super) enum Fleet {
    /// The server, and a replica of it from which values are read, if that is wished.
    One(Arc<Server>, Option<Arc<Server>>),
    Cluster(Arc<Cluster>),
}

impl Fleet {
    pub(super) fn new(common: &Arc<Common>, target: &Target, reads_replicas: bool, lent: Option<Lent>) -> Self {
        let server = |address| Arc::new(Server::new(common.clone(), address));
        match target {
            Target::Cluster(seeds) => Self::Cluster(Cluster::new(common, seeds, reads_replicas)),
            Target::One(address) => {
                let replica = address.of_replica().filter(|_| reads_replicas).map(server);
                Self::One(Arc::new(Server::by(common.clone(), address.as_ref().clone(), lent)), replica)
            }
        }
    }

    /// Where a value may be read, if not only where it is written.
    pub(super) fn reader(&self, slot: u16) -> Option<Arc<Server>> {
        match self {
            Self::One(_, reader) => reader.clone(),
            Self::Cluster(cluster) => cluster.reader(slot),
        }
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The slot of a name; one server has one.
    pub(super) fn slot(&self, name: &str) -> u16 {
        match self {
            Self::One(..) => 0,
            Self::Cluster(_) => slots::slot_of(name),
        }
    }

    /// Who serves a slot, as far as is known.
    pub(super) fn find(&self, slot: u16) -> Option<Arc<Server>> {
        match self {
            Self::One(server, _) => Some(server.clone()),
            Self::Cluster(cluster) => cluster.find(slot),
        }
    }

    /// Ends when it is known anew who serves what; at once where nobody else can.
    pub(super) async fn known(&self) {
        match self {
            Self::One(..) => {}
            Self::Cluster(cluster) => cluster.known().await,
        }
    }

    /// Ends when somebody else may serve something.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = match self {
            Self::One(server, _) => server.replacements(),
            Self::Cluster(cluster) => cluster.changes(),
        };
        async move { drop(changes.changed().await) }
    }

    /// Why nobody serves a slot.
    pub(super) fn why(&self) -> Cause {
        match self {
            Self::One(..) => Cause::Unreachable,
            Self::Cluster(cluster) => cluster.why(),
        }
    }

    /// A server did not answer, or said that it serves less than we think: others may know who does.
    pub(super) fn doubt(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.inquire();
        }
    }

    /// Whether it is worth waiting for that: nobody was asked lately.
    pub(super) fn may_learn(&self, now: Instant) -> bool {
        match self {
            Self::One(..) => false,
            Self::Cluster(cluster) => cluster.may_learn(now),
        }
    }

    /// What a failure means here: one server that sends us on is a node of a cluster, whose URL is another.
    pub(super) fn read(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Elsewhere(_) if !self.is_cluster() => Failure::Refused(IN_CLUSTER),
            failure => failure,
        }
    }

    /// Where `server` sends us; `None` where there is no cluster.
    pub(super) fn follow(&self, server: &Server, to: &Redirect) -> Option<Arc<Server>> {
        match self {
            Self::One(..) => None,
            Self::Cluster(cluster) => cluster.follow(server, to),
        }
    }

    /// All servers that are known.
    pub(super) fn all(&self) -> Vec<Arc<Server>> {
        match self {
            Self::One(server, reader) => reader.iter().chain([server]).cloned().collect(),
            Self::Cluster(cluster) => cluster.all_with_replicas(),
        }
    }

    /// How long an operation may take now: as the farthest of them.
    pub(super) fn op_timeout(&self) -> Duration {
        match self {
            Self::One(server, _) => server.op_timeout(),
            Self::Cluster(cluster) => cluster.op_timeout(),
        }
    }

    /// The policy by which one of them drops keys when it is full.
    pub(super) fn evicts(&self) -> Option<String> {
        match self {
            Self::One(server, _) => server.node.evicts().map(str::to_owned),
            Self::Cluster(cluster) => cluster.all().iter().find_map(|server| server.node.evicts().map(str::to_owned)),
        }
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(server, _) => server.fmt(f),
            Self::Cluster(cluster) => f.debug_list().entries(cluster.all()).finish(),
        }
    }
}
