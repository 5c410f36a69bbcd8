//! A pool cycle: take one of a key's five permits, give it back.
//!
//! The peer is what people write by hand. Its permits have no end of their own, no index, no fencing token and no
//! renewal; nobody outside the process sees them; and its map keeps every key it ever saw.

use crate::compare::{block_on, compare};
use cachify::{Refused, pooled};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const SIZE: u32 = 5;

#[pooled(key = "api:{id}", size = SIZE, ttl = 600)]
fn ours(id: u64) -> Result<(), Refused> {
    Ok(())
}

#[pooled(key = "api:{id}", size = SIZE, ttl = 600)]
async fn ours_async(id: u64) -> Result<(), Refused> {
    Ok(())
}

static POOLS: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);

/// Serves threads and tasks alike, for it does not wait.
fn by_hand(id: u64) -> OwnedSemaphorePermit {
    let pool = {
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(format!("api:{id}"));
        pool.or_insert_with(|| Arc::new(Semaphore::new(SIZE as usize))).clone()
    };
    pool.try_acquire_owned().expect("a permit is free")
}

pub(crate) fn run() {
    compare("pool-blocking-semaphore", |id| ours(id).expect("a permit is free"), by_hand);
    compare("pool-async-semaphore", |id| block_on(ours_async(id)).expect("a permit is free"), by_hand);
}
