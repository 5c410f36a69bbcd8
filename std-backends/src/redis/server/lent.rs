//! Connections of the program's own: questions travel by its pool instead of by connections of ours.
//!
//! What needs a connection to itself stays ours: wake-ups, and transactions where no script may be run. A pool's connections
//! belong to the runtime that makes them, so each question is asked on the one in which the instance was built.

#[cfg(feature = "redis-1-client")]
mod connections;

use super::{Server, node::greeting};
use crate::{
    backend::BoxFuture,
    redis::reply::{Failure, failure, unreached},
};
use cachify_core::{
    Cause,
    drive::beside,
    time::{Instant, Timer},
};
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
    runtime::{Handle, RuntimeFlavor},
    task::{AbortHandle, JoinError},
};

/// Whoever lends them, whatever its type.
pub(crate) trait Lender: Send + Sync {
    fn ask(self: Arc<Self>, question: Question) -> BoxFuture<'static, Result<RedisResult<Vec<Value>>, Cause>>;
}

/// What is asked on a connection that is lent.
#[cfg_attr(not(feature = "redis-1-client"), expect(dead_code, reason = "nobody lends"))]
pub(crate) struct Question {
    pipe: Pipeline,
    answers: usize,
    /// The one that the URL names.
    database: i64,
    /// Whether there is a connection, and so may be an answer.
    is_sent: Arc<AtomicBool>,
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

    /// The answers to commands that are put into words once the server has told its time; what has no connection by
    /// `connect_by` is not sent.
    pub(in crate::redis) async fn send(
        &self,
        server: &Arc<Server>,
        connect_by: Instant,
        pipe: impl FnOnce() -> Pipeline,
        answers: usize,
    ) -> Result<Vec<Value>, Failure> {
        if !self.is_greeted.load(Ordering::Relaxed) {
            self.greet(server, connect_by).await.map_err(|failure| Failure::NotSent(unreached(&failure)))?;
        }
        self.ask(server, connect_by, pipe(), answers).await
    }

    /// The first questions. Nothing that matters was asked if these are not answered.
    async fn greet(&self, server: &Arc<Server>, connect_by: Instant) -> Result<(), Failure> {
        let mut questions = redis::pipe();
        for question in greeting() {
            questions.add_command(question);
        }
        let (asked, limit) = (server.now(), server.common.clock.sleep_until(connect_by));
        let answers = beside(self.ask(server, connect_by, questions, greeting().len()), limit).await;
        let answers = answers.map_err(|()| Failure::NotSent(Cause::Unreachable))??;
        server.node.measured(server.now().since(asked));
        server.greeted(&answers).map_err(Failure::NotSent)?;
        self.is_greeted.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn ask(
        &self,
        server: &Arc<Server>,
        connect_by: Instant,
        pipe: Pipeline,
        answers: usize,
    ) -> Result<Vec<Value>, Failure> {
        let home = match &self.home {
            Some(home) => home.clone(),
            None => server.common.background().ok_or(Failure::NotSent(Cause::Unreachable))?.runtime.clone(),
        };
        let question = Question { pipe, answers, database: server.address.database(), is_sent: Arc::default() };
        let is_sent = question.is_sent.clone();
        let mut asked = home.spawn(self.lender.clone().ask(question));
        // whoever gives up asks no more
        let _asked = Asked(asked.abort_handle());
        let ended = match beside(&mut asked, server.common.clock.sleep_until(connect_by)).await {
            Ok(ended) => ended,
            Err(()) if !is_sent.load(Ordering::Acquire) => return Err(Failure::NotSent(Cause::Unreachable)),
            Err(()) => asked.await,
        };
        let answer = match ended {
            Ok(Ok(answered)) => answered.map_err(|error| read(&error)),
            Ok(Err(cause)) => Err(Failure::NotSent(cause)),
            Err(ended) => Err(unheard(&ended, is_sent.load(Ordering::Acquire))),
        };
        if matches!(answer, Err(Failure::Broken)) {
            self.is_greeted.store(false, Ordering::Relaxed);
            server.broke();
        }
        answer
    }

    /// Whether a thread that waits for an answer keeps its runtime from bringing it.
    pub(in crate::redis) fn would_wait_for_itself(&self) -> bool {
        let (Some(home), Ok(here)) = (&self.home, Handle::try_current()) else { return false };
        home.id() == here.id() && here.runtime_flavor() == RuntimeFlavor::CurrentThread
    }
}

pub(super) const WAITS_FOR_ITSELF: Cause = Cause::Unsupported(
    "a blocking call in the one thread of the runtime that has the program's connections waits for itself: await it",
);

/// What went wrong with a question that may have been sent.
fn read(error: &redis::RedisError) -> Failure {
    match failure(error) {
        _ if error.is_timeout() => Failure::TimedOut,
        Failure::NotSent(_) => Failure::Broken,
        failure => failure,
    }
}

/// The runtime ended before the answer, or the pool panicked.
fn unheard(ended: &JoinError, is_sent: bool) -> Failure {
    match (is_sent, ended.is_panic()) {
        (true, _) => Failure::Broken,
        (false, true) => Failure::NotSent(PANICKED),
        (false, false) => Failure::NotSent(NO_HOME),
    }
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
