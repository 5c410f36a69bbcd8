//! The same servers where no script may be run: keys that are compared and exchanged, for [`Kv`](crate::Kv).
//!
//! A compare-and-exchange is one command where the server has one for it (`SET .. NX`; `SET .. IFEQ` and `DELIFEQ` of
//! Valkey, `DELEX` of Redis), else a transaction over a watched key. Every question has a connection of its own, since what is
//! watched is a connection's. Not here: the rules, which are those of every key-value store.

mod swap;

use super::{
    Shared,
    call::exchange::Exchange,
    reply::{Failure, MOVING, failure, unanswered},
    server::{
        Server,
        node::millis,
        threads::{Talk, Thread},
    },
};
use crate::KvStore;
use cachify_core::{Cause, drive::ready, time::Clock};
use redis::{Cmd, Value};
use std::{
    future, iter, slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use swap::Swap;

/// How many keys are asked for at once.
const AT_ONCE: usize = 64;
const STRANGE: Cause = Cause::rejected("the server answered what it never answers to this command");

/// The servers as a store of keys.
pub(crate) struct Unscripted {
    pub(super) shared: Arc<Shared>,
}

impl Unscripted {
    /// One question about a key, to whoever serves it, on a connection of its own; each may take as long as an operation.
    fn ask<T: Send>(
        &self,
        key: &str,
        ask: impl Fn(&Server, &mut Talk<'_>, bool) -> Result<Answer<T>, Failure> + Sync,
    ) -> Result<(Arc<Server>, T), Failure> {
        let until = self.shared.common.clock.now().saturating_add(self.shared.op_timeout());
        let thread = Thread::calling(until);
        let exchange = Exchange::new(&self.shared, self.shared.fleet.slot(key), until, true);
        let at_one = |server: Arc<Server>, is_asked| {
            let answer = thread.talk(&server, |talk| ask(&server, talk, is_asked));
            future::ready(answer.and_then(|answer| answer))
        };
        ready(exchange.run(&thread, at_one))
    }

    /// What keys of one slot hold, in their order; by the way the server tells its time. What broke is asked once more.
    fn look(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Cause> {
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        // one by one in one go: of many keys at once a server tells none that is no text
        let gets = keys.iter().map(|key| redis::cmd("GET").arg(*key).clone());
        let cmds: Vec<_> = iter::once(redis::cmd("TIME")).chain(gets).collect();
        // of a slot on its way one node has some of the keys, and sends us on for the others
        let is_split = AtomicBool::new(false);
        let look = || {
            self.ask(first, |_, talk, is_asked| {
                if is_asked && keys.len() > 1 {
                    is_split.store(true, Ordering::Relaxed);
                    return Ok(Err(Failure::Refused(MOVING)));
                }
                talk.answers(&cmds, is_asked)
            })
        };
        let found = match look() {
            Err(Failure::Broken) => look(),
            answer => answer,
        };
        if is_split.into_inner() {
            return keys.iter().map(|key| self.get(key)).collect();
        }
        let (server, found) = found.map_err(|failure| unanswered(&failure))?;
        let mut found = found.into_iter();
        if let Some(time) = found.next().and_then(|time| millis(&time)) {
            server.node.learn(self.shared.common.clock.now(), time);
        }
        found.map(bytes).collect()
    }

    fn swap(&self, swap: Swap<'_>) -> Result<bool, Failure> {
        self.ask(swap.key, |server, talk, is_asked| swap.at(&server.node, talk, is_asked)).map(|(_, is_done)| is_done)
    }
}

impl KvStore for Unscripted {
    type Error = Cause;

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.look(&[key]).map(|mut found| found.pop().flatten())
    }

    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        let swap = Swap { key, old, new, ttl };
        match self.swap(swap) {
            // the server closed a connection at rest, or went away: what the key holds tells whether it had been done
            Err(Failure::Broken) => match self.get(key) {
                Ok(found) if found.as_deref() == old => self.swap(swap).map_err(|failure| unanswered(&failure)),
                Ok(found) if new.is_some() && found.as_deref() == new => Ok(true),
                _ => Err(Cause::Unknown),
            },
            answer => answer.map_err(|failure| unanswered(&failure)),
        }
    }

    fn remove(&self, key: &str) -> Result<bool, Cause> {
        let remove = || self.ask(key, |_, talk, is_asked| talk.value(redis::cmd("DEL").arg(key), is_asked).map(read));
        let removed = match remove() {
            // what is emptied twice is empty
            Err(Failure::Broken) => remove(),
            answer => answer,
        };
        match removed.map_err(|failure| unanswered(&failure))?.1 {
            Value::Int(many) => Ok(many > 0),
            _ => Err(STRANGE),
        }
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Cause> {
        self.look(&keys.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    /// As the servers tell it, which is how late they answer behind.
    fn micros(&self) -> Option<u64> {
        let now = self.shared.common.clock.now();
        let known = self.shared.fleet.all().into_iter().map(|server| server.node.time(now));
        known.max().filter(|millis| *millis > 0).map(|millis| millis.saturating_mul(1_000))
    }
}

/// What a server answered: a failure among them leaves its connection of use.
type Answer<T> = Result<T, Failure>;

impl Talk<'_> {
    /// The answer to one command, after an `ASKING` if so it is told.
    fn value(&mut self, cmd: &Cmd, is_asked: bool) -> Result<Value, Failure> {
        self.values(slice::from_ref(cmd), is_asked)?.pop().ok_or(Failure::Broken)
    }

    /// The answers to commands that are sent together.
    fn values(&mut self, cmds: &[Cmd], is_asked: bool) -> Result<Vec<Value>, Failure> {
        let asking = is_asked.then(|| redis::cmd("ASKING"));
        let words: Vec<_> = cmds.iter().flat_map(|cmd| asking.iter().chain([cmd])).collect();
        let packed: Vec<_> = words.iter().flat_map(|cmd| cmd.get_packed_command()).collect();
        let every = 1 + usize::from(is_asked);
        Ok(self.ask(&packed, words.len())?.into_iter().skip(every - 1).step_by(every).collect())
    }

    /// The same, as answers or the first refusal, which says why those after it are refused.
    fn answers(&mut self, cmds: &[Cmd], is_asked: bool) -> Result<Answer<Vec<Value>>, Failure> {
        Ok(self.values(cmds, is_asked)?.into_iter().map(read).collect())
    }
}

fn read(value: Value) -> Answer<Value> {
    value.extract_error().map_err(|error| failure(&error))
}

fn bytes(value: Value) -> Result<Option<Vec<u8>>, Cause> {
    match value {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        _ => Err(STRANGE),
    }
}
