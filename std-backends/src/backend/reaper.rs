//! The thread that gives back what was dropped through any backend of this process that has none of its own.
//!
//! Not here: what a job does, which is one blocking operation of some store.

use crate::{
    backlog::{Backlog, Noted},
    clock::StdClock,
    process::PerProcess,
    sync::locked,
};
use cachify_core::time::{Clock, Instant};
use std::{
    collections::{BTreeMap, btree_map::OccupiedEntry},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Whether a job is done; one that is not is tried again.
pub(super) type Job = Box<dyn FnMut() -> bool + Send>;

/// How soon a job is tried again, at first and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// The thread of one process, seen from outside; a forked child starts its own.
struct Reaper {
    jobs: Mutex<Sender<Noticed>>,
    backlog: Arc<Backlog>,
}

struct Noticed {
    job: Job,
    pause: Duration,
    _noted: Noted,
}

static REAPER: PerProcess<Reaper> = PerProcess::new();

fn reaper() -> &'static Reaper {
    REAPER.get_or_init(|| {
        let (sender, jobs) = channel();
        let _ = thread::Builder::new().name("cachify-reaper".into()).spawn(move || run(&jobs));
        Reaper { jobs: Mutex::new(sender), backlog: Arc::default() }
    })
}

/// Hands a job to the thread; without one, the right ends by itself.
pub(super) fn reap(job: Job) {
    let reaper = reaper();
    let noted = reaper.backlog.note();
    let _ = locked(&reaper.jobs).send(Noticed { job, pause: PAUSE[0], _noted: noted });
}

/// Ends when all jobs noted so far are done.
pub(super) async fn idle() {
    reaper().backlog.idle().await;
}

fn run(jobs: &Receiver<Noticed>) {
    let clock = StdClock::system();
    let mut again: BTreeMap<(Instant, u64), Noticed> = BTreeMap::new();
    let mut last = 0;
    loop {
        // what is new first: a store that does not answer keeps no other waiting
        let next = jobs.try_recv().or_else(|_| {
            let due = again.first_entry().filter(|first| first.key().0 <= clock.now()).map(OccupiedEntry::remove);
            match (due, again.keys().next()) {
                (Some(due), _) => Ok(due),
                (None, Some((at, _))) => jobs.recv_timeout(at.since(clock.now())),
                (None, None) => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            }
        });
        let mut noticed = match next {
            Ok(noticed) => noticed,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // the panic of a store must not end it, and is not asked for twice
        if !catch_unwind(AssertUnwindSafe(&mut noticed.job)).unwrap_or(true) {
            last += 1;
            let at = clock.now().saturating_add(noticed.pause);
            noticed.pause = (noticed.pause * 2).min(PAUSE[1]);
            again.insert((at, last), noticed);
        }
    }
}
