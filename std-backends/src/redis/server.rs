//! One server: what is known of it, and the connections to it.

pub(super) mod dial;
mod failover;
pub(super) mod knock;
pub(super) mod lent;
pub(super) mod node;
mod pauses;
pub(super) mod tasks;
pub(super) mod threads;

use super::{address::Address, common::Common, reply::unreached};
use cachify_core::{
    Cause,
    observe::Event,
    time::{Clock, Instant},
};
use lent::Lent;
use node::Node;
use pauses::Pauses;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tasks::Lines;
use threads::Idle;
use tokio::sync::watch;

pub(super) struct Server {
    pub(super) common: Arc<Common>,
    pub(super) address: Address,
    /// Whether only values are read there, from a replica in a cluster, which wants to be told so first.
    pub(super) is_replica: bool,
    /// Connections of the program's own, by which questions travel instead.
    pub(super) lent: Option<Lent>,
    /// Tells it from every other one in this process.
    pub(super) number: u64,
    pub(super) node: Node,
    pub(super) lines: Lines,
    pub(super) idle: Idle,
    /// Renewal's own: a lease is not lost because calls wait on the others.
    pub(super) renewing: Idle,
    pub(super) pauses: Pauses,
    /// Whether a connection broke since the last one was made.
    broken: AtomicBool,
    /// How often it was found to be no master any more.
    replaced: watch::Sender<u64>,
    /// Whether sentinels are listened to.
    watched: AtomicBool,
    /// Whether a thread has heartbeats answered there.
    pub(super) is_renewing: AtomicBool,
}

impl fmt::Debug for Server {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("lines", &self.lines).field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(common: Arc<Common>, address: Address) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            common,
            address,
            is_replica: false,
            lent: None,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            node: Node::new(),
            lines: Lines::default(),
            idle: Idle::default(),
            renewing: Idle::default(),
            pauses: Pauses::default(),
            broken: AtomicBool::new(false),
            replaced: watch::Sender::new(0),
            watched: AtomicBool::new(false),
            is_renewing: AtomicBool::new(false),
        }
    }

    /// A replica in a cluster.
    pub(super) fn replica(common: Arc<Common>, address: Address) -> Self {
        Self { is_replica: true, ..Self::new(common, address) }
    }

    /// One that is asked by connections of the program's own.
    pub(super) fn by(common: Arc<Common>, address: Address, lent: Option<Lent>) -> Self {
        Self { lent, ..Self::new(common, address) }
    }

    pub(super) fn now(&self) -> Instant {
        self.common.clock.now()
    }

    /// How long an operation may take now.
    pub(super) fn op_timeout(&self) -> Duration {
        self.common.op_timeout.unwrap_or_else(|| self.node.limit())
    }

    /// When an operation that begins now is to end.
    pub(super) fn deadline(&self) -> Instant {
        self.now().saturating_add(self.op_timeout())
    }

    /// A connection broke: the server may have been replaced by one that knows less.
    pub(super) fn broke(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// It is no master any more: whoever is behind its address next may be another one. Nobody uses a connection any more that
    /// was made before.
    pub(super) fn demoted(&self) {
        self.broke();
        self.address.distrust();
        self.replaced.send_modify(|times| *times += 1);
        self.lines.forget_all();
        self.idle.forget(Instant::MAX);
        self.renewing.forget(Instant::MAX);
    }

    /// Sees to it that we hear of its replacement, where sentinels tell of it.
    pub(super) fn watch(self: &Arc<Self>) {
        if let Address::Sentinels(sentinels) = &self.address
            && !self.watched.swap(true, Ordering::Relaxed)
            && let Some(background) = self.common.background()
        {
            background.runtime.spawn(failover::watch(sentinels.clone(), self.clone()));
        }
    }

    /// How often it was replaced: a connection is of no use any more once that has changed since it was begun.
    pub(super) fn replaced(&self) -> u64 {
        *self.replaced.borrow()
    }

    /// Told when it is found to be no master any more.
    pub(super) fn replacements(&self) -> watch::Receiver<u64> {
        self.replaced.subscribe()
    }

    /// A connection was made, and the server answered its first questions.
    pub(super) fn greeted(&self, answers: &[redis::Value]) -> Result<(), Cause> {
        let greeted = self.node.greeted(self.now(), answers).map_err(|failure| unreached(&failure))?;
        if let Some(policy) = greeted.policy
            && self.common.evicts()
        {
            self.common.tell(&Event::Evicts { policy });
        }
        // a replica is only read
        if let Some(scripts) = greeted.scripts.filter(|_| !self.is_replica) {
            self.common.found_scripts(scripts);
        }
        if self.broken.swap(false, Ordering::Relaxed) {
            self.common.reconnected();
        }
        Ok(())
    }
}

/// When an operation that ends at `until` has to be sent at the latest, if it may take `limit`: what ends before it was
/// sent says so before the limit says that nothing is known.
pub(super) fn latest(until: Instant, limit: Duration) -> Instant {
    let spare = u64::try_from(limit.as_millis() / 10).unwrap_or_default().max(2);
    Instant::from_millis(until.as_millis().saturating_sub(spare))
}
