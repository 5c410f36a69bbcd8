//! Cached values of [`AnyStore`]: as they are in memory, as bytes ([`entry`]) outside the process.

use super::AnyStore;
use cachify_core::{
    Cause,
    codec::{Codec, Sink, entry},
    key::Key,
    observe::Event,
};

/// The entry of a value, which may have so many bytes.
pub(super) fn encode<V, C: Codec<V>>(value: &V, codec: &C, most: usize) -> Result<Vec<u8>, Cause> {
    let mut room = Room { bytes: Vec::new(), most, is_over: false };
    let encoded = entry::encode(value, codec, &mut room);
    match encoded {
        _ if room.is_over => Err(TOO_LARGE),
        Err(_) => Err(Cause::Codec),
        Ok(()) if entry::round_trips(value, codec, &room.bytes) => Ok(room.bytes),
        Ok(()) => Err(CHANGED),
    }
}

/// Bytes up to a bound: what is larger is not encoded to its end.
struct Room {
    bytes: Vec<u8>,
    most: usize,
    is_over: bool,
}

impl Sink for Room {
    fn put(&mut self, bytes: &[u8]) -> bool {
        self.is_over |= bytes.len() > self.most - self.bytes.len();
        if !self.is_over {
            self.bytes.extend_from_slice(bytes);
        }
        !self.is_over
    }
}

const TOO_LARGE: Cause =
    Cause::Unsupported("the value has more bytes than the builder's `max_value_bytes` allows, so it is not stored");

const CHANGED: Cause = Cause::Unsupported(
    "the value does not survive its codec, so it is not stored: a serde attribute such as `skip_serializing_if` is the \
     likely cause, or it nests too deeply; try `codec = cachify::Json`, which in turn has no NaN and no `Some(None)`",
);

impl AnyStore {
    /// Foreign bytes are a miss that is told of; asking again takes exactly them for one.
    pub(super) fn report(&self, key: Key<'_>) {
        self.watcher.tell(&Event::Failed { key: Some(key), cause: Cause::Codec });
    }
}
