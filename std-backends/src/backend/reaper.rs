//! The threads that give back what was dropped through backends that have none of their own: one for each backend that
//! is owed anything, so that a store which does not answer keeps no other waiting.
//!
//! Not here: what a job does, which is one blocking operation of the store.

use crate::{
    backlog::{Backlog, Noted},
    clock::StdClock,
    process::PerProcess,
    sync::locked,
};
use cachify_core::time::{Clock, Instant};
use std::{
    collections::{BTreeMap, HashMap, btree_map::OccupiedEntry},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Whether a job is done; one that is not is tried again.
pub(super) type Job = Box<dyn FnMut() -> bool + Send>;

/// Which backend: its address, which no other has as long as anything is owed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(usize);

impl Owner {
    pub(crate) fn of<B: ?Sized>(backend: &Arc<B>) -> Self {
        Self(Arc::as_ptr(backend).cast::<()>().addr())
    }
}

/// How soon a job is tried again, at first and at last.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// For how long a thread that has nothing to do waits for more.
const LINGER: Duration = Duration::from_secs(1);

/// How many jobs a thread has at most that may be forgone: what lies behind them would have ended before its turn came.
const MOST: usize = 65_536;

/// Whether a right that nobody gives back ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forgone {
    /// It does, so past [`MOST`] it is left to that.
    EndsByItself,
    /// Something is lost then.
    Never,
}

struct Noticed {
    job: Job,
    pause: Duration,
    _noted: Noted,
}

/// The thread of one backend, seen from outside.
struct Lane {
    jobs: Sender<Noticed>,
    backlog: Arc<Backlog>,
}

type Lanes = Mutex<HashMap<Owner, Lane>>;

/// Those of one process; a forked child starts its own.
static LANES: PerProcess<Lanes> = PerProcess::new();

/// Hands a job to the backend's thread; without one, the right ends by itself.
pub(super) fn reap(owner: Owner, forgone: Forgone, job: Job) {
    let mut lanes = locked(LANES.get_or_init(Mutex::default));
    let lane = lanes.entry(owner).or_insert_with(|| {
        let (jobs, receiver) = channel();
        let _ = thread::Builder::new().name("cachify-reaper".into()).spawn(move || run(owner, &receiver));
        Lane { jobs, backlog: Arc::default() }
    });
    if forgone == Forgone::EndsByItself && lane.backlog.len() >= MOST {
        drop(lanes);
        return drop(job);
    }
    let noticed = Noticed { job, pause: PAUSE[0], _noted: lane.backlog.note() };
    let unheard = lane.jobs.send(noticed).err();
    if unheard.is_some() {
        lanes.remove(&owner);
    }
    drop(lanes);
    // what it holds of the store is the user's to drop, without the lock
    drop(unheard);
}

/// Ends when all jobs that the backend is owed so far are done.
pub(super) async fn idle(owner: Owner) {
    let backlog = LANES.get().and_then(|lanes| locked(lanes).get(&owner).map(|lane| lane.backlog.clone()));
    if let Some(backlog) = backlog {
        backlog.idle().await;
    }
}

fn run(owner: Owner, jobs: &Receiver<Noticed>) {
    let clock = StdClock::system();
    let mut again: BTreeMap<(Instant, u64), Noticed> = BTreeMap::new();
    let mut last = 0;
    loop {
        // what is new first: a key that does not answer keeps no other waiting
        let next = jobs.try_recv().ok().or_else(|| {
            let due = again.first_entry().filter(|first| first.key().0 <= clock.now()).map(OccupiedEntry::remove);
            due.or_else(|| {
                let wait = again.keys().next().map_or(LINGER, |(at, _)| at.since(clock.now()));
                jobs.recv_timeout(wait).ok()
            })
        });
        let next = if next.is_none() && again.is_empty() { last_call(owner, jobs) } else { next };
        let Some(mut noticed) = next else {
            if again.is_empty() {
                return;
            }
            continue;
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

/// A job that came at the last moment; without one, the next begins another thread.
fn last_call(owner: Owner, jobs: &Receiver<Noticed>) -> Option<Noticed> {
    let mut lanes = locked(LANES.get()?);
    let late = jobs.try_recv().ok();
    if late.is_none() {
        lanes.remove(&owner);
    }
    late
}
