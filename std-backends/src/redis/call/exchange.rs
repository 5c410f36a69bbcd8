//! One question on its way to whoever serves its key, until somebody answers it.
//!
//! A node of a cluster that does not serve the key did nothing and sends us on; the records of a key whose slot is on its way
//! may lie on two nodes, and then nobody can answer until it has moved. Not here: what the answer means.

use super::Wire;
use crate::redis::{
    Shared,
    reply::{Failure, MOVING, Redirect},
    server::{Server, latest},
};
use cachify_core::time::{Clock, Instant};
use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

/// How often a question is sent on, before it counts as asked in vain: nodes that send it in a circle do not agree.
const TURNS: u32 = 8;
/// How soon a question is asked again while its slot is on its way, at first and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(50)];

pub(in crate::redis) struct Exchange<'a> {
    shared: &'a Shared,
    slot: u16,
    until: Instant,
    /// Whether it is worth waiting for a slot that is on its way.
    is_patient: bool,
    turns: u32,
    pause: Duration,
    has_learnt: bool,
    /// Whether it was said that the slot is on its way.
    has_waited: bool,
}

impl<'a> Exchange<'a> {
    pub(in crate::redis) const fn new(shared: &'a Shared, slot: u16, until: Instant, is_patient: bool) -> Self {
        Self { shared, slot, until, is_patient, turns: 0, pause: PAUSE[0], has_learnt: false, has_waited: false }
    }

    /// Who answered, and what; `ask` asks one server, after an `ASKING` if so it is told.
    pub(in crate::redis) async fn run<W: Wire + Sync, T: Send, F: Future<Output = Result<T, Failure>> + Send>(
        mut self,
        wire: &W,
        ask: impl Fn(Arc<Server>, bool) -> F + Sync,
    ) -> Result<(Arc<Server>, T), Failure> {
        let (shared, slot) = (self.shared, self.slot);
        let (mut server, mut is_asked) = (shared.route(wire, slot, self.until).await?, false);
        loop {
            let failure = match ask(server.clone(), is_asked).await {
                Ok(answer) => return Ok((server, answer)),
                Err(failure) => shared.fleet.read(failure),
            };
            match &failure {
                Failure::Elsewhere(to) => {
                    server = self.follow(&server, to)?;
                    is_asked = to.is_ask;
                }
                Failure::Underway if self.is_patient && self.may_wait(wire).await => {
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

    fn follow(&mut self, server: &Server, to: &Redirect) -> Result<Arc<Server>, Failure> {
        self.turns += 1;
        self.shared.fleet.follow(server, to).filter(|_| self.turns < TURNS).ok_or(Failure::Refused(MOVING))
    }

    /// Waits a little, if there is time for that.
    async fn may_wait<W: Wire>(&mut self, wire: &W) -> bool {
        let clock = &self.shared.common.clock;
        let at = clock.now().saturating_add(self.pause);
        self.pause = (self.pause * 2).min(PAUSE[1]);
        // with time for one more answer
        if at >= latest(self.until, self.shared.op_timeout()) {
            return false;
        }
        self.has_waited = true;
        wire.wait_for(clock, at, pending()).await;
        true
    }
}
