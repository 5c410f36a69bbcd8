//! A key that outlives who asked.

use crate::seeing::Context;
use cachify_core::key::{Key, Kind};
use std::{fmt, sync::Arc};

/// A key that a call can keep.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnedKey {
    pub(super) kind: Kind,
    prefix: Arc<str>,
    bytes: Box<[u8]>,
    hash: u64,
    /// The lease that it is of, where the background tells of that.
    of: Context,
}

impl OwnedKey {
    /// A copy of `key`.
    #[must_use]
    pub fn of(key: Key<'_>) -> Self {
        Self {
            kind: key.kind,
            prefix: key.prefix.into(),
            bytes: key.bytes.into(),
            hash: key.hash,
            of: Context::default(),
        }
    }

    /// The same with its prefix shared.
    pub(crate) fn under(prefix: &Arc<str>, key: &Key<'_>) -> Self {
        Self { kind: key.kind, prefix: prefix.clone(), bytes: key.bytes.into(), hash: key.hash, of: Context::default() }
    }

    /// The same, whose lease is given back in the background.
    pub(crate) fn inside_of(self, of: Context) -> Self {
        Self { of, ..self }
    }

    /// Tells something of its lease.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "others tell nothing"))]
    pub(crate) fn within<T>(&self, tell: impl FnOnce() -> T) -> T {
        self.of.within(tell)
    }

    /// The key; its `Display` is the text a store knows it by.
    #[must_use]
    pub fn key(&self) -> Key<'_> {
        Key { kind: self.kind, prefix: &self.prefix, bytes: &self.bytes, hash: self.hash }
    }
}

impl fmt::Display for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.key(), f)
    }
}

impl fmt::Debug for OwnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.key().to_string(), f)
    }
}
