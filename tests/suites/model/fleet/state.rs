//! One key, its holders and its line on the server, and the processes that want it, in bytes.
//!
//! Processes that know the same size are alike, and so are the tasks of one, so states that differ by names only have
//! one key. Times of arrival are ranks.

/// At most so many processes, tasks of one, and dropped claims of one.
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
    /// Refused, its second command is on its way; only where standing is a command of its own.
    Entering,
    /// The answer, to wait, is on its way.
    Busy,
    /// The answer, a grant, is on its way.
    Granted,
    /// Was told to wait; asks again as soon as there is news.
    Waits,
    /// Until its release is done; the answer to that carries nothing.
    Holding,
    /// Its last question, out of time: it does not stand.
    LastSent,
    LastBusy,
    LastGranted,
}

impl Phase {
    /// Whether its question is on its way.
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::Sent | Self::LastSent)
    }

    /// Whether it waits, or will once it knows.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Busy | Self::Waits)
    }
}

/// Where a token stands in the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    None,
    Waits,
    /// A right is reserved for it.
    Called,
    /// The same, but its turn is over; only where its process has ended.
    Over,
}

impl Place {
    pub(crate) fn is_called(self) -> bool {
        matches!(self, Self::Called | Self::Over)
    }
}

/// What there is of one claim on the server and in the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) holds: bool,
    pub(crate) place: Place,
    /// When it first came; zero if it never stood.
    pub(crate) came: u8,
    /// The same, as the line has it.
    pub(crate) stood: u8,
    /// Messages on their way that say that it is called.
    pub(crate) bells: u8,
    /// A message on its way that says that it is the standby.
    pub(crate) standby: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task {
    pub(crate) phase: Phase,
    pub(crate) rounds: u8,
    /// Whether it was called since its question was sent.
    pub(crate) news: bool,
    /// Its timer of one turn.
    pub(crate) armed: bool,
}

/// What is left of a claim that was dropped: its commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a command of its own, under way or not")]
pub(crate) struct Leftover {
    /// Its question is on its way.
    pub(crate) asks: bool,
    pub(crate) stands: bool,
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
    /// The same, but it will go on.
    Paused,
    Dead,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) tasks: [Task; TASKS],
    pub(crate) leftovers: [Leftover; LEFTOVERS],
    /// Of its tasks, then of what was dropped.
    pub(crate) tokens: [Token; TASKS + LEFTOVERS],
    pub(crate) status: Status,
    /// How many rights there are, as it knows.
    pub(crate) size: u8,
    /// How many of its turns have passed in vain.
    pub(crate) lapses: u8,
    /// Whether any ever has.
    pub(crate) has_slept: bool,
    /// A message on its way that says so.
    pub(crate) lapse_told: bool,
    /// Releases of what is neither held nor in line, or messages that lead to them; and those that come after a while.
    pub(crate) strangers: u8,
    pub(crate) late_strangers: u8,
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
    pub(crate) overtaken: bool,
    pub(crate) too_many: bool,
}

/// A state without names.
pub(crate) type Key = [u128; PROCESSES + 1];

/// A process, and which of its tokens.
pub(crate) type Who = (usize, usize);

impl State {
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Process, &Task)> {
        self.processes.iter().flat_map(|p| p.tasks.iter().map(move |t| (p, t)))
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = (Who, &Process, &Token)> {
        self.processes.iter().enumerate().flat_map(|(p, process)| {
            let tokens = process.tokens.iter().enumerate();
            tokens.map(move |(t, token)| ((p, t), process, token))
        })
    }

    pub(crate) fn token(&mut self, (p, t): Who) -> &mut Token {
        &mut self.processes[p].tokens[t]
    }

    /// How many rights the server has given out.
    pub(crate) fn held(&self) -> u8 {
        self.tokens().fold(self.outsiders, |held, (_, _, token)| held + u8::from(token.holds))
    }

    /// How many are reserved.
    pub(crate) fn called(&self) -> u8 {
        self.tokens().fold(0, |called, (_, _, token)| called + u8::from(token.place.is_called()))
    }

    fn times(&mut self, mut each: impl FnMut(&mut u8)) {
        for process in self.processes.iter_mut().filter(|p| !p.is_absent()) {
            for token in &mut process.tokens {
                each(&mut token.came);
                each(&mut token.stood);
            }
        }
    }

    /// A time later than all others.
    pub(crate) fn now(&mut self) -> u8 {
        let mut last = 0;
        self.times(|time| last = last.max(*time));
        last + 1
    }

    /// Forgets what makes no difference: how far times lie apart, dropped claims that neither hold nor stand any more,
    /// and what those who have ended cannot use.
    pub(crate) fn tidy(&mut self) {
        self.processes.iter_mut().filter(|p| !p.is_absent()).for_each(Process::tidy);
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
        let counts = u32::from_be_bytes([self.outsiders, self.drops, self.timeouts, self.ends]);
        let rest = u32::from(self.overtaken) << 1 | u32::from(self.too_many);
        key[PROCESSES] = u128::from(rest) << 32 | u128::from(counts);
        key
    }
}

impl Process {
    fn is_absent(&self) -> bool {
        self.tasks[0].phase == Phase::Absent
    }

    fn tidy(&mut self) {
        let ended = matches!(self.status, Status::Stopped | Status::Dead);
        for (task, token) in self.tasks.iter_mut().zip(&mut self.tokens) {
            if ended && task.phase != Phase::Absent {
                let phase = if task.phase.asks() { task.phase } else { Phase::Idle };
                *task = Task { phase, ..Task::default() };
                (token.bells, token.standby) = (0, false);
                if phase == Phase::Idle && token.place == Place::None {
                    (token.came, token.stood) = (0, 0);
                }
            }
        }
        for (left, token) in self.leftovers.iter_mut().zip(&mut self.tokens[TASKS..]) {
            if left.asks || token.holds || token.place != Place::None {
                continue;
            }
            self.strangers += token.bells + u8::from(left.reaped) + u8::from(left.releases);
            self.late_strangers += u8::from(left.reaped_late);
            (*left, *token) = (Leftover::default(), Token::default());
        }
        if ended {
            (self.strangers, self.late_strangers, self.lapse_told) = (0, 0, false);
            self.leftovers.iter_mut().for_each(|left| (left.reaped, left.reaped_late) = (false, false));
            self.tokens[TASKS..].iter_mut().for_each(|token| token.bells = 0);
        }
    }

    fn bits(&self) -> u128 {
        let task = |t: usize| self.tasks[t].bits() << 15 | self.tokens[t].bits();
        let left = |c: usize| self.leftovers[c].bits() << 15 | self.tokens[TASKS + c].bits();
        let ([a, b], [c, d]) = ([task(0), task(1)], [left(0), left(1)]);
        let (strangers, late) = (self.strangers, self.late_strangers);
        assert!(strangers < 16 && late < 16, "so much under way is not foreseen");
        let counts = u32::from(strangers) << 4 | u32::from(late);
        let turns = u32::from(self.lapses) << 2 | u32::from(self.has_slept) << 1 | u32::from(self.lapse_told);
        let rest = (counts << 4 | turns) << 4 | u32::from(self.size) << 2 | self.status as u32;
        u128::from(a.max(b)) << 80
            | u128::from(a.min(b)) << 56
            | u128::from(c.max(d)) << 36
            | u128::from(c.min(d)) << 16
            | u128::from(rest)
    }
}

impl Token {
    /// 15 bits; there are never more than 14 times.
    fn bits(self) -> u32 {
        assert!(self.bells < 4, "so many messages are not foreseen");
        let times = u32::from(self.came) << 4 | u32::from(self.stood);
        let place = (self.place as u32) << 1 | u32::from(self.holds);
        (times << 3 | place) << 4 | u32::from(self.bells) << 2 | u32::from(self.standby)
    }
}

impl Task {
    /// 9 bits.
    fn bits(self) -> u32 {
        let whole = (self.phase as u32) << 2 | u32::from(self.rounds);
        whole << 3 | u32::from(self.news) << 2 | u32::from(self.armed)
    }
}

impl Leftover {
    /// 5 bits.
    fn bits(self) -> u32 {
        let asks = u32::from(self.asks) << 1 | u32::from(self.stands);
        let ends = u32::from(self.releases) << 2 | u32::from(self.reaped) << 1 | u32::from(self.reaped_late);
        asks << 3 | ends
    }
}
