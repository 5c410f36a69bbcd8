//! A call that is refused, or whose request or answer is lost, at every place: nobody is granted what another holds.

use crate::conformance::instance;
use crate::shelf::{Failing, Hooked, Shelf, Slow, TTL, ask, key, token};
use cachify::{AsIs, AsyncKv, Cause, Code, FencingToken, Kv, KvStore, ManualClock, Refused};
use cachify_core::testing::{BlockingWords, Words};
use cachify_core::{cell::Holding, key::Kind, patience::Contended, testing::Fault};
use cachify_tests::Over;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

type Store = Over<Kv<Arc<Failing>>>;

/// What is granted to a token: a fence, where the right has one.
type Got = Result<Option<FencingToken>, Cause>;

fn acquire(kv: &Store, who: u32) -> Got {
    Ok(BlockingWords::acquire(kv, key(Kind::Lock), &ask(who))?.granted().map(|grant| grant.fence))
}

fn take(kv: &Store, who: u32) -> Got {
    Ok(BlockingWords::take(kv, key(Kind::Pool), 1, &ask(who))?.granted().map(|grant| grant.fence))
}

fn begin(kv: &Store, who: u32) -> Got {
    Ok(BlockingWords::begin(kv, key(Kind::Once), &ask(who))?.contended().granted().map(|grant| grant.fence))
}

fn join(kv: &Store, who: u32) -> Got {
    let joined = BlockingWords::join::<Vec<u8>, _>(kv, key(Kind::Cache), &AsIs, &ask(who))?;
    Ok(matches!(joined, Contended::Granted(_)).then_some(FencingToken(0)))
}

fn release(kv: &Store, kind: Kind, who: u32) -> Result<Holding, Cause> {
    match kind {
        Kind::Lock => BlockingWords::release(kv, key(kind), token(who)),
        Kind::Pool => BlockingWords::give_back(kv, key(kind), token(who)),
        Kind::Once => BlockingWords::fail(kv, key(kind), token(who)),
        Kind::Cache => BlockingWords::give_up(kv, key(kind), token(who)),
    }
}

type Ask = fn(&Store, u32) -> Got;

const RIGHTS: [(Kind, Ask); 4] = [(Kind::Lock, acquire), (Kind::Pool, take), (Kind::Once, begin), (Kind::Cache, join)];

fn failing(clock: &ManualClock, at: usize, fault: Fault) -> Store {
    let calls = AtomicUsize::new(0);
    Over::new(Kv(Arc::new(Failing { shelf: Shelf::new(clock, false), at, fault, calls })))
}

/// Tries every right with fault at every call of the first asker.
fn everywhere(fault: Fault, check: impl Fn(Kind, Ask, &Store, &ManualClock, Got)) {
    for (kind, ask) in RIGHTS {
        let at = (0..100).take_while(|at| {
            let clock = ManualClock::new();
            let kv = failing(&clock, *at, fault);
            let first = ask(&kv, 1);
            let reached = kv.0.calls.swap(1_000, SeqCst) > *at;
            if reached {
                assert!(first.is_err());
                check(kind, ask, &kv, &clock, first);
            }
            reached
        });
        assert!(at.count() >= if kind == Kind::Cache { 1 } else { 4 });
    }
}

#[test]
fn what_was_refused_is_held_by_nobody() {
    everywhere(Fault::Refused, |kind, ask, kv, _, first| {
        assert_eq!(first, Err(Cause::Unreachable));
        assert!(matches!(ask(kv, 2), Ok(Some(_))), "{kind:?} stays held");
    });
}

#[test]
fn after_an_unknown_outcome_the_same_token_gets_it_and_nobody_else() {
    for fault in [Fault::RequestLost, Fault::ReplyLost] {
        everywhere(fault, |kind, ask, kv, _, first| {
            assert_eq!(first, Err(Cause::TimedOut));
            let fence = ask(kv, 1).unwrap();
            assert!(fence.is_some(), "{kind:?} is refused to its own token");
            assert_eq!(ask(kv, 2), Ok(None), "{kind:?} is granted twice");
            assert_eq!(ask(kv, 1), Ok(fence), "{kind:?} has two fences");
            assert_eq!(release(kv, kind, 1), Ok(Holding::Held));
            let next = ask(kv, 2).unwrap();
            assert!(next.is_some() && (next > fence || kind == Kind::Cache), "{kind:?}: {next:?} after {fence:?}");
        });
    }
}

#[test]
fn what_an_unknown_outcome_leaves_its_token_gives_back_and_its_ttl_ends() {
    for fault in [Fault::RequestLost, Fault::ReplyLost] {
        everywhere(fault, |kind, ask, kv, _, _| {
            release(kv, kind, 1).unwrap();
            assert!(matches!(ask(kv, 2), Ok(Some(_))), "{kind:?} was not given back");
        });
        everywhere(fault, |kind, ask, kv, clock, _| {
            let rival = ask(kv, 2).unwrap();
            clock.advance(TTL);
            let next = ask(kv, 3).unwrap();
            assert!(next.is_some() && (next > rival || kind == Kind::Cache), "{kind:?}: {next:?} after {rival:?}");
        });
    }
}

#[test]
fn a_release_whose_answer_is_lost_was_a_release() {
    for (kind, ask) in RIGHTS {
        for fault in [Fault::RequestLost, Fault::ReplyLost] {
            for at in 0..3 {
                let clock = ManualClock::new();
                let kv = failing(&clock, usize::MAX, fault);
                ask(&kv, 1).unwrap();
                let (shelf, calls) = (kv.0.shelf.clone(), AtomicUsize::new(0));
                let kv = Over::new(Kv(Arc::new(Failing { shelf, at, fault, calls })));
                let first = release(&kv, kind, 1);
                kv.0.calls.store(1_000, SeqCst);
                let again = release(&kv, kind, 1).unwrap();
                assert!(first != Ok(Holding::Held) || again == Holding::Lost, "{kind:?} was released twice");
                assert!(matches!(ask(&kv, 2), Ok(Some(_))));
            }
        }
    }
}

/// A client's last request is delayed past its lease and past another's turn, and arrives while it asks once more.
#[test]
fn a_request_that_arrives_after_others_had_their_turn_grants_no_lower_fence() {
    let (lock, first) = (key(Kind::Lock), ask(1));
    // as the requests would have written it
    let alone = failing(&ManualClock::new(), usize::MAX, Fault::None);
    assert!(matches!(acquire(&alone, 1), Ok(Some(_))));
    let [right, counter] = ["app:l:{k}", "app:l:{k}:fence"].map(|key| (key, alone.0.shelf.get(key).unwrap().unwrap()));
    for (at, (name, late)) in [(2, right), (3, counter)] {
        for (polls, is_released) in (0..12).flat_map(|polls| [(polls, false), (polls, true)]) {
            let clock = ManualClock::new();
            let kv = failing(&clock, at, Fault::RequestLost);
            let shelf = kv.0.shelf.clone();
            assert_eq!(acquire(&kv, 1), Err(Cause::TimedOut));
            clock.advance(TTL);
            let other = Over::new(Kv(shelf.clone()));
            let turn = BlockingWords::acquire(&other, lock, &ask(2)).unwrap().granted().unwrap();
            if is_released {
                BlockingWords::release(&other, lock, token(2)).unwrap();
            } else {
                clock.advance(TTL);
            }

            let again = Over::new(AsyncKv(Slow { shelf: shelf.clone(), after: false }));
            let mut asking = Box::pin(Words::acquire(&again, lock, &first));
            let mut reply = None;
            for poll in 0..40 {
                if poll == polls {
                    shelf.compare_exchange(name, None, Some(&late), Some(TTL)).unwrap();
                }
                if let Poll::Ready(done) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    reply = Some(done.unwrap());
                    break;
                }
            }
            let grant = reply.expect("ends").granted().expect("free");
            assert!(grant.fence > turn.fence, "{grant:?} after {turn:?}, {polls} polls");
        }
    }
}

#[test]
fn what_was_undone_since_others_wrote_is_done_again_and_what_is_refused_is_said_as_the_store_says_it() {
    let clock = ManualClock::new();
    // says at every so many-th call that others wrote at the same time, and once that it will not
    let over = |every: usize, refused: usize| {
        let ask = move |at: usize, _: &str| match at {
            at if at == refused => Err(Cause::Rejected { why: "the key is too wide", code: Code::new("54000") }),
            at if at.is_multiple_of(every) => Err(Cause::Conflict),
            _ => Ok(()),
        };
        instance(&clock, Kv(Arc::new(Hooked::new(Shelf::new(&clock, false), ask))))
    };
    // every third call is undone, reads and writes
    let c = over(7, usize::MAX);
    for turn in 1..9 {
        let guard = c.lock("k").acquire_blocking().unwrap();
        assert_eq!(guard.fence().0, turn);
        assert_eq!(guard.release(), Ok(Holding::Held));
        assert!(c.pool("k", 2).take_blocking().unwrap().release().is_ok());
        assert_eq!(c.cache("k").get_or_insert_blocking(|| turn), 1);
        assert_eq!(c.lock("k").force_release_blocking(), Ok(false));
    }
    // all are: it ends, and nothing was done
    let why = over(1, usize::MAX).lock("k").acquire_blocking().unwrap_err();
    assert_eq!(why, Refused::from(Cause::Conflict));
    for refused in 0..4 {
        let c = over(usize::MAX, refused + 1);
        let why = c.lock("k").acquire_blocking().unwrap_err();
        assert_eq!(why.to_string(), "lock: the key is too wide (54000)", "{refused}");
        assert_eq!(why, Refused::from(Cause::Rejected { why: "the key is too wide", code: Code::new("54000") }));
        // nothing is held by an attempt that was refused
        assert!(c.lock("k").acquire_blocking().is_ok(), "{refused}");
    }
}
