//! For tests, here and in your own crate (feature `testing`): time by hand, stores that fail on demand, and the
//! conformance suite every store must pass. `no_std` and without a heap, so it also runs on the target.

mod clock;
pub mod conformance;
mod faulty;
mod words;

pub use clock::{ManualClock, block_on};
pub use conformance::{Broken, Coarse, Pace, Time};
pub use faulty::{Fault, Faulty, Script};
pub use words::{BlockingWords, Words};
