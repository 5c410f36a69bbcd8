//! `Kv` over stores of one's own: conformance, histories against the cell, races, faults, dropped futures.

mod background;
mod conformance;
mod crowds;
mod drops;
mod faults;
mod histories;
mod hung;
mod labels;
mod layers;
mod layout;
mod limits;
mod lines;
mod races;
mod shelf;
mod spelling;
#[path = "../../../std-backends/more-examples/own_store/store.rs"]
mod sqlite;
mod turns;
