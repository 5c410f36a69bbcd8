//! Three and more clients in random orders of their calls, while leases end and pools shrink.

use crate::{
    races::World,
    shelf::{TTL, ask, key},
};
use cachify_core::testing::Words;
use cachify_core::{key::Kind, testing::block_on, time::Clock};
use proptest::prelude::*;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

/// Polls the clients in the order that was drawn, then in turn until all have ended; at each of `ends` a TTL passes.
fn run(w: &World, mut clients: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>, order: &[usize], ends: &[usize]) {
    for (at, way) in order.iter().copied().chain((0..).take(10_000)).enumerate() {
        if clients.is_empty() {
            return;
        }
        if ends.contains(&at) {
            w.clock().advance(TTL);
        }
        let way = way % clients.len();
        if clients[way].as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            drop(clients.remove(way));
        }
    }
    panic!("somebody never ends");
}

fn order() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..12, 0..60)
}

fn ends() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..40, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn locks_have_one_holder(order in order(), ends in ends(), wall in any::<bool>(), back in 0_u32..16) {
        let w = World::new(1, wall);
        run(&w, (1..=4).map(|who| Box::pin(w.lock(who, back >> who & 1 == 1)) as _).collect(), &order, &ends);
    }

    #[test]
    fn pools_never_let_in_more_than_their_size(
        order in order(), ends in ends(), wall in any::<bool>(), back in 0_u32..16,
    ) {
        let w = World::new(2, wall);
        run(&w, (1..=4).map(|who| Box::pin(w.permit(who, 2, back >> who & 1 == 1)) as _).collect(), &order, &ends);
        prop_assert!(block_on(w.kv.in_use(key(Kind::Pool))).unwrap() <= 2);
    }

    #[test]
    fn permits_above_a_size_that_shrank_count(order in order(), first in 0_u32..4) {
        let w = World::new(2, false);
        // three held, of which the two lower ones go before others come with a size of two
        for who in 11..=13 {
            let asked = w.clock().now();
            let grant = block_on(w.kv.take(key(Kind::Pool), 3, &ask(who))).unwrap().granted().unwrap();
            if who == 13 {
                w.grant(who, asked, grant);
            }
        }
        for who in 11..=12 {
            block_on(w.kv.give_back(key(Kind::Pool), ask(who).token)).unwrap();
        }
        run(&w, (1..=3).map(|who| Box::pin(w.permit(who, 2, who == first)) as _).collect(), &order, &[]);
        prop_assert!(block_on(w.kv.in_use(key(Kind::Pool))).unwrap() <= 2);
    }
}
