//! The async face: one connection per tokio runtime, so that it lives as long as whoever uses it.
//!
//! A caller outside any runtime uses the connection of the background thread.

use super::{
    Shared,
    call::Wire,
    node::greeting,
    reply::{Failure, failure},
};
use crate::locked;
use cachify_core::{
    Fault,
    drive::beside,
    time::{Clock, Instant, Timer},
};
use redis::{AsyncConnectionConfig, Cmd, RedisResult, Value, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, Weak},
};
use tokio::{
    runtime::{Handle, Id},
    sync::watch,
};

/// The connections of all runtimes.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<Id, Line>>);

/// The connection of one runtime.
struct Line {
    /// Dead when its runtime is.
    runtime: Weak<()>,
    state: watch::Receiver<State>,
}

#[derive(Clone)]
enum State {
    Connecting,
    Up(MultiplexedConnection),
    Down(Fault),
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&locked(&self.0).len()).finish()
    }
}

impl Lines {
    /// The connection of the caller's runtime; made now if there is none.
    ///
    /// The attempt goes on when the caller gives up, so that a slow server is reached in the end.
    async fn connection(&self, shared: &Arc<Shared>) -> Result<MultiplexedConnection, Fault> {
        let mut state = {
            let runtime = match Handle::try_current() {
                Ok(runtime) => runtime,
                Err(_) => shared.background().ok_or(NO_THREAD)?.runtime.clone(),
            };
            let mut lines = locked(&self.0);
            match lines.get(&runtime.id()).map(|line| line.state.borrow().clone()) {
                Some(State::Up(connection)) => return Ok(connection),
                Some(State::Connecting) => {}
                Some(State::Down(_)) | None => {
                    lines.retain(|_, line| line.runtime.strong_count() > 0);
                    lines.insert(runtime.id(), connect(shared, &runtime));
                }
            }
            match lines.get(&runtime.id()) {
                Some(line) => line.state.clone(),
                None => return Err(Fault::Unreachable),
            }
        };
        // the sender goes only with its runtime
        match state.wait_for(|state| !matches!(state, State::Connecting)).await.as_deref() {
            Ok(State::Up(connection)) => Ok(connection.clone()),
            Ok(State::Down(fault)) => Err(*fault),
            Ok(State::Connecting) | Err(_) => Err(Fault::Unreachable),
        }
    }

    /// The connection did not answer, or broke: the next call makes another.
    pub(super) fn forget(&self, shared: &Shared) {
        let runtime = match Handle::try_current() {
            Ok(runtime) => Some(runtime.id()),
            Err(_) => shared.running().map(|background| background.runtime.id()),
        };
        if let Some(id) = runtime {
            let mut lines = locked(&self.0);
            if lines.get(&id).is_some_and(|line| !matches!(*line.state.borrow(), State::Connecting)) {
                lines.remove(&id);
            }
        }
    }
}

const NO_THREAD: Fault = Fault::Rejected("the background thread could not be started");

/// Connects on `runtime`, in the background.
fn connect(shared: &Arc<Shared>, runtime: &Handle) -> Line {
    let (sender, state) = watch::channel(State::Connecting);
    let alive = Arc::new(());
    let line = Line { runtime: Arc::downgrade(&alive), state };
    let (shared, mut closed) = (shared.clone(), shared.closed());
    runtime.spawn(async move {
        let made = dial(&shared, AsyncConnectionConfig::new(), &shared.client).await;
        drop(shared);
        let up = made.is_ok();
        sender.send_replace(made.map_or_else(State::Down, State::Up));
        // until the line is replaced or the instance ends: during an outage nothing may pile up
        if up {
            let _ = beside(sender.closed(), closed.wait_for(|closed| *closed)).await;
        }
        drop(alive);
    });
    line
}

/// One attempt to connect, with a limit of its own.
pub(super) async fn dial(
    shared: &Shared,
    config: AsyncConnectionConfig,
    client: &redis::Client,
) -> Result<MultiplexedConnection, Fault> {
    // every operation has its own limit; a connection whose answers are late is replaced
    let config = config.set_connection_timeout(Some(shared.connect_timeout)).set_response_timeout(None);
    let attempt = async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let greeting = greeting();
        let answers = connection.send_packed_commands(&greeting, 0, greeting.len()).await?;
        RedisResult::Ok((connection, answers))
    };
    let limit = shared.clock.sleep_until(shared.clock.now().saturating_add(shared.connect_timeout));
    match beside(attempt, limit).await {
        Ok(Ok((connection, answers))) => shared.greeted(&answers).map(|()| connection),
        Ok(Err(error)) => Err(unreached(failure(&error))),
        Err(()) => Err(Fault::Unreachable),
    }
}

/// Why there is no connection. Nothing was asked yet, so nothing is in doubt.
pub(super) fn unreached(failure: Failure) -> Fault {
    match failure {
        Failure::Refused(fault) | Failure::NotSent(fault) => fault,
        Failure::Broken | Failure::TimedOut | Failure::NoScript => Fault::Unreachable,
    }
}

/// A call of a task.
pub(super) struct Task<'a>(pub(super) &'a Arc<Shared>);

impl Wire for Task<'_> {
    async fn send(&self, cmd: &Cmd) -> Result<Value, Failure> {
        let mut connection = self.0.lines.connection(self.0).await.map_err(Failure::NotSent)?;
        connection.send_packed_command(cmd).await.and_then(Value::extract_error).map_err(|error| {
            let failure = failure(&error);
            if matches!(failure, Failure::Broken | Failure::NotSent(_)) {
                self.0.lines.forget(self.0);
                self.0.broke();
            }
            // it had been sent, or was about to be
            if let Failure::NotSent(_) = failure { Failure::Broken } else { failure }
        })
    }

    async fn wait_for(&self, at: Instant, event: impl Future<Output = ()> + Send) {
        let _ = beside(event, self.0.clock.sleep_until(at)).await;
    }
}
