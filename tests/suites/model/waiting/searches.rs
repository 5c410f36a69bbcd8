//! What is searched, and which faults are found.

use super::*;

#[test]
fn on_a_lock_nobody_is_forgotten_or_overtaken_whatever_is_cancelled() {
    let (states, taken) = search(LOCK).unwrap();
    assert!(states > 500, "{states} states are too few to mean anything");
    assert!((0..4).all(|i| taken.contains_key(&Action::Cancel(i)) && taken.contains_key(&Action::Poll(i))));
}

#[test]
fn whoever_takes_a_lock_again_at_once_comes_behind_those_who_wait() {
    let (states, _) = search(Setup { tasks: 3, rounds: 2, ..LOCK }).unwrap();
    assert!(states > 500, "{states} states are too few to mean anything");
}

#[test]
fn on_a_pool_of_two_nobody_is_forgotten_or_overtaken() {
    for setup in [Setup { room: 2, ..LOCK }, Setup { tasks: 3, room: 2, rounds: 2, ..LOCK }] {
        let (states, _) = search(setup).unwrap();
        assert!(states > 200, "{states} states are too few to mean anything");
    }
}

/// More tasks than places to wait in: those without one poll, by a timer that does not tick here. Nobody is overtaken all
/// the same by one who has a place.
#[test]
fn who_finds_no_place_to_wait_in_keeps_its_turn() {
    let clock = ManualClock::new();
    let store = FixedStore::<NoLock, _, 4, (), 8, 2>::new(&clock);
    let instance = Instance::new(&store);
    let served = RefCell::new(Vec::new());
    let flags: Vec<Arc<Flag>> = (0..6).map(|_| Arc::default()).collect();
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for who in 0..6 {
        let (instance, served, clock) = (&instance, &served, &clock);
        tasks.push(Box::pin(async move {
            for _ in 0..50 {
                let guard = instance.lock("k").wait_forever().acquire().await.unwrap();
                served.borrow_mut().push(who);
                clock.sleep_until(clock.now().saturating_add(turn())).await;
                guard.release().await.unwrap();
            }
        }));
    }
    let wake_all = || {
        for flag in &flags {
            flag.0.store(true, SeqCst);
        }
    };
    wake_all();
    let mut done = [false; 6];
    while !done.iter().all(|done| *done) {
        let woken = (0..6).find(|i| !done[*i] && flags[*i].0.swap(false, SeqCst));
        match woken {
            Some(i) => {
                let polled = tasks[i].as_mut().poll(&mut Context::from_waker(&Waker::from(flags[i].clone())));
                done[i] = polled.is_ready();
            }
            None => {
                // whoever waits for a point in time looks at the clock
                clock.advance(Duration::from_millis(10));
                wake_all();
            }
        }
    }
    // while all of them are at it, everybody has its share
    let served = served.borrow();
    for who in 0..6 {
        let share = served[..250].iter().filter(|served| **served == who).count();
        assert!((30..=55).contains(&share), "{who} had {share} of 250 turns");
    }
}

/// Kinds must not meet in the waiters either, whatever their keys hash to.
#[test]
fn a_release_wakes_nobody_who_waits_for_another_kind() {
    use cachify_core::{
        cell::waiters::{Caller, Crowd, Waiters, Woken},
        key::Kind,
    };
    let (flight, lock): (Arc<Flag>, Arc<Flag>) = Default::default();
    let key = |kind| Key { hash: 7, ..Key::new(kind, "", b"k", 0) };
    let mut waiters = Waiters::new(Crowd::new());
    for (kind, flag) in [(Kind::Cache, &flight), (Kind::Lock, &lock)] {
        let caller = Caller { key: &key(kind), token: HolderToken([1; 4]), size: 1, now: Instant::ZERO };
        let mut place = Place::default();
        let ticket = waiters.stay(&caller, &mut place, Instant::MAX);
        assert!(!waiters.poll(&mut place, &key(kind), ticket, Waker::from(flag.clone())).0);
    }
    let mut woken = Woken::NOBODY;
    waiters.call(&key(Kind::Lock), 0, Instant::ZERO, &mut woken);
    woken.wake();
    assert!(lock.0.load(SeqCst) && !flight.0.load(SeqCst));
    let hashes = |bytes: &[u8]| [Kind::Cache, Kind::Lock].map(|kind| Key::new(kind, "", bytes, 5).hash);
    assert_ne!(hashes(b"user:1")[0], hashes(b"user:2")[1]);
}

/// Times are read before the lock is taken, so a newcomer may come with an earlier one than that of the call.
#[test]
fn a_newcomer_whose_time_is_older_than_the_call_does_not_end_its_turn() {
    use cachify_core::{
        cell::waiters::{Caller, Crowd, Waiters, Woken},
        key::Kind,
    };
    let key = Key::new(Kind::Lock, "", b"k", 0);
    let caller =
        |token, now| Caller { key: &key, token: HolderToken([token; 4]), size: 1, now: Instant::from_millis(now) };
    let mut waiters = Waiters::new(Crowd::new());
    let mut place = Place::default();
    waiters.stay(&caller(1, 50), &mut place, Instant::MAX);
    let mut woken = Woken::default();
    waiters.call(&key, 0, Instant::from_millis(104), &mut woken);
    assert!(waiters.kept_until(&caller(2, 103), Place::default(), 0).is_some());
    assert!(waiters.kept_until(&caller(1, 103), place, 0).is_none());
    assert!(waiters.kept_until(&caller(2, 205), Place::default(), 0).is_none(), "its turn is over");
}

#[test]
fn a_lost_baton_and_a_silent_drop_are_found() {
    for fault in [Fault::NoBaton, Fault::SilentDrop] {
        let (broken, path) = search(Setup { tasks: 3, fault, ..LOCK }).unwrap_err();
        assert_eq!(broken, LOST, "{fault:?} by {path:?}");
    }
}

#[test]
fn a_line_without_reservation_and_a_turn_without_a_timer_are_found() {
    for (fault, promise) in [(Fault::NoReservation, OVERTAKEN), (Fault::NoStandby, ASLEEP)] {
        for room in [1, 2] {
            let (broken, path) = search(Setup { room, fault, ..LOCK }).unwrap_err();
            assert_eq!(broken, promise, "{fault:?} by {path:?}");
        }
    }
}
