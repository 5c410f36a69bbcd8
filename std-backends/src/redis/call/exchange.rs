//! One question on its way to whoever serves its key, until somebody answers it.
//!
//! A node of a cluster that does not serve the key did nothing and sends us on; the records of a key whose slot is on its way
//! may lie on two nodes, and then nobody can answer until it has moved. Not here: what the answer means.

use super::{Attempt, Wire};
use crate::backend::Op;
use crate::redis::{
    command::{By, Question, command},
    reply::{Failure, MOVING, Redirect},
    server::{Server, latest},
};
use cachify_core::{
    key::Kind,
    time::{Clock, Instant},
};
use redis::Value;
use std::{future::pending, sync::Arc, time::Duration};

/// How often a question is sent on, before it counts as asked in vain: nodes that send it in a circle do not agree.
const TURNS: u32 = 8;
/// How soon a question is asked again while its slot is on its way, at first and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

pub(super) struct Exchange<'a> {
    attempt: &'a Attempt<'a>,
    question: &'a Question<'a>,
    until: Instant,
    by: By,
    turns: u32,
    pause: Duration,
    has_learnt: bool,
    /// Whether it was said that the slot is on its way.
    has_waited: bool,
}

impl<'a> Exchange<'a> {
    pub(super) const fn new(attempt: &'a Attempt<'a>, question: &'a Question<'a>, until: Instant) -> Self {
        Self {
            attempt,
            question,
            until,
            by: By::Digest,
            turns: 0,
            pause: PAUSE[0],
            has_learnt: false,
            has_waited: false,
        }
    }

    /// Who answered, and what.
    pub(super) async fn run<W: Wire + Sync>(mut self, wire: &W) -> Result<(Arc<Server>, Value), Failure> {
        let (shared, attempt) = (self.attempt.shared, self.attempt);
        let slot = shared.fleet.slot(attempt.name);
        // what fails there is asked of whoever knows best
        if let Some(reader) = shared.fleet.reader(slot).filter(|_| self.question.op == Op::Get)
            && let Ok(value) = wire
                .send(&reader, false, || command(self.question, &attempt.context(&reader, self.until), self.by))
                .await
        {
            return Ok((reader, value));
        }
        let (mut server, mut is_asked) = (shared.route(wire, slot, self.until).await?, false);
        loop {
            let command = || command(self.question, &attempt.context(&server, self.until), self.by);
            let failure = match wire.send(&server, is_asked, command).await {
                Ok(value) => return Ok((server, value)),
                Err(failure) => shared.fleet.read(failure),
            };
            match &failure {
                Failure::NoScript if self.by == By::Digest => self.by = By::Body,
                Failure::Elsewhere(to) => {
                    server = self.follow(&server, to)?;
                    is_asked = to.is_ask;
                }
                Failure::Underway if self.is_worth_waiting() && self.may_wait(wire).await => {
                    // meanwhile it may have arrived; that it is sent on again is no circle
                    self.turns = 0;
                    (server, is_asked) = (shared.route(wire, slot, self.until).await?, false);
                }
                // the time was over
                Failure::NotSent(_) if self.has_waited => return Err(Failure::Underway),
                // nobody was asked, so another one may be
                Failure::NotSent(_) if !self.has_learnt && shared.fleet.may_learn(shared.common.clock.now()) => {
                    self.has_learnt = true;
                    shared.learn(wire, self.until).await;
                    match shared.fleet.find(slot) {
                        Some(other) if other.number != server.number => (server, is_asked) = (other, false),
                        _ => return Err(failure),
                    }
                }
                _ => {
                    if failure.is_of_server() {
                        shared.fleet.doubt();
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// A call that misses computes meanwhile.
    fn is_worth_waiting(&self) -> bool {
        let fills = matches!(self.question.op, Op::Get | Op::Acquire(_) | Op::Release(_));
        !(fills && self.attempt.name.kind == Kind::Cache)
    }

    fn follow(&mut self, server: &Server, to: &Redirect) -> Result<Arc<Server>, Failure> {
        self.turns += 1;
        self.attempt.shared.fleet.follow(server, to).filter(|_| self.turns < TURNS).ok_or(Failure::Refused(MOVING))
    }

    /// Waits a little, if there is time for that.
    async fn may_wait<W: Wire>(&mut self, wire: &W) -> bool {
        let clock = &self.attempt.shared.common.clock;
        let at = clock.now().saturating_add(self.pause);
        self.pause = (self.pause * 2).min(PAUSE[1]);
        // with time for one more answer
        if at >= latest(self.until, self.attempt.shared.op_timeout()) {
            return false;
        }
        self.has_waited = true;
        wire.wait_for(clock, at, pending()).await;
        true
    }
}
