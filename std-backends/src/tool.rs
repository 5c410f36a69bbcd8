//! What the tool `cachify` needs beside the interface, of which this is no part.

pub use crate::redis::{
    layout::{LENGTH, Lease, MARKER, NOBODY, Place, is_pool, whole},
    masters::{Master, Servers, why},
};
