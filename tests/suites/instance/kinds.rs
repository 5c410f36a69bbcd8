//! The three kinds of stores that an instance has, in simulated time.

use cachify::{AsyncKv, AsyncKvStore, Cachify, Cause, ManualClock};
use cachify_tests::Guest;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Bytes in a map, without ends.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Shelf {
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut HashMap<String, Vec<u8>>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsyncKvStore for Shelf {
    type Error = Cause;
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        Ok(self.with(|all| all.get(key).cloned()))
    }
    async fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        _: Option<Duration>,
    ) -> Result<bool, Cause> {
        Ok(self.with(|all| {
            let is_same = all.get(key).map(Vec::as_slice) == old;
            if is_same {
                match new {
                    Some(new) => drop(all.insert(key.into(), new.into())),
                    None => drop(all.remove(key)),
                }
            }
            is_same
        }))
    }
    async fn remove(&self, key: &str) -> Result<bool, Cause> {
        Ok(self.with(|all| all.remove(key).is_some()))
    }
}

/// In memory, in a store that signals, and in one that is polled.
pub(crate) fn kinds(clock: &ManualClock) -> [Cachify; 3] {
    let builder = || Cachify::builder().clock(clock.clone()).prefix("app");
    [
        builder().build().unwrap(),
        builder().store(Guest::new(clock.clone())).build().unwrap(),
        builder().store(AsyncKv(Shelf::default())).build().unwrap(),
    ]
}
