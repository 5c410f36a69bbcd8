//! Frames on a line that may lose, change or add bytes: COBS, a checksum, and a zero on both sides.
//!
//! Invariant: whatever came before it, a whole frame after a zero is found; what is not whole is never handed on.

use cobs::{CobsEncoder, DecodeResult, DecoderState};
use core::fmt;
use crc::{Crc, Digest, NoTable};

// without a table: 1.4 kB of flash less, for 65 instructions a byte
static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&crc::CRC_32_ISCSI);
/// Bytes of the checksum at the end of a message.
const CHECKSUM: usize = 4;

/// The checksum of frames, also of values that are named instead of sent.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// Takes the bytes of one message.
pub struct Encoder<'b> {
    cobs: CobsEncoder<'b>,
    crc: Digest<'static, u32, NoTable>,
    fits: bool,
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder<'_> {
    /// Appends.
    pub fn put(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.stuff(bytes);
    }

    // a full buffer is remembered, so that writers need not ask after every field
    fn stuff(&mut self, bytes: &[u8]) {
        self.fits &= bytes.is_empty() || self.cobs.push(bytes).is_ok();
    }
}

/// Makes a frame of what `write` puts; its length, or `None` if it does not fit into `buf`.
///
/// It begins with a zero, which ends whatever stood before it on the line and may be left out after a whole frame.
///
/// ```
/// use cachify_link::frame::{Decoder, encode};
/// let mut line = [0; 16];
/// let len = encode(&mut line, |message| message.put(b"a\0b")).expect("fits");
/// assert_eq!((line[0], line[len - 1]), (0, 0));
/// let mut decoder = Decoder::new([0; 16]);
/// let found = line[..len].iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).next();
/// assert_eq!(found.as_deref(), Some(&b"a\0b"[..]));
/// ```
pub fn encode(buf: &mut [u8], write: impl FnOnce(&mut Encoder<'_>)) -> Option<usize> {
    let (lead, rest) = buf.split_first_mut()?;
    *lead = 0;
    let mut encoder = Encoder { cobs: CobsEncoder::new(&mut *rest), crc: CRC.digest(), fits: true };
    write(&mut encoder);
    let sum = encoder.crc.clone().finalize();
    encoder.stuff(&sum.to_le_bytes());
    if !encoder.fits {
        return None;
    }
    let len = encoder.cobs.finalize();
    // the encoder counts a code byte that no longer fitted: then this is out of bounds too
    *rest.get_mut(len)? = 0;
    Some(len + 2)
}

/// Finds whole frames among bytes; what is longer than its buffer is skipped like rubbish.
#[derive(Debug)]
pub struct Decoder<B> {
    buf: B,
    len: usize,
    fits: bool,
    state: DecoderState,
    rubbish: u32,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Decoder<B> {
    /// Decodes into `buf`, which holds the longest message with its checksum.
    pub const fn new(buf: B) -> Self {
        Self { buf, len: 0, fits: true, state: DecoderState::Idle, rubbish: 0 }
    }

    /// Takes one byte; a message when it was the last of a whole frame.
    pub fn feed(&mut self, byte: u8) -> Option<&[u8]> {
        let len = self.fed(byte)?;
        self.buf.as_ref().get(..len)
    }

    /// The same for one who changes the message where it lies; it stays there until the next byte.
    #[cfg(feature = "keys")]
    pub(super) fn feed_mut(&mut self, byte: u8) -> Option<&mut [u8]> {
        let len = self.fed(byte)?;
        self.buf.as_mut().get_mut(..len)
    }

    /// The message that lies there, of so many bytes.
    #[cfg(feature = "keys")]
    pub(super) fn message(&mut self, len: usize) -> Option<&mut [u8]> {
        self.buf.as_mut().get_mut(..len)
    }

    /// What lies there.
    #[cfg(feature = "keys")]
    pub(super) fn buf(&self) -> &[u8] {
        self.buf.as_ref()
    }

    /// How long a message is that was whole with this byte.
    fn fed(&mut self, byte: u8) -> Option<usize> {
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataStart) => {
                (self.len, self.fits) = (0, true);
                None
            }
            Ok(DecodeResult::DataContinue(data)) => {
                match self.buf.as_mut().get_mut(self.len) {
                    Some(place) => {
                        *place = data;
                        self.len += 1;
                    }
                    None => self.fits = false,
                }
                None
            }
            Ok(DecodeResult::DataComplete) => self.checked(),
            // a zero amid a frame: the next byte begins another
            Err(_) => {
                self.count();
                None
            }
        }
    }

    fn checked(&mut self) -> Option<usize> {
        let whole = match self.buf.as_ref().get(..self.len).and_then(<[u8]>::split_last_chunk::<CHECKSUM>) {
            Some((message, sum)) if self.fits && checksum(message).to_le_bytes() == *sum => Some(message.len()),
            _ => None,
        };
        if whole.is_none() {
            self.count();
        }
        whole
    }

    fn count(&mut self) {
        self.rubbish = self.rubbish.saturating_add(1);
    }

    /// The same, counted from the last time.
    pub(super) fn take_rubbish(&mut self) -> u32 {
        core::mem::take(&mut self.rubbish)
    }

    /// How many pieces between zeros were no whole frames.
    #[must_use]
    pub const fn rubbish(&self) -> u32 {
        self.rubbish
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut buf = vec![0xaa; message.len() + 16];
        let len = encode(&mut buf, |to| to.put(message)).unwrap();
        buf.truncate(len);
        buf
    }

    fn found(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new([0; 600]);
        bytes.iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn messages_of_any_length_come_back() {
        for len in (0..10).chain(245..260).chain(500..520) {
            for fill in [0, 1, 0xff] {
                let message = vec![fill; len];
                let frame = framed(&message);
                assert!(!frame[1..frame.len() - 1].contains(&0), "zeros only at both ends");
                assert_eq!(found(&frame), [message], "{len} bytes of {fill}");
            }
        }
    }

    #[test]
    fn a_message_in_pieces_makes_the_same_frame() {
        let message: Vec<u8> = (0..=255).chain(1..=255).collect();
        for at in [0, 1, 253, 254, 255, 256, 400] {
            let mut buf = [0; 600];
            let (head, tail) = message.split_at(at);
            let len = encode(&mut buf, |to| [head, &[], tail].iter().for_each(|part| to.put(part))).unwrap();
            assert_eq!(found(&buf[..len]), [&message[..]], "{at}");
        }
    }

    #[test]
    fn a_frame_fits_exactly_or_not_at_all() {
        let frame = framed(&[0; 20]);
        for room in 0..frame.len() + 3 {
            let mut buf = vec![0; room];
            let len = encode(&mut buf, |to| to.put(&[0; 20]));
            assert_eq!(len, (room >= frame.len()).then_some(frame.len()), "{room}");
        }
    }

    #[test]
    fn a_changed_lost_or_added_byte_spoils_one_frame_only() {
        let (first, second) = (framed(b"first\0message"), framed(b"second"));
        for at in 0..first.len() {
            for change in 0..3 {
                let mut line = first.clone();
                match change {
                    0 => line[at] ^= 0x55,
                    1 => drop(line.remove(at)),
                    _ => line.insert(at, 0x17),
                }
                line.extend(&second);
                let found = found(&line);
                assert_eq!(found.last().unwrap(), b"second", "{at} {change}");
                assert!(found.iter().rev().skip(1).all(|message| message == b"first\0message"), "{at} {change}");
            }
        }
    }

    #[test]
    fn an_overlong_frame_is_skipped_and_counted() {
        let mut decoder = Decoder::new([0; 12]);
        let line = [framed(&[7; 9]), framed(&[7; 8])].concat();
        let found: Vec<_> = line.iter().filter_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).collect();
        assert_eq!((found, decoder.rubbish()), (vec![vec![7; 8]], 1));
    }
}
