//! A value on its way over the line: encoded, and no longer than a frame.

use super::TOO_LONG;
use cachify_core::{
    codec::{Codec, Sink, entry},
    store::Cause,
};

/// A value, encoded; as long as a frame at most.
pub(super) struct Short<const FRAME: usize> {
    bytes: [u8; FRAME],
    len: usize,
}

impl<const FRAME: usize> Short<FRAME> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; FRAME], len: 0 }
    }

    /// Encodes a value; or why it is not to be sent, and its flight ends without one.
    pub(super) fn fill<V, D: Codec<V>>(&mut self, value: &V, codec: &D, most: usize) -> Result<(), Cause> {
        match entry::encode(value, codec, self) {
            Ok(()) if self.len <= most => Ok(()),
            Ok(()) => Err(Cause::rejected(TOO_LONG)),
            Err(_) => Err(Cause::Codec),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const FRAME: usize> Sink for Short<FRAME> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len())) else {
            return false;
        };
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.len += bytes.len();
        true
    }
}
