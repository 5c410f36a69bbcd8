//! Giving back in the background: what was dropped, and what its holder said and nobody heard.
//!
//! Invariant: what was held is tried until the server answered for it, or it must have ended. Many travel together, but
//! each has its own answer, so one that the server refuses keeps no other waiting.

use super::{
    Shared,
    doubts::Room,
    owed::{Answer, Owed, tell},
    reply::{Failure, unanswered},
    server::Server,
};
use crate::{
    backlog::{Backlog, Noted},
    sync::locked,
};
use cachify_core::{
    Cause, Holding,
    observe::{Event, Loss},
    time::{Clock, Instant, Timer},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::runtime::Handle;

/// How many travel together.
const BATCH: usize = 100;
/// How many batches are on their way to a server at a time.
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

/// The background's debts.
#[derive(Debug)]
pub(super) struct Reaper {
    runtime: Handle,
    backlog: Arc<Backlog>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// What is due, by the number of the server that is to be told; zero while nobody knows which.
    lanes: HashMap<u64, Lane>,
    leases: usize,
    flights: usize,
}

/// What one server is to be told.
#[derive(Debug, Default)]
struct Lane {
    due: VecDeque<Debt>,
    /// How many batches are on their way.
    working: usize,
}

impl Queue {
    fn counter(&mut self, room: Room) -> Option<(&mut usize, usize)> {
        match room {
            Room::Unbounded => None,
            Room::Store => Some((&mut self.leases, LEASES)),
            Room::Flights => Some((&mut self.flights, FLIGHTS)),
        }
    }

    /// A batch for that server is no more on its way.
    fn leave(&mut self, number: u64) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.working -= 1;
            if lane.working == 0 && lane.due.is_empty() {
                self.lanes.remove(&number);
            }
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
    /// The node to which it was sent on, for this once.
    sent_on: Option<Arc<Server>>,
    _noted: Noted,
}

impl Reaper {
    pub(super) fn new(runtime: Handle, backlog: Arc<Backlog>) -> Self {
        Self { runtime, backlog, queue: Mutex::default() }
    }

    /// Notes what is to be told, soon, but not before `at`; whether there was room.
    pub(super) fn owe(&self, shared: &Arc<Shared>, owed: Owed, at: Instant, room: Room) -> bool {
        if !locked(&self.queue).enter(room) {
            return false;
        }
        let until = shared.common.clock.now().saturating_add(GIVE_UP).min(owed.ends);
        let debt = Debt { owed, room, pause: PAUSE[0], until, sent_on: None, _noted: self.backlog.note() };
        if at == Instant::ZERO {
            self.put(shared, vec![debt]);
        } else {
            self.put_at(shared, at, vec![debt]);
        }
        true
    }

    fn put(&self, shared: &Arc<Shared>, debts: Vec<Debt>) {
        let mut parts: Vec<(u64, Option<Arc<Server>>, Vec<Debt>)> = Vec::new();
        for mut debt in debts {
            // each node it is sent to is told alone
            let sent_on = debt.sent_on.take();
            if let Some(server) = sent_on {
                self.runtime.spawn(ask(shared.clone(), server, vec![debt]));
                continue;
            }
            let server = shared.fleet.find(shared.fleet.slot(&debt.owed.name.text));
            let number = server.as_ref().map_or(0, |server| server.number);
            match parts.iter_mut().find(|(other, ..)| *other == number) {
                Some((.., part)) => part.push(debt),
                None => parts.push((number, server, vec![debt])),
            }
        }
        for (number, server, part) in parts {
            let starts = {
                let mut queue = locked(&self.queue);
                let lane = queue.lanes.entry(number).or_default();
                lane.due.extend(part);
                let starts = lane.working < AT_ONCE;
                lane.working += usize::from(starts);
                starts
            };
            if starts {
                self.runtime.spawn(work(shared.clone(), number, server));
            }
        }
    }

    fn put_at(&self, shared: &Arc<Shared>, at: Instant, debts: Vec<Debt>) {
        let shared = shared.clone();
        self.runtime.spawn(async move {
            // while the instance ends, one more attempt has to do, but of what is on its way
            let pause = shared.common.clock.sleep_until(at);
            if shared.common.is_closed() {
                pause.await;
            } else {
                shared.common.or_closed(pause).await;
            }
            if let Some(reaper) = shared.reaper.get() {
                reaper.put(&shared, debts);
            }
        });
    }

    /// The next batch for a server; the last one takes its place with it.
    fn take(&self, number: u64) -> Vec<Debt> {
        let mut queue = locked(&self.queue);
        let Some(lane) = queue.lanes.get_mut(&number) else { return Vec::new() };
        let many = lane.due.len().min(BATCH);
        let batch = lane.due.drain(..many).collect();
        if many == 0 {
            queue.leave(number);
        }
        batch
    }

    fn paid(&self, debt: &Debt) {
        if let Some((count, _)) = locked(&self.queue).counter(debt.room) {
            *count -= 1;
        }
    }
}

/// Batch after batch to one server, as long as any is due.
async fn work(shared: Arc<Shared>, number: u64, server: Option<Arc<Server>>) {
    let Some(reaper) = shared.reaper.get() else { return };
    let mut working = Working { reaper, number, taken: true };
    loop {
        let batch = reaper.take(number);
        if batch.is_empty() {
            working.taken = false;
            return;
        }
        match &server {
            Some(server) => settle(&shared, told(&shared, server, batch, false).await),
            None => {
                shared.fleet.doubt();
                let why = || Err(Failure::NotSent(shared.fleet.why()));
                settle(&shared, batch.into_iter().map(|debt| (debt, why())).collect());
            }
        }
    }
}

/// What one node was said to know.
async fn ask(shared: Arc<Shared>, server: Arc<Server>, batch: Vec<Debt>) {
    settle(&shared, told(&shared, &server, batch, true).await);
}

/// Whoever was told is done with; the rest is told again, somewhere else or later.
fn settle(shared: &Arc<Shared>, told: Vec<(Debt, Answer)>) {
    let Some(reaper) = shared.reaper.get() else { return };
    let now = shared.common.clock.now();
    let mut again: Vec<(Instant, Vec<Debt>)> = Vec::new();
    for (mut debt, answer) in told {
        let failure = match answer {
            Err(failure) => failure,
            Ok(holding) => {
                reaper.paid(&debt);
                if let Some(key) = debt.owed.held.filter(|_| holding == Holding::Lost) {
                    key.within(|| shared.common.tell(&Event::Lost { key: key.key(), why: Loss::Taken }));
                }
                continue;
            }
        };
        // nothing was done, and somebody else knows, at once or soon
        let (is_elsewhere, is_underway) =
            (matches!(failure, Failure::Elsewhere(_)), matches!(failure, Failure::Underway));
        // it may have been told, and then the next answer finds nothing left
        if matches!(failure, Failure::Broken | Failure::TimedOut) {
            debt.owed.held = None;
        }
        let at = if is_elsewhere { now } else { now.saturating_add(debt.pause) };
        let cause = unanswered(&failure);
        let is_given_up = shared.common.is_closed() && !is_elsewhere && !is_underway;
        if matches!(cause, Cause::Rejected { .. }) || is_given_up || at >= debt.until {
            // nobody is left to be told but the observer
            reaper.paid(&debt);
            shared.common.tell(&Event::Failed { key: None, cause });
            continue;
        }
        debt.pause = (debt.pause * 2).min(PAUSE[1]);
        match again.iter_mut().find(|(when, _)| *when == at) {
            Some((_, debts)) => debts.push(debt),
            None => again.push((at, vec![debt])),
        }
    }
    for (at, debts) in again {
        reaper.put_at(shared, at, debts);
    }
}

/// One of the batches on their way; what panics gives its place back all the same.
struct Working<'a> {
    reaper: &'a Reaper,
    number: u64,
    taken: bool,
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if self.taken {
            locked(&self.reaper.queue).leave(self.number);
        }
    }
}

/// A batch, and what came of it; whether it was sent on there.
async fn told(shared: &Arc<Shared>, server: &Arc<Server>, batch: Vec<Debt>, is_asked: bool) -> Vec<(Debt, Answer)> {
    let owed: Vec<_> = batch.iter().map(|debt| &debt.owed).collect();
    let answers = tell(server, &owed, is_asked).await;
    let mut told: Vec<_> = batch.into_iter().zip(answers).collect();
    for (debt, answer) in &mut told {
        let Err(why) = answer else { continue };
        *why = shared.fleet.read(why.clone());
        match why {
            Failure::Elsewhere(to) => debt.sent_on = shared.fleet.follow(server, to).filter(|_| to.is_ask),
            why if why.is_of_server() => shared.fleet.doubt(),
            _ => {}
        }
    }
    told
}
