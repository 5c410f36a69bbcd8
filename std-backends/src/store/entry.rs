//! Cached values of [`AnyStore`]: as they are in memory, as bytes ([`entry`]) outside the process.

use super::AnyStore;
use cachify_core::{
    Cause,
    codec::{
        Codec,
        entry::{self},
    },
    key::Key,
    observe::{Event, Observer},
};

pub(super) fn encode<V, C: Codec<V>>(value: &V, codec: &C) -> Result<Vec<u8>, Cause> {
    let mut bytes = Vec::new();
    entry::encode(value, codec, &mut bytes).map_err(|_| Cause::Codec)?;
    if entry::round_trips(value, codec, &bytes) { Ok(bytes) } else { Err(CHANGED) }
}

const CHANGED: Cause = Cause::Unsupported(
    "the value does not survive its codec, so it is not stored: a serde attribute such as `skip_serializing_if` is the \
     likely cause, or it nests too deeply; try `codec = cachify::Json`, which in turn has no NaN and no `Some(None)`",
);

impl AnyStore {
    /// Foreign bytes are a miss that is told of; asking again takes exactly them for one.
    pub(super) fn report(&self, key: Key<'_>) {
        self.watcher.event(&Event::Failed { key: Some(key), cause: Cause::Codec });
    }
}
