//! Room for so many devices: when all of it is taken, who has been silent for long makes room for who comes.
//!
//! A device at rest says nothing, and is welcome to stay while there is room; when it has given way, it comes again.

use cachify::{
    cachify_core::time::{Clock, Instant},
    clock::StdClock,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Seats {
    most: usize,
    silence: Duration,
    clock: StdClock,
    came: AtomicUsize,
    taken: Mutex<Vec<Arc<Seat>>>,
}

/// The place of one device.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) number: usize,
    /// When it was heard last, or came, in milliseconds.
    heard: AtomicU64,
    given_away: Notify,
}

impl Seat {
    /// A request came, and was understood.
    pub(crate) fn heard(&self, now: Instant) {
        self.heard.store(now.as_millis(), Relaxed);
    }

    /// Ends when somebody else has the place.
    pub(crate) async fn given_away(&self) {
        self.given_away.notified().await;
    }

    fn since(&self) -> Instant {
        Instant::from_millis(self.heard.load(Relaxed))
    }
}

impl Seats {
    pub(crate) fn new(most: usize, silence: Duration) -> Self {
        let (came, taken) = Default::default();
        Self { most, silence, clock: StdClock::system(), came, taken }
    }

    /// After how long a device counts as silent.
    pub(crate) const fn silence(&self) -> Duration {
        self.silence
    }

    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// How many devices have come.
    pub(crate) fn count(&self) -> usize {
        self.came.load(Relaxed)
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, perhaps that of one who has been silent for long; `None` if all have been heard of late.
    pub(crate) fn take(&self) -> Option<Arc<Seat>> {
        let mut taken = self.taken();
        if taken.len() >= self.most {
            let (at, silent) = taken.iter().enumerate().min_by_key(|(_, seat)| seat.since())?;
            if self.clock.now().since(silent.since()) < self.silence {
                return None;
            }
            taken.swap_remove(at).given_away.notify_one();
        }
        Some(self.seat(&mut taken))
    }

    /// A place of its own, beside those that there are.
    pub(crate) fn add(&self) -> Arc<Seat> {
        self.seat(&mut self.taken())
    }

    fn seat(&self, taken: &mut Vec<Arc<Seat>>) -> Arc<Seat> {
        let number = self.came.fetch_add(1, Relaxed) + 1;
        let heard = AtomicU64::new(self.clock.now().as_millis());
        let seat = Arc::new(Seat { number, heard, given_away: Notify::new() });
        taken.push(seat.clone());
        seat
    }

    pub(crate) fn leave(&self, seat: &Arc<Seat>) {
        self.taken().retain(|taken| !Arc::ptr_eq(taken, seat));
    }
}
