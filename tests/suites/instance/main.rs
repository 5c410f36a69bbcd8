//! What the std crate adds to the rules: bounds, leases of servers, the builder, scopes, shutdown.

mod aging;
mod bounds;
mod chance;
mod circles;
mod closed;
mod copies;
mod destructors;
mod ending;
mod failed;
mod fairness;
mod grouped;
mod idle;
mod inserts;
mod kinds;
mod leases;
mod limits;
mod loads;
mod metrics;
mod numbers;
mod spans;
mod storm;
mod told;
mod unkept;
mod weights;
