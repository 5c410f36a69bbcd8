//! What the targets share: a line that brings given bytes and then ends.

use cachify_link::frame::encode;
use core::{cell::RefCell, convert::Infallible, future::poll_fn, mem::replace, task::Poll};
use embedded_io_async::{ErrorType, Read, Write};
use std::{collections::VecDeque, rc::Rc};

/// Brings what it was given, a few bytes at a time, and swallows what is written.
#[derive(Debug)]
pub struct Line<'b>(pub &'b [u8]);

impl ErrorType for Line<'_> {
    type Error = Infallible;
}

impl Read for Line<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        // whoever runs beside it has its turn
        let mut late = false;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if replace(&mut late, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
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

/// One direction of a line in memory.
#[derive(Clone, Debug, Default)]
pub struct Pipe(Rc<RefCell<(VecDeque<u8>, bool)>>);

impl Pipe {
    /// Puts bytes on it.
    pub fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().0.extend(bytes);
    }

    /// What is on it is the last.
    pub fn close(&self) {
        self.0.borrow_mut().1 = true;
    }
}

impl ErrorType for Pipe {
    type Error = Infallible;
}

impl Read for Pipe {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            let (bytes, is_closed) = &mut *self.0.borrow_mut();
            if bytes.is_empty() && !*is_closed {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let len = bytes.len().min(into.len());
            into.iter_mut().zip(bytes.drain(..len)).for_each(|(to, from)| *to = from);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for Pipe {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.put(from);
        Ok(from.len())
    }
    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// All requests. An acquisition has a size on pools, room and perhaps foreign bytes in caches.
pub const REQUESTS: [Kind; 12] = [
    (0, "tn?n"),
    (0, "tn?nn"),
    (0, "tn?nn?n"),
    (1, "tn"),
    (2, "t"),
    (3, "tn"),
    (4, "t?nv"),
    (5, ""),
    (6, ""),
    (7, "n"),
    (8, "?nv"),
    (9, ""),
];

/// The first byte says how the rest is cut into messages, each in a whole frame: so the parsers behind the checksum are
/// reached.
#[must_use]
pub fn framed(data: &[u8]) -> Vec<u8> {
    let Some((size, data)) = data.split_first() else { return Vec::new() };
    data.chunks(usize::from(*size).max(1)).flat_map(frame).collect()
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut buf = vec![0; message.len() + 16];
    let len = encode(&mut buf, |to| to.put(message)).expect("it fits");
    buf.truncate(len);
    buf
}

/// A kind of message: its number, and its fields. `t`oken, time or other `n`umber, `b`ool, `v`alue, a byte that is
/// itself, and `?` where the next one may be missing.
pub type Kind = (u8, &'static str);

/// Whole messages, as the bytes choose: of one of two sessions, of one of `kinds`, with what `head` puts between those
/// for two bytes.
#[must_use]
pub fn messages(data: &[u8], kinds: &[Kind], head: impl Fn(u8, u8, &mut Vec<u8>)) -> Vec<u8> {
    let (mut line, mut bytes) = (Vec::new(), data.iter().copied());
    while let Some(choice) = bytes.next() {
        let mut next = || bytes.next().unwrap_or_default();
        let mut message = vec![1, 1 + choice % 2];
        head(choice / 2, next(), &mut message);
        let (number, fields) = kinds[usize::from(next()) % kinds.len()];
        message.push(number);
        let mut fields = fields.bytes();
        while let Some(field) = fields.next() {
            match field {
                b't' => message.extend([next() % 16; 16]),
                b'n' => match next() {
                    // of two bytes
                    low @ 0x80.. => message.extend([low, next() & 0x7f]),
                    low => message.push(low),
                },
                b'b' => message.push(next() % 2),
                b'v' => {
                    let len = next() % 64;
                    message.push(len);
                    message.extend((0..len).map(|_| next()));
                }
                b'?' if next() % 2 == 0 => {
                    message.push(0);
                    fields.next();
                }
                b'?' => message.push(1),
                _ => message.push(field - b'0'),
            }
        }
        line.extend(frame(&message));
    }
    line
}
