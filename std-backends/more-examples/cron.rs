//! Cron in a fleet: every scheduler wakes up at every tick, and one of them does the job.
//!
//! A run is known by its tick, so that a scheduler whose clock is late skips what was done before it woke up. The job
//! gets the fence of its run: what it writes to can reject a leader that was paused past the end of its lease.
//!
//! `cargo run -p cachify-examples --example cron`: four threads stand for four processes, and nothing here is async.
//! With `-- --redis redis://localhost` they meet on a server, and with those of every other copy that you start.

use cachify::{Cachify, FenceGate, FencingToken, Ran, Refused, secs};
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

const SCHEDULERS: usize = 4;
const TICKS: u64 = 3;
const PERIOD: Duration = Duration::from_millis(500);

/// The table that the job writes to, a row for each tick.
#[derive(Default)]
struct Reports(Mutex<BTreeMap<u64, FenceGate>>);

impl Reports {
    /// `UPDATE reports SET .. WHERE tick = :tick AND fence <= :fence`: whether it found its row.
    fn write(&self, tick: u64, fence: FencingToken) -> bool {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.entry(tick).or_default().admits(fence)
    }
}

/// How many ticks this scheduler led.
fn schedule(name: usize, c: &Cachify, first: u64, reports: &Reports) -> Result<u64, Refused> {
    let mut led = 0;
    for tick in first..first + TICKS {
        thread::sleep(begin(tick).saturating_sub(now()));
        // kept for longer than clocks differ
        let run = c.once(("report", tick)).keep(secs(60));
        match run.run_blocking(|fence| reports.write(tick, fence))? {
            Ran::Ran(true) => {
                println!("tick {tick}: scheduler {name} leads");
                led += 1;
            }
            Ran::Ran(false) => println!("tick {tick}: scheduler {name} led, but another one since"),
            Ran::Skipped(_) => println!("tick {tick}: scheduler {name} skips"),
        }
    }
    Ok(led)
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = redis()?;
    let memory = Cachify::builder().build()?;
    let join = || match &url {
        // a busy server may take a moment
        Some(url) => Cachify::builder().prefix("cron").redis(url).op_timeout(secs(2)).build(),
        None => Ok(memory.clone()),
    };
    let fleet = (0..SCHEDULERS).map(|_| join()).collect::<Result<Vec<_>, _>>()?;
    let (reports, first) = (Reports::default(), tick_of(now()) + 1);

    let ended: Vec<_> = thread::scope(|scope| {
        let start = |(c, name)| {
            let reports = &reports;
            scope.spawn(move || schedule(name, c, first, reports))
        };
        let threads: Vec<_> = fleet.iter().zip(1..).map(start).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut led = 0;
    for scheduler in ended {
        led += scheduler.map_err(|_| "a scheduler panicked")??;
    }
    println!("{TICKS} ticks, {SCHEDULERS} schedulers, {led} jobs");
    for c in fleet {
        c.shutdown_blocking(secs(5));
    }
    Ok(())
}

/// Since 1970: every process counts the same ticks.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn tick_of(time: Duration) -> u64 {
    (time.as_millis() / PERIOD.as_millis()) as u64
}

fn begin(tick: u64) -> Duration {
    Duration::from_millis(tick * PERIOD.as_millis() as u64)
}

/// The URL behind `--redis`, if there is one.
fn redis() -> Result<Option<String>, &'static str> {
    let mut words = env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (None, _) => Ok(None),
        (Some("--redis"), Some(url)) => Ok(Some(url)),
        _ => Err("the one option is `--redis URL`"),
    }
}
