//! Who waits, and in which order it is served: on one key of a store, whoever shares it.

use crate::shelf::{Shelf, TTL, ask, key, token};
use cachify::{Kv, KvStore, ManualClock, secs};
use cachify_core::{
    cell::{Ask, Holding},
    key::Kind,
    testing::BlockingWords,
};
use cachify_tests::Over;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

type Store = Over<Kv<Shelf>>;

/// One that waits, and one that does not.
fn waits(kv: &Store, kind: Kind, who: u32) -> Option<u64> {
    let mut ask = ask(who);
    ask.within = Some(TTL);
    asks(kv, kind, &ask)
}

fn tries(kv: &Store, kind: Kind, who: u32) -> Option<u64> {
    asks(kv, kind, &ask(who))
}

fn asks(kv: &Store, kind: Kind, ask: &Ask) -> Option<u64> {
    let granted = match kind {
        Kind::Lock => BlockingWords::acquire(kv, key(kind), ask).unwrap(),
        _ => BlockingWords::begin(kv, key(kind), ask).unwrap().contended(),
    };
    granted.granted().map(|grant| grant.fence.0)
}

fn ends(kv: &Store, kind: Kind, who: u32) -> Holding {
    match kind {
        Kind::Lock => BlockingWords::release(kv, key(kind), token(who)).unwrap(),
        _ => BlockingWords::fail(kv, key(kind), token(who)).unwrap(),
    }
}

/// Stores with a clock and without, which exchange at once and which say `false` at times without a cause.
fn stores(test: impl Fn(&ManualClock, &Store)) {
    for (wall, is_reluctant) in [(false, false), (true, false), (false, true), (true, true)] {
        let clock = ManualClock::new();
        let mut shelf = Shelf::new(&clock, wall);
        shelf.is_reluctant = is_reluctant;
        test(&clock, &Over::new(Kv(shelf)));
    }
}

/// On a lock and on a run.
fn everywhere(test: impl Fn(&ManualClock, &Store, Kind)) {
    for kind in [Kind::Lock, Kind::Once] {
        stores(|clock, kv| test(clock, kv, kind));
    }
}

#[test]
fn what_is_given_back_belongs_to_who_has_waited_longest() {
    everywhere(|_, kv, kind| {
        let mut last = waits(kv, kind, 1).expect("free");
        for who in [2, 3, 4, 3, 2] {
            assert_eq!(waits(kv, kind, who), None);
        }
        for turn in 0..12 {
            let (holder, next) = (turn % 4 + 1, (turn + 1) % 4 + 1);
            assert_eq!(ends(kv, kind, holder), Holding::Held);
            // who gives back and takes again at once, one who does not wait, and those behind the first
            for other in [holder, 9, (turn + 2) % 4 + 1] {
                assert_eq!(tries(kv, kind, other), None, "{other} overtakes {next}");
            }
            let fence = waits(kv, kind, next).expect("its turn");
            assert!(fence > last);
            last = fence;
            assert_eq!(waits(kv, kind, holder), None, "stands at the end again");
        }
    });
}

#[test]
fn who_does_not_come_costs_one_turn() {
    everywhere(|clock, kv, kind| {
        waits(kv, kind, 1).expect("free");
        assert_eq!([2, 3, 4].map(|who| waits(kv, kind, who)), [None; 3]);
        ends(kv, kind, 1);
        // 2 is dead; the turn begins when another finds it free
        clock.advance(secs(9));
        assert_eq!(waits(kv, kind, 3), None);
        clock.advance(secs(1).checked_sub(MS).unwrap());
        assert_eq!(waits(kv, kind, 3), None);
        clock.advance(MS);
        assert!(waits(kv, kind, 3).is_some());
        ends(kv, kind, 3);
        assert!(waits(kv, kind, 4).is_some(), "it stands there no more");
    });
}

#[test]
fn who_leaves_passes_its_turn_on() {
    for called in [false, true] {
        everywhere(|_, kv, kind| {
            waits(kv, kind, 1).expect("free");
            assert_eq!([2, 3].map(|who| waits(kv, kind, who)), [None; 2]);
            ends(kv, kind, 1);
            if called {
                assert_eq!(tries(kv, kind, 9), None);
            }
            assert_eq!(ends(kv, kind, 2), Holding::Lost, "it only waited");
            assert_eq!(waits(kv, kind, 9), None, "not while another waits");
            assert!(waits(kv, kind, 3).is_some());
        });
    }
}

#[test]
fn a_holder_that_dies_is_followed_by_whoever_comes_and_the_line_goes_on() {
    everywhere(|clock, kv, kind| {
        let first = waits(kv, kind, 1).expect("free");
        assert_eq!([2, 3].map(|who| waits(kv, kind, who)), [None; 2]);
        clock.advance(TTL);
        let second = waits(kv, kind, 3).expect("the lease is over");
        assert!(second > first);
        assert_eq!(waits(kv, kind, 2), None);
        ends(kv, kind, 3);
        assert!(waits(kv, kind, 2).expect("alone") > second);
    });
}

#[test]
fn a_line_without_room_is_polled() {
    let clock = ManualClock::new();
    let shelf = Shelf::new(&clock, false);
    let kv = Over::new(Kv(shelf.clone()));
    waits(&kv, Kind::Lock, 1).expect("free");
    assert!((2..30).all(|who| waits(&kv, Kind::Lock, who).is_none()));
    let bytes = shelf.get("app:l:{k}:fence").unwrap().unwrap();
    assert!(bytes.len() <= 2 + 8 * 7 + 16 * 16, "{} bytes", bytes.len());
    // everybody comes all the same
    for _ in 2..30 {
        let holder = (1..30).find(|who| ends(&kv, Kind::Lock, *who) == Holding::Held);
        assert!(holder.is_some());
        assert!((2..30).any(|who| waits(&kv, Kind::Lock, who).is_some()), "nobody is stuck");
    }
}

fn takes(kv: &Store, size: u32, who: u32) -> Option<u32> {
    let mut ask = ask(who);
    ask.within = Some(TTL);
    BlockingWords::take(kv, key(Kind::Pool), size, &ask).unwrap().granted().map(|grant| grant.index)
}

fn returns(kv: &Store, who: u32) -> Holding {
    BlockingWords::give_back(kv, key(Kind::Pool), token(who)).unwrap()
}

#[test]
fn permits_go_to_as_many_of_the_line_as_there_are() {
    stores(|_, kv| {
        assert_eq!([1, 2].map(|who| takes(kv, 2, who)), [Some(0), Some(1)]);
        assert_eq!([3, 4, 5].map(|who| takes(kv, 2, who)), [None; 3]);
        returns(kv, 2);
        assert_eq!([2, 5, 4].map(|who| takes(kv, 2, who)), [None; 3], "one permit, and 3 is before them");
        returns(kv, 1);
        assert_eq!(takes(kv, 2, 5), None, "two permits, and two before it");
        assert_eq!(takes(kv, 2, 4), Some(0), "the second of two");
        assert_eq!(takes(kv, 2, 3), Some(1));
    });
}

#[test]
fn who_does_not_come_for_a_permit_costs_one_turn_and_who_leaves_none() {
    stores(|clock, kv| {
        takes(kv, 1, 1).expect("free");
        assert_eq!([2, 3, 4].map(|who| takes(kv, 1, who)), [None; 3]);
        returns(kv, 1);
        assert_eq!(takes(kv, 1, 3), None);
        clock.advance(secs(1).checked_sub(MS).unwrap());
        assert_eq!(takes(kv, 1, 3), None);
        clock.advance(MS);
        assert_eq!(takes(kv, 1, 3), Some(0));
        assert_eq!(takes(kv, 1, 5), None);
        assert_eq!(returns(kv, 4), Holding::Lost, "it only waited");
        returns(kv, 3);
        assert_eq!(takes(kv, 1, 5), Some(0));
    });
}

/// As in every rolling deployment.
#[test]
fn who_is_called_and_has_no_room_by_its_size_goes_to_the_end() {
    stores(|_, kv| {
        takes(kv, 2, 1).expect("free");
        takes(kv, 2, 2).expect("free");
        assert_eq!((takes(kv, 1, 3), takes(kv, 2, 4)), (None, None));
        returns(kv, 2);
        assert_eq!(takes(kv, 2, 4), None, "3 came before it");
        assert_eq!(takes(kv, 1, 3), None, "it knows of one permit, which is held");
        assert_eq!(takes(kv, 2, 4), Some(1));
    });
}
