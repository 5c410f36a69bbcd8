//! A device behind a gateway: the store of the one is asked by the other over a line on which anything may go wrong.
//!
//! No test sleeps: the clock is moved by hand, and everything runs on one thread.

mod attributes;
mod bodies;
mod cases;
mod conformance;
mod drops;
mod endings;
mod faults;
mod fixed;
mod keyed;
mod kinds;
mod layers;
mod limits;
mod lives;
mod pipe;
mod rubbish;
mod slots;
mod slow;
mod values;
mod waiting;
mod world;
