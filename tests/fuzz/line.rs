//! What the targets share: a line that brings given bytes and then ends.

use cachify_core::link::frame::encode;
use core::convert::Infallible;
use embedded_io_async::{ErrorType, Read, Write};

/// Brings what it was given, a few bytes at a time, and swallows what is written.
#[derive(Debug)]
pub struct Line<'b>(pub &'b [u8]);

impl ErrorType for Line<'_> {
    type Error = Infallible;
}

impl Read for Line<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let len = self.0.len().min(into.len());
        let (now, later) = self.0.split_at(len);
        into[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        Ok(from.len())
    }
    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The first byte says how the rest is cut into messages, each in a whole frame: so the parsers behind the checksum are
/// reached.
#[must_use]
pub fn framed(data: &[u8]) -> Vec<u8> {
    let Some((size, data)) = data.split_first() else { return Vec::new() };
    let mut line = Vec::new();
    for message in data.chunks(usize::from(*size).max(1)) {
        let mut buf = [0; 300];
        let len = encode(&mut buf, |to| to.put(message)).expect("a message has at most 255 bytes");
        line.extend_from_slice(&buf[..len]);
    }
    line
}
