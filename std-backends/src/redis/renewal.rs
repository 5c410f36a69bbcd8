//! Renewal: many rights in one round trip.

use super::{
    Owner, Shared,
    command::{By, Context, command},
    name::Name,
    reaper::{Owed, Room},
    reply::{Failure, Reply, failure, read, unanswered},
    threads::Thread,
};
use crate::{
    backend::{Answer, Operation},
    keeper::Renew,
};
use cachify_core::{Fault, Holding, cell::Ask, key::Key, patience::Ticket, time::Clock, token::HolderToken};
use redis::{RedisError, Value};

/// How many rights travel together.
const BATCH: usize = 100;

impl Renew for Owner {
    fn renew(&self, key: Key<'_>, ask: &Ask) -> Result<Holding, Fault> {
        self.renew_all(&[(key, *ask)]).pop().unwrap_or(Err(Fault::Unreachable))
    }

    fn renew_all(&self, due: &[(Key<'_>, Ask)]) -> Vec<Result<Holding, Fault>> {
        let mut answers = Vec::with_capacity(due.len());
        let mut fault = None;
        for batch in due.chunks(BATCH) {
            match fault {
                // a server that keeps one batch waiting keeps the next one too
                Some(fault) => answers.extend(batch.iter().map(|_| Err(fault))),
                None => answers.extend(renew(self.shared(), batch)),
            }
            fault = answers.last().and_then(|answer| answer.err()).filter(|fault| !matches!(fault, Fault::Rejected(_)));
        }
        answers
    }

    fn give_back(&self, key: Key<'_>, token: HolderToken) {
        self.shared().owe(Owed::back(Name::of(&key), token), Room::Unbounded);
    }
}

/// How often a batch is sent: the server may not know the script, and say of another that it came late.
const ROUNDS: u32 = 4;

/// Until there is an answer for each. What a round leaves unanswered by its own fault, the next one asks again.
fn renew(shared: &Shared, batch: &[(Key<'_>, Ask)]) -> Vec<Result<Holding, Fault>> {
    let mut answers = vec![Err(Failure::TimedOut); batch.len()];
    let mut left: Vec<_> = (0..batch.len()).collect();
    let mut by = By::Digest;
    for _ in 0..ROUNDS {
        let asked: Vec<_> = left.iter().map(|at| batch[*at]).collect();
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

fn send(shared: &Shared, batch: &[(Key<'_>, Ask)], by: By) -> Vec<Result<Holding, Failure>> {
    let pipe = |until| {
        let mut pipe = redis::pipe();
        for (key, ask) in batch {
            let name = Name::of(key);
            let context = Context { name: &name, not_after: shared.node.time(until), inbox: "", arrived: 0 };
            pipe.add_command(command(&Operation::renewal(key.kind, *ask), &context, by));
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
        Ok(answers) => {
            let read = |(value, (key, ask)): (Value, &(Key<'_>, Ask))| {
                holding(shared, value, &Operation::renewal(key.kind, *ask))
            };
            answers.into_iter().zip(batch).map(read).collect()
        }
        Err(failed) => batch.iter().map(|_| Err(failed)).collect(),
    }
}

fn holding(shared: &Shared, value: Value, operation: &Operation) -> Result<Holding, Failure> {
    if let Value::ServerError(error) = value {
        return Err(failure(&RedisError::from(error)));
    }
    match read(operation, value, Ticket::NONE).map_err(Failure::Refused)? {
        Reply::Done { answer: Answer::Holding(holding), .. } => Ok(holding),
        Reply::Late { now } => {
            shared.node.learn(shared.clock.now(), now);
            Err(Failure::Late)
        }
        Reply::Done { .. } => Err(Failure::Broken),
    }
}
