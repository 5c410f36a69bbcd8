//! QEMU's mps2-an386, a Cortex-M4: SysTick as the clock, UART 1 as the line to a gateway.

use super::uart;
use crate::time;
use cortex_m::{
    interrupt::InterruptNumber,
    peripheral::{SCB, syst::SystClkSource},
};
use embassy_executor::{InterruptExecutor, SendSpawner};

/// The core clock.
const SYSCLK: u32 = 25_000_000;

/// Starts the clock. Call it once, before the executor.
pub fn start() {
    let Some(peripherals) = cortex_m::Peripherals::take() else { return };
    let mut syst = peripherals.SYST;
    syst.set_clock_source(SystClkSource::Core);
    syst.set_reload(SYSCLK / time::TICKS_PER_SECOND - 1);
    syst.clear_current();
    syst.enable_interrupt();
    syst.enable_counter();
}

/// Whether a tick has passed that its interrupt has not counted yet.
pub(crate) fn tick_is_pending() -> bool {
    SCB::is_pendst_pending()
}

#[cortex_m_rt::exception]
fn SysTick() {
    time::tick();
}

/// An interrupt that no device raises: the executor of urgent tasks does.
const URGENT: u16 = 31;
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

#[derive(Clone, Copy)]
struct Urgent;

// it is in the table below, and the same each time
unsafe impl InterruptNumber for Urgent {
    fn number(self) -> u16 {
        URGENT
    }
}

/// Starts the executor whose tasks run before those of thread mode. Call it once.
pub fn urgent() -> SendSpawner {
    EXECUTOR.start(Urgent)
}

unsafe extern "C" fn run_urgent() {
    // this is its interrupt, which `urgent` enables
    unsafe { EXECUTOR.on_interrupt() }
}

/// Interrupts 2 and 3 are the receiver's and the sender's of UART 1.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 32] = {
    let mut interrupts: [Option<unsafe extern "C" fn()>; 32] = [None; 32];
    interrupts[uart::RECEIVED] = Some(uart::received);
    interrupts[uart::SENT] = Some(uart::sent);
    interrupts[URGENT as usize] = Some(run_urgent);
    interrupts
};
