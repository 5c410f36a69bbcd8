//! What is known of the server: its time, whether it may drop what it was told to keep, and whether it runs scripts.

use crate::redis::reply::{Failure, failure, has_no, is_unknown};
use cachify_core::{Cause, time::Instant};
use redis::{Cmd, RedisError, Value};
use std::{
    collections::HashMap,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

/// One server.
#[derive(Debug)]
pub(in crate::redis) struct Node {
    /// The server's milliseconds less ours; `UNKNOWN` before the first handshake.
    ahead: AtomicI64,
    /// How many milliseconds its first answer on the last connection took.
    way: AtomicU64,
    /// Whether it was reached, or known not to be.
    is_known: AtomicBool,
    policy: OnceLock<String>,
    /// Whether it can be told to keep a key that it would evict.
    blesses: AtomicBool,
    /// What it was found to lack, a bit each.
    lacks: AtomicU8,
}

/// What not every server has.
#[derive(Clone, Copy, Debug)]
pub(in crate::redis) enum Lacks {
    /// `SET .. IFEQ`.
    SetIfEqual = 1,
    /// `DELIFEQ`.
    DelIfEqual = 2,
    /// `DELEX .. IFEQ`.
    DelExtended = 4,
    /// An answer to which of these two it has.
    Question = 8,
}

const UNKNOWN: i64 = i64::MIN;
/// The limits of an operation whose user set none: as over a short way, and at most.
const LIMIT: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
const IS_SENTINEL: Cause = Cause::rejected("the server is a sentinel: its URL is `redis+sentinel://..`");
const POLICY: &str = "maxmemory-policy";

impl Node {
    pub(in crate::redis) const fn new() -> Self {
        let lacks = AtomicU8::new(Lacks::Question as u8);
        let (way, is_known, blesses) = (AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Self { ahead: AtomicI64::new(UNKNOWN), way, is_known, policy: OnceLock::new(), blesses, lacks }
    }

    pub(in crate::redis) fn lacks(&self, what: Lacks) -> bool {
        self.lacks.load(Ordering::Relaxed) & what as u8 != 0
    }

    /// It answered what else it lacks.
    pub(in crate::redis) fn answered(&self) {
        self.lacks.fetch_and(!(Lacks::Question as u8), Ordering::Relaxed);
    }

    pub(in crate::redis) fn found_lacking(&self, what: Lacks) {
        self.lacks.fetch_or(what as u8, Ordering::Relaxed);
    }

    /// How long an operation may take where the user set no limit. The first ones, of which nothing is known yet, wait
    /// for a connection over a long way.
    pub(in crate::redis) fn limit(&self) -> Duration {
        if !self.is_known.load(Ordering::Relaxed) {
            return LIMIT[1];
        }
        Duration::from_millis(4 * self.way.load(Ordering::Relaxed)).clamp(LIMIT[0], LIMIT[1])
    }

    /// Its first answer on a new connection took so long.
    pub(in crate::redis) fn measured(&self, way: Duration) {
        // an upper bound keeps the product small
        self.way.store(u64::try_from(way.as_millis()).unwrap_or(u64::MAX).min(1_000_000), Ordering::Relaxed);
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// An attempt to reach it ended without an answer.
    pub(in crate::redis) fn unreached(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// How long it may take to answer whether a connection is of use: four times the way.
    pub(in crate::redis) fn patience(&self) -> Duration {
        Duration::from_millis(4 * self.way.load(Ordering::Relaxed)).max(Duration::from_millis(100))
    }

    /// The server said that it is `server` o'clock; the reply came at `now`, so this is never ahead of the truth.
    pub(in crate::redis) fn learn(&self, now: Instant, server: u64) {
        let ahead = i64::try_from(server).unwrap_or_default().saturating_sub_unsigned(now.as_millis());
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Whether it ever answered this instance.
    pub(in crate::redis) fn is_met(&self) -> bool {
        self.ahead.load(Ordering::Relaxed) != UNKNOWN
    }

    /// The server's time at `at`, in milliseconds; zero if it is not known.
    pub(in crate::redis) fn time(&self, at: Instant) -> u64 {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let local = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        if ahead == UNKNOWN { 0 } else { u64::try_from(local.saturating_add(ahead)).unwrap_or_default() }
    }

    /// Reads what a new connection asked.
    pub(in crate::redis) fn greeted(&self, now: Instant, greeting: &[Value]) -> Result<Greeted<'_>, Failure> {
        let [time, policy, script, bless] = greeting else { return Err(Failure::Broken) };
        match time {
            // every server knows this command, and no sentinel does
            Value::ServerError(error) if is_unknown(error) => return Err(Failure::Refused(IS_SENTINEL)),
            Value::ServerError(error) => return Err(failure(&RedisError::from(error.clone()))),
            time => self.learn(now, millis(time).ok_or(Failure::Broken)?),
        }
        // not everybody may ask for the policy; then it stays unknown
        let pairs = redis::from_redis_value_ref::<HashMap<String, String>>(policy).ok();
        let found = pairs.and_then(|mut pairs| pairs.remove(POLICY)).filter(|policy| policy != "noeviction");
        let is_news = found.is_some_and(|policy| self.policy.set(policy).is_ok());
        let scripts = match script {
            Value::ServerError(error) if has_no(error) => Some(false),
            Value::ServerError(_) | Value::Nil => None,
            _ => Some(true),
        };
        // an array of what is known of each command: nothing of one that it has not
        let blesses = matches!(bless, Value::Array(told) if !matches!(told.as_slice(), [] | [Value::Nil]));
        self.blesses.store(blesses && self.evicts().is_some(), Ordering::Relaxed);
        Ok(Greeted { policy: self.evicts().filter(|_| is_news), scripts })
    }

    /// Whether what is held there is to be blessed: it evicts, and can be told not to (Redis 8.12).
    pub(in crate::redis) fn blesses(&self) -> bool {
        self.blesses.load(Ordering::Relaxed)
    }

    /// The policy by which a full server drops keys, if it has one.
    pub(in crate::redis) fn evicts(&self) -> Option<&str> {
        self.policy.get().map(String::as_str)
    }
}

/// An answer to `TIME`, in milliseconds.
pub(in crate::redis) fn millis(time: &Value) -> Option<u64> {
    let (seconds, micros): (u64, u64) = redis::from_redis_value_ref(time).ok()?;
    Some(seconds.saturating_mul(1_000).saturating_add(micros / 1_000))
}

/// What a server said of itself.
pub(in crate::redis) struct Greeted<'a> {
    /// The policy that may drop live leases; told once.
    pub(in crate::redis) policy: Option<&'a str>,
    /// Whether it runs scripts for us, if it said.
    pub(in crate::redis) scripts: Option<bool>,
}

/// What a new connection asks first: the time, what happens when memory is full, a script that does nothing, and whether there
/// is a command that keeps a key.
pub(in crate::redis) fn greeting() -> [Cmd; 4] {
    let (mut policy, mut bless) = (redis::cmd("CONFIG"), redis::cmd("COMMAND"));
    policy.arg("GET").arg(POLICY);
    bless.arg("INFO").arg("BLESS");
    [redis::cmd("TIME"), policy, nothing(), bless]
}

/// A script that does nothing: by its digest a server would answer that has no scripts at all.
pub(in crate::redis) fn nothing() -> Cmd {
    let mut script = redis::cmd("EVAL");
    script.arg("return 1").arg(0);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_way() {
        let node = Node::new();
        assert_eq!(node.limit(), LIMIT[1], "a first connection over a long way");
        node.unreached();
        assert_eq!(node.limit(), LIMIT[0]);
        for (way, limit) in [(0, 500), (125, 500), (300, 1_200), (700, 2_800), (900, 3_000), (u64::MAX, 3_000)] {
            node.measured(Duration::from_millis(way));
            assert_eq!(node.limit(), Duration::from_millis(limit), "{way}");
        }
    }

    #[test]
    fn the_server_s_time_is_counted_from_its_last_word() {
        let node = Node::new();
        assert_eq!(node.time(Instant::from_millis(5)), 0);
        node.learn(Instant::from_millis(100), 1_000_000);
        assert_eq!(node.time(Instant::from_millis(150)), 1_000_050);
        node.learn(Instant::from_millis(200), 10);
        assert_eq!(node.time(Instant::from_millis(250)), 60, "also when it was stepped back");
    }
}
