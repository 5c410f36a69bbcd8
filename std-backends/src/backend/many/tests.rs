//! One key is never answered: it costs itself, and no other.

use super::*;
use crate::{ManualClock, backend::OwnedKey};
use cachify_core::{
    Holding,
    key::{Key, Kind},
    op::Op,
    token::HolderToken,
};
use std::{
    future::pending,
    sync::{Condvar, mpsc::channel},
};

const LIMIT: Duration = Duration::from_millis(500);

fn calls(clock: &ManualClock, count: u32) -> Vec<Call> {
    let call = |who| {
        let key = OwnedKey::of(Key::new(Kind::Lock, "", b"k", 0));
        Call { clock: clock.clone().into(), ..Call::new(key, HolderToken([who; 4]), Op::Renew { ttl: 1 }, LIMIT) }
    };
    (0..count).map(call).collect()
}

const HELD: Answer = Ok(Reply::Held(Holding::Held));

fn is_stuck(call: &Call) -> bool {
    call.token.0[0] % 100 == 7
}

/// The same, and at the end as many as keep every thread that is left: once these were asked, all others were answered.
fn keeps_a_thread(call: &Call, count: usize) -> bool {
    let kept = (0..count).filter(|at| at % 100 == 7).count();
    is_stuck(call) || call.token.0[0] as usize >= count - (FEW - kept)
}

/// Asks in the background; once everybody was asked, the limit passes, and nothing more.
fn ask(
    clock: &ManualClock,
    count: usize,
    asked: &Arc<AtomicUsize>,
    is_stuck: impl Fn(&Call, usize) -> bool,
    many: impl FnOnce() -> Vec<Answer> + Send + 'static,
) {
    let (done, answers) = channel();
    let batch = thread::spawn(move || done.send(many()));
    while asked.load(SeqCst) < count {
        assert!(!batch.is_finished(), "somebody was not asked");
        thread::yield_now();
    }
    // no time has passed, so nobody was late
    assert!(answers.try_recv().is_err());
    clock.advance(LIMIT);
    let answers = answers.recv_timeout(Duration::from_secs(20)).expect("the batch ends at the limit");
    for (at, (answer, call)) in answers.iter().zip(calls(clock, count as u32)).enumerate() {
        let expected = if is_stuck(&call, count) { Err(Cause::TimedOut) } else { HELD };
        assert_eq!(*answer, expected, "{at} of {count}");
    }
}

#[test]
fn futures_that_never_end_cost_no_other() {
    for count in [8, 20, 64, 300] {
        let (clock, asked) = (ManualClock::new(), Arc::new(AtomicUsize::new(0)));
        let (calls, counted) = (calls(&clock, count as u32), asked.clone());
        ask(
            &clock,
            count,
            &asked,
            |call, _| is_stuck(call),
            move || {
                futures(calls, false, |call| {
                    let counted = counted.clone();
                    Box::pin(async move {
                        counted.fetch_add(1, SeqCst);
                        if is_stuck(&call) {
                            pending::<()>().await;
                        }
                        HELD
                    })
                })
            },
        );
    }
}

#[test]
fn threads_that_never_return_cost_no_other() {
    for count in [20, 99, 300] {
        let (clock, asked) = (ManualClock::new(), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (calls, counted, shut) = (calls(&clock, count as u32), asked.clone(), gate.clone());
        ask(&clock, count, &asked, keeps_a_thread, move || {
            threads(calls, FEW, move |call, _| {
                counted.fetch_add(1, SeqCst);
                if keeps_a_thread(call, count) {
                    let open = locked(&shut.0);
                    drop(shut.1.wait_while(open, |open| !*open));
                }
                HELD
            })
        });
        *locked(&gate.0) = true;
        gate.1.notify_all();
    }
}

/// Each question may take as long as the limit says, however many there are.
#[test]
fn a_call_of_many_questions_is_not_late_while_each_is_answered() {
    let (clock, asked) = (ManualClock::new(), Arc::new(AtomicUsize::new(0)));
    let (begin, of_batch, counted) = (clock.now(), clock.clone(), asked.clone());
    let slow = LIMIT * 4 / 5;
    let batch = thread::spawn(move || {
        threads(calls(&of_batch, 1), FEW, move |_, note| {
            for question in 1..=6 {
                note();
                counted.fetch_add(1, SeqCst);
                while of_batch.now() < begin.saturating_add(slow * question) {
                    thread::yield_now();
                }
            }
            HELD
        })
    });
    for question in 1..=6 {
        while asked.load(SeqCst) < question {
            assert!(!batch.is_finished(), "late at question {question}");
            thread::yield_now();
        }
        clock.advance(slow);
    }
    assert_eq!(batch.join().unwrap(), [HELD]);
}

#[test]
fn a_panic_costs_its_own_call_and_nothing_is_asked_of_nobody() {
    let clock = ManualClock::new();
    let answers = threads(calls(&clock, 3), FEW, |call, _| {
        assert_ne!(call.token, HolderToken([1; 4]), "planted");
        HELD
    });
    assert_eq!(answers, [HELD, Err(Cause::Unknown), HELD]);
    assert_eq!(threads(vec![], FEW, |_, _| HELD), []);
    assert_eq!(futures(vec![], false, |_| Box::pin(async { HELD })), []);
}
