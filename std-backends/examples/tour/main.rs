//! A tour of cachify: twelve workers analyse the files of a directory, twice, and all of them ask for all of them.
//!
//! `cargo run --release --example tour -- [DIRECTORY]` from the root of the workspace. `crew.rs` has the attributes,
//! `tally.rs` the observer, `fleet.rs` the same over Redis by several processes; everything that is printed comes from
//! counters.

mod analysis;
mod crew;
mod failure;
mod findings;
mod fleet;
mod options;
mod others;
mod outage;
mod passes;
mod progress;
mod report;
mod share;
mod show;
mod tally;
mod units;
mod walk;

use cachify::Cachify;
use crew::{Crew, analyse, summarise};
use failure::Failure;
use passes::pass;
use progress::Progress;
use report::Report;
use std::{
    io::{self, ErrorKind, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};
use tally::Tally;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("the system has threads for the workers");
    let ended = runtime.block_on(tour(&mut io::stdout()));
    // nobody waits for a name server or a disk that hangs
    runtime.shutdown_background();
    match ended {
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
    let Some(options) = options::asked()? else { return Ok(writeln!(out, "{}", options::HELP)?) };
    match options.fleet {
        Some(fleet) => fleet::tour(out, &options.directory, fleet).await,
        None => alone(out, &options.directory).await,
    }
}

/// In one process, in memory.
async fn alone(out: &mut impl Write, directory: &Path) -> Result<(), Failure> {
    let files = walk::files(directory)?;
    let tally = Tally::default();
    // twice as much room as there are files: what was evicted would be analysed again
    let room = files.len().saturating_mul(2).max(100_000);
    Cachify::builder().prefix("tour").max_entries(room).observer(tally.clone()).init()?;
    let progress = Progress::new(files.len());
    let crew = Arc::new(Crew::new(files, Report::in_memory(), progress));
    show::heading(out, directory, crew.files.len(), 1)?;
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
    findings.push(findings::all_hits(second.counts.hits, second.requests));
    findings.push(findings::bounded(crew.gauge.peak(), ""));
    findings.push(findings::nothing_overwritten(crew.report.totals()?, &answers));
    findings.push(findings::written_once(&crew.summaries(&answers).await?, summarise(&answers).await));

    let largest = all.max_by_key(|at| answers[*at].bytes).unwrap_or(0);
    let file = &crew.files[largest];
    let was_there = analyse::reset(file).await?;
    let name = format!("after a reset of {}", units::fitted(&file.name, 24));
    let (third, _) = pass(name, crew, tally, largest..largest + 1).await?;
    findings.push(findings::forgotten(file, was_there, &third));
    findings.push(findings::untroubled(tally.counts().troubles));

    show::passes(out, &[first, second, third])?;
    show::findings(out, &findings)?;
    show::refusals(out, &tally.refusals())?;
    findings::verdict(&findings)
}
