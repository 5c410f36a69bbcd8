//! The caches, each asked for every request in turn and given what it did not have.

use super::Trace;
use cachify::Cachify;
use std::collections::{BTreeSet, HashMap};

/// Of a hundred requests, how many each answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered {
    /// This library in memory.
    pub ours: f64,
    /// moka.
    pub moka: f64,
    /// `quick_cache`.
    pub quick: f64,
    /// Who knows the future.
    pub belady: f64,
}

/// What each answered of a trace, with so many values.
///
/// # Panics
/// If ours keeps more than it may.
#[must_use]
pub fn answered(trace: &Trace, bound: usize) -> Answered {
    let percent = |hits: usize| hits as f64 * 100.0 / trace.requests.len() as f64;
    let hits = |hit: &mut dyn FnMut(u64) -> bool| percent(trace.requests.iter().filter(|key| hit(**key)).count());
    let own = Cachify::builder().max_entries(bound).build_memory();
    let ours = hits(&mut |key| {
        let mut is_hit = true;
        own.cache(key).get_or_insert_blocking(|| is_hit = false);
        is_hit
    });
    assert!(own.len() <= bound, "{} of {bound}", own.len());
    let moka = moka::sync::Cache::new(bound as u64);
    let of_moka = hits(&mut |key| {
        let is_hit = moka.get(&key).is_some();
        if !is_hit {
            moka.insert(key, ());
        }
        is_hit
    });
    let quick = quick_cache::sync::Cache::new(bound);
    let of_quick = hits(&mut |key| {
        let is_hit = quick.get(&key).is_some();
        if !is_hit {
            quick.insert(key, ());
        }
        is_hit
    });
    Answered { ours, moka: of_moka, quick: of_quick, belady: percent(belady(&trace.requests, bound)) }
}

/// How many hits there are at most: what is asked for again last goes first, a newcomer too.
fn belady(requests: &[u64], bound: usize) -> usize {
    let (mut next, mut last) = (vec![usize::MAX; requests.len()], HashMap::new());
    for (at, key) in requests.iter().enumerate().rev() {
        if let Some(later) = last.insert(*key, at) {
            next[at] = later;
        }
    }
    let (mut kept, mut hits) = (BTreeSet::new(), 0);
    for (at, next) in next.iter().enumerate() {
        // what is kept is known by when it is asked for again
        hits += usize::from(kept.remove(&at));
        if *next != usize::MAX {
            kept.insert(*next);
        }
        if kept.len() > bound {
            kept.pop_last();
        }
    }
    hits
}
