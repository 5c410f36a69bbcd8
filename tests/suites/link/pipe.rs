//! Two ends of a line in memory, with whatever goes wrong on it.

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use std::{cell::RefCell, collections::VecDeque, future::poll_fn, rc::Rc, task::Poll};

/// Pseudo-random numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// Once in `every` times; never for zero.
    pub(crate) fn once_in(&mut self, every: u64) -> bool {
        every != 0 && self.below(every) == 0
    }
}

/// What goes wrong, each once in so many bytes or writes; zero is never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Bytes with a bit flipped.
    pub(crate) flips: u64,
    /// Bytes lost.
    pub(crate) losses: u64,
    /// Bytes added.
    pub(crate) additions: u64,
    /// Writes that arrive twice.
    pub(crate) doubles: u64,
    /// Writes that arrive not at all.
    pub(crate) gaps: u64,
    /// Reads that bring nothing yet.
    pub(crate) delays: u64,
    /// Nothing arrives any more.
    pub(crate) cut: bool,
    /// Nothing can be written any more.
    pub(crate) broken: bool,
    /// The reader is told of the end.
    pub(crate) closed: bool,
}

struct Inner {
    bytes: VecDeque<u8>,
    /// Of what was written since it was looked at last.
    seen: Vec<u8>,
    faults: Faults,
    random: Random,
}

/// One direction of a line.
#[derive(Clone)]
pub(crate) struct Pipe(Rc<RefCell<Inner>>);

impl Pipe {
    pub(crate) fn new(seed: u64) -> Self {
        let (bytes, faults) = (VecDeque::new(), Faults::default());
        Self(Rc::new(RefCell::new(Inner { bytes, seen: Vec::new(), faults, random: Random::new(seed) })))
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// Puts bytes on the line as they are.
    pub(crate) fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().bytes.extend(bytes);
    }

    /// What was written since it was asked last, as it was written.
    pub(crate) fn seen(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().seen)
    }

    /// Whether nothing is on the line.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().bytes.is_empty()
    }

    /// Takes what is on the line.
    pub(crate) fn drain(&self) -> Vec<u8> {
        self.0.borrow_mut().bytes.drain(..).collect()
    }
}

impl ErrorType for Pipe {
    type Error = ErrorKind;
}

impl Read for Pipe {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            let inner = &mut *self.0.borrow_mut();
            if inner.faults.closed && inner.bytes.is_empty() {
                return Poll::Ready(Ok(0));
            }
            if inner.bytes.is_empty() || inner.random.once_in(inner.faults.delays) {
                return Poll::Pending;
            }
            let most = 1 + inner.random.below(buf.len() as u64) as usize;
            let len = most.min(inner.bytes.len());
            buf.iter_mut().zip(inner.bytes.drain(..len)).for_each(|(to, from)| *to = from);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for Pipe {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        let inner = &mut *self.0.borrow_mut();
        let Faults { flips, losses, additions, doubles, gaps, cut, broken, .. } = inner.faults;
        if broken {
            return Err(ErrorKind::BrokenPipe);
        }
        let times = match (cut || inner.random.once_in(gaps), inner.random.once_in(doubles)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        inner.seen.extend(buf);
        for _ in 0..times {
            for byte in buf {
                if inner.random.once_in(losses) {
                    continue;
                }
                let flip = if inner.random.once_in(flips) { 1 << inner.random.below(8) } else { 0 };
                inner.bytes.push_back(byte ^ flip);
                if inner.random.once_in(additions) {
                    let byte = inner.random.below(256) as u8;
                    inner.bytes.push_back(byte);
                }
            }
        }
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// A line: what the device writes, and what the gateway writes.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
}

impl Line {
    pub(crate) fn new(seed: u64) -> Self {
        Self { up: Pipe::new(seed), down: Pipe::new(!seed) }
    }

    /// A number of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.up.0.borrow().random.0
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.up.set(faults);
        self.down.set(faults);
    }
}
