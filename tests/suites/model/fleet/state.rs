//! One key, its waiters on the server, and the processes that want it, in bytes.
//!
//! Processes are alike, and so are the tasks of one, so states that differ by names only have one key. Times of arrival
//! are ranks.

/// At most so many processes, tasks of one, and dropped attempts of one.
pub(crate) const PROCESSES: usize = 4;
pub(crate) const TASKS: usize = 2;
pub(crate) const LEFTOVERS: usize = 2;

/// Where a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Absent,
    Idle,
    /// Its question is on its way.
    Sent,
    /// Told to wait, its second command is on its way; only where registration is a command of its own.
    Entering,
    /// The answer, to wait, is on its way.
    Busy,
    /// The answer, a grant, is on its way.
    Granted,
    /// Was told to wait, and is not in line yet.
    Told,
    InLine,
    /// Out of the line, and about to ask.
    Woken,
    /// Until its release is done; the answer to that carries nothing.
    Holding,
    /// Its last question, out of time: it enters no inbox, and does not count as asking.
    LastSent,
    LastBusy,
    LastGranted,
}

impl Phase {
    /// Whether it counts as asking, from before its question is sent until its answer is known.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Sent | Self::Entering | Self::Busy | Self::Granted)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task {
    pub(crate) phase: Phase,
    pub(crate) rounds: u8,
    /// Whether a message came since its ticket was read.
    pub(crate) stale: bool,
    /// Whether the server says that it holds.
    pub(crate) holds: bool,
    /// When it first came, as its process remembers.
    pub(crate) arrived: u8,
    /// The same, as the question or the answer on its way says.
    pub(crate) sent: u8,
    /// Its place in the line of its process, from 1.
    pub(crate) place: u8,
}

/// What is left of a claim that was dropped: its commands, and perhaps a right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a command of its own, under way or not")]
pub(crate) struct Leftover {
    /// Its question is on its way.
    pub(crate) asks: bool,
    pub(crate) enters: bool,
    pub(crate) sent: u8,
    pub(crate) holds: bool,
    /// Its own release is on its way.
    pub(crate) releases: bool,
    /// The reaper's is.
    pub(crate) reaped: bool,
    /// The reaper's second is, which waits until the question has landed.
    pub(crate) reaped_late: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Live,
    /// Takes no step any more; its subscription stands.
    Stopped,
    Dead,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) tasks: [Task; TASKS],
    pub(crate) leftovers: [Leftover; LEFTOVERS],
    pub(crate) status: Status,
    /// Messages on their way to its inbox.
    pub(crate) messages: u8,
    /// Releases by its reaper of what nobody holds; and those that come only after a while.
    pub(crate) strangers: u8,
    pub(crate) late_strangers: u8,
    /// Since when its inbox is among the waiters; zero if it is not.
    pub(crate) entered: u8,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    pub(crate) processes: [Process; PROCESSES],
    /// Rights held by others, who release and never come back.
    pub(crate) outsiders: u8,
    /// How often a future may still be dropped, a waiter run out of time, and a process end.
    pub(crate) drops: u8,
    pub(crate) timeouts: u8,
    pub(crate) ends: u8,
}

/// A state without names.
pub(crate) type Key = [u128; PROCESSES + 1];

impl State {
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Process, &Task)> {
        self.processes.iter().flat_map(|p| p.tasks.iter().map(move |t| (p, t)))
    }

    /// How many rights the server has given out.
    pub(crate) fn held(&self) -> u8 {
        let mut held = self.outsiders;
        for process in &self.processes {
            for task in &process.tasks {
                held += u8::from(task.holds);
            }
            for left in &process.leftovers {
                held += u8::from(left.holds);
            }
        }
        held
    }

    fn times(&mut self, mut each: impl FnMut(&mut u8)) {
        for process in &mut self.processes {
            if process.is_absent() {
                continue;
            }
            each(&mut process.entered);
            for task in &mut process.tasks {
                each(&mut task.arrived);
                each(&mut task.sent);
            }
            for left in &mut process.leftovers {
                each(&mut left.sent);
            }
        }
    }

    /// A time later than all others.
    pub(crate) fn now(&mut self) -> u8 {
        let mut last = 0;
        self.times(|time| last = last.max(*time));
        last + 1
    }

    /// Forgets what makes no difference: how far times lie apart, and dropped claims that can hold no more.
    pub(crate) fn tidy(&mut self) {
        for process in &mut self.processes {
            for left in &mut process.leftovers {
                if !left.asks && !left.holds && (left.reaped || left.releases || left.reaped_late) {
                    process.strangers += u8::from(left.reaped) + u8::from(left.releases);
                    process.late_strangers += u8::from(left.reaped_late);
                    *left = Leftover::default();
                }
            }
        }
        let mut seen = 1_u32;
        self.times(|time| seen |= 1 << *time);
        if seen & (seen + 1) != 0 {
            self.times(|time| *time = (seen & ((1 << *time) - 1)).count_ones() as u8);
        }
    }

    /// The state without names; of a tidy one.
    pub(crate) fn key(&self) -> Key {
        let mut key = [0; PROCESSES + 1];
        for (part, process) in key.iter_mut().zip(&self.processes) {
            *part = if process.is_absent() { 0 } else { process.bits() };
        }
        key[..PROCESSES].sort_unstable();
        key[PROCESSES] = u128::from(u32::from_be_bytes([self.outsiders, self.drops, self.timeouts, self.ends]));
        key
    }
}

impl Process {
    fn is_absent(&self) -> bool {
        self.tasks[0].phase == Phase::Absent
    }

    fn bits(&self) -> u128 {
        let [a, b] = [self.tasks[0].bits(), self.tasks[1].bits()];
        let [c, d] = [self.leftovers[0].bits(), self.leftovers[1].bits()];
        let (messages, strangers, late) = (self.messages, self.strangers, self.late_strangers);
        assert!(messages < 16 && strangers < 16 && late < 16, "so much under way is not foreseen");
        let counts = u32::from(messages) << 8 | u32::from(strangers) << 4 | u32::from(late);
        let rest = counts << 6 | u32::from(self.entered) << 2 | self.status as u32;
        u128::from(a.max(b)) << 68
            | u128::from(a.min(b)) << 48
            | u128::from(c.max(d)) << 34
            | u128::from(c.min(d)) << 24
            | u128::from(rest)
    }
}

impl Task {
    /// 18 bits; there are never more than 14 times.
    fn bits(self) -> u32 {
        let flags = u32::from(self.stale) << 1 | u32::from(self.holds);
        let whole = (self.phase as u32) << 4 | u32::from(self.rounds) << 2 | flags;
        whole << 10 | u32::from(self.arrived) << 6 | u32::from(self.sent) << 2 | u32::from(self.place)
    }
}

impl Leftover {
    /// 10 bits.
    fn bits(self) -> u32 {
        let asks = u32::from(self.asks) << 2 | u32::from(self.enters) << 1 | u32::from(self.holds);
        let ends = u32::from(self.releases) << 2 | u32::from(self.reaped) << 1 | u32::from(self.reaped_late);
        asks << 7 | ends << 4 | u32::from(self.sent)
    }
}
