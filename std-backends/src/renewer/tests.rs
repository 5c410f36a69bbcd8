#![allow(clippy::disallowed_methods, reason = "the renewer is another thread, and is waited for")]

use super::*;
use crate::{clock::ManualClock, seeing::Context};
use cachify_core::{
    key::{Key, Kind},
    store::Monitor,
};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const TTL: Duration = Duration::from_secs(9);

/// Answers nothing for a while.
struct Mute {
    calls: AtomicUsize,
    silent: usize,
    /// Who is to renew everything while the first renewal is under way.
    rushes: Mutex<Option<Renewer>>,
}

impl Mute {
    fn new(silent: usize) -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), silent, rushes: Mutex::default() })
    }
}

impl Renew for Mute {
    fn tell(&self, _: &Event<'_>) {}
    fn renew_all(&self, due: Vec<(OwnedKey, HolderToken, u64)>) -> Vec<Result<Holding, Cause>> {
        if let Some(renewer) = locked(&self.rushes).take() {
            renewer.rush();
        }
        let answer = |_| {
            if self.calls.fetch_add(1, SeqCst) < self.silent { Err(Cause::TimedOut) } else { Ok(Holding::Held) }
        };
        due.into_iter().map(answer).collect()
    }
    fn give_back(&self, _: OwnedKey, _: HolderToken) {}
}

fn attended(store: &Arc<Mute>, clock: &ManualClock) -> (Renewer, Renewed) {
    attended_for(store, clock, TTL)
}

/// A lease of which so much is left.
fn attended_for(store: &Arc<Mute>, clock: &ManualClock, left: Duration) -> (Renewer, Renewed) {
    let renewer = Renewer::new(StdClock::from(clock.clone()));
    let store: Arc<dyn Renew> = store.clone();
    let validity = Validity::new(clock.now(), left);
    let key = OwnedKey::of(Key::new(Kind::Lock, "", b"k", 0));
    let right =
        renewer.attend(Arc::downgrade(&store), key, HolderToken([1, 128, 0, 0]), 9_000, validity, Context::default());
    (renewer, right)
}

/// The renewer is another thread: looks until it has asked so often, and noted when to ask again.
fn asked(renewer: &Renewer, store: &Mute, times: usize) {
    for _ in 0..10_000 {
        if store.calls.load(SeqCst) >= times && !locked(&renewer.0.queue).by_due.is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it asked {} times, not {times}", store.calls.load(SeqCst));
}

#[test]
fn an_unanswered_renewal_is_tried_again_each_second() {
    let clock = ManualClock::new();
    let store = Mute::new(4);
    let (renewer, right) = attended(&store, &clock);
    clock.advance(Duration::from_millis(3_300));
    for times in 1..=5 {
        asked(&renewer, &store, times);
        assert_eq!(store.calls.load(SeqCst), times);
        clock.advance(Duration::from_secs(1));
    }
    // past the first end of the right
    clock.advance(Duration::from_millis(1_500));
    assert!(right.validity().expect("kept").is_valid(clock.now()));
    renewer.stop();
}

#[test]
fn a_lease_that_came_by_a_resend_is_renewed_before_its_own_end() {
    let clock = ManualClock::new();
    let store = Mute::new(0);
    // of 9 s, 2 are left: its grant was answered late
    let (renewer, right) = attended_for(&store, &clock, Duration::from_secs(2));
    clock.advance(Duration::from_millis(740));
    asked(&renewer, &store, 1);
    clock.advance(Duration::from_secs(2));
    assert!(right.validity().expect("kept").is_valid(clock.now()), "it was extended by its whole TTL");
    renewer.stop();
}

#[test]
fn what_was_given_back_is_neither_renewed_nor_valid() {
    let clock = ManualClock::new();
    let store = Mute::new(0);
    let (renewer, right) = attended(&store, &clock);
    let held = locked(&renewer.0.queue).by_due.values().next().unwrap().clone();
    assert_eq!((renewer.drain(), renewer.drain()), (1, 0));
    assert!(!right.validity().expect("kept").is_valid(clock.now()));
    renewer.answered(&held, clock.now(), true);
    assert!(!right.validity().expect("kept").is_valid(clock.now()), "an answer that was on its way");
    assert_eq!(renewer.drain(), 0);
    renewer.stop();
}

#[test]
fn what_was_being_renewed_when_the_store_may_have_forgotten_is_renewed_again() {
    let clock = ManualClock::new();
    let store = Mute::new(0);
    let (renewer, _right) = attended(&store, &clock);
    *locked(&store.rushes) = Some(renewer.clone());
    clock.advance(Duration::from_millis(3_300));
    // the clock stands still: the second time comes at once
    asked(&renewer, &store, 2);
    renewer.stop();
}

#[test]
fn a_rush_that_waits_its_turn_delays_no_heartbeat() {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(9));
    let store = Mute::new(0);
    let (renewer, lease) = (Renewer::new(StdClock::from(clock.clone())), Duration::from_millis(500));
    let renews: Arc<dyn Renew> = store.clone();
    let key = OwnedKey::of(Key::new(Kind::Lock, "", b"k", 0));
    let validity = Validity::new(clock.now(), lease);
    let right =
        renewer.attend(Arc::downgrade(&renews), key, HolderToken([1, 128, 0, 0]), 500, validity, Context::default());
    renewer.rush();
    asked(&renewer, &store, 1);
    // a second one comes amid the next heartbeat, and its turn is when the lease would be over
    *locked(&store.rushes) = Some(renewer.clone());
    for times in [2, 3, 4] {
        clock.advance(lease / 2);
        asked(&renewer, &store, times);
    }
    assert!(right.validity().expect("kept").is_valid(clock.now()));
    renewer.stop();
}
