//! What an instance says of the servers behind it: for a health page that tells degraded from down.

use cachify_core::{Cause, Error};
use std::time::Duration;

/// What [`about`](crate::Cachify::about) found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Where values and leases are kept: `"memory"`, `"one server"`, `"cluster"`, `"sentinels"`, or `"own store"`.
    pub kept_in: &'static str,
    /// Why a question cannot be asked now, if it cannot.
    pub refused: Option<Error>,
    /// Each server that is known, in the order of their addresses; none where there is none, and of a store of your own.
    pub nodes: Vec<Node>,
}

impl Health {
    /// Whether questions are answered, and every server that is known is reached.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.refused.is_none() && self.nodes.iter().all(|node| node.found.is_ok())
    }

    /// Whether no question is answered. What is neither well nor down is degraded.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.refused.is_some()
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// `host:port`, or the path of a socket; of sentinels whatever they say is the master.
    pub address: String,
    /// What it said, or why it is not reached.
    pub found: Result<Found, Cause>,
}

impl Node {
    #[cfg(feature = "redis")]
    pub(crate) const fn new(address: String, found: Result<Found, Cause>) -> Self {
        Self { address, found }
    }
}

/// What a server said of itself; what it may not be asked is not known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Found {
    /// `"redis"`, `"valkey"`, or what else it calls itself.
    pub kind: Option<String>,
    /// Its version, of Valkey that of Valkey.
    pub version: Option<String>,
    /// `"master"` or `"replica"`.
    pub role: Option<&'static str>,
    /// The policy by which it drops keys when it is full; `"noeviction"` where it drops none.
    pub policy: Option<String>,
    /// Whether it runs scripts; without them single commands keep what is kept, by weaker rules.
    pub scripts: bool,
    /// By how many milliseconds its clock is ahead of this process', which sees it as late as its answers are.
    pub ahead_millis: i64,
    /// How long it took to answer one short question.
    pub round_trip: Duration,
}
