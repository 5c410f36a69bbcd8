//! Exhaustive search of how processes wait for a right on a server: every order in which commands are executed, answers
//! and messages arrive, futures are dropped and processes end, for small numbers of each.
//!
//! Nobody's timer ticks, except where a process ends with something to lose. Then: nobody waits for what is free unless
//! a message, a command or a wake-up is under way that leads to an attempt. Faults planted on purpose must be found.
//! Not here: the first subscription and a lost one, a question that fails, an answer that never comes, and records that
//! expire; real servers and the simulated ones show those.

mod parts;
mod protocol;
mod search;
mod state;

use protocol::{Did, End, Fault, Setup};
use search::{Found, LOST, ORPHAN, STUCK, TWO_HOLDERS, search};

const LOCK: Setup = Setup {
    tasks: &[1, 1, 1],
    permits: 1,
    rounds: 1,
    outsiders: 0,
    drops: 0,
    timeouts: 0,
    end: None,
    timer: false,
    faults: &[],
};
const POOL: Setup = Setup { permits: 2, ..LOCK };

/// Searches the protocol as it should be; it must hold, and each of `sometimes` must have been done.
fn holds(name: &str, setup: &Setup, sometimes: &[Did]) {
    let found = search(setup);
    println!("{name}: {} states", found.states);
    let Found { broken, contended, .. } = &found;
    assert!(broken.is_none(), "{name}: {broken:?}");
    assert!(*contended > 100, "{name}: {contended} states with contention are too few to mean anything");
    for did in sometimes {
        assert!(found.times(*did) > 0, "{name}: {did:?} was never reached");
    }
}

/// Searches a protocol with a fault; it must break that promise.
fn breaks(promise: &str, setup: &Setup) {
    let (broken, way) = search(setup).broken.expect("the fault must be found");
    assert_eq!(broken, promise, "{way:?}");
}

#[test]
fn three_processes_and_a_lock_twice() {
    let sometimes = [Did::DropWoken, Did::StrangerPassesOn, Did::MessageUnclaimed, Did::LearnToWaitAfterAMessage];
    holds("lock, 3 processes, 2 rounds, 1 drop", &Setup { rounds: 2, drops: 1, ..LOCK }, &sometimes);
}

#[test]
fn four_processes_and_a_lock() {
    let four = Setup { tasks: &[1; 4], ..LOCK };
    holds("lock, 4 processes, 2 drops", &Setup { drops: 2, ..four }, &[Did::DropWoken, Did::StrangerPassesOn]);
    let held = Setup { drops: 1, outsiders: 1, ..four };
    holds("lock held by another, 4 processes, 1 drop", &held, &[Did::DropWoken, Did::StrangerPassesOn]);
}

#[test]
fn two_tasks_each_and_a_lock_dropped_or_out_of_time() {
    let setup = Setup { tasks: &[2; 2], drops: 1, timeouts: 1, ..LOCK };
    let sometimes =
        [Did::DropWoken, Did::AskLastAndPassOn, Did::GoWhenToldAfterAMessage, Did::ServerGrantsToTheDropped];
    holds("lock, 2 x 2 tasks, 1 drop, 1 out of time", &setup, &sometimes);
}

#[test]
fn three_processes_and_a_lock_twice_out_of_time() {
    let setup = Setup { rounds: 2, timeouts: 1, ..LOCK };
    holds("lock, 3 processes, 2 rounds, 1 out of time", &setup, &[Did::GoWhenToldLast, Did::GoWhenToldAfterAMessage]);
}

#[test]
fn two_tasks_and_one_and_a_lock_twice_out_of_time() {
    let setup = Setup { tasks: &[2, 1], rounds: 2, timeouts: 1, ..LOCK };
    holds("lock, 2 + 1 tasks, 2 rounds, 1 out of time", &setup, &[Did::AskLastAndPassOn, Did::GoWhenToldLast]);
}

#[test]
fn two_tasks_each_and_a_pool() {
    let two = Setup { tasks: &[2; 2], ..POOL };
    let sometimes = [Did::DropWoken, Did::StrangerPassesOn, Did::MessageToAsking, Did::ServerGrantsToTheDropped];
    holds("pool of 2, 2 x 2 tasks, 2 drops", &Setup { drops: 2, ..two }, &sometimes);
    let late = Setup { timeouts: 1, outsiders: 1, ..two };
    holds(
        "pool of 2, one held by another, 2 x 2 tasks, 1 out of time",
        &late,
        &[Did::GoWhenToldLast, Did::MessageToAsking],
    );
}

#[test]
fn three_processes_and_a_pool_twice() {
    let sometimes = [Did::DropWoken, Did::StrangerPassesOn, Did::MessageToAsking];
    holds("pool of 2, 3 processes, 2 rounds, 1 drop", &Setup { rounds: 2, drops: 1, ..POOL }, &sometimes);
    let held = Setup { drops: 2, outsiders: 2, ..POOL };
    holds("pool of 2, held by others, 3 processes, 2 drops", &held, &sometimes);
}

#[test]
fn a_process_that_dies_waiting_costs_nobody_a_turn() {
    for (name, tasks, rounds) in [("3 processes, 2 rounds", &[1; 3][..], 2), ("2 x 2 tasks", &[2; 2], 1)] {
        let setup = Setup { tasks, rounds, end: Some(End::DiesWaiting), ..LOCK };
        holds(&format!("lock, {name}, one dies waiting"), &setup, &[Did::EndOfAProcess, Did::MessageWakes]);
    }
}

#[test]
fn after_a_death_or_a_stop_the_timer_lets_the_others_finish() {
    for (name, end) in [("dies", End::Dies), ("stops", End::Stops)] {
        let ends = Setup { end: Some(end), timer: true, ..LOCK };
        let sometimes = [Did::EndOfAProcess, Did::LeaseEnds, Did::TimerOfAWaiter];
        holds(&format!("lock, 3 processes, 1 drop, one {name}"), &Setup { drops: 1, ..ends }, &sometimes);
        holds(&format!("lock, 2 x 2 tasks, one {name}"), &Setup { tasks: &[2; 2], ..ends }, &sometimes);
        let pool = Setup { permits: 2, outsiders: 1, ..ends };
        holds(&format!("pool of 2, 3 processes, one {name}"), &pool, &sometimes);
    }
}

#[test]
fn without_the_timer_a_stopped_head_keeps_the_turn() {
    breaks(LOST, &Setup { outsiders: 1, end: Some(End::Stops), ..LOCK });
}

#[test]
fn a_right_that_outlives_its_dead_holder_is_found() {
    breaks(STUCK, &Setup { end: Some(End::Dies), timer: true, faults: &[Fault::LeasesNeverEnd], ..LOCK });
}

#[test]
fn registration_that_is_not_atomic_with_the_answer_is_found() {
    breaks(LOST, &Setup { faults: &[Fault::EntersApart], ..LOCK });
}

#[test]
fn a_dropped_waiter_that_passes_nothing_on_is_found() {
    breaks(LOST, &Setup { drops: 1, faults: &[Fault::DropPassesNothing], ..LOCK });
}

#[test]
fn a_grant_that_does_not_wake_the_next_of_its_process_is_found() {
    breaks(LOST, &Setup { tasks: &[2; 2], faults: &[Fault::GrantWakesNobody], ..LOCK });
}

#[test]
fn a_ticket_that_is_read_after_the_answer_is_found() {
    breaks(LOST, &Setup { faults: &[Fault::TicketAfterAnswer], ..LOCK });
}

#[test]
fn a_stranger_s_release_that_passes_nothing_on_is_found() {
    breaks(LOST, &Setup { drops: 1, faults: &[Fault::StrangerPassesNothing], ..LOCK });
}

#[test]
fn an_unclaimed_message_that_is_dropped_is_found() {
    breaks(LOST, &Setup { drops: 1, faults: &[Fault::UnclaimedIsDropped], ..LOCK });
}

#[test]
fn a_release_that_asks_for_no_token_is_found() {
    breaks(TWO_HOLDERS, &Setup { drops: 1, faults: &[Fault::AnybodyReleases], ..LOCK });
}

#[test]
fn a_dropped_question_that_is_given_back_only_before_it_lands_is_found() {
    breaks(ORPHAN, &Setup { drops: 1, faults: &[Fault::LeftoverIsReapedOnce], ..LOCK });
}

#[test]
fn a_message_kept_by_an_asker_that_gets_another_permit_is_found() {
    let faults = &[Fault::PoolKeepsTheTurn];
    breaks(LOST, &Setup { tasks: &[2; 2], drops: 1, faults, ..POOL });
    breaks(LOST, &Setup { tasks: &[2; 2], outsiders: 1, faults, ..POOL });
    holds("lock, 2 x 2 tasks", &Setup { tasks: &[2; 2], faults, ..LOCK }, &[Did::MessageToAsking]);
}

#[test]
fn a_refused_waiter_that_is_not_dropped_is_found() {
    breaks(LOST, &Setup { timeouts: 1, faults: &[Fault::RefusedIsNotDropped], ..LOCK });
}

#[test]
fn a_grant_to_a_last_question_that_wakes_nobody_is_found() {
    breaks(LOST, &Setup { tasks: &[2; 2], timeouts: 1, faults: &[Fault::LastGrantWakesNobody], ..LOCK });
}

#[test]
fn a_waiter_that_is_forgotten_between_its_answer_and_its_place_is_found() {
    let faults = &[Fault::ForgetsWhoWasTold];
    breaks(LOST, &Setup { tasks: &[2], rounds: 2, drops: 1, timeouts: 1, faults, ..LOCK });
}
