//! For how long a result is kept, where that is not the TTL alone: shapes round the shape of its type.

use super::{Shape, inner};
use crate::{cell::MaybeOwned, error::Refused, span::Span, time::millis, ttl::Ttl};

/// What is said of how long one value is kept: a time, a [`Ttl`], or a whole number of seconds; of `None` or a time of no
/// length only those have it who waited for it.
pub trait Life {
    /// In milliseconds; `u64::MAX` for ever.
    fn millis(self) -> u64;
}

impl<S: Span> Life for S {
    fn millis(self) -> u64 {
        millis(self.span())
    }
}

impl Life for Ttl {
    fn millis(self) -> u64 {
        Self::millis(self)
    }
}

impl<L: Life> Life for Option<L> {
    fn millis(self) -> u64 {
        self.map_or(0, Life::millis)
    }
}

/// Kept for as long as `of` says of the value, at most.
#[derive(Clone, Copy, Debug)]
pub struct Lasting<K, F> {
    inner: K,
    of: F,
}

impl<K, F> Lasting<K, F> {
    /// The same, for as long as `of` says.
    pub const fn of<R, L>(inner: K, of: F) -> Self
    where
        K: Shape<R>,
        F: Fn(&K::Value) -> L,
    {
        Self { inner, of }
    }
}

impl<R, K: Shape<R>, F: Fn(&K::Value) -> L, L: Life> Shape<R> for Lasting<K, F> {
    type Value = K::Value;
    inner! { keep back hides fails refused passes }
    #[inline]
    fn lasts(&self, out: &R) -> u64 {
        let said = self.inner.keep(out).map_or(u64::MAX, |value| (self.of)(value.as_ref()).millis());
        said.min(self.inner.lasts(out))
    }
}

/// Kept for as long as `most` makes of what would be, once for each result.
#[derive(Clone, Copy, Debug)]
pub struct AtMost<K, F> {
    inner: K,
    most: F,
}

impl<K, F> AtMost<K, F> {
    /// The same, for as many milliseconds as `most` makes of those that were.
    pub const fn new(inner: K, most: F) -> Self {
        Self { inner, most }
    }
}

impl<R, K: Shape<R>, F: Fn(u64) -> u64> Shape<R> for AtMost<K, F> {
    type Value = K::Value;
    inner! { keep back hides fails refused passes }
    #[inline]
    fn lasts(&self, out: &R) -> u64 {
        (self.most)(self.inner.lasts(out))
    }
}
