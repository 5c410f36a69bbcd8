//! Many calls in one round trip: the heartbeats of one moment.

use super::{
    Shared,
    command::{By, Context, Question, command},
    inbox::Place,
    name::Name,
    reply::{Failure, Read, failure, read, unanswered},
    threads::Thread,
};
use crate::backend::{Call, Reply};
use cachify_core::{Cause, patience::Ticket, time::Clock};
use redis::{RedisError, Value};
use std::sync::Arc;

/// How many calls travel together.
const BATCH: usize = 100;

/// Renewals, and whatever else does not wait for its turn.
pub(super) fn call_many(shared: &Arc<Shared>, calls: &[Call]) -> Vec<Result<Reply, Cause>> {
    let mut answers = Vec::with_capacity(calls.len());
    let mut cause = None;
    for batch in calls.chunks(BATCH) {
        match cause {
            // a server that keeps one batch waiting keeps the next one too
            Some(cause) => answers.extend(batch.iter().map(|_| Err(cause))),
            None => answers.extend(ask(shared, batch)),
        }
        let last = answers.last().and_then(|answer| answer.as_ref().err().copied());
        cause = last.filter(|cause| !matches!(cause, Cause::Rejected { .. } | Cause::NotNow(_)));
    }
    answers
}

/// How often a batch is sent: the server may not know the script, and say of another that it came late.
const ROUNDS: u32 = 4;

/// Until there is an answer for each. What a round leaves unanswered by its own fault, the next one asks again.
fn ask(shared: &Arc<Shared>, batch: &[Call]) -> Vec<Result<Reply, Cause>> {
    let mut answers: Vec<_> = batch.iter().map(|_| Err(Failure::TimedOut)).collect();
    let mut left: Vec<_> = (0..batch.len()).collect();
    let mut by = By::Digest;
    for _ in 0..ROUNDS {
        let asked: Vec<_> = left.iter().map(|at| &batch[*at]).collect();
        for (at, answer) in left.iter().zip(send(shared, &asked, by)) {
            answers[*at] = answer;
        }
        left.retain(|at| matches!(answers[*at], Err(Failure::NoScript | Failure::Late)));
        if left.is_empty() {
            break;
        }
        // a server that was restarted or flushed knows no script
        if left.iter().any(|at| matches!(answers[*at], Err(Failure::NoScript))) {
            by = By::Body;
        }
    }
    answers.into_iter().map(|answer| answer.map_err(unanswered)).collect()
}

fn send(shared: &Arc<Shared>, batch: &[&Call], by: By) -> Vec<Result<Reply, Failure>> {
    let pipe = |until| {
        let mut pipe = redis::pipe();
        for call in batch {
            let name = Name::of(&call.key.key());
            let context = Context { name: &name, not_after: shared.node.time(until), place: &Place::default() };
            pipe.add_command(command(&Question::of(call), &context, by));
        }
        pipe.get_packed_pipeline()
    };
    let thread = Thread::keeping(shared);
    let answers = match thread.exchange(pipe, batch.len()) {
        // a connection that broke at rest; what is renewed twice is renewed
        Err(Failure::Broken) => thread.exchange(pipe, batch.len()),
        answers => answers,
    };
    match answers {
        Ok(answers) => answers.into_iter().zip(batch).map(|(value, call)| answer(shared, value, call)).collect(),
        Err(failed) => batch.iter().map(|_| Err(failed)).collect(),
    }
}

fn answer(shared: &Shared, value: Value, call: &Call) -> Result<Reply, Failure> {
    if let Value::ServerError(error) = value {
        return Err(failure(&RedisError::from(error)));
    }
    match read(&call.op, call.key.key().kind, value, Ticket::NONE).map_err(Failure::Refused)? {
        Read::Done { reply, .. } => Ok(reply),
        Read::Late { now } => {
            shared.node.learn(shared.clock.now(), now);
            Err(Failure::Late)
        }
    }
}
