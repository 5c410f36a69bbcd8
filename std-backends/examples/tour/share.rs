//! What one process counted. Shares add up, and travel as one line of numbers.

use crate::{crew::Crew, passes::Pass, report::Totals, tally::Tally};
use cachify::Refused;
use std::{array, fmt, ops::Add, sync::atomic::Ordering::Relaxed};

/// Names the line by which a process tells the first one its share.
const TOTALS: &str = "totals";

#[derive(Clone, Copy, Default)]
pub(crate) struct Share {
    /// How many analyses ran.
    pub(crate) analyses: u64,
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) waited: u64,
    /// Requests of the second pass, and how many of them were hits.
    pub(crate) again: u64,
    pub(crate) again_hits: u64,
    /// Summaries written, and attempts that were told that it is done.
    pub(crate) written: u64,
    pub(crate) skipped: u64,
    /// Rights lost and failures of the store.
    pub(crate) troubles: u64,
    /// The most files that one process read at once.
    pub(crate) peak: u64,
}

impl Share {
    pub(crate) fn of(
        crew: &Crew,
        tally: &Tally,
        first: &Pass,
        second: &Pass,
        summaries: &[Result<Totals, Refused>],
    ) -> Self {
        let came = |wanted: fn(&Result<Totals, Refused>) -> bool| summaries.iter().filter(|came| wanted(came)).count();
        Self {
            analyses: crew.files.iter().map(|file| u64::from(file.runs.load(Relaxed))).sum(),
            requests: first.requests + second.requests,
            hits: first.counts.hits + second.counts.hits,
            waited: first.waited() + second.waited(),
            again: second.requests,
            again_hits: second.counts.hits,
            written: came(Result::is_ok) as u64,
            skipped: came(|came| came.is_err_and(Refused::is_contended)) as u64,
            troubles: tally.counts().troubles,
            peak: crew.gauge.peak(),
        }
    }

    /// The share in what a process said, if it got that far.
    pub(crate) fn read(said: &str) -> Option<Self> {
        let line = said.lines().find_map(|line| line.strip_prefix(TOTALS))?;
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        Some(Self::from_numbers(numbers.ok()?.try_into().ok()?))
    }

    const fn numbers(&self) -> [u64; 10] {
        let Self { analyses, requests, hits, waited, again, again_hits, written, skipped, troubles, peak } = *self;
        [analyses, requests, hits, waited, again, again_hits, written, skipped, troubles, peak]
    }

    const fn from_numbers(numbers: [u64; 10]) -> Self {
        let [analyses, requests, hits, waited, again, again_hits, written, skipped, troubles, peak] = numbers;
        Self { analyses, requests, hits, waited, again, again_hits, written, skipped, troubles, peak }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOTALS)?;
        self.numbers().iter().try_for_each(|number| write!(f, " {number}"))
    }
}

impl Add for Share {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (ours, theirs) = (self.numbers(), other.numbers());
        let sums = Self::from_numbers(array::from_fn(|at| ours[at] + theirs[at]));
        Self { peak: self.peak.max(other.peak), ..sums }
    }
}
