//! Tasks in simulated time, on one thread.

use cachify::{
    ManualClock,
    cachify_core::time::{Clock, Timer},
};
use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Tasks on a clock that moves when none of them can go on.
pub struct Crew<'a> {
    clock: ManualClock,
    tasks: Vec<(Option<Task<'a>>, Arc<Flag>)>,
    /// Those that are polled no more.
    pub asleep: Vec<usize>,
}

impl fmt::Debug for Crew<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl<'a> Crew<'a> {
    /// Nobody yet.
    #[must_use]
    pub fn new(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), tasks: Vec::new(), asleep: Vec::new() }
    }

    /// One more; its number.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'a) -> usize {
        self.tasks.push((Some(Box::pin(task)), Arc::new(Flag(AtomicBool::new(true)))));
        self.tasks.len() - 1
    }

    /// Polls whoever was woken until nobody is.
    pub fn settle(&mut self) {
        let woken = |crew: &Self| {
            let is = |i: &usize| crew.tasks[*i].0.is_some() && crew.tasks[*i].1.0.swap(false, SeqCst);
            (0..crew.tasks.len()).filter(|i| !crew.asleep.contains(i)).find(is)
        };
        while let Some(i) = woken(self) {
            let (task, flag) = &mut self.tasks[i];
            let polled =
                task.as_mut().map(|task| task.as_mut().poll(&mut Context::from_waker(&Waker::from(flag.clone()))));
            if polled.is_some_and(|polled| polled.is_ready()) {
                *task = None;
            }
        }
    }

    /// Runs for so many milliseconds.
    pub fn run(&mut self, for_ms: u64) {
        self.settle();
        for _ in 0..for_ms {
            self.clock.advance(Duration::from_millis(1));
            self.settle();
        }
    }

    /// Drops a task, wherever it is.
    pub fn drop_task(&mut self, i: usize) {
        self.tasks[i].0 = None;
    }
}

/// Ends when so much time has passed.
pub async fn sleep(clock: &ManualClock, time: Duration) {
    clock.sleep_until(clock.now().saturating_add(time)).await;
}

/// So many tasks make the same call at once, and whoever is woken is late; how many calls ended.
pub fn late_herd(clock: &ManualClock, tasks: usize, call: impl AsyncFn()) -> usize {
    let (call, done) = (&call, &Cell::new(0));
    let mut crew = Crew::new(clock);
    for _ in 0..tasks {
        crew.spawn(async move {
            call().await;
            done.set(done.get() + 1);
        });
    }
    for _ in 0..10 {
        crew.settle();
        clock.advance(Duration::from_millis(25));
    }
    crew.run(2_000);
    done.get()
}
