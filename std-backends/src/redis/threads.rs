//! The blocking face: a few connections that threads share, each used by one call at a time.

use super::{
    Shared,
    call::Wire,
    node::greeting,
    reply::{Failure, failure, is_demoted},
    tasks::unreached,
};
use crate::sync::locked;
use cachify_core::{
    Cause,
    time::{Clock, Instant, Sleep},
};
use redis::{Cmd, Connection, RedisResult, Value};
use std::{fmt, future::Future, pin::pin, sync::Mutex, time::Duration};

/// How long a connection may rest: what lies between may forget it without a word, and a call would wait in vain for it.
/// The one used last is used next, so as many are kept as were used at once within this time.
const REST: Duration = Duration::from_secs(30);

/// Connections at rest, the last used last.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<(Instant, Connection)>>);

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Idle").field(&locked(&self.0).len()).finish()
    }
}

impl Idle {
    /// Without those that answered last before `since`.
    fn forget(&self, since: Instant) {
        locked(&self.0).retain(|(used, _)| *used > since);
    }

    /// Without those that have rested for too long; they are closed outside the lock.
    fn tidy(&self, now: Instant) {
        let Some(since) = now.as_millis().checked_sub(REST.as_millis() as u64) else { return };
        let rested = {
            let mut idle = locked(&self.0);
            let rested = idle.partition_point(|(used, _)| used.as_millis() <= since);
            idle.drain(..rested).collect::<Vec<_>>()
        };
        drop(rested);
    }

    fn put(&self, now: Instant, connection: Connection) {
        locked(&self.0).push((now, connection));
        self.tidy(now);
    }
}

/// A call of a thread.
pub(super) struct Thread<'a> {
    shared: &'a Shared,
    idle: &'a Idle,
    /// When it ends; of renewals only what comes after connecting.
    until: Option<Instant>,
}

impl<'a> Thread<'a> {
    /// A call that ends at `until`.
    pub(super) fn calling(shared: &'a Shared, until: Instant) -> Self {
        Self { shared, idle: &shared.idle, until: Some(until) }
    }

    /// Renewals: nobody waits for them, so connecting has a limit of its own.
    pub(super) fn keeping(shared: &'a Shared) -> Self {
        Self { shared, idle: &shared.renewing, until: None }
    }

    fn left(&self, until: Instant) -> Result<Duration, Failure> {
        let left = until.since(self.shared.clock.now());
        // a limit of zero would be none
        if left.is_zero() { Err(Failure::TimedOut) } else { Ok(left) }
    }

    fn connection(&self) -> Result<Connection, Failure> {
        let now = self.shared.clock.now();
        self.idle.tidy(now);
        if let Some((_, connection)) = locked(&self.idle.0).pop() {
            return Ok(connection);
        }
        if let Some(until) = self.until {
            self.shared.pauses.may_try(now).map_err(Failure::NotSent)?;
            // no attempt, so no failure of the server's
            self.left(until).map_err(|_| Failure::NotSent(Cause::Unreachable))?;
        }
        let made = self.connect(now);
        match &made {
            Ok(_) => self.shared.pauses.made(),
            Err(Failure::NotSent(cause)) => self.shared.pauses.failed(now, self.shared.clock.now(), *cause),
            Err(_) => {}
        }
        made
    }

    fn connect(&self, now: Instant) -> Result<Connection, Failure> {
        let until = self.until.unwrap_or(now.saturating_add(self.shared.connect_timeout));
        let left = self.left(until).map_err(|_| Failure::NotSent(Cause::Unreachable))?;
        // a part of it: the client counts the last of its own two questions anew
        let limit = (left * 3 / 4).min(self.shared.connect_timeout);
        let made = self.shared.client.get_connection_with_timeout(limit);
        let mut connection = made.map_err(|error| Failure::NotSent(unreached(failure(&error))))?;
        let greeting = greeting();
        let answers = self.ask(&mut connection, &greeting.get_packed_pipeline(), greeting.len(), until);
        let answers = answers.map_err(|failure| Failure::NotSent(unreached(failure)))?;
        self.shared.greeted(&answers).map_err(Failure::NotSent)?;
        Ok(connection)
    }

    /// Not by the client's own pipelines, which wait for each answer as long as for the first.
    fn ask(
        &self,
        connection: &mut Connection,
        packed: &[u8],
        answers: usize,
        until: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let limited = |connection: &mut Connection, act: &mut dyn FnMut(&mut Connection) -> RedisResult<Value>| {
            let left = Some(self.left(until)?);
            let limits = connection.set_read_timeout(left).and_then(|()| connection.set_write_timeout(left));
            limits.and_then(|()| act(connection)).map_err(|error| match failure(&error) {
                _ if error.is_timeout() => Failure::TimedOut,
                // it had been sent, or was about to be
                Failure::NotSent(_) => Failure::Broken,
                failure => failure,
            })
        };
        limited(connection, &mut |connection| connection.send_packed_command(packed).map(|()| Value::Nil))?;
        (0..answers).map(|_| limited(connection, &mut Connection::recv_response)).collect()
    }

    /// Sends what `packed` makes once there is a connection, and receives; the connection is used again unless it may
    /// still have an answer on it, or leads to a server that is no master any more.
    pub(super) fn exchange(
        &self,
        packed: impl FnOnce(Instant) -> Vec<u8>,
        answers: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut connection = self.connection()?;
        let sent = self.shared.clock.now();
        let until = self.until.unwrap_or_else(|| self.shared.deadline());
        if self.left(until).is_err() {
            // the way is long, but open: the next call begins here
            self.idle.put(sent, connection);
            return Err(Failure::NotSent(Cause::Unreachable));
        }
        let done = self.ask(&mut connection, &packed(until), answers, until);
        match &done {
            Ok(_) => self.shared.pauses.answered(),
            Err(Failure::Broken) => self.shared.pauses.broke(self.shared.clock.now()),
            Err(_) => {}
        }
        match &done {
            Ok(values) if values.iter().any(is_demoted) => {
                self.idle.forget(sent);
                self.shared.broke();
            }
            Ok(_) => self.idle.put(self.shared.clock.now(), connection),
            // whatever ailed this one ails those that have not answered since
            Err(Failure::Broken) => {
                self.idle.forget(sent);
                self.shared.broke();
            }
            Err(_) => self.idle.forget(sent),
        }
        done
    }
}

impl Wire for Thread<'_> {
    async fn send(&self, cmd: impl FnOnce() -> Cmd + Send) -> Result<Value, Failure> {
        let answer = self.exchange(|_| cmd().get_packed_command(), 1)?.pop().ok_or(Failure::Broken)?;
        answer.extract_error().map_err(|error| failure(&error))
    }

    async fn wait_for(&self, at: Instant, event: impl Future<Output = ()> + Send) {
        self.shared.clock.wait(at, pin!(event));
    }
}
