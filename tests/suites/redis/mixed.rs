//! Mixed work of many processes, and a judge who knows nothing of the library: only what they say they did, and when.

use super::{processes::Worker, world::patient};
use cachify::secs;
use std::collections::{BTreeMap, BTreeSet};

/// What one of them did to one key.
#[derive(Clone, Copy, Debug)]
struct Done {
    number: u64,
    began: u64,
    ended: u64,
    asked: u64,
}

/// All that was done, by what and by key.
#[derive(Debug, Default)]
pub(crate) struct Report {
    done: BTreeMap<(String, u64), Vec<Done>>,
    pub(crate) failed: Vec<String>,
}

/// So many processes work for so long on what `url` names, while something happens.
pub(crate) fn work(url: &str, processes: usize, millis: u64, meanwhile: impl FnOnce()) -> Report {
    // whoever misses while a slot is on its way computes; these are there from the first
    let c = patient(url).build().unwrap();
    for key in 0..8_u64 {
        c.cache(("k", key)).ttl(secs(600)).get_or_insert_blocking(|| key);
    }
    let mut fleet: Vec<_> = (0..processes).map(|_| Worker::at(url, 0, &["mixed", &millis.to_string()])).collect();
    std::thread::scope(|scope| {
        let reports: Vec<_> = fleet.iter_mut().map(|worker| scope.spawn(|| worker.all())).collect();
        meanwhile();
        Report::of(reports.into_iter().flat_map(|report| report.join().unwrap()))
    })
}

impl Report {
    fn of(lines: impl Iterator<Item = String>) -> Self {
        let mut report = Self::default();
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            let numbers: Vec<u64> = words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
            match (words[0], numbers.as_slice()) {
                (what, &[key, number, began, ended, asked]) if what != "failed" => {
                    let done = Done { number, began, ended, asked };
                    report.done.entry((what.to_owned(), key)).or_default().push(done);
                }
                _ => report.failed.push(line),
            }
        }
        for all in report.done.values_mut() {
            all.sort_unstable_by_key(|done| done.began);
        }
        report
    }

    fn all<'r>(&'r self, what: &'r str) -> impl Iterator<Item = (u64, &'r Vec<Done>)> {
        self.done.iter().filter(move |((of, _), _)| of == what).map(|((_, key), all)| (*key, all))
    }

    fn count(&self, what: &str) -> usize {
        self.all(what).map(|(_, all)| all.len()).sum()
    }

    /// How often two held one lock at once, or three one pool of two.
    pub(crate) fn overlaps(&self) -> usize {
        let over = |all: &[Done], most: usize| {
            let holds_at = |at: u64| all.iter().filter(|done| done.began <= at && at < done.ended).count();
            all.iter().filter(|done| holds_at(done.began) > most).count()
        };
        let locks: usize = self.all("lock").map(|(_, all)| over(all, 1)).sum();
        let pools: usize = self.all("permit").map(|(_, all)| over(all, 2)).sum();
        locks + pools
    }

    /// How often a later grant of a lock had no larger fence.
    pub(crate) fn disorder(&self) -> usize {
        self.all("lock").map(|(_, all)| all.windows(2).filter(|two| two[0].number >= two[1].number).count()).sum()
    }

    /// How many grants of a lock had the fence of another one.
    pub(crate) fn twins(&self) -> usize {
        let fences = |all: &Vec<Done>| all.iter().map(|done| done.number).collect::<BTreeSet<_>>().len();
        self.all("lock").map(|(_, all)| all.len() - fences(all)).sum()
    }

    /// What a failover may cost, for a line of print.
    pub(crate) fn costs(&self) -> String {
        let (overlaps, disorder) = (self.overlaps(), self.disorder());
        let (runs, loads) = (self.double_runs(), self.double_loads());
        format!("{overlaps} overlaps, {disorder} grants seen out of order, {runs} double runs, {loads} double loads")
    }

    /// How many runs of a job there were beside its first.
    pub(crate) fn double_runs(&self) -> usize {
        self.all("ran").map(|(_, all)| all.len() - 1).sum()
    }

    /// How many values a key had beside its first.
    pub(crate) fn double_loads(&self) -> usize {
        self.all("value").map(|(_, all)| all.iter().map(|done| done.number).collect::<BTreeSet<_>>().len() - 1).sum()
    }

    /// The longest wait for a lock or a permit, in milliseconds.
    pub(crate) fn longest_wait(&self) -> u64 {
        let waits = self.all("lock").chain(self.all("permit")).flat_map(|(_, all)| all.iter());
        waits.map(|done| done.began.saturating_sub(done.asked) / 1_000).max().unwrap_or_default()
    }

    /// Says what there was, and that there was enough of it to judge by.
    pub(crate) fn judge(&self, what: &str) {
        let counts: Vec<_> = ["lock", "permit", "ran", "skipped", "value", "lost"]
            .iter()
            .map(|what| format!("{} {what}", self.count(what)))
            .collect();
        println!(
            "{what}: {}; longest wait {} ms, {} failed",
            counts.join(", "),
            self.longest_wait(),
            self.failed.len()
        );
        assert!(["lock", "permit", "ran", "value"].iter().all(|what| self.count(what) > 0), "nothing to judge by");
        assert_eq!(self.twins(), 0, "each grant has a fence of its own");
    }
}
