//! Cached values as bytes outside the process; the same for servers and for devices behind a gateway.
//!
//! An entry begins with the format's version, the codec, and a hash of the type's name or of its tag, so that bytes of
//! another type are a miss. postcard cannot see a field that changed within a type.

use super::{Codec, Sink, Uncodable};
const FORMAT: u8 = 1;

/// Format, codec, and 32-bit FNV-1a of the tag, which is the type's name unless one was given.
fn header<V, C: Codec<V>>(codec: &C) -> [u8; 6] {
    let hash = codec.type_tag().bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    [FORMAT, C::ID, a, b, c, d]
}

/// Writes the entry of a value.
///
/// # Errors
/// [`Uncodable`] for a value that has no bytes, or more than there is room for.
pub fn encode<V, C: Codec<V>>(value: &V, codec: &C, into: &mut impl Sink) -> Result<(), Uncodable> {
    if !into.put(&header::<V, C>(codec)) {
        return Err(Uncodable);
    }
    codec.encode(value, into)
}

/// The value of an entry, unless it is of another type, or of an older layout.
pub fn decode<V, C: Codec<V>>(bytes: &[u8], codec: &C) -> Option<V> {
    codec.decode(bytes.strip_prefix(&header::<V, C>(codec))?).ok()
}

/// Whether the entry, which the value was encoded to, brings it back.
pub fn round_trips<V, C: Codec<V>>(value: &V, codec: &C, entry: &[u8]) -> bool {
    entry.strip_prefix(&header::<V, C>(codec)).is_some_and(|bytes| codec.round_trips(value, bytes))
}
