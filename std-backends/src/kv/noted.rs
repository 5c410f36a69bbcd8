//! When a blocking store was asked last: each of its questions has the limit for itself.

use super::KvStore;
use crate::backend::many::Note;
use std::time::Duration;

/// A blocking store that tells of each question before it asks it.
pub(super) struct Noted<'a, S> {
    pub(super) kv: &'a S,
    pub(super) note: &'a Note<'a>,
}

impl<S> Noted<'_, S> {
    fn note(&self) -> &S {
        (self.note)();
        self.kv
    }
}

impl<S: KvStore> KvStore for Noted<'_, S> {
    type Error = S::Error;
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, S::Error> {
        self.note().get(key)
    }
    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, S::Error> {
        self.note().compare_exchange(key, old, new, ttl)
    }
    fn remove(&self, key: &str) -> Result<bool, S::Error> {
        self.note().remove(key)
    }
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, S::Error> {
        if self.kv.at_once() > 1 {
            return self.note().get_many(keys);
        }
        keys.iter().map(|key| self.get(key)).collect()
    }
    fn at_once(&self) -> usize {
        self.kv.at_once()
    }
    fn micros(&self) -> Option<u64> {
        self.kv.micros()
    }
}
