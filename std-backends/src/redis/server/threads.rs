//! The blocking face: a few connections that threads share, each used by one call at a time.

mod idle;

use super::{
    Server,
    knock::{aside, knock},
    latest,
    lent::WAITS_FOR_ITSELF,
    node::greeting,
};
use crate::redis::{
    call::{Wire, last, piped},
    reply::{Failure, failure, is_demoted, is_doubtful, unconnected, unreached},
};
use crate::{backend::park, clock::StdClock};
use cachify_core::{
    Cause,
    time::{Instant, Sleep},
};
pub(in crate::redis) use idle::Idle;
use redis::{Client, Cmd, Connection, Pipeline, RedisError, RedisResult, Value};
use std::{cell::Cell, future::Future, pin::pin, sync::Arc, time::Duration};

/// How many bytes are sent at a time: so few that a full way seldom takes a part of them, after which the client waits
/// anew for the rest.
const PART: usize = 4 * 1024;

/// Whose connections a call uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Calls,
    Renewals,
}

impl Use {
    fn of(self, server: &Server) -> &Idle {
        match self {
            Self::Calls => &server.idle,
            Self::Renewals => &server.renewing,
        }
    }
}

/// A call of a thread.
pub(in crate::redis) struct Thread {
    kind: Use,
    /// When it ends; of renewals only what comes after connecting.
    until: Option<Instant>,
}

impl Thread {
    /// A call that ends at `until`.
    pub(in crate::redis) const fn calling(until: Instant) -> Self {
        Self { kind: Use::Calls, until: Some(until) }
    }

    /// Renewals: nobody waits for them, so connecting has a limit of its own.
    pub(in crate::redis) const fn keeping() -> Self {
        Self { kind: Use::Renewals, until: None }
    }

    fn left(server: &Server, until: Instant) -> Result<Duration, Failure> {
        let left = until.since(server.now());
        // a limit of zero would be none
        if left.is_zero() { Err(Failure::TimedOut) } else { Ok(left) }
    }

    /// A connection at rest, or the next one that comes to rest or is made.
    fn connection(&self, server: &Arc<Server>) -> Result<Connection, Failure> {
        let (idle, now) = (self.kind.of(server), server.now());
        idle.tidy(now);
        if let Some(connection) = idle.take() {
            return Ok(connection);
        }
        let until = match self.until {
            None => now.saturating_add(server.common.connect_timeout),
            Some(until) => {
                server.pauses.may_try(now).map_err(Failure::NotSent)?;
                // no attempt, so no failure of the server's
                Self::left(server, until).map_err(|_| Failure::NotSent(Cause::Unreachable))?;
                until
            }
        };
        let waiting = idle.wait(now);
        // what is not sent says so before the limit says that nothing is known
        let spare = self.until.map_or(0, |until| (until.since(now).as_millis() as u64 / 10).max(2));
        let until = Instant::from_millis(until.as_millis().saturating_sub(spare));
        let mut changed = idle.changed.subscribe();
        loop {
            if let Some(connection) = idle.take() {
                return Ok(connection);
            }
            if let Some(why) = waiting.failure() {
                return Err(why);
            }
            let now = server.now();
            if waiting.starts(now) {
                self.dial(server);
            }
            // an attempt that has taken longer than an operation may is waited for by nobody but renewal
            let stale = waiting.began().saturating_add(server.op_timeout());
            let until = if self.until.is_some() { until.min(stale) } else { until };
            if now >= until {
                server.node.unreached();
                return Err(Failure::NotSent(Cause::Unreachable));
            }
            server.common.clock.wait(until, pin!(async { drop(changed.changed().await) }));
        }
    }

    /// Makes one more connection, beside its caller.
    fn dial(&self, server: &Arc<Server>) {
        let attempt = Attempt { server: server.clone(), kind: self.kind, result: None };
        let threads = std::thread::Builder::new().name("cachify-connect".into());
        // what was given to a thread that did not start is dropped, and has failed
        let _ = threads.spawn(move || attempt.run());
    }

    /// Not by the client's own pipelines, which wait for each answer as long as for the first.
    fn ask(
        server: &Server,
        connection: &mut Connection,
        packed: &[u8],
        answers: usize,
        until: Instant,
        read: impl Fn(&RedisError) -> Failure,
    ) -> Result<Vec<Value>, Failure> {
        let limited = |connection: &mut Connection, act: &mut dyn FnMut(&mut Connection) -> RedisResult<Value>| {
            let left = Some(Self::left(server, until)?);
            let limits = connection.set_read_timeout(left).and_then(|()| connection.set_write_timeout(left));
            limits.and_then(|()| act(connection)).map_err(|error| match read(&error) {
                _ if error.is_timeout() => Failure::TimedOut,
                // it had been sent, or was about to be
                Failure::NotSent(Cause::Unreachable) => Failure::Broken,
                failure => failure,
            })
        };
        // in parts, since the client's limit is one of each write
        for part in packed.chunks(PART) {
            limited(connection, &mut |connection| connection.send_packed_command(part).map(|()| Value::Nil))?;
        }
        (0..answers).map(|_| limited(connection, &mut Connection::recv_response)).collect()
    }

    /// Sends what `pipe` makes once there is a connection, and receives.
    pub(in crate::redis) fn exchange(
        &self,
        server: &Arc<Server>,
        pipe: impl FnOnce(Instant) -> Pipeline + Send,
        answers: usize,
    ) -> Result<Vec<Value>, Failure> {
        let Some(lent) = &server.lent else {
            return self.talk(server, |talk| talk.ask(&pipe(talk.until).get_packed_pipeline(), answers));
        };
        let until = self.until.unwrap_or_else(|| server.deadline());
        if lent.would_wait_for_itself() {
            return Err(Failure::NotSent(WAITS_FOR_ITSELF));
        }
        let asked = lent.send(server, latest(until, server.op_timeout()), || pipe(until), answers);
        park(Box::pin(asked), Self::left(server, until)?).unwrap_or(Err(Failure::TimedOut))
    }

    /// Has a connection for as long as `talk` asks on it; it is used again unless it may still have an answer on it, or
    /// leads to a server that is no master any more.
    pub(in crate::redis) fn talk<T>(
        &self,
        server: &Arc<Server>,
        talk: impl FnOnce(&mut Talk<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let life = server.replaced();
        let mut connection = self.connection(server)?;
        let sent = server.now();
        let until = self.until.unwrap_or_else(|| server.deadline());
        if Self::left(server, until).is_err() {
            // the way is long, but open: the next call begins here
            self.kind.of(server).put(sent, connection);
            return Err(Failure::NotSent(Cause::Unreachable));
        }
        let mut has = Talk { server, connection: &mut connection, until, is_demoted: false };
        let done = talk(&mut has);
        let is_demoted = has.is_demoted;
        match &done {
            Ok(_) => server.pauses.answered(),
            Err(Failure::Broken) => server.pauses.broke(server.now()),
            Err(_) => {}
        }
        match &done {
            // it was left already
            Ok(_) if server.replaced() != life => drop(connection),
            Ok(_) if is_demoted => server.demoted(),
            Ok(_) => self.kind.of(server).put(server.now(), connection),
            // whatever ailed this one ails those that have not answered since
            Err(Failure::Broken) => {
                self.kind.of(server).forget(sent);
                server.broke();
            }
            Err(_) => self.kind.of(server).forget(sent),
        }
        done
    }
}

/// A connection, while one call has it.
pub(in crate::redis) struct Talk<'a> {
    server: &'a Server,
    connection: &'a mut Connection,
    until: Instant,
    /// Whether the server said that it is no master any more.
    is_demoted: bool,
}

impl Talk<'_> {
    /// Sends what was packed, and receives so many answers.
    pub(in crate::redis) fn ask(&mut self, packed: &[u8], answers: usize) -> Result<Vec<Value>, Failure> {
        let values = Thread::ask(self.server, self.connection, packed, answers, self.until, failure)?;
        self.is_demoted |= values.iter().any(is_demoted);
        Ok(values)
    }
}

/// One attempt to connect; it is noted how it ended, even if it panics or never begins.
struct Attempt {
    server: Arc<Server>,
    kind: Use,
    result: Option<Result<Connection, Failure>>,
}

impl Attempt {
    fn run(mut self) {
        let (began, life) = (self.server.now(), self.server.replaced());
        self.server.watch();
        let made = self.connect(began).and_then(|made| {
            // to one that was replaced meanwhile
            if self.server.replaced() == life { Ok(made) } else { Err(Failure::NotSent(Cause::Unreachable)) }
        });
        match &made {
            Ok(_) => self.server.pauses.made(),
            Err(Failure::NotSent(cause)) => {
                self.server.address.distrust();
                self.server.node.unreached();
                self.server.pauses.failed(began, self.server.now(), *cause);
            }
            Err(_) => {}
        }
        self.result = Some(made);
    }

    fn connect(&self, began: Instant) -> Result<Connection, Failure> {
        let client = self.server.address.client(self.server.knock_limit()).map_err(Failure::NotSent)?;
        let (server, reached) = (self.server.clone(), client.clone());
        let attempt = move || make(&server, &reached, began.saturating_add(server.common.connect_timeout));
        if !self.server.may_speak_no_tls() {
            return attempt();
        }
        let unreached = Err(Failure::NotSent(Cause::Unreachable));
        match park(Box::pin(self.server.or_told(&client, aside(attempt))), self.server.common.connect_timeout) {
            Some(Ok(made)) => made.unwrap_or(unreached),
            Some(Err(why)) => Err(Failure::NotSent(why)),
            None => unreached,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let made = self.result.take().unwrap_or(Err(Failure::NotSent(Cause::Unreachable)));
        self.kind.of(&self.server).dialled(made, self.server.now());
    }
}

/// A connection on which the server has answered, or why there is none.
fn make(server: &Server, client: &Client, until: Instant) -> Result<Connection, Failure> {
    let is_odd = Cell::new(false);
    let read = |error: &RedisError| {
        is_odd.set(is_doubtful(error));
        Failure::NotSent(unconnected(error))
    };
    // what was made is closed before anybody knocks
    greeted(server, client, until, read).map_err(|failed| {
        let told = is_odd.get().then(|| knock(client, server.knock_limit())).flatten();
        told.map_or(failed, Failure::NotSent)
    })
}

fn greeted(
    server: &Server,
    client: &Client,
    until: Instant,
    read: impl Fn(&RedisError) -> Failure,
) -> Result<Connection, Failure> {
    // a part of it: the client counts the last of its own two questions anew
    let made = client.get_connection_with_timeout(server.common.connect_timeout * 3 / 4);
    let mut connection = made.map_err(|error| read(&error))?;
    if server.is_replica {
        let readonly = redis::cmd("READONLY").get_packed_command();
        Thread::ask(server, &mut connection, &readonly, 1, until, &read)?;
    }
    let (greeting, asked) = (greeting(), server.now());
    let packed: Vec<_> = greeting.iter().flat_map(Cmd::get_packed_command).collect();
    let answers = Thread::ask(server, &mut connection, &packed, greeting.len(), until, read);
    let answers = answers.map_err(|failure| Failure::NotSent(unreached(&failure)))?;
    server.node.measured(server.now().since(asked));
    server.greeted(&answers).map_err(Failure::NotSent)?;
    Ok(connection)
}

impl Wire for Thread {
    async fn send(
        &self,
        server: &Arc<Server>,
        is_asked: bool,
        cmd: impl FnOnce() -> Cmd + Send,
    ) -> Result<Value, Failure> {
        last(self.exchange(server, |_| piped(is_asked, cmd()), 1 + usize::from(is_asked))?)
    }

    async fn wait_for(&self, clock: &StdClock, at: Instant, event: impl Future<Output = ()> + Send) {
        clock.wait(at, pin!(event));
    }
}
