//! What can happen next: the scripts on the server, the table of one process, and the life of a claim.
//!
//! A step is what nobody can come between: one script, or one critical section of the table. Messages, answers and
//! commands are apart, so each may overtake the others.

use super::{
    search::{Did, Step},
    state::{LEFTOVERS, Leftover, PROCESSES, Phase, Place, State, Status, TASKS},
};

/// What is wrong with the protocol under search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Who asks is granted what is free, whoever was called or came first.
    NobodyIsAhead,
    /// Who is refused again stands as if it had just come.
    StandsAnew,
    /// Who leaves the line without having held calls nobody.
    LeavingCallsNobody,
    /// Nobody is told to stand by.
    NoStandby,
    /// A turn that is over takes out one entry, not all of its process.
    LapseOfOne,
    /// A waiter that is dropped sends nothing.
    DropSendsNothing,
    /// A message for a claim that is no more is ignored.
    UnclaimedIsIgnored,
    /// News is cleared when the answer comes, not when the question is sent.
    NewsClearedAfterAnswer,
    /// Who is refused stands by a second command.
    EntersApart,
    /// A release asks for no token.
    AnybodyReleases,
    /// What was dropped while it asked is given back once only.
    LeftoverIsReapedOnce,
    /// A right lasts until it is given back.
    LeasesNeverEnd,
    /// Nobody is called past one who knows too small a size to use what is free.
    FirstInLineBlocks,
    /// Only the first who waits stands by, also if its own process has been called.
    StandbyOfTheCalled,
    /// Who comes to stand first while somebody is called is not told to stand by.
    NewcomerStandsNotBy,
    /// Nobody follows a standby that leaves the line.
    StandbyLeaves,
    /// A refusal calls nobody, unless the refused was called itself.
    RefusalCallsNobody,
    /// A grant calls nobody, though it may have found a turn over, or who knows a smaller size is no more in the way.
    GrantCallsNobody,
    /// It is not seen that those ahead may know a smaller size.
    SizesAheadIgnored,
    /// A process whose turn passed in vain is not told.
    LapseTellsNobody,
    /// Being told to stand by is ignored if the claim is no more.
    StandbyForNobodyIsIgnored,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It dies while it has and asks nothing, and is not called.
    DiesUncalled,
    /// It dies while it has and asks nothing.
    DiesWaiting,
    Dies,
    /// It stops while it has and asks nothing.
    StopsWaiting,
    Stops,
    /// It stops at any time, and goes on before its leases end.
    Pauses,
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// How many tasks each process has.
    pub(crate) tasks: &'static [usize],
    /// How many rights there are, as each process knows; the last is that of all others.
    pub(crate) sizes: &'static [u8],
    /// How often each task asks.
    pub(crate) rounds: u8,
    pub(crate) outsiders: u8,
    pub(crate) drops: u8,
    pub(crate) timeouts: u8,
    /// How processes may end, and how many may.
    pub(crate) end: Option<End>,
    pub(crate) ends: u8,
    /// Whether the turns of a process that has ended pass, and standbys ask then.
    pub(crate) turns: bool,
    /// Whether waiters also ask by themselves.
    pub(crate) timer: bool,
    pub(crate) faults: &'static [Fault],
}

impl Setup {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    pub(crate) fn start(&self) -> State {
        let (drops, timeouts, ends) = (self.drops, self.timeouts, self.ends);
        let mut state = State { outsiders: self.outsiders, drops, timeouts, ends, ..State::default() };
        for (p, tasks) in self.tasks.iter().enumerate() {
            let process = &mut state.processes[p];
            process.size = self.sizes[p.min(self.sizes.len() - 1)];
            for task in &mut process.tasks[..*tasks] {
                (task.phase, task.rounds) = (Phase::Idle, self.rounds);
            }
        }
        state
    }

    /// All states one step away.
    pub(crate) fn steps(&self, from: &State) -> Vec<(Step, State)> {
        let mut next = Next { setup: self, from, steps: Vec::with_capacity(16) };
        for (p, tasks) in self.tasks.iter().enumerate() {
            let live = from.processes[p].status == Status::Live;
            for t in 0..*tasks {
                next.on_server(p, t);
                if live {
                    next.in_process(p, t);
                    next.messages(p, t);
                    next.given_up(p, t);
                }
            }
            for c in 0..LEFTOVERS {
                next.leftover(p, c);
            }
            if live {
                next.process(p);
            } else {
                next.ended(p);
            }
        }
        if from.outsiders > 0 {
            next.step(Did::OutsiderReleases, PROCESSES, 0, |s| {
                s.outsiders -= 1;
                s.release_of_nothing(self, true);
            });
        }
        next.steps
    }
}

struct Next<'a> {
    setup: &'a Setup,
    from: &'a State,
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
        let called = self.from.processes[p].tokens[t].place.is_called();
        match task.phase {
            Phase::Sent | Phase::LastSent => {
                let last = task.phase == Phase::LastSent;
                let mut state = *self.from;
                let granted = state.ask(setup, (p, t), !last);
                state.processes[p].tasks[t].phase = match (granted, last) {
                    (true, false) => Phase::Granted,
                    (true, true) => Phase::LastGranted,
                    (false, true) => Phase::LastBusy,
                    (false, false) if setup.has(Fault::EntersApart) => Phase::Entering,
                    (false, false) => Phase::Busy,
                };
                let did = match (granted, called) {
                    (true, false) => Did::ServerGrants,
                    (true, true) => Did::ServerGrantsToTheCalled,
                    (false, false) => Did::ServerRefuses,
                    (false, true) => Did::ServerRefusesTheCalled,
                };
                self.step(did, p, t, |s| *s = state);
            }
            Phase::Entering => self.step(Did::ServerEnters, p, t, |s| {
                s.stand(setup, (p, t));
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
                s.send(p, t, Phase::Sent);
            }),
            Phase::Granted | Phase::LastGranted => self.step(Did::LearnGrant, p, t, |s| s.learn_grant(setup, p, t)),
            Phase::Busy => {
                let did = if task.news { Did::LearnToWaitAfterAMessage } else { Did::LearnToWait };
                self.step(did, p, t, |s| {
                    let task = &mut s.processes[p].tasks[t];
                    task.news &= !setup.has(Fault::NewsClearedAfterAnswer);
                    task.phase = Phase::Waits;
                });
            }
            Phase::LastBusy => self.step(Did::GoWhenToldLast, p, t, |s| s.refused(setup, p, t)),
            Phase::Waits if task.news => self.step(Did::AskAgain, p, t, |s| s.send(p, t, Phase::Sent)),
            Phase::Waits if setup.timer => self.step(Did::TimerOfAWaiter, p, t, |s| s.send(p, t, Phase::Sent)),
            Phase::Holding => self.step(Did::Release, p, t, |s| {
                s.processes[p].tasks[t].phase = Phase::Idle;
                s.release(setup, (p, t));
            }),
            _ => {}
        }
        if task.phase == Phase::Waits && task.armed && !task.news {
            self.step(Did::TimerOfAStandby, p, t, |s| {
                s.processes[p].tasks[t].armed = false;
                s.send(p, t, Phase::Sent);
            });
        }
    }

    /// A message comes.
    fn messages(&mut self, p: usize, t: usize) {
        let (task, token) = (self.from.processes[p].tasks[t], self.from.processes[p].tokens[t]);
        if token.bells > 0 {
            let did = if task.phase == Phase::Waits { Did::MessageWakes } else { Did::MessageToAsking };
            self.step(did, p, t, |s| s.deliver(p, t));
        }
        if token.standby {
            self.step(Did::StandbyTold, p, t, |s| {
                (s.processes[p].tokens[t].standby, s.processes[p].tasks[t].armed) = (false, true);
            });
        }
    }

    /// A task's time is over, or its future is dropped.
    fn given_up(&mut self, p: usize, t: usize) {
        let (setup, task) = (self.setup, self.from.processes[p].tasks[t]);
        if self.from.timeouts > 0 {
            if task.phase == Phase::Busy {
                let did = if task.news { Did::GoWhenToldAfterAMessage } else { Did::GoWhenTold };
                self.step(did, p, t, |s| {
                    s.timeouts -= 1;
                    s.refused(setup, p, t);
                });
            }
            if task.phase == Phase::Waits {
                self.step(Did::AskLast, p, t, |s| {
                    s.timeouts -= 1;
                    s.send(p, t, Phase::LastSent);
                });
            }
        }
        let did = match task.phase {
            _ if self.from.drops == 0 => return,
            Phase::Absent | Phase::Idle => return,
            Phase::Waits if self.from.processes[p].tokens[t].place.is_called() => Did::DropCalled,
            Phase::Waits => Did::DropWaiting,
            Phase::Holding => Did::DropHolding,
            _ => Did::DropWhileAsking,
        };
        self.step(did, p, t, |s| s.drop_claim(setup, p, t, false));
        if task.phase == Phase::Holding {
            self.step(Did::DropWhileReleasing, p, t, |s| s.drop_claim(setup, p, t, true));
        }
    }

    /// Commands of what was dropped are executed, and messages to it come.
    fn leftover(&mut self, p: usize, c: usize) {
        let (setup, live, t) = (self.setup, self.from.processes[p].status == Status::Live, TASKS + c);
        let (left, token) = (self.from.processes[p].leftovers[c], self.from.processes[p].tokens[t]);
        if left.asks {
            let mut state = *self.from;
            let granted = state.ask(setup, (p, t), left.stands);
            let did = if granted { Did::ServerGrantsToTheDropped } else { Did::ServerRefusesTheDropped };
            let left = &mut state.processes[p].leftovers[c];
            (left.asks, left.stands) = (false, false);
            self.step(did, p, t, |s| *s = state);
        }
        let mut release = |done: fn(&mut Leftover)| {
            self.step(Did::ReaperReleases, p, t, |s| {
                done(&mut s.processes[p].leftovers[c]);
                s.release(setup, (p, t));
            });
        };
        if left.releases {
            release(|c| c.releases = false);
        }
        if left.reaped && live {
            release(|c| c.reaped = false);
        }
        if left.reaped_late && !left.asks && live {
            release(|c| c.reaped_late = false);
        }
        if token.bells > 0 && live {
            self.step(Did::MessageUnclaimed, p, t, |s| s.deliver_to_nobody(setup, p, t));
        }
    }

    /// What the reaper of a process does, and how it ends.
    fn process(&mut self, p: usize) {
        let (setup, process) = (self.setup, &self.from.processes[p]);
        if process.strangers > 0 {
            self.step(Did::StrangerReleases, p, 0, |s| {
                s.processes[p].strangers -= 1;
                s.release_of_nothing(setup, false);
            });
        }
        if process.late_strangers > 0 {
            self.step(Did::StrangerReleases, p, 1, |s| {
                s.processes[p].late_strangers -= 1;
                s.release_of_nothing(setup, false);
            });
        }
        if process.lapse_told {
            self.step(Did::LapseTold, p, 0, |s| s.deliver_lapse(p));
        }
        let Some(end) = setup.end.filter(|_| self.from.ends > 0) else { return };
        let may = match end {
            End::DiesUncalled => !process.has_to_do() && !process.is_called(),
            End::DiesWaiting | End::StopsWaiting => !process.has_to_do(),
            End::Dies | End::Stops | End::Pauses => true,
        };
        if may {
            self.step(Did::EndOfAProcess, p, 0, |s| s.end(p, end));
        }
    }

    /// What becomes of what a process had that has ended.
    fn ended(&mut self, p: usize) {
        let setup = self.setup;
        if self.from.processes[p].status == Status::Paused {
            self.step(Did::GoOn, p, 0, |s| s.processes[p].status = Status::Live);
        }
        for (t, token) in self.from.processes[p].tokens.iter().enumerate() {
            if token.holds && self.from.processes[p].status != Status::Paused && !setup.has(Fault::LeasesNeverEnd) {
                self.step(Did::LeaseEnds, p, t, |s| s.token((p, t)).holds = false);
            }
            if token.place == Place::Called && setup.turns {
                self.step(Did::TurnEnds, p, t, |s| s.token((p, t)).place = Place::Over);
            }
        }
    }
}
