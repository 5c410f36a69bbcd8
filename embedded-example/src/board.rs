//! QEMU's mps2-an386: SysTick as embassy's time driver, and the way out.
//!
//! A real board has a HAL with a time driver of its own; then this file is a feature flag of that HAL.

use core::{
    cell::{Cell, RefCell},
    panic::PanicInfo,
    task::Waker,
};
use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

/// The core clock of mps2-an386.
const SYSCLK: u32 = 25_000_000;
const PERIOD: u32 = SYSCLK / TICK_HZ as u32;

struct SysTickDriver {
    ticks: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
    next: Mutex<Cell<u64>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: SysTickDriver = SysTickDriver {
    ticks: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
    next: Mutex::new(Cell::new(u64::MAX)),
});

impl SysTickDriver {
    /// A wrap that the interrupt has not counted yet counts here, so that time never goes back.
    fn ticks(&self, cs: CriticalSection<'_>) -> u64 {
        self.ticks.borrow(cs).get() + u64::from(SCB::is_pendst_pending())
    }
}

impl Driver for SysTickDriver {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.ticks(cs))
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                self.next.borrow(cs).set(queue.next_expiration(self.ticks(cs)));
            }
        });
    }
}

#[cortex_m_rt::exception]
fn SysTick() {
    critical_section::with(|cs| {
        let now = DRIVER.ticks.borrow(cs).get() + 1;
        DRIVER.ticks.borrow(cs).set(now);
        if now >= DRIVER.next.borrow(cs).get() {
            let next = DRIVER.queue.borrow_ref_mut(cs).next_expiration(now);
            DRIVER.next.borrow(cs).set(next);
        }
    });
}

/// Starts the clock. Call it once, before the executor.
pub fn start() {
    let Some(peripherals) = cortex_m::Peripherals::take() else { return };
    let mut syst: SYST = peripherals.SYST;
    syst.set_clock_source(SystClkSource::Core);
    syst.set_reload(PERIOD - 1);
    syst.clear_current();
    syst.enable_interrupt();
    syst.enable_counter();
}

/// Ends the emulation; zero is success.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}
