//! The parts that steps are made of: the scripts, the table of one process, and what a dropped claim leaves behind.

use super::{
    protocol::{End, Fault, Setup},
    state::{Leftover, Phase, Place, Process, State, Status, TASKS, Task, Token, Who},
};

/// Why somebody may be due to stand by.
#[derive(Clone, Copy)]
pub(crate) enum Why {
    /// Somebody left the line, or a right was freed.
    Left,
    /// Somebody asked, and may be the first in line now.
    Asked(Who),
}

/// The scripts.
impl State {
    /// A question is executed; whether it is granted.
    pub(crate) fn ask(&mut self, setup: &Setup, who: Who, stands: bool) -> bool {
        let lapsed = self.survey(setup);
        let granted = self.is_granted(setup, who);
        let was = self.token(who).place;
        let mut due = Vec::new();
        if granted {
            due = self.watch(who);
            let token = self.token(who);
            (token.holds, token.place, token.came, token.stood) = (true, Place::None, 0, 0);
        } else if stands && !setup.has(Fault::EntersApart) {
            self.stand(setup, who);
        } else if !stands {
            self.token(who).leave();
        }
        let process = &mut self.processes[who.0];
        if !granted && stands && process.status != Status::Live {
            // sent before its process fell asleep, it may stand again after it lapsed, and cost a turn more
            process.lapses = process.lapses.saturating_sub(1);
        }
        let calls = if granted { Fault::GrantCallsNobody } else { Fault::RefusalCallsNobody };
        if !setup.has(calls) || !granted && was.is_called() {
            let left = was == Place::Waits && (granted || !stands);
            self.call(setup, if lapsed || left { Why::Left } else { Why::Asked(who) });
        }
        self.overtaken |= due.into_iter().any(|(p, t)| self.processes[p].tokens[t].place == Place::Waits);
        granted
    }

    /// Stands with the arrival it came with, or now.
    pub(crate) fn stand(&mut self, setup: &Setup, who: Who) {
        let now = self.now();
        let token = self.token(who);
        token.place = Place::Waits;
        token.came = if token.came == 0 { now } else { token.came };
        token.stood = if setup.has(Fault::StandsAnew) { now } else { token.came };
    }

    /// Frees what the token holds, and takes it out of the line.
    pub(crate) fn release(&mut self, setup: &Setup, who: Who) {
        let token = self.token(who);
        let holds = std::mem::take(&mut token.holds);
        token.leave();
        self.release_of_nothing(setup, holds);
    }

    /// What follows a release, also of what is neither held nor in line.
    pub(crate) fn release_of_nothing(&mut self, setup: &Setup, freed: bool) {
        self.survey(setup);
        if !freed && setup.has(Fault::LeavingCallsNobody) {
            return;
        }
        if !freed && setup.has(Fault::AnybodyReleases) {
            let mut tokens = self.processes.iter_mut().flat_map(|p| &mut p.tokens);
            if let Some(other) = tokens.find(|t| t.holds) {
                other.holds = false;
            }
        }
        self.call(setup, Why::Left);
    }

    /// Takes out whose turn is over, and all others of its process.
    fn survey(&mut self, setup: &Setup) -> bool {
        let mut lapsed = false;
        for process in &mut self.processes {
            if process.tokens.iter().all(|t| t.place != Place::Over) {
                continue;
            }
            let alone = setup.has(Fault::LapseOfOne);
            process.tokens.iter_mut().filter(|t| !alone || t.place == Place::Over).for_each(Token::leave);
            process.lapses += 1;
            process.has_slept = true;
            process.lapse_told = process.status != Status::Dead && !setup.has(Fault::LapseTellsNobody);
            lapsed = true;
        }
        lapsed
    }

    fn is_granted(&self, setup: &Setup, (p, t): Who) -> bool {
        let (size, held, me) = (self.processes[p].size, self.held(), self.processes[p].tokens[t]);
        if me.place.is_called() || setup.has(Fault::NobodyIsAhead) {
            return held < size;
        }
        let before = |token: &Token| me.stood == 0 || token.stood < me.stood;
        let ahead = self.tokens().filter(|(who, process, token)| match token.place {
            _ if *who == (p, t) => false,
            Place::None => false,
            Place::Waits => before(token) && process.size > held,
            Place::Called | Place::Over => true,
        });
        leaves_room(setup, held, size, ahead.map(|(_, process, _)| process.size))
    }

    /// Notes what a grant must not do, before it is done; says to whom else the right may be due.
    fn watch(&mut self, (p, t): Who) -> Vec<Who> {
        let (size, held, me) = (self.processes[p].size, self.held(), self.processes[p].tokens[t]);
        let reserved = me.place.is_called();
        let called = self.called() - u8::from(reserved);
        self.too_many |= held >= size;
        self.overtaken |= !reserved
            && self.tokens().any(|(.., process, token)| {
                let room = held + called <= process.size && process.status == Status::Live;
                token.place.is_called() && room && (held + called >= process.size || held + called >= size)
            });
        // what a dropped claim left in the line is nobody's; what was reserved was of no use to one that knows a smaller
        // size, or was asleep
        let due = self.tokens().filter(|((_, t), process, token)| {
            let waits = *t < TASKS && token.place == Place::Waits && process.status == Status::Live;
            let earlier = me.came == 0 || token.came < me.came;
            let missed = reserved && (process.size < size || process.has_slept);
            waits && earlier && held + called < process.size && !missed
        });
        due.map(|(who, ..)| who).collect()
    }

    /// Reserves what is free for those who came first, and has somebody stand by.
    pub(crate) fn call(&mut self, setup: &Setup, why: Why) {
        let (mut rang, mut after) = (false, 0);
        while let Some(who) = self.next_in_line(after) {
            after = self.token(who).stood;
            let called = self.tokens().filter(|(.., token)| token.place.is_called());
            let called = called.map(|(_, process, _)| process.size);
            if leaves_room(setup, self.held(), self.processes[who.0].size, called) {
                rang |= self.ring(who);
            } else if setup.has(Fault::FirstInLineBlocks) {
                break;
            }
        }
        if self.called() == 0 || !setup.turns || setup.has(Fault::NoStandby) {
            return;
        }
        match why {
            _ if rang => self.stand_by(setup, None),
            Why::Left if !setup.has(Fault::StandbyLeaves) => self.stand_by(setup, None),
            Why::Asked(who) if !setup.has(Fault::NewcomerStandsNotBy) => self.stand_by(setup, Some(who)),
            _ => {}
        }
    }

    /// Calls somebody; whether anybody listens there.
    fn ring(&mut self, who: Who) -> bool {
        let process = &mut self.processes[who.0];
        if process.status == Status::Dead {
            process.tokens[who.1].leave();
            return false;
        }
        process.tokens[who.1].place = Place::Called;
        process.tokens[who.1].bells += 1;
        true
    }

    /// The first who waits asks when a turn has passed; so does the first of another process, if its own has been
    /// called, for it may sleep as a whole.
    fn stand_by(&mut self, setup: &Setup, only: Option<Who>) {
        let (mut after, mut first) = (0, None);
        while let Some(who) = self.next_in_line(after) {
            after = self.token(who).stood;
            let process = &mut self.processes[who.0];
            if process.status == Status::Dead {
                process.tokens[who.1].leave();
                continue;
            }
            if first == Some(who.0) {
                continue;
            }
            if only.is_none_or(|only| only == who) {
                process.tokens[who.1].tell(setup, who.1 < TASKS);
            }
            let own = process.tokens.iter().any(|t| t.place.is_called());
            if first.is_some() || !own || setup.has(Fault::StandbyOfTheCalled) {
                return;
            }
            first = Some(who.0);
        }
    }

    fn next_in_line(&self, after: u8) -> Option<Who> {
        let waits = self.tokens().filter(|(.., token)| token.place == Place::Waits && token.stood > after);
        waits.min_by_key(|(.., token)| token.stood).map(|(who, ..)| who)
    }
}

/// Whether one that knows this size can have a right, and those ahead, that know these, theirs.
fn leaves_room(setup: &Setup, held: u8, size: u8, ahead: impl Iterator<Item = u8>) -> bool {
    let (taken, least) = ahead.fold((held, size), |(taken, least), size| (taken + 1, least.min(size)));
    taken < if setup.has(Fault::SizesAheadIgnored) { size } else { least }
}

impl Token {
    fn tell(&mut self, setup: &Setup, here: bool) {
        match here {
            true => self.standby = true,
            // for a claim that is no more, one message is as good as another
            false if setup.has(Fault::StandbyForNobodyIsIgnored) => {}
            false => self.bells = self.bells.max(1),
        }
    }

    fn leave(&mut self) {
        self.place = Place::None;
    }
}

impl Task {
    fn hear(&mut self) {
        self.news |= self.phase.waits() || matches!(self.phase, Phase::Sent | Phase::Entering);
    }
}

/// The table.
impl State {
    /// Begins an attempt: its news is cleared before anything is sent.
    pub(crate) fn send(&mut self, p: usize, t: usize, phase: Phase) {
        let task = &mut self.processes[p].tasks[t];
        (task.phase, task.news) = (phase, false);
    }

    /// Whoever holds has no entry any more; messages to it are for nobody.
    pub(crate) fn learn_grant(&mut self, setup: &Setup, p: usize, t: usize) {
        let process = &mut self.processes[p];
        let (task, token) = (&mut process.tasks[t], &mut process.tokens[t]);
        *task = Task { phase: Phase::Holding, rounds: task.rounds, ..Task::default() };
        let bells = std::mem::take(&mut token.bells);
        token.standby = false;
        process.strangers += if setup.has(Fault::UnclaimedIsIgnored) { 0 } else { bells };
    }

    /// Was told to wait, and its time is over: its claim is dropped, and the reaper releases what it does not hold.
    pub(crate) fn refused(&mut self, setup: &Setup, p: usize, t: usize) {
        self.leave_behind(setup, p, t, Leftover { reaped: true, ..Leftover::default() });
    }

    /// A message comes that says that a claim is called.
    pub(crate) fn deliver(&mut self, p: usize, t: usize) {
        let process = &mut self.processes[p];
        process.tokens[t].bells -= 1;
        process.tasks[t].hear();
    }

    /// A message comes that says that a turn passed in vain: all of the process were taken out of the line.
    pub(crate) fn deliver_lapse(&mut self, p: usize) {
        let process = &mut self.processes[p];
        process.lapse_told = false;
        process.tasks.iter_mut().for_each(Task::hear);
    }

    /// A message comes for a claim that is no more. That, and the release it leads to, is one step: nobody can tell.
    pub(crate) fn deliver_to_nobody(&mut self, setup: &Setup, p: usize, t: usize) {
        let token = &mut self.processes[p].tokens[t];
        token.bells -= 1;
        if !setup.has(Fault::UnclaimedIsIgnored) {
            token.leave();
            self.release_of_nothing(setup, false);
        }
    }
}

/// What ends.
impl State {
    /// A claim is dropped: its entry in the table first, then itself; its release may be on its way already.
    pub(crate) fn drop_claim(&mut self, setup: &Setup, p: usize, t: usize, releases: bool) {
        self.drops -= 1;
        let phase = self.processes[p].tasks[t].phase;
        let asked = !matches!(phase, Phase::Waits | Phase::Holding);
        let left = Leftover {
            asks: phase.asks(),
            stands: phase == Phase::Sent,
            releases,
            reaped: phase != Phase::Waits || !setup.has(Fault::DropSendsNothing),
            reaped_late: asked && !setup.has(Fault::LeftoverIsReapedOnce),
        };
        self.leave_behind(setup, p, t, left);
    }

    fn leave_behind(&mut self, setup: &Setup, p: usize, t: usize, left: Leftover) {
        let process = &mut self.processes[p];
        let task = &mut process.tasks[t];
        *task = Task { phase: Phase::Idle, rounds: task.rounds, ..Task::default() };
        let free = process.leftovers.iter().position(|c| *c == Leftover::default());
        let c = free.expect("there is room for as many as may be dropped");
        let mut token = std::mem::take(&mut process.tokens[t]);
        if std::mem::take(&mut token.standby) && !setup.has(Fault::StandbyForNobodyIsIgnored) {
            token.bells = token.bells.max(1);
        }
        process.leftovers[c] = left;
        process.tokens[TASKS + c] = token;
    }

    pub(crate) fn end(&mut self, p: usize, end: End) {
        self.ends -= 1;
        self.processes[p].status = match end {
            End::DiesUncalled | End::DiesWaiting | End::Dies => Status::Dead,
            End::StopsWaiting | End::Stops => Status::Stopped,
            End::Pauses => Status::Paused,
        };
    }
}

impl Process {
    /// Whether it has or may get a right, or does something for one; being called is not that.
    pub(crate) fn has_to_do(&self) -> bool {
        let leftovers = self.leftovers.iter().any(|c| *c != Leftover::default());
        let tasks =
            self.tasks.iter().any(|t| !matches!(t.phase, Phase::Absent | Phase::Idle | Phase::Busy | Phase::Waits));
        leftovers || tasks || self.strangers + self.late_strangers > 0
    }

    /// Whether any of its claims is called.
    pub(crate) fn is_called(&self) -> bool {
        self.tokens.iter().any(|t| t.place.is_called())
    }
}
