//! A cached value in its key, and when it ends.

use super::record::{VALUE, VERSION};
use std::time::Duration;

/// A cached value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// When it ends, in microseconds of the store's clock; zero where there is none, `u64::MAX` for one without an end.
    pub(super) until: u64,
    pub(super) bytes: &'a [u8],
}

impl Value<'_> {
    /// How bytes lie in their key, and for how long; `fresh` is in milliseconds, `u64::MAX` for ever.
    pub(super) fn kept(bytes: &[u8], fresh: u64, micros: Option<u64>) -> (Vec<u8>, Option<Duration>) {
        if fresh == u64::MAX {
            return (Value { until: u64::MAX, bytes }.spelled(), None);
        }
        let until = micros.map_or(0, |now| now.saturating_add(fresh.saturating_mul(1_000)));
        // what is to last no time at all is gone as soon as can be
        (Value { until, bytes }.spelled(), Some(Duration::from_millis(fresh.max(1))))
    }

    /// For how many microseconds it is fresh, `u64::MAX` for ever; `None` where that cannot be told.
    pub(super) fn left(&self, micros: Option<u64>) -> Option<u64> {
        match (self.until, micros) {
            (u64::MAX, _) => Some(u64::MAX),
            (0, _) | (_, None) => None,
            (until, Some(now)) => Some(until.saturating_sub(now)),
        }
    }

    pub(super) fn is_fresh(&self, micros: Option<u64>) -> bool {
        self.left(micros).is_some_and(|left| left > 0)
    }

    /// As it lies in its key.
    pub(super) fn spelled(&self) -> Vec<u8> {
        [&[VERSION, VALUE], &self.until.to_le_bytes()[..], self.bytes].concat()
    }
}
