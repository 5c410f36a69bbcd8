//! The lease cell and `judge`, over all small histories.

use cachify_core::{
    cell::{Ask, Fences, Holding, LeaseCell},
    patience::{Busy, Contended, Patience, Ticket, Verdict},
    time::Instant,
    token::{FencingToken, HolderToken},
};
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

/// What is wrong with the rule under search; `None` is the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    AnybodyReleases,
    RenewalRevives,
    FencesRestart,
    GrantsWhileLive,
    ResendIsANewGrant,
    HolderCountsFromTheReply,
}

/// A store with one key, and what three clients believe.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct System {
    now: u64,
    cell: LeaseCell,
    fences: Fences,
    highest: FencingToken,
    /// Until when each client believes to hold it, and with which fence.
    beliefs: [Option<(u64, FencingToken)>; 3],
}

const TTL: u64 = 2;
const END: u64 = 8;

fn ask(client: usize) -> Ask {
    let token = u32::try_from(client).unwrap() + 1;
    Ask::new(HolderToken([token; 4]), Duration::from_millis(TTL))
}

impl System {
    fn new() -> Self {
        let (cell, fences) = (LeaseCell::FREE, Fences::default());
        Self { now: 0, cell, fences, highest: FencingToken(0), beliefs: [None; 3] }
    }

    /// All systems one step away, or the promise that a step breaks.
    fn steps(self, fault: Fault) -> Result<Vec<Self>, &'static str> {
        let mut next = Vec::new();
        if self.now < END {
            next.push(Self { now: self.now + 1, ..self });
        }
        for client in 0..3 {
            next.push(self.acquire(client, fault)?);
            next.push(self.renew(client, fault));
            next.push(self.release(client, fault));
        }
        Ok(next)
    }

    fn acquire(mut self, client: usize, fault: Fault) -> Result<Self, &'static str> {
        let now = Instant::from_millis(self.now);
        let own = self.cell.is_held_by(now, ask(client).token);
        if (fault == Fault::GrantsWhileLive && !own) || (fault == Fault::ResendIsANewGrant && own) {
            self.cell.force(now);
        }
        let reply = self.cell.acquire(now, &ask(client), &mut self.fences, Ticket::NONE);
        let Contended::Granted(grant) = reply else { return Ok(self) };
        match self.beliefs[client] {
            Some((until, fence)) if until > self.now && own && fence != grant.fence => {
                return Err("the same token gets the same fence");
            }
            Some((until, _)) if until > self.now && own => {}
            _ if grant.fence <= self.highest => return Err("fences strictly increase"),
            _ => {}
        }
        self.highest = self.highest.max(grant.fence);
        let late = u64::from(fault == Fault::HolderCountsFromTheReply);
        self.beliefs[client] =
            Some((self.now + u64::try_from(grant.remaining.as_millis()).unwrap() + late, grant.fence));
        Ok(self)
    }

    fn renew(mut self, client: usize, fault: Fault) -> Self {
        let now = Instant::from_millis(self.now);
        let ask = ask(client);
        let mut holding = self.cell.renew(now, ask.token, ask.ttl);
        if fault == Fault::RenewalRevives && self.beliefs[client].is_some() {
            holding = Holding::Held;
        }
        self.beliefs[client] = match (holding, self.beliefs[client]) {
            (Holding::Held, Some((_, fence))) => Some((self.now + TTL, fence)),
            _ => None,
        };
        self
    }

    fn release(mut self, client: usize, fault: Fault) -> Self {
        let now = Instant::from_millis(self.now);
        if fault == Fault::AnybodyReleases {
            self.cell.force(now);
        }
        self.cell.release(now, ask(client).token);
        if fault == Fault::FencesRestart {
            self.fences = Fences::default();
        }
        self.beliefs[client] = None;
        self
    }

    fn holders(&self) -> usize {
        self.beliefs.iter().flatten().filter(|(until, _)| *until > self.now).count()
    }
}

/// Visits every system that can be reached; the first broken promise, and how many were visited.
fn search(fault: Fault) -> (Option<&'static str>, usize, bool) {
    let mut seen = HashSet::from([System::new()]);
    let mut queue = VecDeque::from([System::new()]);
    let mut took_over = false;
    while let Some(system) = queue.pop_front() {
        took_over |= system.highest > FencingToken(2) && system.holders() == 1;
        match system.steps(fault) {
            Err(broken) => return (Some(broken), seen.len(), took_over),
            Ok(next) => {
                for system in next {
                    if system.holders() > 1 {
                        return (Some("at most one valid holder"), seen.len(), took_over);
                    }
                    // fences only ever grow: past a few they bring nothing new
                    if system.highest < FencingToken(7) && seen.insert(system) {
                        queue.push_back(system);
                    }
                }
            }
        }
    }
    (None, seen.len(), took_over)
}

#[test]
fn the_lease_keeps_its_promises_in_every_small_history() {
    let (broken, visited, took_over) = search(Fault::None);
    assert_eq!(broken, None);
    assert!(took_over, "the search must reach a takeover");
    assert!(visited > 5_000, "{visited} systems are too few to mean anything");
}

#[test]
fn planted_faults_are_found() {
    for (fault, promise) in [
        (Fault::AnybodyReleases, "at most one valid holder"),
        (Fault::RenewalRevives, "at most one valid holder"),
        (Fault::FencesRestart, "fences strictly increase"),
        (Fault::GrantsWhileLive, "at most one valid holder"),
        (Fault::ResendIsANewGrant, "the same token gets the same fence"),
        (Fault::HolderCountsFromTheReply, "at most one valid holder"),
    ] {
        assert_eq!(search(fault).0, Some(promise), "{fault:?}");
    }
}

#[test]
fn judge_never_waits_past_the_deadline_and_never_spins() {
    for (now, deadline, remaining, poll) in
        (0..6).flat_map(|n| (0..8).flat_map(move |d| (0..6).flat_map(move |r| (1..4).map(move |p| (n, d, r, p)))))
    {
        for ticket in [Ticket::NONE, Ticket(7)] {
            let patience = Patience { deadline: Instant::from_millis(deadline), poll: Duration::from_millis(poll) };
            let busy = Busy { remaining: Duration::from_millis(remaining), ticket };
            match patience.judge::<()>(Instant::from_millis(now), Contended::Busy(busy)) {
                Verdict::Over(_) => assert!(now >= deadline),
                Verdict::Again { at, ticket: echoed } => {
                    let at = at.as_millis();
                    assert!(now < deadline && at > now && at <= deadline && echoed == ticket);
                    assert!(at - now <= poll.max(1) && at - now <= remaining.max(1));
                }
            }
        }
    }
    assert_eq!(Patience::NONE.judge(Instant::ZERO, Contended::Granted(1)), Verdict::Over(Contended::Granted(1)));
}
