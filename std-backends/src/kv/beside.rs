//! A flight beside a value: what is loaded again or changed stays in its key until then, and longer, if its holder dies.
//!
//! Only where the store has a clock: two things of one key end at two times.

use super::{
    record::{BESIDE, Bytes, Record, VERSION},
    value::Value,
};
use cachify_core::{Label, token::HolderToken};
use std::time::Duration;

/// A flight, and the value that others have until it lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beside<'a> {
    pub(super) flight: Record,
    /// When the flight ends, in microseconds of the store's clock.
    pub(super) ends: u64,
    pub(super) value: Value<'a>,
}

impl<'a> Beside<'a> {
    /// A flight that begins now beside a value; `None` where nobody can tell when that ends, or it has ended.
    pub(super) fn begun(flight: Record, value: Value<'a>, micros: Option<u64>) -> Option<Self> {
        let now = micros?;
        let ends = now.saturating_add(flight.millis().saturating_mul(1_000));
        value.is_fresh(micros).then_some(Self { flight, ends, value })
    }

    /// What there is at this time.
    pub(super) fn at(&self, micros: Option<u64>) -> (Option<Value<'a>>, Option<Record>) {
        let left = micros.map_or(0, |now| self.ends.saturating_sub(now));
        let flight = self.flight.with_ttl(Duration::from_micros(left));
        (Some(self.value).filter(|value| value.is_fresh(micros)), (left > 0).then_some(flight))
    }

    /// The flight, if it is this token's.
    pub(super) fn own(&self, token: HolderToken, micros: Option<u64>) -> Option<Record> {
        self.at(micros).1.filter(|flight| flight.token == token)
    }

    /// As it lies in its key, and for how long: until both have ended.
    pub(super) fn kept(&self, micros: Option<u64>) -> (Bytes, Option<Duration>) {
        let left = self.value.left(micros).unwrap_or_default();
        let flight = micros.map_or(0, |now| self.ends.saturating_sub(now));
        (Some(self.spelled()), lasting(left.max(flight)))
    }

    /// As it lies in its key.
    pub(super) fn spelled(&self) -> Vec<u8> {
        let flight = Record { label: Label::NONE, ..self.flight }.bytes();
        [&[VERSION, BESIDE], &flight[..], &self.ends.to_le_bytes(), &self.value.until.to_le_bytes(), self.value.bytes]
            .concat()
    }
}

/// A time in microseconds, `u64::MAX` without an end; a key lasts whole milliseconds.
pub(super) fn lasting(micros: u64) -> Option<Duration> {
    (micros != u64::MAX).then(|| Duration::from_millis(micros.div_ceil(1_000).max(1)))
}
