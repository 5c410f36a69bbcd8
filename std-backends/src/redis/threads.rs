//! The blocking face: a few connections that threads share, each used by one call at a time.

use super::{
    Shared,
    call::Wire,
    node::greeting,
    reply::{Failure, failure},
    tasks::unreached,
};
use crate::locked;
use cachify_core::time::{Clock, Instant, Sleep};
use redis::{Cmd, Connection, RedisResult, Value};
use std::{fmt, future::Future, pin::pin, sync::Mutex, time::Duration};

/// How many connections wait for their next call; more are closed after use.
const IDLE: usize = 8;

/// Connections at rest.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Connection>>);

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Idle").field(&locked(&self.0).len()).finish()
    }
}

/// A call of a thread, which ends at `until`.
pub(super) struct Thread<'a> {
    pub(super) shared: &'a Shared,
    pub(super) until: Instant,
}

impl Thread<'_> {
    fn left(&self) -> Result<Duration, Failure> {
        let left = self.until.since(self.shared.clock.now());
        // a limit of zero would be none
        if left.is_zero() { Err(Failure::TimedOut) } else { Ok(left) }
    }

    fn connection(&self) -> Result<Connection, Failure> {
        if let Some(connection) = locked(&self.shared.idle.0).pop() {
            return Ok(connection);
        }
        // the client takes it as the limit of each of two answers: to the password, and to the choice of a database
        let limit = (self.left()? / 2).min(self.shared.connect_timeout);
        let made = self.shared.client.get_connection_with_timeout(limit);
        let mut connection = made.map_err(|error| Failure::NotSent(unreached(failure(&error))))?;
        let greeting = greeting();
        let answers = self.ask(&mut connection, &greeting.get_packed_pipeline(), greeting.len());
        let answers = answers.map_err(|failure| Failure::NotSent(unreached(failure)))?;
        self.shared.greeted(&answers).map_err(Failure::NotSent)?;
        Ok(connection)
    }

    /// Not by the client's own pipelines, which wait for each answer as long as for the first.
    fn ask(&self, connection: &mut Connection, packed: &[u8], answers: usize) -> Result<Vec<Value>, Failure> {
        let limited = |connection: &mut Connection, act: &mut dyn FnMut(&mut Connection) -> RedisResult<Value>| {
            let left = Some(self.left()?);
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

    /// Sends and receives; the connection is used again unless it may still have an answer on it.
    pub(super) fn exchange(&self, packed: &[u8], answers: usize) -> Result<Vec<Value>, Failure> {
        let mut connection = self.connection()?;
        let done = self.ask(&mut connection, packed, answers);
        let mut idle = locked(&self.shared.idle.0);
        match &done {
            Ok(_) if idle.len() < IDLE => idle.push(connection),
            // the others were made before whatever broke this one
            Err(Failure::Broken) => {
                idle.clear();
                self.shared.broke();
            }
            _ => {}
        }
        done
    }
}

impl Wire for Thread<'_> {
    async fn send(&self, cmd: &Cmd) -> Result<Value, Failure> {
        let answer = self.exchange(&cmd.get_packed_command(), 1)?.pop().ok_or(Failure::Broken)?;
        answer.extract_error().map_err(|error| failure(&error))
    }

    async fn wait_for(&self, at: Instant, event: impl Future<Output = ()> + Send) {
        self.shared.clock.wait(at, pin!(event));
    }
}
