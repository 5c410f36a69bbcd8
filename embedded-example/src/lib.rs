//! What the firmware of this folder shares: the board, time, and counters for what the scenes check.
#![no_std]

pub mod board;
pub mod executors;
pub mod tally;
mod time;
