//! A lock cycle: take the free lock of a key, give it back.
//!
//! The peer is what people write by hand. It has no lease end, no fencing token and no renewal; a holder that hangs
//! holds for ever; nobody outside the process sees it; and its map keeps every key it ever saw.

use crate::compare::{block_on, compare};
use cachify::{Refused, lock};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

#[lock(key = "item:{id}", ttl = 30)]
fn ours(id: u64) -> Result<(), Refused> {
    Ok(())
}

#[lock(key = "item:{id}", ttl = 30)]
async fn ours_async(id: u64) -> Result<(), Refused> {
    Ok(())
}

/// Locks by key.
type Keyed<L> = LazyLock<Mutex<HashMap<String, Arc<L>>>>;

static THREADS: Keyed<Mutex<()>> = LazyLock::new(Mutex::default);
static TASKS: Keyed<tokio::sync::Mutex<()>> = LazyLock::new(Mutex::default);

fn of<L: Default>(locks: &Keyed<L>, key: String) -> Arc<L> {
    locks.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
}

fn by_hand(id: u64) {
    let lock = of(&THREADS, format!("item:{id}"));
    drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
}

async fn by_hand_async(id: u64) {
    let lock = of(&TASKS, format!("item:{id}"));
    drop(lock.lock().await);
}

pub(crate) fn run() {
    compare("lock-blocking-std_mutex", |id| ours(id).expect("free"), by_hand);
    compare("lock-async-tokio_mutex", |id| block_on(ours_async(id)).expect("free"), |id| block_on(by_hand_async(id)));
}
