//! The microbit, a Cortex-M0 with 16 KiB of RAM: TIMER0 as the clock, for this chip has no SysTick.

use crate::time;
// its critical sections are linked in by being named
use core::ptr::{read_volatile, write_volatile};
use cortex_m as _;

const TIMER0: usize = 0x4000_8000;
const TASKS_START: usize = 0x000;
const EVENTS_COMPARE0: usize = 0x140;
const SHORTS: usize = 0x200;
const INTENSET: usize = 0x304;
const BITMODE: usize = 0x508;
const PRESCALER: usize = 0x510;
const CC0: usize = 0x540;
/// TIMER0's interrupt.
const IRQ: usize = 8;
const NVIC_ISER: usize = 0xE000_E100;

fn write(address: usize, value: u32) {
    // SAFETY: every address used here is a register of this chip, which takes any value
    unsafe { write_volatile(address as *mut u32, value) }
}

/// Starts the clock. Call it once, before the executor.
pub fn start() {
    write(TIMER0 + BITMODE, 3); // 32 bits
    write(TIMER0 + PRESCALER, 4); // 16 MHz / 2^4
    write(TIMER0 + CC0, 1_000_000 / time::TICKS_PER_SECOND);
    write(TIMER0 + SHORTS, 1); // begins anew at each compare
    write(TIMER0 + INTENSET, 1 << 16);
    write(NVIC_ISER, 1 << IRQ);
    write(TIMER0 + TASKS_START, 1);
}

/// Whether a tick has passed that its interrupt has not counted yet.
pub(crate) fn tick_is_pending() -> bool {
    // SAFETY: a register of this chip; reading it changes nothing
    unsafe { read_volatile((TIMER0 + EVENTS_COMPARE0) as *const u32) != 0 }
}

unsafe extern "C" fn compared() {
    // the event is cleared and counted as one step, or time would go back in between
    critical_section::with(|_| {
        write(TIMER0 + EVENTS_COMPARE0, 0);
        time::tick();
    });
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<unsafe extern "C" fn()>; 32] = {
    let mut interrupts: [Option<unsafe extern "C" fn()>; 32] = [None; 32];
    interrupts[IRQ] = Some(compared);
    interrupts
};
