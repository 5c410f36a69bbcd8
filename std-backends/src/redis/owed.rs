//! What a server is to be told of a right that nobody holds any more, and how it is told: many in one round trip, each with
//! its own answer.

use super::{
    command::{By, Context, Question, command},
    inbox::Place,
    name::Name,
    reply::{Failure, Read, failure, read},
    server::Server,
    server::tasks::{Task, Use},
};
use crate::backend::{Op, Outcome, OwnedKey, Reply};
use cachify_core::{
    Holding,
    drive::beside,
    patience::Ticket,
    time::{Instant, Timer},
    token::HolderToken,
};
use redis::{Pipeline, RedisError, Value};
use std::sync::Arc;

/// What the server is to be told of a right that nobody holds any more.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) name: Name,
    pub(super) token: HolderToken,
    /// Where it stood, if it did.
    pub(super) place: Place,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// When it has ended whatever the server is told.
    pub(super) ends: Instant,
    /// Of one whose holder believed to hold it: if it did not, that is told.
    pub(super) held: Option<OwnedKey>,
}

impl Owed {
    pub(super) const fn back(name: Name, token: HolderToken, place: Place) -> Self {
        Self { name, token, place, outcome: Outcome::Free, ends: Instant::MAX, held: None }
    }

    const fn question(&self) -> Question<'static> {
        Question::new(Op::Release(self.outcome), self.token)
    }
}

pub(super) type Answer = Result<Holding, Failure>;

/// A batch, within the limit of one operation; whether it was sent on there, each after an `ASKING`.
pub(super) async fn tell(server: &Arc<Server>, batch: &[&Owed], is_asked: bool) -> Vec<Answer> {
    let until = server.deadline();
    let task = Task::new(Use::Leases, until, server.op_timeout());
    let mut answers: Vec<Answer> = batch.iter().map(|_| Err(Failure::TimedOut)).collect();
    let all = async {
        let mut left: Vec<_> = (0..batch.len()).collect();
        // by their text those that a server does not know which was restarted or flushed
        for by in [By::Digest, By::Body] {
            let mut pipe = redis::pipe();
            for at in &left {
                let owed = batch[*at];
                let context =
                    Context { name: &owed.name, not_after: 0, place: &owed.place, blesses: server.node.blesses() };
                if is_asked {
                    pipe.cmd("ASKING");
                }
                pipe.add_command(command(&owed.question(), &context, by));
            }
            let each = 1 + usize::from(is_asked);
            let (told, again) = exchange(&task, server, &pipe, left.len() * each).await;
            // the answer to `ASKING` comes first
            for (at, answer) in left.iter().zip(told.into_iter().skip(each - 1).step_by(each)) {
                let heard = answer.and_then(|value| understood(value, batch[*at]));
                // the first copy may have done it
                answers[*at] = if again { heard.map(|_| Holding::Held) } else { heard };
            }
            left.retain(|at| matches!(answers[*at], Err(Failure::NoScript)));
            if left.is_empty() {
                break;
            }
        }
    };
    if beside(all, server.common.clock.sleep_until(until)).await.is_err() {
        task.timed_out();
    }
    answers
}

/// All of a pipeline; once more if the connection broke, which is how one at rest ends. What is told twice is told.
/// Whether it was.
async fn exchange(
    task: &Task,
    server: &Arc<Server>,
    pipe: &Pipeline,
    count: usize,
) -> (Vec<Result<Value, Failure>>, bool) {
    let (answers, again) = match task.send_all(server, || pipe.clone(), count).await {
        Err(Failure::Broken) => (task.send_all(server, || pipe.clone(), count).await, true),
        answers => (answers, false),
    };
    let answers = match answers {
        Ok(values) => values.into_iter().map(Ok).collect(),
        Err(failed) => (0..count).map(|_| Err(failed.clone())).collect(),
    };
    (answers, again)
}

/// Kept or lost: either way the server has heard it.
fn understood(value: Value, owed: &Owed) -> Result<Holding, Failure> {
    match value {
        Value::ServerError(error) => Err(failure(&RedisError::from(error))),
        value => match read(&owed.question().op, owed.name.kind, value, Ticket::NONE).map_err(Failure::Refused)? {
            Read::Done { reply: Reply::Held(holding), .. } => Ok(holding),
            Read::Done { .. } | Read::Late { .. } => Ok(Holding::Held),
        },
    }
}
