//! The rules in RAM: stores, flights, cancellation, schedules, types.

mod cancellation;
mod conformance;
mod flights;
mod interleavings;
mod properties;
mod types;
mod waiting;
