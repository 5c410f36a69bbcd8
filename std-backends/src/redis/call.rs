//! One operation from question to answer, the same for tasks and threads: only how bytes travel differs.
//!
//! Invariant: a right that may have been granted without our knowing is given back once more after its last copy can
//! no longer land; for that, no command is put into words before its server has told its time.

pub(super) mod exchange;

use super::{
    Shared,
    command::{By, Context, Question, command},
    doubts::Room,
    inbox::Asked,
    name::Name,
    reply::{Failure, Read, failure, read, unanswered},
    server::Server,
};
use crate::{
    backend::{Ask, NO_CLEARING, Op, Reply},
    clock::StdClock,
};
use cachify_core::{
    Cause, Holding,
    key::Kind,
    patience::Ticket,
    time::{Clock, Instant},
    token::HolderToken,
};
use exchange::Exchange;
use redis::{Cmd, Pipeline, Value};
use std::{future::Future, sync::Arc, time::Duration};

/// How commands travel on one face.
pub(super) trait Wire {
    /// Connects to `server` if need be, then sends one command, put into words only now, and receives its reply; after
    /// an `ASKING` if a node of its cluster sent it there for this one.
    fn send(
        &self,
        server: &Arc<Server>,
        is_asked: bool,
        cmd: impl FnOnce() -> Cmd + Send,
    ) -> impl Future<Output = Result<Value, Failure>> + Send;
    /// Waits for `event` and for `at`, whichever comes first.
    fn wait_for(
        &self,
        clock: &StdClock,
        at: Instant,
        event: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = ()> + Send;
}

/// One command, after an `ASKING` if so it is told: in one exchange, so that nobody's command comes between on a connection
/// that is shared.
pub(super) fn piped(is_asked: bool, cmd: Cmd) -> Pipeline {
    let mut pipe = redis::pipe();
    if is_asked {
        pipe.cmd("ASKING");
    }
    pipe.add_command(cmd);
    pipe
}

/// The answer to it.
pub(super) fn last(mut answers: Vec<Value>) -> Result<Value, Failure> {
    answers.pop().ok_or(Failure::Broken)?.extract_error().map_err(|error| failure(&error))
}

/// How often the server may say that we are late before it counts as not reached: the way to it is too long.
const LATE: u32 = 3;

/// Does one operation; it is to end by `until`.
pub(super) async fn call<W: Wire + Sync>(
    shared: &Arc<Shared>,
    wire: &W,
    name: &Name,
    question: &Question<'_>,
    until: Instant,
) -> Result<Reply, Cause> {
    if question.op == Op::Clear && name.kind == Kind::Pool {
        return Err(NO_CLEARING);
    }
    let mut attempt = Attempt::begin(shared, name, question, until);
    let mut late = 0;
    loop {
        let (server, value) = match attempt.ask_anybody(wire, question).await {
            Ok(answered) => answered,
            // the server closed a connection at rest, or went away: a token makes it safe to ask once more
            Err(Failure::Broken) if !attempt.resent && (question.op != Op::Clear || name.kind == Kind::Cache) => {
                attempt.resent = true;
                continue;
            }
            Err(Failure::NotSent(cause) | Failure::Refused(cause)) => return Err(attempt.refused(cause)),
            Err(failure @ (Failure::Elsewhere(_) | Failure::Underway)) => {
                return Err(attempt.refused(unanswered(&failure)));
            }
            Err(failure) => return Err(unanswered(&failure)),
        };
        let now_here = || shared.common.clock.now();
        let read = |value| read(&question.op, name.kind, value, attempt.asked.ticket);
        match question.whole(value).and_then(read).map_err(|cause| attempt.refused(cause))? {
            Read::Late { now } => {
                server.node.learn(now_here(), now);
                late += 1;
                if late == LATE {
                    return Err(attempt.refused(Cause::Unreachable));
                }
            }
            Read::Done { reply, now, arrived } => {
                if let Some(now) = now {
                    server.node.learn(now_here(), now);
                }
                if is_busy(&reply) && attempt.may_stand(wire, until).await {
                    continue;
                }
                return attempt.done(reply, arrived);
            }
        }
    }
}

const fn is_busy(reply: &Reply) -> bool {
    matches!(reply, Reply::Busy { .. })
}

/// One attempt, from before the first byte until its answer is known.
pub(super) struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    name: &'a Name,
    token: HolderToken,
    op: Op,
    asked: Asked,
    /// Until when a copy of it may be done.
    until: Instant,
    resent: bool,
    open: bool,
}

impl<'a> Attempt<'a> {
    /// One question to whoever serves the key, and who answered.
    async fn ask_anybody<W: Wire + Sync>(
        &self,
        wire: &W,
        question: &Question<'_>,
    ) -> Result<(Arc<Server>, Value), Failure> {
        let (shared, slot) = (self.shared, self.shared.fleet.slot(&self.name.text));
        // what fails there is asked of whoever knows best
        if question.op == Op::Get
            && let Some(reader) = shared.fleet.reader(slot)
            && let Ok(value) = self.ask_one(wire, question, &reader, false).await
        {
            return Ok((reader, value));
        }
        // a call that misses computes meanwhile
        let fills = matches!(question.op, Op::Get | Op::Acquire(_) | Op::Release(_)) && self.name.kind == Kind::Cache;
        let ask = |server: Arc<Server>, is_asked| async move { self.ask_one(wire, question, &server, is_asked).await };
        Exchange::new(shared, slot, self.until, !fills).run(wire, ask).await
    }

    /// The same to one server, which is told the script if it does not know it.
    async fn ask_one<W: Wire + Sync>(
        &self,
        wire: &W,
        question: &Question<'_>,
        server: &Arc<Server>,
        is_asked: bool,
    ) -> Result<Value, Failure> {
        let by = |by| move || command(question, &self.context(server, self.until), by);
        match wire.send(server, is_asked, by(By::Digest)).await {
            Err(Failure::NoScript) => wire.send(server, is_asked, by(By::Body)).await,
            answer => answer,
        }
    }

    fn begin(shared: &'a Arc<Shared>, name: &'a Name, question: &Question<'_>, until: Instant) -> Self {
        let (op, token, asked) = (question.op, question.token, Asked::default());
        let mut attempt = Self { shared, name, token, op, asked, until, resent: false, open: true };
        match op {
            Op::Acquire(ask) if ask.wait > 0 => attempt.stand(ask),
            // the last question of one who waited, at its deadline; and the end of a right asked for in doubt
            Op::Acquire(_) | Op::Release(_) => attempt.asked.place = shared.inbox.place(token).unwrap_or_default(),
            Op::Renew { .. } | Op::Clear | Op::Insert { .. } | Op::Inspect | Op::Get => {}
        }
        attempt
    }

    /// Notes that it will wait, and where it stands then.
    fn stand(&mut self, ask: Ask) {
        self.asked = self.shared.inbox.ask(self.name, self.token, ask.size.max(1));
        if let Some(former) = self.asked.former.take() {
            self.shared.pass_on(self.name, former);
        }
    }

    /// What it asks for, if it asks for a lease.
    const fn ask(&self) -> Option<Ask> {
        match self.op {
            Op::Acquire(ask) => Some(ask),
            Op::Renew { .. } | Op::Release(_) | Op::Clear | Op::Insert { .. } | Op::Inspect | Op::Get => None,
        }
    }

    fn waits(&self) -> bool {
        self.ask().is_some_and(|ask| ask.wait > 0)
    }

    fn context(&self, server: &Server, until: Instant) -> Context<'_> {
        Context {
            name: self.name,
            // not the caller's deadline: on a long way a free lock would be refused for coming too late
            not_after: server.node.time(until),
            place: &self.asked.place,
            blesses: server.node.blesses(),
        }
    }

    /// The first caller that has to wait starts the subscription, and asks again once it is known whether that stands.
    async fn may_stand<W: Wire>(&mut self, wire: &W, until: Instant) -> bool {
        let Some(ask) = self.ask().filter(|ask| ask.wait > 0 && self.asked.place.member.is_empty()) else {
            return false;
        };
        if !self.shared.listen(self.name) {
            return false;
        }
        // half of what is left, and never past the caller's deadline: without a subscription this waiter polls
        let clock = &self.shared.common.clock;
        let now = clock.now();
        let half = until.since(now) / 2;
        let most = half.min(Duration::from_millis(ask.wait));
        wire.wait_for(clock, now.saturating_add(most), self.shared.inbox.known(self.name)).await;
        if !self.shared.inbox.is_known(self.name) {
            return false;
        }
        self.stand(ask);
        true
    }

    fn done(mut self, reply: Reply, arrived: u64) -> Result<Reply, Cause> {
        self.open = false;
        let (inbox, token) = (&self.shared.inbox, self.token);
        if self.ask().is_some() {
            if self.waits() && is_busy(&reply) {
                inbox.told_to_wait(token, arrived);
            } else {
                inbox.leave(token);
            }
            if self.resent {
                self.shared.doubt(token, self.until);
            }
            if !is_busy(&reply) {
                self.shared.doubts.granted(token);
            }
        }
        if matches!(self.op, Op::Release(_)) {
            inbox.leave(token);
            // the first copy may have done it, and the second found nothing left
            if self.resent && reply == Reply::Held(Holding::Lost) {
                return Err(Cause::Unknown);
            }
            self.shared.settled(self.name, token, &self.asked.place, Room::Unbounded);
        }
        Ok(match reply {
            // nobody will be told: a server too full to note it, or no subscription
            Reply::Busy { remaining, .. } if arrived == 0 => Reply::Busy { remaining, ticket: Ticket::NONE },
            reply => reply,
        })
    }

    /// Nothing was done, unless an earlier copy did it.
    fn refused(&mut self, cause: Cause) -> Cause {
        if self.resent {
            return Cause::Unknown;
        }
        self.open = false;
        // who may be asked again keeps its place; of any other a turn that it was given would end here
        if self.ask().is_some()
            && !cause.may_pass()
            && let Some(place) = self.shared.inbox.leave(self.token)
            && place.arrived > 0
        {
            self.shared.pass_on(self.name, place);
        }
        cause
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.open && self.ask().is_some() {
            self.shared.doubt(self.token, self.until);
        }
        if self.open && matches!(self.op, Op::Release(_)) {
            // it was held, and may not be any more
            self.shared.doubt(self.token, self.until);
            self.shared.doubts.granted(self.token);
        }
    }
}
