//! The parts that steps are made of: the scripts, the table of one inbox, and what a dropped claim leaves behind.

use super::{
    protocol::{End, Fault, Setup},
    state::{Leftover, Phase, Process, State, Status, TASKS, Task},
};

impl Setup {
    pub(crate) fn is_free(&self, state: &State) -> bool {
        state.held() < self.permits
    }

    /// Whether a task that gets the answer on its way wakes the next one, or releases what it does not hold.
    pub(crate) fn passes_on(&self, process: &Process, task: Task) -> bool {
        let front = process.front().is_some();
        let gone = front && task.arrived > 0;
        match task.phase {
            Phase::Granted => front && !self.has(Fault::GrantWakesNobody) || task.stale && self.pool_passes_on(),
            Phase::LastGranted => gone && !self.has(Fault::LastGrantWakesNobody),
            Phase::LastBusy => gone || !self.has(Fault::RefusedIsNotDropped),
            _ => false,
        }
    }

    /// Whether who is granted a right passes on a message that came while it asked: of a lock, it will by its release.
    fn pool_passes_on(&self) -> bool {
        self.permits > 1 && !self.has(Fault::PoolKeepsTheTurn)
    }
}

/// The scripts.
impl State {
    /// Says when a caller first came; enters its inbox unless it is there already.
    pub(crate) fn wait(&mut self, p: usize, arrived: u8, enters: bool) -> u8 {
        let arrived = if arrived == 0 { self.now() } else { arrived };
        if enters && self.processes[p].entered == 0 {
            self.processes[p].entered = arrived;
        }
        arrived
    }

    /// Takes the first inbox out and writes to it; nobody listens there any more: the next one.
    pub(crate) fn notify(&mut self, setup: &Setup) {
        if !setup.is_free(self) {
            return;
        }
        while let Some(first) = self.processes.iter_mut().filter(|p| p.entered > 0).min_by_key(|p| p.entered) {
            first.entered = 0;
            if first.status != Status::Dead {
                first.messages += 1;
                return;
            }
        }
    }

    /// Whoever releases has already cleared what it held.
    pub(crate) fn release(&mut self, setup: &Setup, held: bool) {
        if !held && setup.has(Fault::StrangerPassesNothing) {
            return;
        }
        if !held && setup.has(Fault::AnybodyReleases) {
            let mut tasks = self.processes.iter_mut().flat_map(|p| &mut p.tasks);
            if let Some(other) = tasks.find(|t| t.holds) {
                other.holds = false;
            }
        }
        self.notify(setup);
    }
}

/// The table.
impl State {
    /// Begins an attempt: the ticket is read before anything is sent.
    pub(crate) fn ask(&mut self, p: usize, t: usize) {
        let task = &mut self.processes[p].tasks[t];
        (task.phase, task.stale, task.sent) = (Phase::Sent, false, task.arrived);
    }

    /// Asks once more, for its time is over: it enters no inbox, so it does not say when it came.
    pub(crate) fn ask_last(&mut self, p: usize, t: usize) {
        self.timeouts -= 1;
        self.leave_line(p, t);
        self.ask(p, t);
        (self.processes[p].tasks[t].phase, self.processes[p].tasks[t].sent) = (Phase::LastSent, 0);
    }

    pub(crate) fn learn_grant(&mut self, setup: &Setup, p: usize, t: usize) {
        let task = &mut self.processes[p].tasks[t];
        let last = task.phase == Phase::LastGranted;
        let told = task.stale;
        (task.phase, task.stale) = (Phase::Holding, false);
        if setup.has(if last { Fault::LastGrantWakesNobody } else { Fault::GrantWakesNobody }) {
            task.arrived = 0;
        } else if last {
            self.gone(setup, p, t);
        } else if !self.leave(setup, p, t) && told && setup.pool_passes_on() {
            self.processes[p].strangers += 1;
        }
    }

    /// Was told to wait, and its time is over: its claim is dropped, and the reaper releases what it does not hold.
    pub(crate) fn refused(&mut self, setup: &Setup, p: usize, t: usize) {
        let task = &mut self.processes[p].tasks[t];
        let last = task.phase == Phase::LastBusy;
        (task.phase, task.stale, task.sent) = (Phase::Idle, false, 0);
        let dropped = !setup.has(Fault::RefusedIsNotDropped);
        // the answer to a last question notes it by itself
        if last || dropped {
            self.gone(setup, p, t);
        }
        self.processes[p].tasks[t].arrived = 0;
        self.processes[p].strangers += u8::from(dropped);
    }

    pub(crate) fn line_up(&mut self, p: usize, t: usize) {
        let last = self.processes[p].tasks.iter().map(|t| t.place).max();
        let task = &mut self.processes[p].tasks[t];
        (task.phase, task.place) = (Phase::InLine, last.unwrap_or_default() + 1);
    }

    /// Out of the line; nothing happens to those who are not in it.
    pub(crate) fn leave_line(&mut self, p: usize, t: usize) {
        let place = std::mem::take(&mut self.processes[p].tasks[t].place);
        for other in &mut self.processes[p].tasks {
            if place > 0 && other.place > place {
                other.place -= 1;
            }
        }
    }

    /// Wakes the first in line; whether there was one.
    pub(crate) fn wake(&mut self, p: usize) -> bool {
        let Some(t) = self.processes[p].front() else { return false };
        self.leave_line(p, t);
        self.processes[p].tasks[t].phase = Phase::Woken;
        true
    }

    /// An asking or a waiting ended: it is the next one's turn to ask; whether there was one.
    fn leave(&mut self, setup: &Setup, p: usize, t: usize) -> bool {
        self.processes[p].tasks[t].arrived = 0;
        let woke = self.wake(p);
        let process = &mut self.processes[p];
        if setup.has(Fault::ForgetsWhoWasTold) && !woke && !process.asking() {
            process.tasks.iter_mut().for_each(|t| t.arrived = 0);
        }
        woke
    }

    /// Who was told to wait will not ask any more; of others there is nothing to note.
    fn gone(&mut self, setup: &Setup, p: usize, t: usize) {
        if self.processes[p].tasks[t].arrived > 0 {
            self.leave(setup, p, t);
        }
    }

    pub(crate) fn deliver(&mut self, setup: &Setup, p: usize) {
        let process = &mut self.processes[p];
        process.messages -= 1;
        for task in &mut process.tasks {
            task.stale |= task.phase.counts() || task.phase == Phase::Told;
        }
        let asking = process.asking();
        if !self.wake(p) && !asking && !setup.has(Fault::UnclaimedIsDropped) {
            self.processes[p].strangers += 1;
        }
    }
}

impl Process {
    /// Who is first in line.
    pub(crate) fn front(&self) -> Option<usize> {
        (0..TASKS).find(|t| self.tasks[*t].place == 1)
    }

    /// Whether anybody counts as asking.
    pub(crate) fn asking(&self) -> bool {
        self.tasks.iter().any(|t| t.phase.counts())
    }

    /// Whether it has anything to do or to say without which the others may wait in vain.
    pub(crate) fn has_a_turn(&self) -> bool {
        let leftovers = self.leftovers.iter().any(|c| c.asks || c.holds);
        let tasks = self.tasks.iter().any(|t| match t.phase {
            Phase::Absent | Phase::Idle | Phase::InLine => false,
            Phase::Busy | Phase::Told => t.stale,
            _ => true,
        });
        leftovers || tasks || self.messages + self.strangers + self.late_strangers > 0
    }
}

/// What ends.
impl State {
    /// A claim is dropped: its attempt or its place first, then itself; its release may be on its way already.
    pub(crate) fn drop_claim(&mut self, setup: &Setup, p: usize, t: usize, releases: bool) {
        self.drops -= 1;
        let task = &mut self.processes[p].tasks[t];
        let dropped = *task;
        (task.phase, task.stale, task.holds, task.sent) = (Phase::Idle, false, false, 0);
        self.leave_line(p, t);
        match dropped.phase {
            Phase::InLine | Phase::Woken if setup.has(Fault::DropPassesNothing) => {
                self.processes[p].tasks[t].arrived = 0;
                return;
            }
            Phase::Woken => {
                self.wake(p);
            }
            phase if phase.counts() => {
                self.leave(setup, p, t);
            }
            _ => {}
        }
        self.gone(setup, p, t);
        let asked = !matches!(dropped.phase, Phase::InLine | Phase::Woken | Phase::Holding);
        let asks = matches!(dropped.phase, Phase::Sent | Phase::LastSent);
        let left = Leftover {
            asks,
            enters: dropped.phase == Phase::Sent,
            sent: if asks { dropped.sent } else { 0 },
            holds: dropped.holds,
            releases,
            reaped: true,
            reaped_late: asked && !setup.has(Fault::LeftoverIsReapedOnce),
        };
        let free = self.processes[p].leftovers.iter_mut().find(|c| **c == Leftover::default());
        *free.expect("there is room for as many as may be dropped") = left;
    }

    pub(crate) fn end(&mut self, p: usize, end: End) {
        self.ends -= 1;
        let process = &mut self.processes[p];
        process.status = if end == End::Stops { Status::Stopped } else { Status::Dead };
        if end != End::Stops {
            (process.messages, process.strangers, process.late_strangers) = (0, 0, 0);
            for left in &mut process.leftovers {
                (left.reaped, left.reaped_late) = (false, false);
            }
        }
    }
}
