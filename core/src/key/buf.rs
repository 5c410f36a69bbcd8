//! Where a key is rendered.

use super::KeyError;

/// Takes the bytes of a key.
pub trait KeySink {
    /// Appends; bytes come from whole texts only.
    fn put(&mut self, bytes: &[u8]);
    /// Remembers that there is no key; the first reason stays.
    fn fail(&mut self, why: KeyError);
}

impl<S: KeySink + ?Sized> KeySink for &mut S {
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
    fn fail(&mut self, why: KeyError) {
        (**self).fail(why);
    }
}

/// A sink that gives the key back.
pub trait KeyBuffer: KeySink + Default + Clone + core::fmt::Debug {
    /// What was rendered, or why there is no key.
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
    error: Option<KeyError>,
}

impl<const N: usize> Default for KeyBuf<N> {
    #[inline]
    fn default() -> Self {
        Self { bytes: [0; N], len: 0, error: None }
    }
}

impl<const N: usize> KeySink for KeyBuf<N> {
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    #[cfg_attr(target_pointer_width = "64", inline)]
    fn put(&mut self, bytes: &[u8]) {
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
        self.error.get_or_insert(why);
    }
}

impl<const N: usize> KeyBuffer for KeyBuf<N> {
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
#[derive(Clone, Debug, Default)]
pub struct LongKeyBuf {
    short: ShortKey,
    long: Option<alloc::vec::Vec<u8>>,
}

#[cfg(feature = "alloc")]
type ShortKey = KeyBuf<96>;

#[cfg(feature = "alloc")]
impl KeySink for LongKeyBuf {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if self.long.is_none() && self.short.len + bytes.len() <= self.short.bytes.len() {
            return self.short.put(bytes);
        }
        self.spill().extend_from_slice(bytes);
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
            Some(long) => self.short.error.map_or(Ok(long), Err),
        }
    }
}
