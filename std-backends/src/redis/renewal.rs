//! Renewal: many rights in one round trip.

use super::{
    Owner, Shared,
    command::{By, Context, command},
    name::Name,
    reply::{Failure, Reply, failure, read},
    threads::Thread,
};
use crate::{
    erased::{Answer, Operation},
    keeper::Renew,
};
use cachify_core::{
    Fault, Holding,
    cell::Ask,
    key::{Key, Kind},
    patience::Ticket,
    time::Clock,
    token::HolderToken,
};
use redis::{RedisError, Value};

/// How many rights travel together.
const BATCH: usize = 100;

impl Renew for Owner {
    fn renew(&self, key: Key<'_>, ask: &Ask<'_>) -> Result<Holding, Fault> {
        self.renew_all(&[(key, *ask)]).pop().unwrap_or(Err(Fault::Unreachable))
    }

    fn renew_all(&self, due: &[(Key<'_>, Ask<'_>)]) -> Vec<Result<Holding, Fault>> {
        due.chunks(BATCH).flat_map(|batch| renew(&self.0, batch)).collect()
    }

    fn give_back(&self, key: Key<'_>, token: HolderToken) {
        self.0.give_back(Name::of(&key), token);
    }
}

fn operation<'a>(key: &Key<'_>, ask: &'a Ask<'a>) -> Operation<'a> {
    match key.kind {
        Kind::Lock => Operation::Renew(ask),
        Kind::Once => Operation::Touch(ask),
        Kind::Pool => Operation::Extend(ask),
        Kind::Cache => Operation::KeepFlying(ask),
    }
}

fn renew(shared: &Shared, batch: &[(Key<'_>, Ask<'_>)]) -> Vec<Result<Holding, Fault>> {
    let by_digest = send(shared, batch, By::Digest);
    // a server that was restarted or flushed knows no script: the whole text once more, for those it did not know
    let unknown: Vec<_> = (0..batch.len()).filter(|at| matches!(by_digest[*at], Err(Failure::NoScript))).collect();
    let again: Vec<_> = unknown.iter().map(|at| batch[*at]).collect();
    let mut by_body = if again.is_empty() { Vec::new() } else { send(shared, &again, By::Body) }.into_iter();
    let answers = by_digest.into_iter().map(|answer| match answer {
        Err(Failure::NoScript) => by_body.next().unwrap_or(Err(Failure::Broken)),
        answer => answer,
    });
    answers.map(|answer| answer.map_err(fault)).collect()
}

fn fault(failure: Failure) -> Fault {
    match failure {
        Failure::NotSent(fault) | Failure::Refused(fault) => fault,
        Failure::Broken | Failure::TimedOut | Failure::NoScript => Fault::TimedOut,
    }
}

fn send(shared: &Shared, batch: &[(Key<'_>, Ask<'_>)], by: By) -> Vec<Result<Holding, Failure>> {
    let until = shared.deadline();
    let mut pipe = redis::pipe();
    for (key, ask) in batch {
        let name = Name::of(key);
        let context = Context { name: &name, not_after: shared.node.time(until), inbox: "", arrived: 0 };
        pipe.add_command(command(&operation(key, ask), &context, by));
    }
    let thread = Thread { shared, until };
    let packed = pipe.get_packed_pipeline();
    let answers = match thread.exchange(&packed, batch.len()) {
        // a connection that broke at rest; what is renewed twice is renewed
        Err(Failure::Broken) => thread.exchange(&packed, batch.len()),
        answers => answers,
    };
    match answers {
        Ok(answers) => {
            let read = |(value, (key, ask)): (Value, &(Key<'_>, Ask<'_>))| holding(shared, value, &operation(key, ask));
            answers.into_iter().zip(batch).map(read).collect()
        }
        Err(failed) => batch.iter().map(|_| Err(failed)).collect(),
    }
}

fn holding(shared: &Shared, value: Value, operation: &Operation<'_>) -> Result<Holding, Failure> {
    if let Value::ServerError(error) = value {
        return Err(failure(&RedisError::from(error)));
    }
    match read(operation, value, Ticket::NONE).map_err(Failure::Refused)? {
        Reply::Done { answer: Answer::Holding(holding), .. } => Ok(holding),
        Reply::Late { now } => {
            shared.node.learn(shared.clock.now(), now);
            Err(Failure::TimedOut)
        }
        Reply::Done { .. } => Err(Failure::Broken),
    }
}
