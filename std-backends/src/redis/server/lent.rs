//! Connections of the program's own: questions travel by its pool instead of by connections of ours.
//!
//! What needs a connection to itself stays ours: wake-ups, and transactions where no script may be run. A pool's connections
//! belong to the runtime that makes them, so each question is asked on the one in which the instance was built.

#[cfg(feature = "redis-1-client")]
mod connections;

use super::{Server, node::greeting};
use crate::{
    backend::BoxFuture,
    redis::reply::{Failure, failure},
};
use cachify_core::Cause;
#[cfg(feature = "redis-1-client")]
pub use connections::Connections;
use redis::{Pipeline, RedisResult, Value};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinError},
};

/// Whoever lends them, whatever its type.
pub(crate) trait Lender: Send + Sync {
    fn ask(
        self: Arc<Self>,
        pipe: Pipeline,
        answers: usize,
    ) -> BoxFuture<'static, Result<RedisResult<Vec<Value>>, Cause>>;
}

/// The connections of one instance, in the process that it was built in.
#[derive(Clone)]
pub(crate) struct Lent {
    lender: Arc<dyn Lender>,
    /// Where they live; on the thread of the instance if it was built outside any runtime.
    home: Option<Handle>,
    /// Whether the server has answered since a connection broke.
    is_greeted: Arc<AtomicBool>,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl Lent {
    #[cfg(feature = "redis-1-client")]
    pub(crate) fn new(lender: Arc<dyn Lender>) -> Self {
        Self { lender, home: Handle::try_current().ok(), is_greeted: Arc::default() }
    }

    /// The answers to commands that are put into words once the server has told its time.
    pub(in crate::redis) async fn send(
        &self,
        server: &Arc<Server>,
        pipe: impl FnOnce() -> Pipeline,
        answers: usize,
    ) -> Result<Vec<Value>, Failure> {
        if !self.is_greeted.load(Ordering::Relaxed) {
            let mut questions = redis::pipe();
            for question in greeting() {
                questions.add_command(question);
            }
            let asked = server.now();
            let answers = self.ask(server, questions, greeting().len()).await?;
            server.node.measured(server.now().since(asked));
            server.greeted(&answers).map_err(Failure::NotSent)?;
            self.is_greeted.store(true, Ordering::Relaxed);
        }
        self.ask(server, pipe(), answers).await
    }

    async fn ask(&self, server: &Arc<Server>, pipe: Pipeline, answers: usize) -> Result<Vec<Value>, Failure> {
        let began = server.now();
        server.pauses.may_try(began).map_err(Failure::NotSent)?;
        let home = match &self.home {
            Some(home) => home.clone(),
            None => server.common.background().ok_or(Failure::NotSent(Cause::Unreachable))?.runtime.clone(),
        };
        let asked = home.spawn(self.lender.clone().ask(pipe, answers));
        // whoever gives up asks no more
        let _asked = Asked(asked.abort_handle());
        let answer = match asked.await {
            Ok(Ok(answered)) => answered.map_err(|error| read(&error)),
            Ok(Err(cause)) => Err(Failure::NotSent(cause)),
            Err(ended) => Err(unheard(&ended)),
        };
        match &answer {
            Err(Failure::NotSent(cause)) => server.pauses.failed(began, server.now(), *cause),
            Err(Failure::Broken) => {
                self.is_greeted.store(false, Ordering::Relaxed);
                server.broke();
            }
            Err(Failure::TimedOut) => {}
            _ => server.pauses.answered(),
        }
        answer
    }
}

/// What went wrong with a question that may have been sent.
fn read(error: &redis::RedisError) -> Failure {
    match failure(error) {
        _ if error.is_timeout() => Failure::TimedOut,
        Failure::NotSent(_) => Failure::Broken,
        failure => failure,
    }
}

/// The runtime ended before the question, or the pool panicked.
fn unheard(ended: &JoinError) -> Failure {
    if ended.is_panic() { Failure::Refused(PANICKED) } else { Failure::NotSent(NO_HOME) }
}

const PANICKED: Cause = Cause::rejected("the program's own connections panicked");
const NO_HOME: Cause =
    Cause::Unsupported("the runtime is gone in which the instance, and so its connections, were made");

/// A question that ends with whoever waits for its answer.
struct Asked(AbortHandle);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.abort();
    }
}
