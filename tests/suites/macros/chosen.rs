//! What is kept of a result, where it is chosen.

use crate::{LOCAL, setup};
use cachify::cached;
use std::{
    sync::atomic::{AtomicU32, Ordering::SeqCst},
    time::Duration,
};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cached(key = "coded:{n}", ttl = Duration::from_secs(9), encode = |n: &u64| n * 2, decode = |n: u64| n * 3)]
fn coded(n: u64) -> u64 {
    n
}

#[cached(key = "err:{n}", cache_err = true)]
fn keeps_errors(n: u8) -> Result<u8, String> {
    RUNS.fetch_add(1, SeqCst);
    Err(format!("{n}"))
}

#[cached(key = "none:{n}", cache_none = true)]
async fn keeps_none(n: u8) -> Option<u8> {
    RUNS.fetch_add(u32::from(n), SeqCst);
    None
}

/// Only `Clone`: never leaves the process.
#[derive(Clone, Debug, PartialEq)]
struct NoSerde(u64);

#[cached(instance = LOCAL, key = "near:{id}", ttl = 5)]
fn near(id: u64) -> NoSerde {
    NoSerde(id)
}

#[test]
fn what_is_kept_can_be_chosen() {
    setup();
    assert_eq!(coded(10), 10);
    assert_eq!(coded(10), 60);
    assert!(keeps_errors(1).is_err());
    let runs = RUNS.load(SeqCst);
    assert!(keeps_errors(1).is_err());
    assert_eq!(RUNS.load(SeqCst), runs);
    assert_eq!(near(3), NoSerde(3));
    assert!(near::reset(3).unwrap());
}

#[tokio::test]
async fn an_absent_value_can_be_kept() {
    setup();
    assert_eq!(keeps_none(100).await, None);
    let runs = RUNS.load(SeqCst);
    assert_eq!(keeps_none(100).await, None);
    assert!(RUNS.load(SeqCst) < runs + 100);
}
