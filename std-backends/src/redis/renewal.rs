//! Many calls in one round trip: the heartbeats of one moment, to each server its own.
//!
//! Where there are several servers each has a thread of its own, which is waited for as long as an operation may take: one
//! that hangs costs the leases of the others that once, and while its thread is at work nothing.

use super::{
    Shared,
    command::{By, Context, Question, command},
    inbox::Place,
    name::Name,
    reply::{Failure, Read, failure, read, unanswered},
    server::Server,
    server::threads::Thread,
};
use crate::backend::{Call, Reply};
use cachify_core::{
    Cause,
    patience::Ticket,
    time::{Clock, Instant, Sleep},
};
use redis::{RedisError, Value};
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How many calls travel together.
const BATCH: usize = 100;
/// How often a call is sent: the server may not know the script, say that it came late, or send it on.
const ROUNDS: u32 = 6;
/// How long a round waits for slots that are on their way.
const PAUSE: Duration = Duration::from_millis(20);

/// A call that has no answer yet.
struct Open {
    at: usize,
    call: Call,
    name: Name,
    /// The node to which it was sent on, for this once.
    sent_on: Option<Arc<Server>>,
}

type Answer = Result<Reply, Failure>;
type Answers = Vec<(Open, Answer)>;

/// Renewals, and whatever else does not wait for its turn.
pub(super) fn call_many(shared: &Arc<Shared>, calls: Vec<Call>) -> Vec<Result<Reply, Cause>> {
    let mut answers: Vec<Answer> = calls.iter().map(|_| Err(Failure::TimedOut)).collect();
    let open = |(at, call): (usize, Call)| Open { at, name: Name::of(&call.key.key()), call, sent_on: None };
    let mut left: Vec<_> = calls.into_iter().enumerate().map(open).collect();
    let (mut by, mut rounds) = (By::Digest, 0);
    let clock = &shared.common.clock;
    let until = clock.now().saturating_add(shared.op_timeout());
    while !left.is_empty() {
        let mut again = Vec::new();
        for (open, answer) in round(shared, left, by) {
            let is_asked_again = match &answer {
                // a server that was restarted or flushed knows no script
                Err(Failure::NoScript) => {
                    by = By::Body;
                    true
                }
                Err(Failure::Elsewhere(_) | Failure::Underway | Failure::Late) => true,
                _ => false,
            };
            answers[open.at] = answer;
            if is_asked_again {
                again.push(open);
            }
        }
        left = again;
        // what is on its way takes the time it takes
        if left.iter().any(|open| matches!(answers[open.at], Err(Failure::Underway))) && clock.now() < until {
            clock.wait(clock.now().saturating_add(PAUSE), pin!(pending()));
            rounds = 0;
            continue;
        }
        rounds += 1;
        if rounds == ROUNDS {
            break;
        }
    }
    answers.into_iter().map(|answer| answer.map_err(|failure| unanswered(&failure))).collect()
}

/// Asks once for each; a server that does not answer keeps no other one's waiting for longer than its limit.
fn round(shared: &Arc<Shared>, calls: Vec<Open>, by: By) -> Answers {
    let mut parts: Vec<(Arc<Server>, Vec<Open>)> = Vec::new();
    let mut answers = Vec::with_capacity(calls.len());
    for mut open in calls {
        let server = open.sent_on.clone().or_else(|| shared.fleet.find(shared.fleet.slot(&open.name.text)));
        match server {
            Some(server) => match parts.iter_mut().find(|(other, _)| other.number == server.number) {
                Some((_, part)) => part.push(open),
                None => parts.push((server, vec![open])),
            },
            None => {
                shared.fleet.doubt();
                open.sent_on = None;
                answers.push((open, Err(Failure::NotSent(shared.fleet.why()))));
            }
        }
    }
    if !shared.fleet.is_cluster() {
        answers.extend(parts.into_iter().flat_map(|(server, part)| ask(shared, &server, part, by)));
        return answers;
    }
    let until = shared.common.clock.now().saturating_add(shared.op_timeout());
    let (sender, receiver) = channel();
    let sent: Vec<_> = parts.into_iter().filter_map(|part| start(shared, part, by, &sender, &mut answers)).collect();
    drop(sender);
    answers.extend(collected(shared, sent, &receiver, until));
    answers
}

/// What is to be said of those whose server has not answered by then.
type Sent = (usize, Call, Name);

/// Has a thread ask one server, unless one is at it: what it was asked last is not answered yet.
fn start(
    shared: &Arc<Shared>,
    (server, part): (Arc<Server>, Vec<Open>),
    by: By,
    sender: &Sender<Answers>,
    answers: &mut Answers,
) -> Option<Vec<Sent>> {
    if server.is_renewing.swap(true, Ordering::Acquire) {
        answers.extend(part.into_iter().map(|open| (open, Err(Failure::TimedOut))));
        return None;
    }
    let sent = part.iter().map(|open| (open.at, open.call.clone(), open.name.clone())).collect();
    let (shared, sender) = (shared.clone(), sender.clone());
    let work = move || {
        let _busy = Renewing(&server);
        let _ = sender.send(ask(&shared, &server, part, by));
    };
    let threads = thread::Builder::new().name("cachify-renew".into());
    // of those whose thread did not start nothing is heard
    let _ = threads.spawn(work);
    Some(sent)
}

/// One server is asked; also what panics ends that.
struct Renewing<'a>(&'a Server);

impl Drop for Renewing<'_> {
    fn drop(&mut self) {
        self.0.is_renewing.store(false, Ordering::Release);
    }
}

/// What comes until then; the rest has not answered in time.
fn collected(shared: &Shared, sent: Vec<Vec<Sent>>, receiver: &Receiver<Answers>, until: Instant) -> Answers {
    let mut answers: Answers = Vec::new();
    let clock = &shared.common.clock;
    while let Ok(some) = receiver.recv_timeout(until.since(clock.now())) {
        answers.extend(some);
    }
    let missing = |(at, _, _): &Sent| !answers.iter().any(|(open, _)| open.at == *at);
    let missing: Vec<_> = sent.into_iter().filter(|part| part.first().is_some_and(missing)).flatten().collect();
    if !missing.is_empty() {
        shared.fleet.doubt();
    }
    let late =
        missing.into_iter().map(|(at, call, name)| (Open { at, call, name, sent_on: None }, Err(Failure::TimedOut)));
    answers.extend(late);
    answers
}

/// Asks one server, batch after batch.
fn ask(shared: &Arc<Shared>, server: &Arc<Server>, calls: Vec<Open>, by: By) -> Answers {
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
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|why| shared.fleet.read(why))).collect();
        for (open, answer) in batch.iter_mut().zip(&answers) {
            open.sent_on = match answer {
                Err(Failure::Elsewhere(to)) => shared.fleet.follow(server, to).filter(|_| to.is_ask),
                // it is there, and does not know the script
                Err(Failure::NoScript) => open.sent_on.take(),
                _ => None,
            };
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

fn send(server: &Arc<Server>, batch: &[Open], by: By) -> Vec<Answer> {
    let pipe = |until| {
        let mut pipe = redis::pipe();
        for Open { call, name, sent_on, .. } in batch {
            if sent_on.is_some() {
                pipe.cmd("ASKING");
            }
            let blesses = server.node.blesses();
            let context = Context { name, not_after: server.node.time(until), place: &Place::default(), blesses };
            pipe.add_command(command(&Question::of(call), &context, by));
        }
        pipe
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
                value.ok_or(Failure::Broken).and_then(|value| answer(server, value, &open.call))
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
