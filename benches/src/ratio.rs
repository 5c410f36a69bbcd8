//! How many requests of a trace each cache answers by what it kept: ours, moka, `quick_cache`, and what Belady's rule, which
//! knows the future, could have answered (Belady 1966).

#![allow(clippy::cast_precision_loss, reason = "ratios, of numbers far below 2^52")]

mod caches;
mod picture;
mod traces;

pub use caches::{Answered, answered};
pub use picture::picture;
pub use traces::{Trace, grid, read, yardstick};
