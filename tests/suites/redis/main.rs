//! Redis and Valkey for real: each test starts its own server, and both faces are held to the same words.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

mod ailing;
mod cached;
mod causes;
mod clocks;
mod cluster;
mod commands;
mod conformance;
mod connecting;
mod deep;
mod endings;
mod fairness;
mod far;
mod faults;
mod fetched;
mod forks;
mod full;
mod grouped;
mod histories;
mod labels;
mod lent;
mod limits;
mod lines;
mod looked_at;
mod mixed;
mod processes;
mod runtimes;
mod seen;
mod sentinel;
mod survival;
mod unscripted;
mod unscripted_faults;
mod waiting;
mod ways;
mod world;
