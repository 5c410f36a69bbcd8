//! `Kv` over stores of one's own: conformance, histories against the cell, races, faults, dropped futures.

mod background;
mod conformance;
mod crowds;
mod drops;
mod faults;
mod histories;
mod layout;
mod races;
mod shelf;
#[path = "../../../std-backends/examples/sqlite/store.rs"]
mod sqlite;
