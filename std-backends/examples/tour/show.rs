//! What a person reads on standard output: the files, the passes, and which promises were kept.

use crate::{
    analysis::Analysis,
    crew::{AT_ONCE, WORKERS},
    findings::Finding,
    passes::Pass,
    share::Share,
    tally::Refusal,
    units::{count, counted, fitted, short, size, time},
    walk::File,
};
use std::{
    cmp::Reverse,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

const ROWS: usize = 15;
const NAME: usize = 40;

pub(crate) fn heading(out: &mut impl Write, root: &Path, files: usize, processes: usize) -> io::Result<()> {
    let files = counted(files as u64, "file");
    let times = if processes == 1 { String::new() } else { format!("{processes} processes with ") };
    writeln!(out, "{}: {files}, {times}{WORKERS} workers, at most {AT_ONCE} files read at once\n", root.display())
}

/// The largest files.
pub(crate) fn files(out: &mut impl Write, files: &[File], answers: &[Arc<Analysis>]) -> io::Result<()> {
    let mut rows: Vec<_> = files.iter().zip(answers).collect();
    rows.sort_by_key(|(_, found)| Reverse(found.bytes));
    let hidden = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let shown = rows.iter().map(|(file, _)| fitted(&file.name, NAME));
    let width = shown.map(|name| name.chars().count()).max().unwrap_or(0).max("file".len());
    let (file, bytes, lines, words) = ("file", "size", "lines", "words");
    writeln!(out, "{file:<width$}  {bytes:>9}  {lines:>9}  {words:>10}  longest line  SHA-256 begins with")?;
    for (file, found) in rows {
        let name = fitted(&file.name, NAME);
        let (bytes, lines, words) = (size(found.bytes), count(found.lines), count(found.words));
        let (longest, sha) = (count(found.longest), short(&found.sha256));
        writeln!(out, "{name:<width$}  {bytes:>9}  {lines:>9}  {words:>10}  {longest:>12}  {sha}")?;
    }
    if hidden > 0 {
        writeln!(out, "… and {} no larger", counted(hidden as u64, "file"))?;
    }
    writeln!(out)
}

pub(crate) fn passes(out: &mut impl Write, passes: &[Pass]) -> io::Result<()> {
    let width = passes.iter().map(|pass| pass.name.chars().count()).max().unwrap_or(0);
    let [time_, requests, hits, misses, waited] = ["time", "requests", "hits", "misses", "waited"];
    writeln!(out, "{:<width$}  {time_:>9}  {requests:>9}  {hits:>9}  {misses:>9}  {waited:>9}", "")?;
    for pass in passes {
        let (name, took) = (&pass.name, time(pass.took));
        let [requests, hits, misses] = [pass.requests, pass.counts.hits, pass.counts.misses].map(count);
        let waited = count(pass.waited());
        writeln!(out, "{name:<width$}  {took:>9}  {requests:>9}  {hits:>9}  {misses:>9}  {waited:>9}")?;
    }
    writeln!(out, "(waited: asked while another worker was at that very file, and got that worker's answer)\n")
}

/// One line per process, and their sum.
pub(crate) fn shares(out: &mut impl Write, shares: &[Share], all: &Share) -> io::Result<()> {
    let [analysed, requests, hits, waited, summaries] = ["analysed", "requests", "hits", "waited", "summaries"];
    writeln!(out, "{:<10}  {analysed:>9}  {requests:>9}  {hits:>9}  {waited:>9}  {summaries:>9}", "")?;
    let named = shares.iter().enumerate().map(|(at, share)| (format!("process {}", at + 1), share));
    for (name, share) in named.chain([("in all".into(), all)]) {
        let numbers = [share.analyses, share.requests, share.hits, share.waited, share.written];
        let [analysed, requests, hits, waited, summaries] = numbers.map(count);
        writeln!(out, "{name:<10}  {analysed:>9}  {requests:>9}  {hits:>9}  {waited:>9}  {summaries:>9}")?;
    }
    writeln!(out)
}

pub(crate) fn findings(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for Finding { kept, text } in findings {
        writeln!(out, "{} {text}", if *kept { "✓" } else { "✗" })?;
    }
    writeln!(out)
}

pub(crate) fn refusals(out: &mut impl Write, refusals: &[Refusal]) -> io::Result<()> {
    if refusals.is_empty() {
        writeln!(out, "Nothing was refused.")?;
    }
    for Refusal { asked, times, why } in refusals {
        writeln!(out, "Refused: {asked}, {}: {why}", counted(*times, "time"))?;
    }
    Ok(())
}
