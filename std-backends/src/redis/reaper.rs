//! Giving back in the background: what was dropped, and what its holder said and nobody heard.
//!
//! Invariant: what was held is tried until the server answered for it, or it must have ended. Many travel together, but
//! each has its own answer, so one that the server refuses keeps no other waiting.

use super::{
    Shared,
    command::{By, Context, Question, command},
    doubts::Room,
    inbox::Place,
    name::Name,
    reply::{Failure, Read, failure, read, unanswered},
    server::Server,
    tasks::{Task, Use},
};
use crate::{
    backend::{Op, Outcome, OwnedKey, Reply},
    backlog::{Backlog, Noted},
    sync::locked,
};
use cachify_core::{
    Cause, Holding,
    drive::beside,
    observe::{Event, Loss},
    patience::Ticket,
    time::{Clock, Instant, Timer},
    token::HolderToken,
};
use redis::{Pipeline, RedisError, Value};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::runtime::Handle;

/// How many travel together.
const BATCH: usize = 100;
/// How many batches are on their way at a time.
const AT_ONCE: usize = 4;
/// How many rights in doubt are noted: an outage must not fill the memory of a busy process. Those that were held count
/// nowhere, for there are no more of them than there were.
const LEASES: usize = 65_536;
/// The same of flights, which end soon by themselves.
const FLIGHTS: usize = 4_096;
/// For how long anything is tried whose end is not known; then it ends by itself.
const GIVE_UP: Duration = Duration::from_secs(3_600);
/// How soon what was not answered is tried again, at first and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

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

/// The background's debts.
#[derive(Debug)]
pub(super) struct Reaper {
    runtime: Handle,
    backlog: Arc<Backlog>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Those that are due.
    due: VecDeque<Debt>,
    /// How many batches are on their way.
    working: usize,
    leases: usize,
    flights: usize,
}

impl Queue {
    fn counter(&mut self, room: Room) -> Option<(&mut usize, usize)> {
        match room {
            Room::Unbounded => None,
            Room::Store => Some((&mut self.leases, LEASES)),
            Room::Flights => Some((&mut self.flights, FLIGHTS)),
        }
    }

    fn enter(&mut self, room: Room) -> bool {
        match self.counter(room) {
            Some((count, limit)) if *count >= limit => false,
            Some((count, _)) => {
                *count += 1;
                true
            }
            None => true,
        }
    }
}

#[derive(Debug)]
struct Debt {
    owed: Owed,
    room: Room,
    pause: Duration,
    /// When it is given up.
    until: Instant,
    _noted: Noted,
}

impl Reaper {
    pub(super) fn new(runtime: Handle) -> Self {
        Self { runtime, backlog: Arc::default(), queue: Mutex::default() }
    }

    /// Notes what is to be told, soon, but not before `at`; whether there was room.
    pub(super) fn owe(&self, shared: &Arc<Shared>, owed: Owed, at: Instant, room: Room) -> bool {
        if !locked(&self.queue).enter(room) {
            return false;
        }
        let until = shared.common.clock.now().saturating_add(GIVE_UP).min(owed.ends);
        let debt = Debt { owed, room, pause: PAUSE[0], until, _noted: self.backlog.note() };
        if at == Instant::ZERO {
            self.put(shared, vec![debt]);
        } else {
            self.put_at(shared, at, vec![debt]);
        }
        true
    }

    fn put(&self, shared: &Arc<Shared>, debts: Vec<Debt>) {
        let starts = {
            let mut queue = locked(&self.queue);
            queue.due.extend(debts);
            let starts = queue.working < AT_ONCE;
            queue.working += usize::from(starts);
            starts
        };
        if starts {
            self.runtime.spawn(work(shared.clone()));
        }
    }

    fn put_at(&self, shared: &Arc<Shared>, at: Instant, debts: Vec<Debt>) {
        let shared = shared.clone();
        self.runtime.spawn(async move {
            // while the instance ends, one more attempt has to do
            shared.common.or_closed(shared.common.clock.sleep_until(at)).await;
            if let Some(background) = shared.common.running() {
                background.reaper.put(&shared, debts);
            }
        });
    }

    /// The next batch; the last one takes its place with it.
    fn take(&self) -> Vec<Debt> {
        let mut queue = locked(&self.queue);
        let many = queue.due.len().min(BATCH);
        if many == 0 {
            queue.working -= 1;
        }
        queue.due.drain(..many).collect()
    }

    fn paid(&self, debt: &Debt) {
        if let Some((count, _)) = locked(&self.queue).counter(debt.room) {
            *count -= 1;
        }
    }

    /// Ends when everything noted so far was told, or given up.
    pub(super) async fn idle(&self) {
        self.backlog.idle().await;
    }
}

/// Batch after batch, as long as any is due.
async fn work(shared: Arc<Shared>) {
    let Some(background) = shared.common.running() else { return };
    let mut working = Working { reaper: &background.reaper, taken: true };
    loop {
        let batch = background.reaper.take();
        if batch.is_empty() {
            working.taken = false;
            return;
        }
        let told = tell_all(&shared, batch).await;
        let now = shared.common.clock.now();
        let mut again: Vec<(Instant, Vec<Debt>)> = Vec::new();
        for (mut debt, answer) in told {
            let cause = match answer {
                Err(failure) => unanswered(failure),
                Ok(holding) => {
                    background.reaper.paid(&debt);
                    if let Some(key) = debt.owed.held.filter(|_| holding == Holding::Lost) {
                        shared.common.tell(&Event::Lost { key: key.key(), why: Loss::Taken });
                    }
                    continue;
                }
            };
            let lasting = matches!(cause, Cause::Rejected { .. });
            let at = now.saturating_add(debt.pause);
            if lasting || shared.common.is_closed() || at >= debt.until {
                // nobody is left to be told but the observer
                background.reaper.paid(&debt);
                shared.common.tell(&Event::Failed { key: None, cause });
                continue;
            }
            debt.pause = (debt.pause * 2).min(PAUSE[1]);
            // it may have been told, and then the next answer finds nothing left
            debt.owed.held = None;
            match again.iter_mut().find(|(when, _)| *when == at) {
                Some((_, debts)) => debts.push(debt),
                None => again.push((at, vec![debt])),
            }
        }
        for (at, debts) in again {
            background.reaper.put_at(&shared, at, debts);
        }
    }
}

/// One of the batches on their way; what panics gives its place back all the same.
struct Working<'a> {
    reaper: &'a Reaper,
    taken: bool,
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if self.taken {
            locked(&self.reaper.queue).working -= 1;
        }
    }
}

type Answer = Result<Holding, Failure>;

/// A batch, to each server what concerns it: none waits for another one's answer.
async fn tell_all(shared: &Arc<Shared>, batch: Vec<Debt>) -> Vec<(Debt, Answer)> {
    let mut parts: Vec<(Arc<Server>, Vec<Debt>)> = Vec::new();
    let mut told = Vec::with_capacity(batch.len());
    for debt in batch {
        match shared.fleet.find(shared.fleet.slot(&debt.owed.name)) {
            Some(server) => match parts.iter_mut().find(|(other, _)| other.number == server.number) {
                Some((_, part)) => part.push(debt),
                None => parts.push((server, vec![debt])),
            },
            None => {
                shared.fleet.doubt();
                told.push((debt, Err(Failure::NotSent(shared.fleet.why()))));
            }
        }
    }
    let last = parts.pop();
    let others: Vec<_> =
        parts.into_iter().map(|(server, part)| tokio::spawn(tell(shared.clone(), server, part))).collect();
    if let Some((server, part)) = last {
        told.extend(tell(shared.clone(), server, part).await);
    }
    for other in others {
        told.extend(other.await.unwrap_or_default());
    }
    told
}

/// What concerns one server, within the limit of one operation.
async fn tell(shared: Arc<Shared>, server: Arc<Server>, batch: Vec<Debt>) -> Vec<(Debt, Answer)> {
    let until = server.deadline();
    let task = Task::new(Use::Leases, until, server.op_timeout());
    let mut answers: Vec<Answer> = batch.iter().map(|_| Err(Failure::TimedOut)).collect();
    let all = async {
        let mut left: Vec<_> = (0..batch.len()).collect();
        // by their text those that a server does not know which was restarted or flushed
        for by in [By::Digest, By::Body] {
            let mut pipe = redis::pipe();
            for at in &left {
                let owed = &batch[*at].owed;
                let context = Context { name: &owed.name, not_after: 0, place: &owed.place };
                pipe.add_command(command(&owed.question(), &context, by));
            }
            let (told, again) = exchange(&task, &server, &pipe, left.len()).await;
            for (at, answer) in left.iter().zip(told) {
                let heard = answer.and_then(|value| understood(value, &batch[*at].owed));
                // the first copy may have done it
                answers[*at] = if again { heard.map(|_| Holding::Held) } else { heard };
            }
            left.retain(|at| matches!(answers[*at], Err(Failure::NoScript)));
            if left.is_empty() {
                break;
            }
        }
    };
    if beside(all, shared.common.clock.sleep_until(until)).await.is_err() {
        task.timed_out();
    }
    for answer in &answers {
        match answer {
            // the next attempt finds it there
            Err(Failure::Elsewhere(to)) if !to.is_ask => drop(shared.fleet.follow(&server, to)),
            Err(failure) if failure.is_of_server() => shared.fleet.doubt(),
            _ => {}
        }
    }
    batch.into_iter().zip(answers).collect()
}

/// All of a pipeline; once more if the connection broke, which is how one at rest ends. What is told twice is told.
/// Whether it was.
async fn exchange(
    task: &Task,
    server: &Arc<Server>,
    pipe: &Pipeline,
    count: usize,
) -> (Vec<Result<Value, Failure>>, bool) {
    let (answers, again) = match task.send_all(server, pipe, count).await {
        Err(Failure::Broken) => (task.send_all(server, pipe, count).await, true),
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
