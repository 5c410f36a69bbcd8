//! For tests of your own store and of code that uses this crate (feature `testing`): what `cachify_core::testing` has, and
//! the contract of key-value stores.

mod kv;

pub use cachify_core::testing::*;
pub use kv::{key_values, key_values_blocking};
