//! The search: every state that can be reached, what must hold in each, and the shortest way to the first that breaks
//! it.

use super::{
    protocol::Setup,
    state::{Key, Phase, Process, State, Status, TASKS},
};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
};

pub(crate) const TWO_HOLDERS: &str = "somebody holds what the server has given to another";
pub(crate) const LOST: &str = "somebody waits for what is free, and nothing is under way";
pub(crate) const ORPHAN: &str = "a right is held for nobody";
pub(crate) const OVERTAKEN: &str = "somebody gets what is due to one who came before";
pub(crate) const TURNS: &str = "one that sleeps costs more than one turn";
pub(crate) const STUCK: &str = "somebody waits for ever";
/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Ask,
    AskAgain,
    AskLast,
    ServerGrants,
    ServerGrantsToTheCalled,
    ServerRefuses,
    ServerRefusesTheCalled,
    ServerEnters,
    ServerGrantsToTheDropped,
    ServerRefusesTheDropped,
    LearnGrant,
    LearnToWait,
    LearnToWaitAfterAMessage,
    GoWhenTold,
    GoWhenToldAfterAMessage,
    GoWhenToldLast,
    TimerOfAWaiter,
    TimerOfAStandby,
    MessageWakes,
    MessageToAsking,
    MessageUnclaimed,
    StandbyTold,
    Release,
    OutsiderReleases,
    StrangerReleases,
    ReaperReleases,
    DropWhileAsking,
    DropWaiting,
    DropCalled,
    DropHolding,
    DropWhileReleasing,
    EndOfAProcess,
    GoOn,
    TurnEnds,
    LapseTold,
    LeaseEnds,
}

/// What was done, by which process and which of its tasks, or of what dropped ones left behind.
pub(crate) type Step = (Did, usize, usize);

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    /// How often each thing was done.
    did: Vec<usize>,
    /// States in which tasks of two processes wait.
    pub(crate) contended: usize,
    /// The first promise broken, and the shortest way there.
    pub(crate) broken: Option<(&'static str, Vec<Step>)>,
}

impl Found {
    pub(crate) fn times(&self, did: Did) -> usize {
        self.did[did as usize]
    }
}

/// Good enough for keys that are packed, and quick without optimisation.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
    fn write(&mut self, bytes: &[u8]) {
        // a key is hashed as the bytes of its numbers, all at once
        for eight in bytes.chunks_exact(8) {
            let word =
                u64::from_le_bytes([eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7]]);
            self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
    fn write_usize(&mut self, _: usize) {}
}

type Seen = HashMap<Key, u32, BuildHasherDefault<Mix>>;

struct Search<'a> {
    setup: &'a Setup,
    seen: Seen,
    /// From where each state was first reached.
    came: Vec<(Key, u32)>,
    /// Every step between states; only kept where nobody ends by itself.
    edges: Vec<(u32, u32)>,
    finished: Vec<u32>,
    found: Found,
}

/// Visits every state.
pub(crate) fn search(setup: &Setup) -> Found {
    let found = Found { states: 0, did: vec![0; Did::LeaseEnds as usize + 1], contended: 0, broken: None };
    let (seen, came) = (Seen::default(), Vec::new());
    let mut search = Search { setup, seen, came, edges: Vec::new(), finished: Vec::new(), found };
    search.run();
    search.found.states = search.came.len();
    search.found
}

impl Search<'_> {
    fn run(&mut self) {
        let start = self.setup.start();
        let mut queue = VecDeque::from([(0, start)]);
        self.visit(&start, 0);
        while let Some((at, state)) = queue.pop_front() {
            self.found.contended += usize::from(is_contended(&state));
            let steps = self.setup.steps(&state);
            let finished = is_finished(&state);
            let broken = check(self.setup, &state).or((steps.is_empty() && !finished).then_some(STUCK));
            if let Some(broken) = broken {
                self.found.broken = Some((broken, self.way(at)));
                return;
            }
            if finished {
                self.finished.push(at);
            }
            for ((did, ..), next) in steps {
                self.found.did[did as usize] += 1;
                let (to, new) = self.visit(&next, at);
                if new {
                    queue.push_back((to, next));
                }
                if self.setup.timer || self.setup.turns {
                    self.edges.push((to, at));
                }
            }
        }
        if let Some(trap) = self.trap() {
            self.found.broken = Some((STUCK, self.way(trap)));
        }
    }

    fn visit(&mut self, state: &State, from: u32) -> (u32, bool) {
        let number = u32::try_from(self.came.len()).expect("so many states are not searched");
        match self.seen.entry(state.key()) {
            Entry::Occupied(seen) => (*seen.get(), false),
            Entry::Vacant(vacant) => {
                self.came.push((*vacant.key(), from));
                vacant.insert(number);
                (number, true)
            }
        }
    }

    /// A state from which not everybody can finish any more.
    fn trap(&mut self) -> Option<u32> {
        if !self.setup.timer && !self.setup.turns {
            return None;
        }
        self.edges.sort_unstable();
        let mut ends_well = vec![false; self.came.len()];
        let mut queue = std::mem::take(&mut self.finished);
        for at in &queue {
            ends_well[*at as usize] = true;
        }
        while let Some(to) = queue.pop() {
            let first = self.edges.partition_point(|(other, _)| *other < to);
            for (_, from) in self.edges[first..].iter().take_while(|(other, _)| *other == to) {
                if !std::mem::replace(&mut ends_well[*from as usize], true) {
                    queue.push(*from);
                }
            }
        }
        let trap = ends_well.iter().position(|well| !well)?;
        u32::try_from(trap).ok()
    }

    /// The steps to a state, with the names of one run.
    fn way(&self, mut at: u32) -> Vec<Step> {
        let mut keys = Vec::new();
        while at != 0 {
            let (key, from) = self.came[at as usize];
            keys.push(key);
            at = from;
        }
        let mut state = self.setup.start();
        let mut way = Vec::new();
        for key in keys.into_iter().rev() {
            let next = self.setup.steps(&state).into_iter().find(|(_, next)| next.key() == key);
            let (step, next) = next.expect("states that differ by names go on alike");
            way.push(step);
            state = next;
        }
        way
    }
}

/// What must hold in every state; says what does not.
fn check(setup: &Setup, state: &State) -> Option<&'static str> {
    let live = || state.processes.iter().filter(|p| p.status == Status::Live);
    for process in live() {
        let mut tasks = process.tasks.iter().zip(&process.tokens);
        if tasks.any(|(task, token)| task.phase == Phase::Holding && !token.holds) {
            return Some(TWO_HOLDERS);
        }
        let mut leftovers = process.leftovers.iter().zip(&process.tokens[TASKS..]);
        if leftovers.any(|(c, token)| token.holds && !c.releases && !c.reaped && !c.reaped_late) {
            return Some(ORPHAN);
        }
    }
    if state.too_many {
        return Some(TWO_HOLDERS);
    }
    if state.overtaken {
        return Some(OVERTAKEN);
    }
    if state.processes.iter().any(|p| p.lapses > 1) {
        return Some(TURNS);
    }
    // with a timer, something always is under way
    if setup.timer {
        return None;
    }
    let held = state.held();
    let waits = |p: &Process| held < p.size && p.tasks.iter().any(|t| t.phase.waits() && !t.news);
    let asleep = state.processes.iter().any(|p| p.status != Status::Live && p.is_called());
    (live().any(waits) && !live().any(|p| is_under_way(p, asleep))).then_some(LOST)
}

/// Whether a message, a command or a wake-up of this process leads to an attempt, or the timer of a standby where one
/// that sleeps was called. What the reaper does only after a while is none.
fn is_under_way(process: &Process, asleep: bool) -> bool {
    let leftovers = process.leftovers.iter().any(|c| c.asks || c.releases || c.reaped);
    let tasks = process.tasks.iter().zip(&process.tokens).any(|(task, token)| match task.phase {
        // the answer to a last question is followed by a release
        Phase::Sent | Phase::LastSent | Phase::Entering | Phase::LastBusy => true,
        Phase::Busy | Phase::Waits => task.news || asleep && (task.armed || token.standby),
        _ => false,
    });
    leftovers || tasks || process.strangers > 0 || process.lapse_told || process.tokens.iter().any(|t| t.bells > 0)
}

fn is_contended(state: &State) -> bool {
    state.processes.iter().filter(|p| p.tasks.iter().any(|t| t.phase.waits())).count() > 1
}

/// Whether everybody who still can has had all its turns.
fn is_finished(state: &State) -> bool {
    state
        .tasks()
        .all(|(p, t)| p.status != Status::Live || t.phase == Phase::Absent || t.phase == Phase::Idle && t.rounds == 0)
}
