//! The workers, what they share, and the four attributes at work.
//!
//! Workers come in pairs that begin at the same file, so every file is asked for at least twice at the same moment;
//! there are more pairs than permits, so the pool has to hold some back.

use crate::{
    analysis::{Analysis, scan},
    failure::Failure,
    progress::Progress,
    walk::File,
};
use cachify::{Refused, cached, lock, once, pooled};
use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::task::{JoinSet, spawn_blocking, yield_now};

pub(crate) const WORKERS: usize = 12;
pub(crate) const AT_ONCE: u16 = 4;

/// What all workers share.
pub(crate) struct Crew {
    pub(crate) files: Vec<File>,
    pub(crate) report: Report,
    pub(crate) gauge: Gauge,
    pub(crate) progress: Progress,
}

/// The sums over all analyses; made so that only the lock keeps it right.
#[derive(Default)]
pub(crate) struct Report(Mutex<Totals>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
}

/// How many are inside the pool, and the most there ever were.
#[derive(Default)]
pub(crate) struct Gauge {
    inside: AtomicUsize,
    pub(crate) peak: AtomicUsize,
}

/// Analyses a file: every request asks for this, and only a miss runs it.
#[cached(key = "file:{file.name}", ttl = forever)]
pub(crate) async fn analyse(file: &File, crew: &Crew) -> Result<Arc<Analysis>, Failure> {
    file.runs.fetch_add(1, Relaxed);
    let analysis = measure(file.path.clone(), &crew.gauge).await?;
    record(&crew.report, &analysis).await?;
    crew.progress.step();
    Ok(Arc::new(analysis))
}

/// Reads a file, where only so many are read at once.
#[pooled(key = "reading", size = AT_ONCE, wait = forever)]
async fn measure(path: PathBuf, gauge: &Gauge) -> Result<Analysis, Failure> {
    let _inside = gauge.enter();
    let work = move || scan(&path).map_err(|why| Failure::Unreadable(path, why));
    spawn_blocking(work).await.map_err(|_| Failure::Worker)?
}

/// Adds an analysis to the report, one at a time.
#[lock(key = "report", wait = forever)]
async fn record(report: &Report, analysis: &Analysis) -> Result<(), Failure> {
    let before = report.totals();
    // others run here: without the lock, what they add would be overwritten
    yield_now().await;
    report.replace(before.with(analysis));
    Ok(())
}

/// Sums up what was analysed; whoever comes second is told that it is done.
#[once(key = "summary", keep = 60)]
pub(crate) async fn summarise(report: &Report) -> Result<Totals, Refused> {
    yield_now().await;
    Ok(report.totals())
}

impl Crew {
    pub(crate) fn new(files: Vec<File>) -> Self {
        let progress = Progress::new(files.len());
        Self { files, report: Report::default(), gauge: Gauge::default(), progress }
    }

    /// Every worker asks for each of the files once; what they were told, in the order of the files.
    pub(crate) async fn pass(self: &Arc<Self>, files: Range<usize>) -> Result<Vec<Arc<Analysis>>, Failure> {
        let all = together(|worker| self.clone().walk(worker, files.clone())).await?;
        // the first worker begins with the first file
        all.into_iter().next().ok_or(Failure::Worker)
    }

    /// Every worker tries to write the summary; what came of it, by worker.
    pub(crate) async fn summaries(self: &Arc<Self>) -> Result<Vec<Result<Totals, Refused>>, Failure> {
        together(|_| {
            let crew = self.clone();
            async move { Ok(summarise(&crew.report).await) }
        })
        .await
    }

    async fn walk(self: Arc<Self>, worker: usize, files: Range<usize>) -> Result<Vec<Arc<Analysis>>, Failure> {
        let begin = worker / 2 * files.len() / (WORKERS / 2);
        let order = files.clone().skip(begin).chain(files.take(begin));
        let mut answers = Vec::new();
        for at in order {
            answers.push(analyse(&self.files[at], &self).await?);
        }
        Ok(answers)
    }
}

/// Does the same with every worker at once; what each brought, unless one failed, which ends the others.
async fn together<T, W>(work: impl Fn(usize) -> W) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    W: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for worker in 0..WORKERS {
        let work = work(worker);
        tasks.spawn(async move { work.await.map(|brought| (worker, brought)) });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.push(ended.map_err(|_| Failure::Worker)??);
    }
    all.sort_by_key(|(worker, _)| *worker);
    Ok(all.into_iter().map(|(_, brought)| brought).collect())
}

impl Report {
    pub(crate) fn totals(&self) -> Totals {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, totals: Totals) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }
}

impl Totals {
    pub(crate) fn with(self, analysis: &Analysis) -> Self {
        Self {
            files: self.files + 1,
            bytes: self.bytes + analysis.bytes,
            lines: self.lines + analysis.lines,
            words: self.words + analysis.words,
        }
    }
}

impl Gauge {
    fn enter(&self) -> Inside<'_> {
        self.peak.fetch_max(self.inside.fetch_add(1, Relaxed) + 1, Relaxed);
        Inside(self)
    }
}

/// Counted as being inside the pool.
struct Inside<'a>(&'a Gauge);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}
