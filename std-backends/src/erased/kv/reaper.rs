//! The thread that gives back what was dropped through any [`Kv`](crate::Kv) of this process.
//!
//! Not here: what a job does, which is one blocking operation of some store.

use crate::locked;
use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, OnceLock,
        mpsc::{Sender, channel},
    },
    task::{Poll, Waker},
    thread,
};

/// How many jobs may wait; of more, the rights end by themselves.
const ROOM: u64 = 65_536;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// How far the thread has come.
struct Progress {
    noted: u64,
    done: u64,
    /// Who waits for which job to be done.
    waiting: Vec<(u64, Waker)>,
}

static PROGRESS: Mutex<Progress> = Mutex::new(Progress { noted: 0, done: 0, waiting: Vec::new() });

/// Hands a job to the thread; full or without a thread, the right ends by itself.
pub(super) fn reap(job: Job) {
    static REAPER: OnceLock<Sender<Job>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        let run = move || {
            for job in jobs {
                // the panic of a store must not end it
                let _ = catch_unwind(AssertUnwindSafe(job));
                done();
            }
        };
        let _ = thread::Builder::new().name("cachify-reaper".into()).spawn(run);
        sender
    });
    // under the lock, so that a job is not done before it is noted
    let mut progress = locked(&PROGRESS);
    if progress.noted - progress.done < ROOM && reaper.send(job).is_ok() {
        progress.noted += 1;
    }
}

fn done() {
    let woken: Vec<_> = {
        let mut progress = locked(&PROGRESS);
        progress.done += 1;
        let done = progress.done;
        progress.waiting.extract_if(.., |(job, _)| *job <= done).collect()
    };
    for (_, waker) in woken {
        waker.wake();
    }
}

/// Ends when all jobs noted so far are done.
pub(super) async fn idle() {
    let last = locked(&PROGRESS).noted;
    poll_fn(|cx| {
        let mut progress = locked(&PROGRESS);
        if progress.done >= last {
            return Poll::Ready(());
        }
        progress.waiting.retain(|(job, waker)| *job != last || !waker.will_wake(cx.waker()));
        progress.waiting.push((last, cx.waker().clone()));
        Poll::Pending
    })
    .await;
}
