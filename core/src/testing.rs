//! For tests, here and in your own crate (feature `testing`): time by hand, stores that fail on demand, and the
//! conformance suite every store must pass. `no_std` and without a heap, so it also runs on the target.

mod clock;
pub mod conformance;
mod faulty;
mod pace;
mod words;

pub use clock::{ManualClock, block_on};
pub use conformance::Broken;
pub use faulty::{Fault, Faulty, Script};
#[doc(hidden)]
pub use pace::Pace;
pub use pace::{Coarse, Time};
pub use words::{BlockingWords, Words};
