//! The board. This module, with `boards/*.x`, is all that a port to other hardware replaces.
//!
//! A board gives `start` (its clock), `exit` (which a product has no use for) and, where it has one, a serial line. A
//! real product takes the time driver and the UART of its HAL, for example embassy-stm32's or embassy-nrf's, and drops
//! `time.rs` too.

#[cfg(feature = "microbit")]
mod microbit;
#[cfg(not(feature = "microbit"))]
mod mps2_an386;
#[cfg(not(feature = "microbit"))]
pub mod uart;

#[cfg(feature = "link")]
mod boots;
#[cfg(feature = "link")]
pub use boots::{boot_count, identity, key};

#[cfg(feature = "microbit")]
pub use microbit::start;
#[cfg(feature = "microbit")]
pub(crate) use microbit::tick_is_pending;
#[cfg(not(feature = "microbit"))]
pub(crate) use mps2_an386::tick_is_pending;
#[cfg(not(feature = "microbit"))]
pub use mps2_an386::{start, urgent};

/// Ends the emulation; zero is success.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}
