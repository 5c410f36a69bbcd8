//! What can happen next: the scripts on the server, the table of one inbox, and the life of a claim.
//!
//! A step is what nobody can come between: one script, or one critical section of the inbox. Messages, answers and
//! commands are apart, so each may overtake the others.

use super::state::{Leftover, PROCESSES, Phase, State, Status, TASKS};

/// What is wrong with the protocol under search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Who is told to wait enters its inbox by a second command.
    EntersApart,
    /// A waiter that is dropped passes nothing on, neither here nor on the server.
    DropPassesNothing,
    /// A grant does not wake the next one of its process.
    GrantWakesNobody,
    /// The ticket is what had been told when the answer came.
    TicketAfterAnswer,
    /// A release of what nobody holds wakes nobody.
    StrangerPassesNothing,
    /// A message that nobody waits for is dropped.
    UnclaimedIsDropped,
    /// A release asks for no token.
    AnybodyReleases,
    /// What was dropped while it asked is given back once only.
    LeftoverIsReapedOnce,
    /// A right lasts until it is given back.
    LeasesNeverEnd,
    /// A message counts as taken by whoever is asking, although it is granted another permit.
    PoolKeepsTheTurn,
    /// Who is refused when its time is over is not dropped, so nothing is released for it.
    RefusedIsNotDropped,
    /// A grant to a last question does not wake the next one of its process.
    LastGrantWakesNobody,
    /// With nobody asking and nobody in line, it is forgotten who was told to wait.
    ForgetsWhoWasTold,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It dies while it has no turn to lose.
    DiesWaiting,
    Dies,
    Stops,
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// How many tasks each process has.
    pub(crate) tasks: &'static [usize],
    pub(crate) permits: u8,
    /// How often each task asks.
    pub(crate) rounds: u8,
    pub(crate) outsiders: u8,
    pub(crate) drops: u8,
    pub(crate) timeouts: u8,
    /// How one process may end, if any.
    pub(crate) end: Option<End>,
    /// Whether waiters also ask by themselves.
    pub(crate) timer: bool,
    pub(crate) faults: &'static [Fault],
}

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Ask,
    AskAgain,
    AskLast,
    AskLastAndPassOn,
    ServerGrants,
    ServerRefuses,
    ServerEnters,
    ServerGrantsToTheDropped,
    ServerRefusesTheDropped,
    LearnGrant,
    LearnToWait,
    LearnToWaitAfterAMessage,
    GoWhenTold,
    GoWhenToldAfterAMessage,
    GoWhenToldLast,
    Line,
    AskForTheTicketIsOld,
    TimerOfAWaiter,
    MessageWakes,
    MessageToAsking,
    MessageUnclaimed,
    Release,
    OutsiderReleases,
    StrangerPassesOn,
    StrangerFindsItHeld,
    ReaperReleases,
    DropWhileAsking,
    DropInLine,
    DropWoken,
    DropHolding,
    DropWhileReleasing,
    EndOfAProcess,
    LeaseEnds,
}

/// What was done, by which process and which of its tasks, or of what dropped ones left behind.
pub(crate) type Step = (Did, usize, usize);

impl Setup {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    pub(crate) fn start(&self) -> State {
        let (drops, timeouts) = (self.drops, self.timeouts);
        let ends = u8::from(self.end.is_some());
        let mut state = State { outsiders: self.outsiders, drops, timeouts, ends, ..State::default() };
        for (process, tasks) in state.processes.iter_mut().zip(self.tasks) {
            for task in &mut process.tasks[..*tasks] {
                (task.phase, task.rounds) = (Phase::Idle, self.rounds);
            }
        }
        state
    }

    /// All states one step away.
    pub(crate) fn steps(&self, from: &State) -> Vec<(Step, State)> {
        let mut next = Next { setup: self, from, free: self.is_free(from), steps: Vec::with_capacity(16) };
        for (p, tasks) in self.tasks.iter().enumerate() {
            for t in 0..*tasks {
                next.on_server(p, t);
                if from.processes[p].status == Status::Live {
                    next.in_process(p, t);
                    next.given_up(p, t);
                }
            }
            next.leftovers(p);
            next.process(p);
        }
        if from.outsiders > 0 {
            next.step(Did::OutsiderReleases, PROCESSES, 0, |s| {
                s.outsiders -= 1;
                s.notify(self);
            });
        }
        next.steps
    }
}

struct Next<'a> {
    setup: &'a Setup,
    from: &'a State,
    /// Whether a right is free before the step.
    free: bool,
    steps: Vec<(Step, State)>,
}

impl Next<'_> {
    fn step(&mut self, did: Did, p: usize, t: usize, change: impl FnOnce(&mut State)) {
        let mut state = *self.from;
        change(&mut state);
        state.tidy();
        self.steps.push(((did, p, t), state));
    }

    /// A task's command is executed.
    fn on_server(&mut self, p: usize, t: usize) {
        let (setup, task) = (self.setup, self.from.processes[p].tasks[t]);
        match task.phase {
            Phase::Sent | Phase::LastSent => {
                let last = task.phase == Phase::LastSent;
                let apart = setup.has(Fault::EntersApart);
                let granted = self.free;
                let did = if granted { Did::ServerGrants } else { Did::ServerRefuses };
                self.step(did, p, t, |s| {
                    let arrived = s.wait(p, task.sent, !granted && !last && !apart);
                    let task = &mut s.processes[p].tasks[t];
                    task.holds = granted;
                    task.sent = if granted || last { 0 } else { arrived };
                    task.phase = match (granted, last) {
                        (true, false) => Phase::Granted,
                        (true, true) => Phase::LastGranted,
                        (false, true) => Phase::LastBusy,
                        (false, false) if apart => Phase::Entering,
                        (false, false) => Phase::Busy,
                    };
                });
            }
            Phase::Entering => self.step(Did::ServerEnters, p, t, |s| {
                s.wait(p, task.sent, true);
                s.processes[p].tasks[t].phase = Phase::Busy;
            }),
            _ => {}
        }
    }

    /// A task goes on.
    fn in_process(&mut self, p: usize, t: usize) {
        let (setup, task) = (self.setup, self.from.processes[p].tasks[t]);
        match task.phase {
            Phase::Idle if task.rounds > 0 => self.step(Did::Ask, p, t, |s| {
                s.processes[p].tasks[t].rounds -= 1;
                s.ask(p, t);
            }),
            Phase::Granted | Phase::LastGranted => self.step(Did::LearnGrant, p, t, |s| s.learn_grant(setup, p, t)),
            Phase::Busy => {
                let did = if task.stale { Did::LearnToWaitAfterAMessage } else { Did::LearnToWait };
                self.step(did, p, t, |s| {
                    let task = &mut s.processes[p].tasks[t];
                    task.stale &= !setup.has(Fault::TicketAfterAnswer);
                    (task.phase, task.arrived, task.sent) = (Phase::Told, task.sent, 0);
                });
            }
            Phase::LastBusy => self.step(Did::GoWhenToldLast, p, t, |s| s.refused(setup, p, t)),
            Phase::Told if task.stale => self.step(Did::AskForTheTicketIsOld, p, t, |s| s.ask(p, t)),
            Phase::Told => self.step(Did::Line, p, t, |s| s.line_up(p, t)),
            Phase::InLine if setup.timer => self.step(Did::TimerOfAWaiter, p, t, |s| {
                s.leave_line(p, t);
                s.ask(p, t);
            }),
            Phase::Woken => self.step(Did::AskAgain, p, t, |s| s.ask(p, t)),
            Phase::Holding => self.step(Did::Release, p, t, |s| {
                (s.processes[p].tasks[t].phase, s.processes[p].tasks[t].holds) = (Phase::Idle, false);
                s.release(setup, task.holds);
            }),
            _ => {}
        }
    }

    /// A task's time is over, or its future is dropped.
    fn given_up(&mut self, p: usize, t: usize) {
        let (setup, task) = (self.setup, self.from.processes[p].tasks[t]);
        if self.from.timeouts > 0 {
            if task.phase == Phase::Told {
                let did = if task.stale { Did::GoWhenToldAfterAMessage } else { Did::GoWhenTold };
                self.step(did, p, t, |s| {
                    s.timeouts -= 1;
                    s.refused(setup, p, t);
                });
            }
            if matches!(task.phase, Phase::InLine | Phase::Woken) || task.phase == Phase::Told && task.stale {
                self.step(Did::AskLast, p, t, |s| s.ask_last(p, t));
            }
            // its timer fires before it learns that it was woken: it leaves a place that it has no more
            if task.phase == Phase::Woken && self.from.processes[p].front().is_some() {
                self.step(Did::AskLastAndPassOn, p, t, |s| {
                    s.wake(p);
                    s.ask_last(p, t);
                });
            }
        }
        let did = match task.phase {
            _ if self.from.drops == 0 => return,
            Phase::Absent | Phase::Idle | Phase::Told => return,
            Phase::InLine => Did::DropInLine,
            Phase::Woken => Did::DropWoken,
            Phase::Holding => Did::DropHolding,
            _ => Did::DropWhileAsking,
        };
        self.step(did, p, t, |s| s.drop_claim(setup, p, t, false));
        if task.phase == Phase::Holding {
            self.step(Did::DropWhileReleasing, p, t, |s| s.drop_claim(setup, p, t, true));
        }
    }

    /// Commands of what was dropped are executed.
    fn leftovers(&mut self, p: usize) {
        let (setup, live) = (self.setup, self.from.processes[p].status == Status::Live);
        for (c, left) in self.from.processes[p].leftovers.into_iter().enumerate() {
            if left.asks {
                let granted = self.free;
                let did = if granted { Did::ServerGrantsToTheDropped } else { Did::ServerRefusesTheDropped };
                self.step(did, p, c, |s| {
                    s.wait(p, left.sent, !granted && left.enters);
                    let left = &mut s.processes[p].leftovers[c];
                    (left.asks, left.enters, left.sent, left.holds) = (false, false, 0, granted);
                });
            }
            let late = left.reaped_late && !left.asks;
            let mut release = |done: fn(&mut Leftover)| {
                self.step(Did::ReaperReleases, p, c, |s| {
                    s.processes[p].leftovers[c].holds = false;
                    done(&mut s.processes[p].leftovers[c]);
                    s.release(setup, left.holds);
                });
            };
            if left.releases {
                release(|c| c.releases = false);
            }
            if left.reaped && live {
                release(|c| c.reaped = false);
            }
            if late && live {
                release(|c| c.reaped_late = false);
            }
        }
    }

    /// What befalls a process, and what its reaper does.
    fn process(&mut self, p: usize) {
        let (setup, process) = (self.setup, &self.from.processes[p]);
        if process.status != Status::Live {
            if setup.has(Fault::LeasesNeverEnd) {
                return;
            }
            for t in (0..TASKS).filter(|t| process.tasks[*t].holds) {
                self.step(Did::LeaseEnds, p, t, |s| s.processes[p].tasks[t].holds = false);
            }
            for c in (0..process.leftovers.len()).filter(|c| process.leftovers[*c].holds) {
                self.step(Did::LeaseEnds, p, c, |s| s.processes[p].leftovers[c].holds = false);
            }
            return;
        }
        if process.messages > 0 {
            let did = match (process.front(), process.asking()) {
                (Some(_), _) => Did::MessageWakes,
                (None, true) => Did::MessageToAsking,
                (None, false) => Did::MessageUnclaimed,
            };
            self.step(did, p, 0, |s| s.deliver(setup, p));
        }
        let free = self.free;
        let did = if free { Did::StrangerPassesOn } else { Did::StrangerFindsItHeld };
        if process.strangers > 0 {
            self.step(did, p, 0, |s| {
                s.processes[p].strangers -= 1;
                s.release(setup, false);
            });
        }
        if process.late_strangers > 0 {
            self.step(did, p, 1, |s| {
                s.processes[p].late_strangers -= 1;
                s.release(setup, false);
            });
        }
        if let Some(end) =
            setup.end.filter(|end| self.from.ends > 0 && (*end != End::DiesWaiting || !process.has_a_turn()))
        {
            self.step(Did::EndOfAProcess, p, 0, |s| s.end(p, end));
        }
    }
}
