//! What the counters say about each promise of the library; nothing here is assumed.

use crate::{
    analysis::Analysis,
    crew::AT_ONCE,
    failure::Failure,
    passes::Pass,
    report::Totals,
    share::Share,
    units::{count, counted, counted_as, fitted, size},
    walk::File,
};
use cachify::Refused;
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// A promise, and what came of it.
pub(crate) struct Finding {
    pub(crate) kept: bool,
    pub(crate) text: String,
}

/// Single flight, by the counters of the analyses themselves; to be asked right after the first pass.
pub(crate) fn single_flight(pass: &Pass, files: &[File]) -> Finding {
    let runs = || files.iter().map(|file| u64::from(file.runs.load(Relaxed)));
    let (all, fewest, most) = (runs().sum::<u64>(), runs().min().unwrap_or(0), runs().max().unwrap_or(0));
    let each = match (fewest, most) {
        (1, 1) => "exactly once".into(),
        _ => format!("between {fewest} and {most} times"),
    };
    let (requests, analyses) = (counted(pass.requests, "request"), count(all));
    let text = format!("single flight: {requests}, {analyses} analyses: each file was analysed {each}");
    Finding { kept: (fewest, most) == (1, 1) && pass.counts.misses == all, text }
}

pub(crate) fn all_hits(hits: u64, requests: u64) -> Finding {
    let text = format!("cache: {} of {} of the second pass were hits", count(hits), counted(requests, "request"));
    Finding { kept: hits == requests, text }
}

pub(crate) fn bounded(peak: u64, by: &str) -> Finding {
    let text = format!("pool: {peak} files at most were read at once{by}, of {AT_ONCE} allowed");
    Finding { kept: peak <= u64::from(AT_ONCE), text }
}

/// The shared report against a sum that one worker makes alone.
pub(crate) fn nothing_overwritten(report: Totals, answers: &[Arc<Analysis>]) -> Finding {
    let alone = Totals::of(answers);
    let (kept, updates) = (report == alone, counted(alone.files, "update"));
    let fate = if kept { "none was lost".into() } else { format!("but it knows {}", count(report.files)) };
    let text = format!("lock: {updates} of the shared report, {fate}");
    Finding { kept, text }
}

/// One of the workers that tried at once, and nobody who tried `later`.
pub(crate) fn written_once(summaries: &[Result<Totals, Refused>], later: Result<Totals, Refused>) -> Finding {
    let tries = || summaries.iter().chain([&later]);
    let written: Vec<_> = tries().enumerate().filter_map(|(at, came)| Some((at + 1, came.ok()?))).collect();
    let skipped = tries().filter(|came| came.is_err_and(Refused::is_contended)).count();
    let what = written.first().map_or_else(String::new, |(worker, sum)| {
        let (files, lines, words) =
            (counted(sum.files, "file"), counted(sum.lines, "line"), counted(sum.words, "word"));
        format!(" by worker {worker} ({files}, {lines}, {words}, {})", size(sum.bytes))
    });
    let (times, duplicates) = (counted(written.len() as u64, "time"), counted(skipped as u64, "duplicate"));
    let text = format!("once: the summary was written {times}{what}; {duplicates} skipped");
    Finding { kept: written.len() == 1 && skipped == summaries.len() && later.is_err(), text }
}

pub(crate) fn forgotten(file: &File, was_there: bool, pass: &Pass) -> Finding {
    let (runs, misses) = (file.runs.load(Relaxed), pass.counts.misses);
    let (name, requests, misses_) = (fitted(&file.name, 40), counted(pass.requests, "request"), count(misses));
    let was = if was_there { "forgotten" } else { "not in the cache" };
    let text =
        format!("reset: {name} was {was}; then {requests}, of which {misses_} missed; analysed {runs} times in all");
    Finding { kept: was_there && misses == 1 && runs == 2, text }
}

pub(crate) fn untroubled(troubles: u64) -> Finding {
    let text = format!("rights lost or store failures: {}", count(troubles));
    Finding { kept: troubles == 0, text }
}

/// What all processes of a fleet counted together, and their report, against what the first of them was told.
pub(crate) fn of_all(all: &Share, processes: usize, report: Totals, answers: &[Arc<Analysis>]) -> Vec<Finding> {
    vec![
        single_flight_of_all(all, processes, answers.len() as u64),
        all_hits(all.again_hits, all.again),
        bounded(all.peak, " by one process"),
        nothing_overwritten(report, answers),
        written_once_by_all(all),
        untroubled(all.troubles),
    ]
}

/// Every file has an answer, so none was analysed less than once: the sum tells whether one was more often.
fn single_flight_of_all(all: &Share, processes: usize, files: u64) -> Finding {
    let kept = all.analyses == files;
    let (files, analyses) = (counted(files, "file"), count(all.analyses));
    let (processes, fate) =
        (counted_as(processes as u64, "process", "processes"), if kept { "exactly" } else { "not" });
    let text =
        format!("single flight: {files}, {processes}, {analyses} analyses in all: each file was analysed {fate} once");
    Finding { kept, text }
}

fn written_once_by_all(all: &Share) -> Finding {
    let (times, duplicates) = (counted(all.written, "time"), counted(all.skipped, "duplicate"));
    let text = format!("once: the summary was written {times} in all; {duplicates} skipped");
    Finding { kept: all.written == 1, text }
}

/// A tour whose promises were not all kept is a failure.
pub(crate) fn verdict(findings: &[Finding]) -> Result<(), Failure> {
    if findings.iter().all(|finding| finding.kept) { Ok(()) } else { Err(Failure::Broken) }
}
