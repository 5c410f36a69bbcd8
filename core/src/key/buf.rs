//! Where a key is rendered.

use super::KeyError;
use core::fmt;

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
    /// Appends; a key whose bytes are no UTF-8 in the end is an error. A character may come in pieces.
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
    /// How many bytes it has room for.
    const ROOM: usize = usize::MAX;

    /// What was rendered, which MUST be UTF-8, or why there is no key.
    ///
    /// # Errors
    /// [`KeyError`] if it is too long, no UTF-8, or a part of it could not be shown.
    fn bytes(&self) -> Result<&[u8], KeyError>;

    /// Notes by which name it is counted: its store's number for it.
    #[cfg(feature = "insight")]
    #[doc(hidden)]
    #[inline]
    fn set_name(&mut self, name: u16) {
        let _ = name;
    }
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
#[derive(Clone)]
pub struct KeyBuf<const N: usize> {
    bytes: [u8; N],
    len: usize,
    error: Option<KeyError>,
}

impl<const N: usize> fmt::Debug for KeyBuf<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text(self.bytes(), f)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for LongKeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text(self.bytes(), f)
    }
}

/// A rendered key as text, or why there is none.
fn text(key: Result<&[u8], KeyError>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match key.map(core::str::from_utf8) {
        Ok(Ok(text)) => write!(f, "{text:?}"),
        Ok(Err(_)) => write!(f, "{:?}", KeyError::NotUtf8),
        Err(why) => write!(f, "{why:?}"),
    }
}

/// What the error is after `put`, which came last among `all`. One more use of [`KeyError::NotUtf8`] than its own: a
/// character that is not finished yet. Here and not where the key is read, so that who puts only texts pays nothing.
/// Looks at all of a short key; a long one keeps count ([`LongKeyBuf::look`]).
fn after(error: Option<KeyError>, put: &[u8], all: &[u8]) -> Option<KeyError> {
    let is_text = |bytes| core::str::from_utf8(bytes).is_ok();
    match error {
        None if is_text(put) => None,
        // bytes that could not begin a text: did they finish a character?
        Some(KeyError::NotUtf8) if put.first().is_some_and(|b| b & 0xc0 == 0x80) && is_text(all) => None,
        None => Some(KeyError::NotUtf8),
        error => error,
    }
}

impl<const N: usize> Default for KeyBuf<N> {
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; N], len: 0, error: None }
    }
}

impl<const N: usize> KeySink for KeyBuf<N> {
    fn put(&mut self, bytes: &[u8]) {
        self.put_text(Text(bytes));
        self.error = after(self.error, bytes, self.bytes.get(..self.len).unwrap_or_default());
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
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    #[cfg_attr(target_pointer_width = "64", inline)]
    fn fail(&mut self, why: KeyError) {
        // only bytes can be mended by what comes after them
        if let None | Some(KeyError::NotUtf8) = self.error {
            self.error = Some(why);
        }
    }
}

impl<const N: usize> KeyBuffer for KeyBuf<N> {
    const ROOM: usize = N;

    #[inline]
    fn bytes(&self) -> Result<&[u8], KeyError> {
        match self.error {
            None => Ok(self.bytes.get(..self.len).unwrap_or_default()),
            Some(why) => Err(why),
        }
    }
}

/// A buffer without a limit: 96 bytes in place, the heap after that.
#[cfg(feature = "alloc")]
#[derive(Clone, Default)]
pub struct LongKeyBuf {
    /// Keeps the error of both. Its `len`, once the key is long, is how many bytes at the long key's end begin a
    /// character, and the error is [`KeyError::NotUtf8`] meanwhile; a field of its own would cost each guard 8 bytes.
    short: ShortKey,
    long: Option<alloc::vec::Vec<u8>>,
    /// By which name it is counted; its store's number for it.
    #[cfg(feature = "insight")]
    name: u16,
}

#[cfg(feature = "insight")]
#[doc(hidden)]
impl LongKeyBuf {
    #[must_use]
    pub const fn name(&self) -> u16 {
        self.name
    }
}

#[cfg(feature = "alloc")]
type ShortKey = KeyBuf<96>;

#[cfg(feature = "alloc")]
impl KeySink for LongKeyBuf {
    fn put(&mut self, bytes: &[u8]) {
        if self.long.is_none() && self.short.len + bytes.len() <= self.short.bytes.len() {
            return self.short.put(bytes);
        }
        let long = self.spill();
        let from = long.len();
        long.extend_from_slice(bytes);
        self.look(from);
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
        let Self { short, long, .. } = self;
        long.get_or_insert_with(|| {
            let bytes = short.bytes.get(..short.len).unwrap_or_default();
            short.len = unfinished(bytes).unwrap_or_default();
            bytes.to_vec()
        })
    }

    /// Looks at what was put last, at `from`, and at the character it may finish; not at what was looked at before.
    fn look(&mut self, from: usize) {
        let open = core::mem::take(&mut self.short.len);
        let all = self.long.as_deref().unwrap_or_default();
        if !(self.short.error.is_none() || self.short.error == Some(KeyError::NotUtf8) && open > 0) {
            return;
        }
        let begun = from.saturating_sub(open);
        // a text that was put between both halves of a character has spoilt it
        let is_open = unfinished(all.get(begun..from).unwrap_or_default()) == Some(open);
        let left = all.get(begun..).and_then(unfinished).filter(|_| is_open);
        self.short.len = left.unwrap_or_default();
        self.short.error = if left == Some(0) { None } else { Some(KeyError::NotUtf8) };
    }
}

/// How many bytes at the end of `text` begin a character that is not finished; `None` if it is no text.
#[cfg(feature = "alloc")]
fn unfinished(text: &[u8]) -> Option<usize> {
    match core::str::from_utf8(text) {
        Ok(_) => Some(0),
        Err(e) if e.error_len().is_none() => Some(text.len() - e.valid_up_to()),
        Err(_) => None,
    }
}

#[cfg(feature = "alloc")]
impl KeyBuffer for LongKeyBuf {
    #[inline]
    fn bytes(&self) -> Result<&[u8], KeyError> {
        match &self.long {
            None => self.short.bytes(),
            Some(long) => self.short.error.map_or(Ok(long), Err),
        }
    }

    #[cfg(feature = "insight")]
    #[inline]
    fn set_name(&mut self, name: u16) {
        self.name = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(pieces: &[&[u8]]) -> KeyBuf<16> {
        let mut buf = KeyBuf::default();
        for piece in pieces {
            buf.put(piece);
        }
        buf
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        for pieces in
            [&[&b"\xc3"[..], b"", b"\xbc"][..], &[b"a\xf0\x9f", b"\x98", b"\x80b\xc3", b"\xbc"], &[b"a", b"b"]]
        {
            assert_eq!(put(pieces).bytes(), Ok(&pieces.concat()[..]));
        }
    }

    /// Each byte is looked at a few times, however long the key is; also where a character crosses from place to heap.
    #[cfg(feature = "alloc")]
    #[test]
    fn characters_in_pieces_make_no_key_slow() {
        for ahead in 0..4 {
            let text = ["a".repeat(ahead), "ü€😀".repeat(100_000)].concat();
            let mut buf = LongKeyBuf::default();
            text.bytes().for_each(|byte| buf.put(&[byte]));
            assert_eq!(buf.bytes(), Ok(text.as_bytes()));
            buf.put(b"\xc3");
            buf.put_text(Text::of("ü"));
            buf.put(b"\xbc");
            assert_eq!(buf.bytes(), Err(KeyError::NotUtf8));
            let mut buf = LongKeyBuf::default();
            buf.put(b"\xff");
            text.bytes().for_each(|byte| buf.put(&[byte]));
            assert_eq!(buf.bytes(), Err(KeyError::NotUtf8), "what came first is no text");
        }
    }

    #[test]
    fn what_is_no_text_stays_so() {
        let no_texts: [&[&[u8]]; 5] =
            [&[b"\xc3"], &[b"\xff", b"\xc3", b"\xbc"], &[b"\xbc"], &[b"\xc3", b"a", b"\xbc"], &[b"\xc3", b"\xc3\xbc"]];
        for pieces in no_texts {
            assert_eq!(put(pieces).bytes(), Err(KeyError::NotUtf8), "{pieces:x?}");
        }
        // a text between both halves of a character
        let mut buf = put(&[b"\xc3"]);
        buf.put_text(Text::of("ü"));
        buf.put(b"\xbc");
        assert_eq!(buf.bytes(), Err(KeyError::NotUtf8));
    }

    #[test]
    fn a_character_that_is_finished_mends_nothing_else() {
        let mut buf = put(&[b"\xc3"]);
        buf.fail(KeyError::Missing);
        buf.put(b"\xbc");
        assert_eq!(buf.bytes(), Err(KeyError::Missing));
        let mut buf = put(&[b"\xc3", b"\xbc"]);
        buf.put("much more than fits".as_bytes());
        buf.put(b"\xff");
        assert_eq!(buf.bytes(), Err(KeyError::TooLong));
        let mut buf = put(&[b"seventeen minus\xc3"]);
        buf.put(b"\xbc");
        assert_eq!(buf.bytes(), Err(KeyError::TooLong));
    }
}
