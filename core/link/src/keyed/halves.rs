//! The two halves of a line that was opened: text in, records out, and back.

use super::{BESIDE, Line, RECORD, TAG, TEXT, framed, put};
use crate::{LineEnd, frame::Decoder, write_all};
use core::fmt;
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

/// Why a line with keys cannot be used any more; it is opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyedError<E> {
    /// The line itself failed.
    Line(E),
    /// The other side no longer answers: it may have forgotten this line.
    Silent,
    /// As many frames were sent as can be counted.
    Counted,
    /// The device has opened the line anew.
    Opened,
}

impl<E: fmt::Display> fmt::Display for KeyedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(why) => why.fmt(f),
            Self::Silent => f.write_str("nothing is heard of the other side"),
            Self::Counted => f.write_str("as many frames were sent as can be counted"),
            Self::Opened => f.write_str("the device has opened the line anew"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for KeyedError<E> {}

impl<E: Error> Error for KeyedError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Line(why) => why.kind(),
            Self::Silent => ErrorKind::TimedOut,
            Self::Counted | Self::Opened => ErrorKind::ConnectionReset,
        }
    }
}

/// What a side does beside reading and writing.
pub trait Side {
    /// Whether one more frame may be sent, as far as it knows.
    fn may_send(&self) -> bool {
        true
    }
    /// Something authentic was heard.
    fn heard(&self) {}
    /// A device greets; whether the line is to be opened anew.
    fn greeted(&mut self, hello: &[u8]) -> bool {
        let _ = hello;
        false
    }
    /// What is not authentic was dropped.
    fn dropped(&self) {}
}

impl Side for () {}

/// Reads what the other side wrote, and nothing else.
pub struct KeyedReader<R, S> {
    inner: R,
    pub(super) side: S,
    line: Line,
    /// Which records the other side sends.
    record: u8,
    /// The highest one that was read.
    last: u32,
    pub(super) intake: Intake,
    /// Where in its buffer the text lies that was not taken yet.
    text: (usize, usize),
}

/// What came over a line, on its way to be records.
pub(super) struct Intake {
    decoder: Decoder<[u8; RECORD]>,
    chunk: [u8; 16],
    /// What of it was not looked at yet.
    rest: (usize, usize),
}

impl Intake {
    pub(super) const fn new() -> Self {
        Self { decoder: Decoder::new([0; RECORD]), chunk: [0; 16], rest: (0, 0) }
    }

    /// Reads on, where all was looked at; whether the line goes on.
    pub(super) async fn fill<R: Read>(&mut self, reader: &mut R) -> Result<bool, R::Error> {
        if self.rest.0 >= self.rest.1 {
            self.rest = (0, reader.read(&mut self.chunk).await?);
        }
        Ok(self.rest.1 > 0)
    }

    /// The next record; it stays in the buffer until another one is asked for.
    pub(super) fn next(&mut self) -> Option<&mut [u8]> {
        let Self { decoder, chunk, rest } = self;
        let mut len = None;
        while len.is_none() && rest.0 < rest.1 {
            len = decoder.feed_mut(chunk.get(rest.0).copied()?).map(|message| message.len());
            rest.0 += 1;
        }
        decoder.message(len?)
    }
}

/// Writes what only the other side can read.
pub struct KeyedWriter<W, S> {
    inner: W,
    side: S,
    line: Line,
    record: u8,
    count: u32,
}

impl<R, S> fmt::Debug for KeyedReader<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedReader").field("last", &self.last).finish_non_exhaustive()
    }
}

impl<W, S> fmt::Debug for KeyedWriter<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedWriter").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<R, S: Side> KeyedReader<R, S> {
    pub(super) const fn new(inner: R, side: S, line: Line, record: u8, intake: Intake) -> Self {
        Self { inner, side, line, record, last: 0, intake, text: (0, 0) }
    }

    /// Its first frame was read already, and lies in the intake.
    #[cfg(feature = "alloc")]
    pub(super) const fn after(mut self, (count, len): (u32, usize)) -> Self {
        (self.last, self.text) = (count, (HEAD, HEAD + len));
        self
    }

    /// What is there of the text that was read last.
    fn take_text(&mut self, to: &mut [u8]) -> usize {
        let (from, until) = self.text;
        let text = self.intake.decoder.buf().get(from..until).unwrap_or_default();
        put(to, text);
        let len = text.len().min(to.len());
        self.text.0 += len;
        len
    }

    /// Looks at what was read, up to the next text; whether the device has opened the line anew.
    fn look(&mut self) -> bool {
        while let Some(message) = self.intake.next() {
            match read(&self.line, self.record, self.last, message) {
                Some((count, len)) => {
                    (self.last, self.text) = (count, (HEAD, HEAD + len));
                    self.side.heard();
                    return false;
                }
                None if self.side.greeted(message) => return true,
                None => self.side.dropped(),
            }
        }
        false
    }
}

/// Before the text: record and count.
const HEAD: usize = BESIDE - TAG;

/// Decrypts a frame where it lies, if it is the other side's and later than the last one; its count, and how long its text is.
pub(super) fn read(line: &Line, record: u8, last: u32, message: &mut [u8]) -> Option<(u32, usize)> {
    let (head, sealed) = message.split_first_chunk_mut::<HEAD>()?;
    let (text, tag) = sealed.split_last_chunk_mut::<TAG>()?;
    let [kind, count @ ..] = *head;
    let count = u32::from_le_bytes(count);
    let is_next = kind == record && count > last;
    (is_next && line.unseal(record, count, text, tag)).then_some((count, text.len()))
}

impl<R: ErrorType, S> ErrorType for KeyedReader<R, S> {
    type Error = KeyedError<R::Error>;
}

impl<R: Read, S: Side> Read for KeyedReader<R, S> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let len = self.take_text(buf);
            if len > 0 {
                return Ok(len);
            }
            if !self.intake.fill(&mut self.inner).await.map_err(KeyedError::Line)? {
                return Ok(0);
            }
            if self.look() {
                return Err(KeyedError::Opened);
            }
        }
    }
}

impl<W, S> KeyedWriter<W, S> {
    pub(super) const fn new(inner: W, side: S, line: Line, record: u8) -> Self {
        Self { inner, side, line, record, count: 0 }
    }
}

impl<W: ErrorType, S> ErrorType for KeyedWriter<W, S> {
    type Error = KeyedError<W::Error>;
}

impl<W: Write, S: Side> Write for KeyedWriter<W, S> {
    /// A record of what fits into one. Dropped before its end, the record is lost, and what follows is not.
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        let part = buf.get(..buf.len().min(TEXT)).unwrap_or_default();
        if part.is_empty() {
            return Ok(0);
        }
        if !self.side.may_send() {
            return Err(KeyedError::Silent);
        }
        self.count = self.count.checked_add(1).ok_or(KeyedError::Counted)?;
        let mut frame = [0; RECORD];
        let record = sealed(&self.line, self.record, self.count, part, &mut frame);
        match write_all::<_, ()>(&mut self.inner, record).await {
            Ok(()) => Ok(part.len()),
            Err((_, LineEnd::Write(why))) => Err(KeyedError::Line(why)),
            Err(_) => Ok(0),
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.inner.flush().await.map_err(KeyedError::Line)
    }
}

/// Makes the record of a text.
fn sealed<'f>(line: &Line, record: u8, count: u32, part: &[u8], frame: &'f mut [u8; RECORD]) -> &'f [u8] {
    let mut text = [0; TEXT];
    put(&mut text, part);
    let text = text.get_mut(..part.len()).unwrap_or_default();
    let tag = line.seal(record, count, text);
    framed(frame, [&[record], &count.to_le_bytes(), text, &tag])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::{DeviceKey, FROM_DEVICE, greeting};

    /// A line that takes everything.
    struct Sink;

    impl ErrorType for Sink {
        type Error = core::convert::Infallible;
    }

    impl Write for Sink {
        async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
            Ok(buf.len())
        }
        async fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    #[test]
    fn a_count_never_comes_again() {
        let line = Line::new(DeviceKey::new([1; 16]), &greeting([1, 2], 3, 4));
        let mut writer = KeyedWriter { count: u32::MAX - 1, ..KeyedWriter::new(Sink, (), line, FROM_DEVICE) };
        cachify_core::testing::block_on(async {
            assert_eq!(writer.write(b"a").await, Ok(1));
            for _ in 0..2 {
                assert_eq!(writer.write(b"a").await, Err(KeyedError::Counted), "the line is opened anew");
            }
        });
    }

    #[test]
    fn the_longest_text_has_room_in_a_record() {
        let line = Line::new(DeviceKey::new([1; 16]), &greeting([1, 2], 3, 4));
        let mut frame = [0; RECORD];
        for fill in [0, 1, 0xff] {
            for len in [1, TEXT - 1, TEXT] {
                let made = sealed(&line, FROM_DEVICE, u32::MAX, &[fill; TEXT][..len], &mut frame);
                assert!(made.len() > len + BESIDE, "{made:?}");
                let mut decoder = Decoder::new([0; RECORD]);
                let mut text = None;
                for byte in made {
                    if let Some(message) = decoder.feed_mut(*byte) {
                        text = read(&line, FROM_DEVICE, u32::MAX - 1, message);
                    }
                }
                assert_eq!(text, Some((u32::MAX, len)));
                assert_eq!(&decoder.buf()[5..5 + len], &[fill; TEXT][..len]);
            }
        }
    }
}
