//! Embassy (feature `embassy`): its clock, and its mutexes as locks.
//!
//! Not here: a time driver, a tick rate, a queue. Those belong to the firmware.

use crate::{
    store::{
        fixed::{Fixed, State},
        lock::Lock,
        ram::RamStore,
    },
    time::{Clock, Instant, Timer, tick_of},
};
use core::{
    cell::RefCell,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use embassy_sync::blocking_mutex::{Mutex, raw::RawMutex};

pub use crate::store::lock::CriticalSection;

/// How far ahead a timer is set at most, in milliseconds: 24 days.
const FAR: u64 = 1 << 31;

/// The clock of `embassy-time`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbassyClock;

impl Clock for EmbassyClock {
    // a driver reads its ticks in a critical section: once, not at every place that asks the time
    #[inline(never)]
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }
    fn cut(&self) -> u64 {
        self.tick()
    }
    #[inline]
    fn tick(&self) -> u64 {
        const { 1_000_u64.div_ceil(embassy_time::TICK_HZ) }
    }
}

impl Timer for EmbassyClock {
    type Wait = ();
    fn poll_until(&self, (): &mut (), at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.now();
        if now >= at {
            return Poll::Ready(());
        }
        if at != Instant::MAX {
            // rounded up, not as embassy does; what lies further ahead than a driver counts is looked at again then
            let tick = tick_of(at.min(now.plus(FAR)), embassy_time::TICK_HZ);
            // a timer is only its end; its first poll asks the driver to wake the task then
            let mut timer = embassy_time::Timer::at(embassy_time::Instant::from_ticks(tick));
            let _ = Pin::new(&mut timer).poll(cx);
        }
        Poll::Pending
    }
}

/// Any raw mutex of `embassy-sync` as the lock of a store, for example `ThreadModeRawMutex`.
#[derive(Debug)]
pub struct Raw<M>(PhantomData<M>);

impl<M: RawMutex> Lock for Raw<M> {
    type Of<T> = Mutex<M, RefCell<T>>;
    fn new<T>(value: T) -> Self::Of<T> {
        Mutex::new(RefCell::new(value))
    }
    fn with<T, R>(cell: &Self::Of<T>, f: impl FnOnce(&mut T) -> R) -> R {
        cell.lock(|cell| f(&mut cell.borrow_mut()))
    }
}

impl<M: RawMutex, C, const N: usize, V, const KEY: usize, const WAITERS: usize>
    RamStore<Fixed<Raw<M>, C, N, V, KEY, WAITERS>>
{
    /// An empty store behind a raw mutex of `embassy-sync`.
    pub const fn new(clock: C) -> Self {
        Self::over(Mutex::new(RefCell::new(State::new())), clock)
    }
}
