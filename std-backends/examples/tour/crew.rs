//! The workers, what they share, and the four attributes at work.
//!
//! Workers come in pairs that begin at the same file, so every file is asked for at least twice at the same moment;
//! there are more pairs than permits, so the pool has to hold some back.

use crate::{
    analysis::{Analysis, scan},
    failure::Failure,
    outage::Outage,
    progress::Progress,
    report::{Report, Totals},
    walk::File,
};
use cachify::{Refused, cached, lock, once, pooled};
use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::task::{JoinSet, spawn_blocking, yield_now};

pub(crate) const WORKERS: usize = 12;
pub(crate) const AT_ONCE: u32 = 4;

/// What all workers share.
pub(crate) struct Crew {
    pub(crate) files: Vec<File>,
    pub(crate) report: Report,
    pub(crate) gauge: Gauge,
    pub(crate) progress: Progress,
    pub(crate) outage: Outage,
}

/// What a worker was told, in the order of the files.
pub(crate) type Answers = Arc<[Arc<Analysis>]>;

/// How many are inside the pool, and the most there ever were.
#[derive(Default)]
pub(crate) struct Gauge {
    inside: AtomicUsize,
    peak: AtomicUsize,
}

/// Analyses a file: every request asks for this, and only a miss runs it.
#[cached(key = "file:{file.name}")]
pub(crate) async fn analyse(file: &File, crew: &Crew) -> Result<Arc<Analysis>, Failure> {
    file.runs.fetch_add(1, Relaxed);
    let analysis = match crew.outage.survived(measure(file.path.clone(), &crew.gauge).await)? {
        Some(analysis) => analysis,
        // a permit spares the disk, and nothing breaks without one
        None => read(file.path.clone()).await?,
    };
    // the report breaks without its lock: what this cannot get is not added
    crew.outage.survived(record(&crew.report, &analysis).await)?;
    crew.outage.analysed();
    crew.progress.step();
    Ok(Arc::new(analysis))
}

/// Reads a file, where only so many are read at once.
#[pooled(key = "reading", size = AT_ONCE, wait = forever, ttl = 5)]
async fn measure(path: PathBuf, gauge: &Gauge) -> Result<Analysis, Failure> {
    let _inside = gauge.enter();
    read(path).await
}

async fn read(path: PathBuf) -> Result<Analysis, Failure> {
    let work = move || scan(&path).map_err(|why| Failure::Unreadable(path, why));
    spawn_blocking(work).await.map_err(|_| Failure::Worker)?
}

/// Adds an analysis to the report, one at a time.
#[lock(key = "report", wait = forever, ttl = 5)]
async fn record(report: &Report, analysis: &Analysis) -> Result<(), Failure> {
    let before = report.totals()?;
    // others run here: without the lock, what they add would be overwritten
    yield_now().await;
    report.replace(before.with(analysis))
}

/// Sums up what was analysed; whoever comes second is told that it is done.
#[once(key = "summary", keep = 600)]
pub(crate) async fn summarise(answers: &[Arc<Analysis>]) -> Result<Totals, Refused> {
    yield_now().await;
    Ok(Totals::of(answers))
}

impl Crew {
    pub(crate) fn new(files: Vec<File>, report: Report, progress: Progress) -> Self {
        Self { files, report, progress, gauge: Gauge::default(), outage: Outage::default() }
    }

    /// Every worker asks for each of the files once; what they were told.
    pub(crate) async fn pass(self: &Arc<Self>, files: Range<usize>) -> Result<Answers, Failure> {
        let all = together(|worker| self.clone().walk(worker, files.clone())).await?;
        self.outage.end()?;
        // the first worker begins with the first file
        all.into_iter().next().map(Arc::from).ok_or(Failure::Worker)
    }

    /// Every worker tries to write the summary; what came of it, by worker.
    pub(crate) async fn summaries(&self, answers: &Answers) -> Result<Vec<Result<Totals, Refused>>, Failure> {
        let all = together(|_| {
            let answers = answers.clone();
            async move { Ok(summarise(&answers).await) }
        });
        let all = all.await?;
        for why in all.iter().filter_map(|came| came.err()) {
            self.outage.explains(why);
        }
        self.outage.end()?;
        Ok(all)
    }

    /// Asks for one file after the other, but begins no more once the store is gone.
    async fn walk(self: Arc<Self>, worker: usize, files: Range<usize>) -> Result<Vec<Arc<Analysis>>, Failure> {
        let begin = worker / 2 * files.len() / (WORKERS / 2);
        let order = files.clone().skip(begin).chain(files.take(begin));
        let mut answers = Vec::new();
        for at in order.take_while(|_| !self.outage.is_on()) {
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

impl Gauge {
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Relaxed) as u64
    }

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
