//! The tour on Redis: several processes, and one cache, one pool, one lock and one summary for all of them.
//!
//! The first process starts the others, takes part itself, and adds up what all of them counted. The attributes are
//! those of the tour in memory: only the builder differs.

use crate::{
    crew::{Answers, Crew},
    failure::Failure,
    findings,
    options::{Fleet, Member},
    others::Others,
    passes::{pass, timed},
    progress::Progress,
    report::{Report, ReportFile},
    share::Share,
    show,
    tally::Tally,
    walk,
};
use cachify::{Builder, Cachify, secs};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::Write,
    path::Path,
    sync::Arc,
    time::Duration,
};

/// What one operation may take, also where three processes share a busy machine with their server.
const OPERATION: Duration = secs(2);
/// How much longer than the first process the others may take; longer than any wait after the server's last word.
const LATER: Duration = secs(30);

pub(crate) async fn tour(out: &mut impl Write, directory: &Path, fleet: Fleet) -> Result<(), Failure> {
    let Fleet { url, processes, member } = fleet;
    let tally = Tally::default();
    let prefix = member.as_ref().map_or_else(fresh, |member| member.prefix.clone());
    let cachify = connected(&url, &prefix, tally.clone()).await?;
    let files = walk::files(directory)?;
    let crew = Arc::new(Crew::new(files, Report::shared(&prefix), Progress::none()));
    let result = match member {
        Some(Member { number, .. }) => follow(out, &crew, &tally).await.map_err(|why| why.of(number)),
        None => {
            show::heading(out, directory, crew.files.len(), processes)?;
            let _report = ReportFile::create(&prefix)?;
            lead(out, &crew, &tally, Others::start(processes, &prefix)?).await
        }
    };
    if !crew.outage.is_on() {
        // what was dropped on the way is given back, so that nobody waits for it
        cachify.shutdown(OPERATION).await;
    }
    result
}

/// Takes part, and tells the first process what was counted.
async fn follow(out: &mut impl Write, crew: &Arc<Crew>, tally: &Tally) -> Result<(), Failure> {
    let (share, _) = take_part(crew, tally).await?;
    Ok(writeln!(out, "{share}")?)
}

/// Takes part, and adds up what all processes counted.
async fn lead(out: &mut impl Write, crew: &Arc<Crew>, tally: &Tally, others: Others) -> Result<(), Failure> {
    let (took, came) = timed(take_part(crew, tally)).await;
    let (own, answers) = match came {
        Ok(came) => came,
        Err(gone @ Failure::Gone { .. }) => {
            others.end(LATER).await;
            return Err(gone);
        }
        Err(why) => return Err(why),
    };
    let mut shares = vec![own];
    shares.extend(others.shares(took + LATER).await?);
    let all = shares.iter().fold(Share::default(), |sum, share| sum + *share);
    show::files(out, &crew.files, &answers)?;
    show::shares(out, &shares, &all)?;
    let findings = findings::of_all(&all, shares.len(), crew.report.totals()?, &answers);
    show::findings(out, &findings)?;
    findings::verdict(&findings)
}

/// Two passes, and an attempt of every worker at the summary.
async fn take_part(crew: &Arc<Crew>, tally: &Tally) -> Result<(Share, Answers), Failure> {
    let all = 0..crew.files.len();
    let (first, answers) = pass("first pass".into(), crew, tally, all.clone()).await?;
    let summaries = crew.summaries(&answers).await?;
    let (second, _) = pass("second pass".into(), crew, tally, all).await?;
    Ok((Share::of(crew, tally, &first, &second, &summaries), answers))
}

/// The global instance, whose server has answered.
async fn connected(url: &str, prefix: &str, tally: Tally) -> Result<Cachify, Failure> {
    let builder = Cachify::builder()
        .prefix(prefix)
        // values end by themselves, and so does, sooner, a permit of a process that was killed
        .default_ttl(secs(3_600))
        .default_permit(secs(30))
        // who waits in vain for a server's word notices soon
        .op_timeout(OPERATION)
        .observer(tally);
    let cachify = on_redis(builder, url).ok_or(Failure::WithoutRedis)?.init().map_err(Failure::Redis)?;
    cachify.ping().await.map_err(Failure::Redis)?;
    Ok(cachify)
}

#[cfg(feature = "redis")]
#[expect(clippy::unnecessary_wraps, reason = "as the one without Redis")]
fn on_redis(builder: Builder, url: &str) -> Option<Builder> {
    Some(builder.redis(url))
}

#[cfg(not(feature = "redis"))]
fn on_redis(_: Builder, _: &str) -> Option<Builder> {
    None
}

/// A prefix that no other run has, so that none is served by what another one left.
fn fresh() -> String {
    format!("tour-{:016x}", RandomState::new().build_hasher().finish())
}
