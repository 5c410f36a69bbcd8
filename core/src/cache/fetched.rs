//! A value, and where it came from.

/// A value, and where it came from; see [`Cache::fetch_with`](super::Cache::fetch_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fetched<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Fetched<T> {
    pub(super) const fn new(value: T, source: Source) -> Self {
        Self { value, source }
    }
}

/// Where a cached value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// It was there, and fresh.
    Hit,
    /// This caller loaded it.
    Loaded,
    /// Another caller loaded it, and this one waited for that.
    Joined,
    /// It was there, near its end: another caller loads it again, or this one failed to.
    Stale,
}
