//! One comparison: two sides, measured turn by turn, so that a noisy machine is noisy for both.

use crate::clock::nanos;
use std::{hint::black_box, pin::pin, task};

/// How many keys there are, all of them present.
pub(crate) const KEYS: u64 = 10_000;
/// Calls a side makes in each of its turns: ten for each key, so that few meet the caches as the other side left them.
const CALLS: u32 = 100_000;
/// An odd number, so that the median is one of them.
const ROUNDS: usize = 51;

/// Measures both sides and prints the line.
///
/// Each number is the median of its rounds, the cost of the loop included. The ratio is the median of the rounds'
/// ratios, so it may differ a little from the ratio of the two numbers.
pub(crate) fn compare<A, B>(name: &str, ours: impl Fn(u64) -> A, peer: impl Fn(u64) -> B) {
    warm(&ours);
    warm(&peer);
    let rounds: Vec<_> = (0..ROUNDS as u64).map(|round| (turn(&ours, round), turn(&peer, round))).collect();
    let ours = median(rounds.iter().map(|(ours, _)| *ours));
    let peer = median(rounds.iter().map(|(_, peer)| *peer));
    let ratio = median(rounds.iter().map(|(ours, peer)| ours / peer));
    println!("ratio {name} ours={ours:.1} peer={peer:.1} x{ratio:.2}");
}

/// Prints what the loop costs without a call in it.
pub(crate) fn loop_alone() {
    let rounds = (0..ROUNDS as u64).map(|round| turn(&|id| id, round));
    println!("note loop {:.1}", median(rounds));
}

/// Polls a future that is ready at once.
#[inline]
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut cx = task::Context::from_waker(task::Waker::noop());
    loop {
        if let task::Poll::Ready(out) = future.as_mut().poll(&mut cx) {
            return out;
        }
    }
}

fn warm<R>(call: &impl Fn(u64) -> R) {
    for id in 0..KEYS {
        call(id);
    }
    turn(call, u64::MAX);
}

/// Nanoseconds a call. The same round asks both sides for the same keys in the same order.
fn turn<R>(call: &impl Fn(u64) -> R, round: u64) -> f64 {
    let took = nanos(|| {
        let mut state = round;
        for _ in 0..CALLS {
            // Knuth's linear congruential generator: no list of keys that would take cache from what is measured
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            black_box(call(black_box((state >> 33) % KEYS)));
        }
    });
    took / f64::from(CALLS)
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<_> = of.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
