//! Many calls in one round trip: the heartbeats of one moment, to each server its own.

use super::{
    Shared,
    command::{By, Context, Question, command},
    inbox::Place,
    name::Name,
    reply::{Failure, Read, failure, read, unanswered},
    server::Server,
    threads::Thread,
};
use crate::backend::{Call, Reply};
use cachify_core::{
    Cause,
    patience::Ticket,
    time::{Clock, Sleep},
};
use redis::{RedisError, Value};
use std::{future::pending, pin::pin, sync::Arc, thread, time::Duration};

/// How many calls travel together.
const BATCH: usize = 100;
/// How often a call is sent: the server may not know the script, say that it came late, or send it on.
const ROUNDS: u32 = 6;
/// How long a round waits for slots that are on their way.
const PAUSE: Duration = Duration::from_millis(20);

/// A call that has no answer yet.
struct Open<'a> {
    at: usize,
    call: &'a Call,
    name: Name,
    /// The node to which it was sent on, for this once.
    sent_on: Option<Arc<Server>>,
}

type Answer = Result<Reply, Failure>;

/// Renewals, and whatever else does not wait for its turn.
pub(super) fn call_many(shared: &Arc<Shared>, calls: &[Call]) -> Vec<Result<Reply, Cause>> {
    let mut answers: Vec<Answer> = calls.iter().map(|_| Err(Failure::TimedOut)).collect();
    let open = calls.iter().enumerate();
    let open = open.map(|(at, call)| Open { at, call, name: Name::of(&call.key.key()), sent_on: None });
    let mut left: Vec<_> = open.collect();
    let mut by = By::Digest;
    for _ in 0..ROUNDS {
        let mut again = Vec::new();
        for (mut open, answer) in round(shared, left, by) {
            let (is_asked_again, is_body) = match &answer {
                Err(Failure::NoScript) => (true, true),
                Err(Failure::Elsewhere(_) | Failure::Underway | Failure::Late) => (true, false),
                _ => (false, false),
            };
            // a server that was restarted or flushed knows no script
            by = if is_body { By::Body } else { by };
            answers[open.at] = answer;
            if is_asked_again {
                if is_body {
                    open.sent_on = None;
                }
                again.push(open);
            }
        }
        left = again;
        if left.is_empty() {
            break;
        }
        if left.iter().any(|open| matches!(answers[open.at], Err(Failure::Underway))) {
            let clock = &shared.common.clock;
            clock.wait(clock.now().saturating_add(PAUSE), pin!(pending()));
        }
    }
    answers.into_iter().map(|answer| answer.map_err(unanswered)).collect()
}

/// Asks once for each; a server that does not answer keeps no other one's waiting.
fn round<'a>(shared: &Arc<Shared>, calls: Vec<Open<'a>>, by: By) -> Vec<(Open<'a>, Answer)> {
    let mut parts: Vec<(Arc<Server>, Vec<Open<'a>>)> = Vec::new();
    let mut answers = Vec::with_capacity(calls.len());
    for open in calls {
        let server = open.sent_on.clone().or_else(|| shared.fleet.find(shared.fleet.slot(&open.name)));
        match server {
            Some(server) => match parts.iter_mut().find(|(other, _)| other.number == server.number) {
                Some((_, part)) => part.push(open),
                None => parts.push((server, vec![open])),
            },
            None => {
                shared.fleet.doubt();
                answers.push((open, Err(Failure::NotSent(shared.fleet.why()))));
            }
        }
    }
    let last = parts.pop();
    thread::scope(|scope| {
        let others: Vec<_> =
            parts.into_iter().map(|(server, part)| scope.spawn(move || ask(shared, &server, part, by))).collect();
        if let Some((server, part)) = last {
            answers.extend(ask(shared, &server, part, by));
        }
        for other in others {
            answers.extend(other.join().unwrap_or_default());
        }
    });
    answers
}

/// Asks one server, batch after batch.
fn ask<'a>(shared: &Arc<Shared>, server: &Arc<Server>, calls: Vec<Open<'a>>, by: By) -> Vec<(Open<'a>, Answer)> {
    let mut told = Vec::with_capacity(calls.len());
    let mut failed: Option<Failure> = None;
    let mut calls = calls.into_iter().peekable();
    while calls.peek().is_some() {
        let mut batch: Vec<_> = calls.by_ref().take(BATCH).collect();
        let answers = match failed.clone() {
            // a server that keeps one batch waiting keeps the next one too
            Some(failed) => batch.iter().map(|_| Err(failed.clone())).collect(),
            None => send(server, &batch, by),
        };
        for (open, answer) in batch.iter_mut().zip(&answers) {
            open.sent_on = None;
            if let Err(Failure::Elsewhere(to)) = answer {
                open.sent_on = shared.fleet.follow(server, to).filter(|_| to.is_ask);
            }
        }
        let last = answers.last().and_then(|answer| answer.as_ref().err());
        failed = last.filter(|failure| failure.is_of_server() && !matches!(failure, Failure::Refused(_))).cloned();
        if failed.is_some() {
            shared.fleet.doubt();
        }
        told.extend(batch.into_iter().zip(answers));
    }
    told
}

fn send(server: &Arc<Server>, batch: &[Open<'_>], by: By) -> Vec<Answer> {
    let pipe = |until| {
        let mut pipe = redis::pipe();
        for Open { call, name, sent_on, .. } in batch {
            if sent_on.is_some() {
                pipe.cmd("ASKING");
            }
            let context = Context { name, not_after: server.node.time(until), place: &Place::default() };
            pipe.add_command(command(&Question::of(call), &context, by));
        }
        pipe.get_packed_pipeline()
    };
    let count = batch.len() + batch.iter().filter(|open| open.sent_on.is_some()).count();
    let thread = Thread::keeping();
    let answers = match thread.exchange(server, pipe, count) {
        // a connection that broke at rest; what is renewed twice is renewed
        Err(Failure::Broken) => thread.exchange(server, pipe, count),
        answers => answers,
    };
    match answers {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            let own = batch.iter().map(|open| {
                // the answer to `ASKING` comes first
                let value = answers.nth(usize::from(open.sent_on.is_some()));
                value.ok_or(Failure::Broken).and_then(|value| answer(server, value, open.call))
            });
            own.collect()
        }
        Err(failed) => batch.iter().map(|_| Err(failed.clone())).collect(),
    }
}

fn answer(server: &Server, value: Value, call: &Call) -> Answer {
    if let Value::ServerError(error) = value {
        return Err(failure(&RedisError::from(error)));
    }
    match read(&call.op, call.key.key().kind, value, Ticket::NONE).map_err(Failure::Refused)? {
        Read::Done { reply, .. } => Ok(reply),
        Read::Late { now } => {
            server.node.learn(server.now(), now);
            Err(Failure::Late)
        }
    }
}
