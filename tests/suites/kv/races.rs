//! Every order in which the calls of two clients can follow one another, with a lease that ends anywhere in between.

use crate::shelf::{Shelf, Slow, TTL, ask, key, token};
use cachify::{AsIs, AsyncKv, ManualClock};
use cachify_core::testing::Words;
use cachify_core::{
    cell::{Begun, Grant, Holding, Life, Lookup, MaybeOwned},
    key::Kind,
    patience::Contended,
    testing::block_on,
    time::{Clock, Instant},
    token::FencingToken,
    ttl::Ttl,
};
use cachify_tests::Over;
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

type Client<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// What two clients share, and what is known of who holds.
pub(crate) struct World {
    pub(crate) kv: Over<AsyncKv<Slow>>,
    size: usize,
    /// Who holds until when, unless given back.
    held: RefCell<Vec<(u32, Instant)>>,
    granted: RefCell<Vec<(u32, u32, FencingToken)>>,
    said: RefCell<Vec<&'static str>>,
}

impl World {
    pub(crate) fn new(size: usize, wall: bool) -> Self {
        let shelf = Shelf::new(&ManualClock::new(), wall);
        let kv = Over::new(AsyncKv(Slow { shelf, after: false }));
        Self { kv, size, held: RefCell::default(), granted: RefCell::default(), said: RefCell::default() }
    }

    pub(crate) fn clock(&self) -> &ManualClock {
        &self.kv.0.shelf.clock
    }

    /// At most `size` hold at a time. What is granted lasts from when it was asked for, as an instance counts it.
    fn hold(&self, who: u32, asked: Instant, remaining: Duration) {
        let (now, until) = (self.clock().now(), asked.saturating_add(remaining));
        let mut held = self.held.borrow_mut();
        held.retain(|(other, until)| now < *until && *other != who);
        assert!(now >= until || held.len() < self.size, "{who} holds beside {held:?}");
        held.push((who, until));
    }

    /// And every grant has a higher fence than all before it of the same lock, run or permit.
    pub(crate) fn grant(&self, who: u32, asked: Instant, grant: Grant) {
        self.hold(who, asked, grant.remaining);
        let mut granted = self.granted.borrow_mut();
        let earlier = granted.iter().rfind(|(other, index, _)| *other != who && *index == grant.index);
        assert!(earlier.is_none_or(|(.., fence)| grant.fence > *fence), "{grant:?} after {granted:?}");
        granted.push((who, grant.index, grant.fence));
    }

    /// From the moment a holder begins to give back, it holds no more.
    pub(crate) fn give_back(&self, who: u32) {
        self.held.borrow_mut().retain(|(other, _)| *other != who);
    }

    fn say(&self, what: &'static str) {
        self.said.borrow_mut().push(what);
    }

    fn said(&self, what: &str) -> bool {
        self.said.borrow().contains(&what)
    }

    pub(crate) async fn lock(&self, who: u32, back: bool) {
        let asked = self.clock().now();
        if let Contended::Granted(grant) = self.kv.acquire(key(Kind::Lock), &ask(who)).await.unwrap() {
            self.grant(who, asked, grant);
            if back {
                self.give_back(who);
                self.kv.release(key(Kind::Lock), token(who)).await.unwrap();
            }
        }
    }

    pub(crate) async fn permit(&self, who: u32, size: u32, back: bool) {
        let asked = self.clock().now();
        if let Contended::Granted(grant) = self.kv.take(key(Kind::Pool), size, &ask(who)).await.unwrap() {
            self.grant(who, asked, grant);
            if back {
                self.give_back(who);
                self.kv.give_back(key(Kind::Pool), token(who)).await.unwrap();
            }
        }
    }

    pub(crate) async fn run(&self, who: u32) {
        let asked = self.clock().now();
        if let Begun::Run(grant) = self.kv.begin(key(Kind::Once), &ask(who)).await.unwrap() {
            self.grant(who, asked, grant);
            self.give_back(who);
            if self.kv.complete(key(Kind::Once), token(who), Duration::from_secs(60)).await.unwrap() == Holding::Held {
                self.say("completed");
            }
        }
    }

    async fn fill(&self, who: u32) {
        let asked = self.clock().now();
        let filling = self.kv.join(key(Kind::Cache), &AsIs, &ask(who)).await.unwrap();
        if let Contended::Granted(Lookup::Fill { remaining, .. }) = filling {
            self.hold(who, asked, remaining);
            // what was loaded before an invalidation began must not be there after it
            let old = !self.said("changed");
            let value = MaybeOwned::Owned(if old { b"old".to_vec() } else { b"new".to_vec() });
            self.give_back(who);
            self.kv.publish(key(Kind::Cache), &AsIs, token(who), value, Life::new(Ttl::Forever)).await.unwrap();
        }
    }

    async fn change(&self) {
        self.say("changed");
        self.kv.invalidate(key(Kind::Cache)).await.unwrap();
    }
}

/// Runs every schedule of the clients' calls, with up to `ends` times a whole TTL passing; how many there were.
fn explore(size: usize, ends: usize, clients: impl Fn(&World) -> Vec<Client<'_>>, check: impl Fn(&World)) -> usize {
    // of each decision: which way, of how many
    let (mut path, mut schedules) = (Vec::<(usize, usize)>::new(), 0);
    loop {
        let world = World::new(size, false);
        let mut running = clients(&world);
        let (mut depth, mut ends) = (0, ends);
        while !running.is_empty() {
            let ways = running.len() + usize::from(ends > 0);
            if depth == path.len() {
                path.push((0, ways));
            }
            let (way, _) = path[depth];
            depth += 1;
            match running.get_mut(way) {
                None => {
                    ends -= 1;
                    world.clock().advance(TTL);
                }
                Some(client) => {
                    if client.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                        drop(running.remove(way));
                    }
                }
            }
        }
        drop(running);
        check(&world);
        schedules += 1;
        while path.last().is_some_and(|(way, ways)| way + 1 == *ways) {
            path.pop();
        }
        let Some((way, _)) = path.last_mut() else { return schedules };
        *way += 1;
    }
}

#[test]
fn of_two_that_acquire_one_holds_and_fences_follow_the_holding() {
    let granted = |w: &World| assert!(!w.granted.borrow().is_empty(), "somebody gets it");
    let n = explore(1, 2, |w| vec![Box::pin(w.lock(1, false)), Box::pin(w.lock(2, false))], granted);
    let m = explore(1, 0, |w| vec![Box::pin(w.lock(1, true)), Box::pin(w.lock(2, true))], granted);
    assert!(n > 10_000 && m > 500, "{n} and {m} schedules");
}

#[test]
fn of_two_that_take_the_last_permit_one_holds() {
    let granted = |w: &World| assert!(!w.granted.borrow().is_empty(), "somebody gets it");
    let n = explore(1, 0, |w| vec![Box::pin(w.permit(1, 1, false)), Box::pin(w.permit(2, 1, false))], granted);
    assert!(n > 2_000, "{n} schedules");
}

/// The first lease is over before the two come, given back or not.
#[test]
fn of_two_that_follow_on_an_earlier_holder_one_holds() {
    for back in [false, true] {
        let earlier = |w: &World| {
            block_on(w.lock(3, back));
            w.clock().advance(TTL);
        };
        let n = explore(
            1,
            1,
            |w| {
                earlier(w);
                vec![Box::pin(w.lock(1, true)), Box::pin(w.lock(2, false))]
            },
            |w| assert!(w.granted.borrow().len() > 1, "somebody gets it"),
        );
        assert!(n > 1_000, "{n} schedules");
    }
}

#[test]
fn of_two_that_run_once_one_completes() {
    let once = |w: &World| assert!(w.said.borrow().iter().filter(|what| **what == "completed").count() <= 1);
    let n = explore(1, 1, |w| vec![Box::pin(w.run(1)), Box::pin(w.run(2))], once);
    assert!(n > 1_000, "{n} schedules");
}

#[test]
fn a_token_that_asks_twice_at_once_gets_one_fence() {
    let one = |w: &World| {
        let granted = w.granted.borrow();
        assert!(granted.len() == 2 && granted[0] == granted[1], "{granted:?}");
    };
    let n = explore(1, 0, |w| vec![Box::pin(w.lock(1, false)), Box::pin(w.lock(1, false))], one);
    assert!(n > 100, "{n} schedules");
}

#[test]
fn two_that_fill_do_not_fill_at_once() {
    let n = explore(1, 1, |w| vec![Box::pin(w.fill(1)), Box::pin(w.fill(2))], |_| {});
    assert!(n > 100, "{n} schedules");
}

#[test]
fn nothing_loaded_before_an_invalidation_is_there_after_it() {
    let gone = |w: &World| {
        let value = block_on(w.kv.get(key(Kind::Cache), &AsIs)).unwrap();
        assert_ne!(value.as_deref(), Some(&b"old"[..]));
    };
    let n = explore(1, 1, |w| vec![Box::pin(w.fill(1)), Box::pin(w.change())], gone);
    assert!(n > 50, "{n} schedules");
}
