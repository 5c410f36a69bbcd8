//! A tour of cachify: twelve workers analyse the files of a directory, twice, and all of them ask for all of them.
//!
//! `cargo run --release --example tour -- [DIRECTORY]` from the root of the workspace. `crew.rs` has the attributes,
//! `tally.rs` the observer; everything that is printed comes from counters.

mod analysis;
mod crew;
mod failure;
mod findings;
mod progress;
mod show;
mod tally;
mod units;
mod walk;

use cachify::Cachify;
use crew::{Crew, WORKERS, analyse, summarise};
use failure::Failure;
use findings::Pass;
use std::{
    env,
    io::{self, ErrorKind, Write},
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tally::Tally;

const HELP: &str = "\
Usage: cargo run --release --example tour -- [DIRECTORY]

Twelve workers analyse every file of DIRECTORY (`core/src` unless said) twice, and one file a third time.";
const DIRECTORY: &str = "core/src";

#[tokio::main]
async fn main() -> ExitCode {
    match tour(&mut io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        // whoever read the output has seen enough, as `head` has
        Err(Failure::Output(why)) if why.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "tour: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn tour(out: &mut impl Write) -> Result<(), Failure> {
    let Some(directory) = asked()? else { return Ok(writeln!(out, "{HELP}")?) };
    let files = walk::files(&directory)?;
    let tally = Tally::default();
    // twice as much room as there are files: what was evicted would be analysed again
    let room = files.len().saturating_mul(2).max(100_000);
    Cachify::builder().prefix("tour").max_entries(room).observer(tally.clone()).init()?;
    let crew = Arc::new(Crew::new(files));
    show::heading(out, &directory, &crew)?;
    let result = travel(out, &crew, &tally).await;
    crew.progress.close();
    result
}

async fn travel(out: &mut impl Write, crew: &Arc<Crew>, tally: &Tally) -> Result<(), Failure> {
    let all = 0..crew.files.len();
    let (first, answers) = pass("first pass".into(), crew, tally, all.clone()).await?;
    crew.progress.close();
    let mut findings = vec![findings::single_flight(&first, &crew.files)];
    show::files(out, &crew.files, &answers)?;

    let (second, _) = pass("second pass".into(), crew, tally, all.clone()).await?;
    findings.push(findings::all_hits(&second));
    findings.push(findings::bounded(crew));
    findings.push(findings::nothing_overwritten(crew.report.totals(), &answers));
    findings.push(findings::written_once(&crew.summaries().await?, summarise(&crew.report).await));

    let largest = all.max_by_key(|at| answers[*at].bytes).unwrap_or(0);
    let file = &crew.files[largest];
    let was_there = analyse::reset(file).await?;
    let name = format!("after a reset of {}", units::fitted(&file.name, 24));
    let (third, _) = pass(name, crew, tally, largest..largest + 1).await?;
    findings.push(findings::forgotten(file, was_there, &third));
    findings.push(findings::untroubled(tally.counts()));

    show::passes(out, &[first, second, third])?;
    show::findings(out, &findings)?;
    show::refusals(out, &tally.refusals())?;
    if findings.iter().all(|finding| finding.kept) { Ok(()) } else { Err(Failure::Broken) }
}

/// What the workers were told, and what the observer saw meanwhile.
async fn pass(
    name: String,
    crew: &Arc<Crew>,
    tally: &Tally,
    files: Range<usize>,
) -> Result<(Pass, Vec<Arc<analysis::Analysis>>), Failure> {
    let requests = (files.len() * WORKERS) as u64;
    let before = tally.counts();
    let (took, answers) = timed(crew.pass(files)).await;
    let counts = tally.counts() - before;
    Ok((Pass { name, took, requests, counts }, answers?))
}

#[expect(clippy::disallowed_methods, reason = "a pass takes less than the millisecond that a `Clock` tells")]
async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let begin = std::time::Instant::now();
    let done = work.await;
    (begin.elapsed(), done)
}

/// The directory that was asked for; `None` where help was.
fn asked() -> Result<Option<PathBuf>, Failure> {
    let mut said = env::args_os().skip(1);
    match (said.next(), said.next()) {
        (None, _) => Ok(Some(Path::new(DIRECTORY).to_owned())),
        (Some(help), None) if help == "--help" || help == "-h" => Ok(None),
        (Some(directory), None) => Ok(Some(directory.into())),
        (Some(_), Some(_)) => Err(Failure::Usage),
    }
}
