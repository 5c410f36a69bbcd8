//! Stores of somebody else's behind `Backend`: what is believed of them.

mod answers;
mod faults;
