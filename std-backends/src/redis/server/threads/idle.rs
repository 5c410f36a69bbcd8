//! Connections of threads: those at rest, and those on their way.

use crate::{redis::reply::Failure, sync::locked};
use cachify_core::time::Instant;
use redis::Connection;
use std::{fmt, sync::Mutex, time::Duration};
use tokio::sync::watch;

/// How long a connection may rest: what lies between may forget it without a word, and a call would wait in vain for it.
/// The one used last is used next, so as many are kept as were used at once within this time.
const REST: Duration = Duration::from_secs(30);
/// Connections at rest, the last used last; and those on their way, each made by a thread of its own, which goes on when
/// its caller gives up: so a far server is reached in the end, and a search for an address keeps nobody waiting.
pub(in crate::redis) struct Idle {
    rest: Mutex<Vec<(Instant, Connection)>>,
    dials: Mutex<Dials>,
    /// Told whenever one comes to rest, or an attempt fails.
    pub(in crate::redis) changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Dials {
    /// How many callers wait for a connection, and how many attempts there are; never more than callers at once.
    waiting: usize,
    running: usize,
    /// When the last of them began.
    began: Instant,
    /// How many have failed so far, and why the last did.
    failed: u64,
    why: Option<Failure>,
}

impl Default for Idle {
    fn default() -> Self {
        Self { rest: Mutex::default(), dials: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Idle").field(&locked(&self.rest).len()).finish()
    }
}

impl Idle {
    /// Without those that answered last before `since`.
    pub(in crate::redis) fn forget(&self, since: Instant) {
        let all = std::mem::take(&mut *locked(&self.rest));
        let (kept, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|(used, _)| *used > since);
        locked(&self.rest).splice(..0, kept);
        drop(gone);
    }

    /// Without those that have rested for too long; they are closed outside the lock.
    pub(in crate::redis) fn tidy(&self, now: Instant) {
        let Some(since) = now.as_millis().checked_sub(REST.as_millis() as u64) else { return };
        let rested = {
            let mut rest = locked(&self.rest);
            let rested = rest.partition_point(|(used, _)| used.as_millis() <= since);
            rest.drain(..rested).collect::<Vec<_>>()
        };
        drop(rested);
    }

    pub(in crate::redis) fn take(&self) -> Option<Connection> {
        locked(&self.rest).pop().map(|(_, connection)| connection)
    }

    pub(in crate::redis) fn put(&self, now: Instant, connection: Connection) {
        locked(&self.rest).push((now, connection));
        self.changed.send_replace(());
        self.tidy(now);
    }

    /// One more caller waits for a connection, until what is returned is dropped.
    pub(in crate::redis) fn wait(&self, now: Instant) -> Waiting<'_> {
        let mut dials = locked(&self.dials);
        dials.waiting += 1;
        if dials.running == 0 {
            dials.began = now;
        }
        Waiting { idle: self, failed: dials.failed }
    }

    /// Why an attempt failed, if one has since there were so many.
    fn failed_since(&self, failed: u64) -> Option<Failure> {
        let dials = locked(&self.dials);
        dials.why.clone().filter(|_| dials.failed != failed)
    }

    /// An attempt ended.
    pub(in crate::redis) fn dialled(&self, made: Result<Connection, Failure>, now: Instant) {
        let mut dials = locked(&self.dials);
        dials.running -= 1;
        match made {
            Ok(connection) => {
                drop(dials);
                self.put(now, connection);
            }
            Err(why) => {
                dials.failed += 1;
                dials.why = Some(why);
                drop(dials);
                self.changed.send_replace(());
            }
        }
    }
}

/// One who waits for a connection.
pub(in crate::redis) struct Waiting<'a> {
    idle: &'a Idle,
    /// How many attempts had failed before.
    failed: u64,
}

impl Waiting<'_> {
    /// Whether one more attempt is to be made, for another caller took what was made for this one.
    pub(in crate::redis) fn starts(&self, now: Instant) -> bool {
        let mut dials = locked(&self.idle.dials);
        let starts = dials.running < dials.waiting;
        if starts {
            dials.running += 1;
            dials.began = now;
        }
        starts
    }

    /// When the last attempt began.
    pub(in crate::redis) fn began(&self) -> Instant {
        locked(&self.idle.dials).began
    }

    /// Why an attempt failed, if one has meanwhile.
    pub(in crate::redis) fn failure(&self) -> Option<Failure> {
        self.idle.failed_since(self.failed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        locked(&self.idle.dials).waiting -= 1;
    }
}
