//! Exhaustive searches. Faults planted on purpose must be found.

mod cells;
mod fleet;
mod waiting;
