//! All workers over some files, and what was counted meanwhile.

use crate::{
    crew::{Answers, Crew, WORKERS},
    failure::Failure,
    tally::{Counts, Tally},
};
use std::{ops::Range, sync::Arc, time::Duration};

/// What happened while all workers went over some files.
pub(crate) struct Pass {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) requests: u64,
    pub(crate) counts: Counts,
}

impl Pass {
    /// Requests that neither found the value nor computed it: they got the answer of a flight under way.
    pub(crate) fn waited(&self) -> u64 {
        self.requests.saturating_sub(self.counts.hits + self.counts.misses)
    }
}

/// What the workers were told, and what the observer saw meanwhile.
pub(crate) async fn pass(
    name: String,
    crew: &Arc<Crew>,
    tally: &Tally,
    files: Range<usize>,
) -> Result<(Pass, Answers), Failure> {
    let requests = (files.len() * WORKERS) as u64;
    let before = tally.counts();
    let (took, answers) = timed(crew.pass(files)).await;
    let counts = tally.counts() - before;
    Ok((Pass { name, took, requests, counts }, answers?))
}

#[expect(clippy::disallowed_methods, reason = "a pass takes less than the millisecond that a `Clock` tells")]
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let begin = std::time::Instant::now();
    let done = work.await;
    (begin.elapsed(), done)
}
