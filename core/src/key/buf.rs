//! Where a key is rendered.

use super::KeyError;

/// Bytes that are known to be whole texts, so that nobody looks at them again.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    /// A text.
    #[inline]
    #[must_use]
    pub const fn of(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

/// Takes the bytes of a key.
pub trait KeySink {
    /// Appends; a key whose bytes are no UTF-8 in the end is an error. A character may come in several pieces.
    fn put(&mut self, bytes: &[u8]);
    /// Appends what is known to be text.
    #[inline]
    fn put_text(&mut self, text: Text<'_>) {
        self.put(text.0);
    }
    /// Remembers that there is no key; the first reason stays.
    fn fail(&mut self, why: KeyError);
}

impl<S: KeySink + ?Sized> KeySink for &mut S {
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
    #[inline]
    fn put_text(&mut self, text: Text<'_>) {
        (**self).put_text(text);
    }
    fn fail(&mut self, why: KeyError) {
        (**self).fail(why);
    }
}

/// A sink that gives the key back.
pub trait KeyBuffer: KeySink + Default + Clone + core::fmt::Debug {
    /// What was rendered, which MUST be UTF-8, or why there is no key.
    fn bytes(&self) -> Result<&[u8], KeyError>;
}

/// A buffer of `N` bytes; what does not fit is an error, never cut.
///
/// ```
/// use cachify_core::key::{KeyBuf, KeyBuffer, KeyError, KeySink};
/// let mut buf = KeyBuf::<4>::default();
/// buf.put(b"abcd");
/// assert_eq!(buf.bytes(), Ok(&b"abcd"[..]));
/// buf.put(b"e");
/// assert_eq!(buf.bytes(), Err(KeyError::TooLong));
/// ```
#[derive(Clone, Debug)]
pub struct KeyBuf<const N: usize> {
    bytes: [u8; N],
    len: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Made of texts and ASCII.
    Text,
    /// Other bytes were put: by whom they were put does not matter, only whether they are text in the end.
    ///
    /// The check is named here, so that a program in which nobody puts bytes does not carry it.
    Bytes(fn(&[u8]) -> bool),
    Failed(KeyError),
}

impl State {
    fn put(&mut self, bytes: &[u8]) {
        if matches!(self, Self::Text) && !bytes.is_ascii() {
            *self = Self::Bytes(|bytes| core::str::from_utf8(bytes).is_ok());
        }
    }

    #[inline]
    fn fail(&mut self, why: KeyError) {
        if !matches!(self, Self::Failed(_)) {
            *self = Self::Failed(why);
        }
    }

    #[inline]
    fn of<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], KeyError> {
        match *self {
            Self::Text => Ok(bytes),
            Self::Bytes(is_text) if is_text(bytes) => Ok(bytes),
            Self::Bytes(_) => Err(KeyError::NotUtf8),
            Self::Failed(why) => Err(why),
        }
    }
}

impl<const N: usize> Default for KeyBuf<N> {
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; N], len: 0, state: State::Text }
    }
}

impl<const N: usize> KeySink for KeyBuf<N> {
    fn put(&mut self, bytes: &[u8]) {
        self.state.put(bytes);
        self.put_text(Text(bytes));
    }
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    #[cfg_attr(target_pointer_width = "64", inline)]
    fn put_text(&mut self, Text(bytes): Text<'_>) {
        let end = self.len + bytes.len();
        match self.bytes.get_mut(self.len..end) {
            // byte by byte where flash counts: `copy_from_slice` brings a panic of its own
            Some(room) => {
                room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                self.len = end;
            }
            None => self.fail(KeyError::TooLong),
        }
    }
    #[inline]
    fn fail(&mut self, why: KeyError) {
        self.state.fail(why);
    }
}

impl<const N: usize> KeyBuffer for KeyBuf<N> {
    #[inline]
    fn bytes(&self) -> Result<&[u8], KeyError> {
        self.state.of(self.bytes.get(..self.len).unwrap_or_default())
    }
}

/// A buffer without a limit: 96 bytes in place, the heap after that.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default)]
pub struct LongKeyBuf {
    short: ShortKey,
    long: Option<alloc::vec::Vec<u8>>,
}

#[cfg(feature = "alloc")]
type ShortKey = KeyBuf<96>;

#[cfg(feature = "alloc")]
impl KeySink for LongKeyBuf {
    fn put(&mut self, bytes: &[u8]) {
        self.short.state.put(bytes);
        self.put_text(Text(bytes));
    }
    #[inline]
    fn put_text(&mut self, text: Text<'_>) {
        if self.long.is_none() && self.short.len + text.0.len() <= self.short.bytes.len() {
            return self.short.put_text(text);
        }
        self.spill().extend_from_slice(text.0);
    }
    fn fail(&mut self, why: KeyError) {
        self.short.fail(why);
    }
}

#[cfg(feature = "alloc")]
impl LongKeyBuf {
    #[cold]
    fn spill(&mut self) -> &mut alloc::vec::Vec<u8> {
        let Self { short, long } = self;
        long.get_or_insert_with(|| short.bytes.get(..short.len).unwrap_or_default().to_vec())
    }
}

#[cfg(feature = "alloc")]
impl KeyBuffer for LongKeyBuf {
    #[inline]
    fn bytes(&self) -> Result<&[u8], KeyError> {
        match &self.long {
            None => self.short.bytes(),
            Some(long) => self.short.state.of(long),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_no_larger_for_what_it_knows_of_its_bytes() {
        struct Plain<const N: usize> {
            _bytes: [u8; N],
            _len: usize,
            _error: Option<KeyError>,
        }
        assert_eq!(size_of::<KeyBuf<32>>(), size_of::<Plain<32>>());
    }

    #[test]
    fn only_bytes_that_may_be_no_text_are_looked_at() {
        let mut buf = KeyBuf::<16>::default();
        buf.put_text(Text::of("ü"));
        buf.put(b"ascii");
        assert!(matches!(buf.state, State::Text));
        buf.put(&[0xc3]);
        assert!(matches!(buf.state, State::Bytes(_)));
        assert_eq!(buf.bytes(), Err(KeyError::NotUtf8));
        buf.put(&[0xbc]);
        assert_eq!(buf.bytes(), Ok("üasciiü".as_bytes()));
        buf.put("much more than fits".as_bytes());
        assert_eq!(buf.bytes(), Err(KeyError::TooLong));
    }
}
