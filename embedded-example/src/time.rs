//! A time driver for embassy over any interrupt that comes once a millisecond.
//!
//! Invariant: time never goes back; a tick whose interrupt has not run yet counts at once. For that, nothing that asks
//! the time may interrupt the tick itself: give its interrupt the highest priority, as here, where all have the same.

use crate::board;
use core::{
    cell::{Cell, RefCell},
    task::Waker,
};
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

pub(crate) const TICKS_PER_SECOND: u32 = TICK_HZ as u32;

struct Ticks {
    counted: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
    next: Mutex<Cell<u64>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: Ticks = Ticks {
    counted: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
    next: Mutex::new(Cell::new(u64::MAX)),
});

impl Ticks {
    fn now(&self, cs: CriticalSection<'_>) -> u64 {
        self.counted.borrow(cs).get() + u64::from(board::tick_is_pending())
    }
}

impl Driver for Ticks {
    fn now(&self) -> u64 {
        critical_section::with(|cs| Ticks::now(self, cs))
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                self.next.borrow(cs).set(queue.next_expiration(Ticks::now(self, cs)));
            }
        });
    }
}

/// A millisecond has passed.
pub(crate) fn tick() {
    critical_section::with(|cs| {
        let now = DRIVER.counted.borrow(cs).get() + 1;
        DRIVER.counted.borrow(cs).set(now);
        if now >= DRIVER.next.borrow(cs).get() {
            let next = DRIVER.queue.borrow_ref_mut(cs).next_expiration(now);
            DRIVER.next.borrow(cs).set(next);
        }
    });
}
