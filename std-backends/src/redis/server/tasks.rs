//! The async face: per tokio runtime a connection for leases and one for values, so that they live as long as whoever
//! uses them, and no large value is before a lease.
//!
//! A caller outside any runtime uses the connection of the background thread.

use super::{Server, dial::dial, latest};
use crate::redis::{
    background::FAREWELL,
    call::{Wire, last, piped},
    reply::{Failure, failure, is_demoted},
};
use crate::{clock::StdClock, sync::locked};
use cachify_core::{
    Cause,
    drive::beside,
    key::Kind,
    time::{Clock, Instant, Timer},
};
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisResult, Value, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::{Handle, Id},
    sync::watch,
};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::redis) enum Use {
    /// Short questions.
    Leases,
    /// Cached values and their flights.
    Values,
}

impl Use {
    pub(in crate::redis) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Lock | Kind::Once | Kind::Pool => Self::Leases,
            Kind::Cache => Self::Values,
        }
    }
}

/// The connections of all runtimes.
#[derive(Default)]
pub(in crate::redis) struct Lines(Mutex<HashMap<(Id, Use), Line>>, AtomicU64);

/// One connection of one runtime.
struct Line {
    /// Dead when its runtime is.
    runtime: Weak<()>,
    state: watch::Receiver<State>,
    number: u64,
    /// While it is found out whether it is of use still, for an answer did not come in time.
    proof: Option<watch::Receiver<bool>>,
}

/// What there is for a caller.
enum Found {
    Up(u64, MultiplexedConnection),
    Doubted(u64, watch::Receiver<bool>),
    Connecting(u64, watch::Receiver<State>),
}

impl Line {
    /// Whether another attempt would do no better: it is up, or may yet be, or its runtime lets none come to an end.
    fn is_last(&self) -> bool {
        !matches!(*self.state.borrow(), State::Down(_))
    }
}

#[derive(Clone)]
enum State {
    /// Since then; before the attempt has begun, which takes somebody who drives its runtime, since never.
    Connecting(Option<Instant>),
    Up(MultiplexedConnection),
    Down(Cause),
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&locked(&self.0).len()).finish()
    }
}

impl Lines {
    /// The connection of the caller's runtime, with its number; made now if there is none.
    ///
    /// The attempt goes on when the caller gives up, so that a slow server is reached in the end.
    async fn connection(&self, server: &Arc<Server>, of: Use) -> Result<(u64, MultiplexedConnection), Cause> {
        loop {
            let (number, mut state) = match self.line(server, of)? {
                Found::Up(number, connection) => return Ok((number, connection)),
                Found::Doubted(number, mut proof) => {
                    // whoever asked it went with its runtime
                    if proof.wait_for(|is_over| *is_over).await.is_err() {
                        self.forget(number);
                    }
                    continue;
                }
                Found::Connecting(number, state) => (number, state),
            };
            loop {
                let most = match &*state.borrow_and_update() {
                    State::Up(connection) => return Ok((number, connection.clone())),
                    State::Down(cause) => return Err(*cause),
                    State::Connecting(began) => began.map(|began| began.saturating_add(server.op_timeout())),
                };
                // an attempt that has taken longer than an operation may is waited for by nobody
                let limit = server.common.clock.sleep_until(most.unwrap_or(Instant::MAX));
                match beside(state.changed(), limit).await {
                    Ok(Ok(())) => {}
                    // the sender goes only with its runtime
                    Ok(Err(_)) => return Err(NO_RUNTIME),
                    Err(()) => {
                        server.node.unreached();
                        return Err(Cause::Unreachable);
                    }
                }
            }
        }
    }

    /// The line of the caller's runtime; begun now if there is none.
    fn line(&self, server: &Arc<Server>, of: Use) -> Result<Found, Cause> {
        let runtime = match Handle::try_current() {
            Ok(runtime) => runtime,
            Err(_) => server.common.background().ok_or(NO_THREAD)?.runtime.clone(),
        };
        let (mut lines, place) = (locked(&self.0), (runtime.id(), of));
        if !lines.get(&place).is_some_and(Line::is_last) {
            server.pauses.may_try(server.now())?;
            lines.retain(|_, line| line.runtime.strong_count() > 0);
            lines.insert(place, connect(server, &runtime));
        }
        let Some(line) = lines.get(&place) else { return Err(Cause::Unreachable) };
        if let Some(proof) = &line.proof {
            return Ok(Found::Doubted(line.number, proof.clone()));
        }
        Ok(match &*line.state.borrow() {
            State::Up(_) if line.runtime.strong_count() == 0 => return Err(NO_RUNTIME),
            State::Up(connection) => Found::Up(line.number, connection.clone()),
            State::Connecting(_) | State::Down(_) => Found::Connecting(line.number, line.state.clone()),
        })
    }

    /// An answer did not come in time: one that is late is thrown away, but a connection on which none comes any more
    /// is replaced. Until that is known nobody uses it.
    fn doubt(&self, server: &Arc<Server>, number: u64) {
        let runtime =
            Handle::try_current().ok().or_else(|| server.common.running().map(|thread| thread.runtime.clone()));
        let Some(runtime) = runtime else {
            self.forget(number);
            return;
        };
        let (mut connection, over) = {
            let mut lines = locked(&self.0);
            let line = lines.values_mut().find(|line| line.number == number && line.proof.is_none());
            let Some(line) = line else { return };
            let State::Up(connection) = line.state.borrow().clone() else { return };
            let (over, proof) = watch::channel(false);
            line.proof = Some(proof);
            (connection, over)
        };
        let server = server.clone();
        runtime.spawn(async move {
            let limit = server.common.clock.sleep_until(server.now().saturating_add(server.node.patience()));
            let ping = redis::cmd("PING");
            if matches!(beside(connection.send_packed_command(&ping), limit).await, Ok(Ok(_))) {
                if let Some(line) = locked(&server.lines.0).values_mut().find(|line| line.number == number) {
                    line.proof = None;
                }
            } else {
                server.lines.forget(number);
            }
            over.send_replace(true);
        });
    }

    /// None of them leads where it should any more.
    pub(in crate::redis) fn forget_all(&self) {
        let all = std::mem::take(&mut *locked(&self.0));
        drop(all);
    }

    /// That connection did not answer, or broke: the next call makes another. Whether anybody still would have used it.
    fn forget(&self, number: u64) -> bool {
        let gone: Vec<_> = locked(&self.0).extract_if(|_, line| line.number == number).collect();
        !gone.is_empty()
    }
}

const NO_THREAD: Cause = Cause::Unsupported("the background thread could not be started");
const NO_RUNTIME: Cause =
    Cause::Unsupported("connecting ended with its tokio runtime: it is gone, or was built without `enable_io`");

/// Connects on `runtime`, in the background.
fn connect(server: &Arc<Server>, runtime: &Handle) -> Line {
    server.watch();
    let (sender, state) = watch::channel(State::Connecting(None));
    let alive = Arc::new(());
    let number = server.lines.1.fetch_add(1, Ordering::Relaxed);
    let line = Line { runtime: Arc::downgrade(&alive), state, number, proof: None };
    let (server, mut closed) = (server.clone(), server.common.closed());
    runtime.spawn(async move {
        let (began, times) = (server.now(), server.replaced());
        sender.send_replace(State::Connecting(Some(began)));
        let made = dial(&server, AsyncConnectionConfig::new(), None).await;
        // to one that was replaced meanwhile
        let made = made.and_then(|made| if server.replaced() == times { Ok(made) } else { Err(Cause::Unreachable) });
        match &made {
            Ok(_) => server.pauses.made(),
            Err(cause) => {
                server.address.distrust();
                server.node.unreached();
                server.pauses.failed(began, server.now(), *cause);
            }
        }
        let clock = server.common.clock.clone();
        drop(server);
        let up = made.is_ok();
        sender.send_replace(made.map_or_else(State::Down, State::Up));
        // until the line is replaced, or a while after the instance has ended: during an outage nothing may pile up, and what
        // was dropped is given back after the end
        if up {
            let end = async {
                let _ = closed.wait_for(|closed| *closed).await;
                clock.sleep_until(clock.now().saturating_add(FAREWELL)).await;
            };
            let _ = beside(sender.closed(), end).await;
        }
        drop(alive);
    });
    line
}

/// A call of a task.
pub(in crate::redis) struct Task {
    of: Use,
    /// When a question would be too late to be answered in time.
    connect_by: Instant,
    /// The connection on which it waits for an answer.
    unanswered: Mutex<Option<(Arc<Server>, u64)>>,
}

impl Task {
    /// A call that ends at `until`, which takes `limit` at most.
    pub(in crate::redis) fn new(of: Use, until: Instant, limit: Duration) -> Self {
        Self { of, connect_by: latest(until, limit), unanswered: Mutex::new(None) }
    }

    /// The connection of the caller's runtime, on which an answer is awaited from now on.
    async fn connection(&self, server: &Arc<Server>) -> Result<(u64, MultiplexedConnection), Failure> {
        let limit = server.common.clock.sleep_until(self.connect_by);
        let connected = beside(server.lines.connection(server, self.of), limit).await;
        let (number, connection) = connected.unwrap_or(Err(Cause::Unreachable)).map_err(Failure::NotSent)?;
        *locked(&self.unanswered) = Some((server.clone(), number));
        Ok((number, connection))
    }

    /// What came of it on that connection, which is replaced if it broke, or leads to a server that is no master any
    /// more.
    fn answered<T>(&self, server: &Server, number: u64, answer: RedisResult<T>) -> Result<T, Failure> {
        *locked(&self.unanswered) = None;
        let answer = answer.map_err(|error| failure(&error));
        match &answer {
            Err(Failure::Broken | Failure::NotSent(_)) => server.pauses.broke(server.now()),
            _ => server.pauses.answered(),
        }
        answer.map_err(|failure| {
            if matches!(failure, Failure::Broken | Failure::NotSent(_)) {
                server.lines.forget(number);
                server.broke();
            } else if failure.is_demotion() {
                leave(server, number);
            }
            // it had been sent, or was about to be
            if let Failure::NotSent(_) = failure { Failure::Broken } else { failure }
        })
    }

    /// Many commands at once, put into words only when there is a connection; their answers, errors of single ones among them.
    pub(in crate::redis) async fn send_all(
        &self,
        server: &Arc<Server>,
        pipe: impl FnOnce() -> Pipeline,
        count: usize,
    ) -> Result<Vec<Value>, Failure> {
        if let Some(lent) = &server.lent {
            return lent.send(server, self.connect_by, pipe, count).await;
        }
        let (number, mut connection) = self.connection(server).await?;
        let pipe = pipe();
        let answers = connection.send_packed_commands(&pipe, 0, count).await;
        let answers = self.answered(server, number, answers)?;
        if answers.iter().any(is_demoted) {
            leave(server, number);
        }
        Ok(answers)
    }

    /// No answer came in time; from which server.
    pub(in crate::redis) fn timed_out(&self) -> Option<Arc<Server>> {
        let (server, number) = locked(&self.unanswered).take()?;
        server.lines.doubt(&server, number);
        Some(server)
    }
}

/// The next call finds another connection, and perhaps another server.
fn leave(server: &Server, number: u64) {
    // of those that were told on one connection one is enough
    if server.lines.forget(number) {
        server.demoted();
    }
}

impl Wire for Task {
    async fn send(
        &self,
        server: &Arc<Server>,
        is_asked: bool,
        cmd: impl FnOnce() -> Cmd + Send,
    ) -> Result<Value, Failure> {
        if is_asked || server.lent.is_some() {
            let answers = self.send_all(server, || piped(is_asked, cmd()), 1 + usize::from(is_asked)).await?;
            return last(answers);
        }
        let (number, mut connection) = self.connection(server).await?;
        let answer = connection.send_packed_command(&cmd()).await;
        self.answered(server, number, answer.and_then(Value::extract_error))
    }

    async fn wait_for(&self, clock: &StdClock, at: Instant, event: impl Future<Output = ()> + Send) {
        let _ = beside(event, clock.sleep_until(at)).await;
    }
}
