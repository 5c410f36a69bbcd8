//! Values inside keys, rendered and escaped.

use super::{KeyError, KeySink, Text};
use core::fmt::{self, Display, Write};

/// A value that renders into a key without `core::fmt`.
///
/// MUST render the same text as its `Display`, escaped for `stop`; [`Shown`] does so for any other type.
/// What is no text, or cannot be rendered, is an error ([`KeySink::fail`]): there is no key then.
///
/// `#[derive(KeyPart)]` (feature `macros`) renders the fields of a type like the elements of a tuple, a colon between
/// each two; the colons in their values are escaped, so different values never render the same text.
pub trait KeyPart {
    /// Renders the value; `stop` is the character that ends its placeholder.
    fn render(&self, out: &mut impl KeySink, stop: Option<char>);
}

/// The same as [`KeyPart`], usable behind a reference of unknown type.
pub trait DynPart {
    /// Renders the value; `stop` is the character that ends its placeholder.
    fn render_dyn(&self, out: &mut dyn KeySink, stop: Option<char>);
}

impl<T: KeyPart> DynPart for T {
    fn render_dyn(&self, mut out: &mut dyn KeySink, stop: Option<char>) {
        self.render(&mut out, stop);
    }
}

/// Renders any `Display` value as a key part.
///
/// ```
/// use cachify_core::key::{AsKey, KeyBuf, KeyBuffer, Shown};
/// let mut buf = KeyBuf::<32>::default();
/// ("price", Shown(1.5)).render_key(&mut buf);
/// assert_eq!(buf.bytes(), Ok(&b"price:1.5"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

impl<T: Display> KeyPart for Shown<T> {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        struct Escaping<'a, S>(&'a mut S, Option<char>);
        impl<S: KeySink> Write for Escaping<'_, S> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                escape(self.0, text, self.1);
                Ok(())
            }
        }
        // an error here is the value's own `Display` giving up: what it wrote may be the beginning of another value too
        if write!(Escaping(out, stop), "{}", self.0).is_err() {
            out.fail(KeyError::Display);
        }
    }
}

macro_rules! integers {
    ($($t:ty as $wide:ty, $render:ident);*) => { $(impl KeyPart for $t {
        #[inline]
        fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
            #[allow(unused_comparisons, reason = "one body for signed and unsigned")]
            let negative = *self < 0;
            #[allow(clippy::unnecessary_cast, reason = "one body for all widths")]
            $render(out, self.magnitude() as $wide, negative, stop);
        }
    })* };
}

macro_rules! digits {
    ($($name:ident: $t:ty, $most:literal);*) => { $(
        /// Renders a number; outlined where flash counts.
        #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
        #[cfg_attr(target_pointer_width = "64", inline)]
        fn $name(out: &mut impl KeySink, mut rest: $t, negative: bool, stop: Option<char>) {
            let mut digits = [0_u8; $most];
            let mut at = digits.len();
            for digit in digits.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                at -= 1;
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            let text = digits.get(at..).unwrap_or_default();
            // only a digit or a sign right after the placeholder could be mistaken for the value
            if stop.is_some_and(|c| c.is_ascii_digit() || c == '-') {
                if negative { escape(out, "-", stop); }
                escape(out, core::str::from_utf8(text).unwrap_or_default(), stop);
            } else {
                if negative { out.put_text(Text::of("-")); }
                out.put_text(Text(text));
            }
        }
    )* };
}
digits!(short: u32, 10; long: u64, 20; word: usize, 20);

/// `unsigned_abs` for the unsigned ones too.
trait Magnitude {
    type Unsigned;
    fn magnitude(self) -> Self::Unsigned;
}
macro_rules! magnitude {
    ($($signed:ty, $unsigned:ty);*) => { $(
        impl Magnitude for $signed { type Unsigned = $unsigned; fn magnitude(self) -> $unsigned { self.unsigned_abs() } }
        impl Magnitude for $unsigned { type Unsigned = $unsigned; fn magnitude(self) -> $unsigned { self } }
    )* };
}
magnitude!(i8, u8; i16, u16; i32, u32; i64, u64; isize, usize);
integers!(u8 as u32, short; u16 as u32, short; u32 as u32, short; i8 as u32, short; i16 as u32, short; i32 as u32, short);
integers!(u64 as u64, long; i64 as u64, long; usize as usize, word; isize as usize, word);

macro_rules! wide {
    ($($t:ty)*) => { $(impl KeyPart for $t {
        fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
            Shown(*self).render(out, stop);
        }
    })* };
}
wide!(u128 i128);

impl KeyPart for str {
    #[inline]
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        escape(out, self, stop);
    }
}

impl KeyPart for bool {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        escape(out, if *self { "true" } else { "false" }, stop);
    }
}

impl KeyPart for char {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        escape(out, self.encode_utf8(&mut [0; 4]), stop);
    }
}

#[cfg(feature = "alloc")]
impl KeyPart for alloc::string::String {
    #[inline]
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        escape(out, self, stop);
    }
}

#[cfg(feature = "heapless")]
impl<const N: usize> KeyPart for heapless::String<N> {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        escape(out, self, stop);
    }
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    #[inline]
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        (**self).render(out, stop);
    }
}

impl<T: KeyPart + ?Sized> KeyPart for &mut T {
    #[inline]
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        (**self).render(out, stop);
    }
}

/// Percent-escapes `%`, `:`, braces and `stop`; the whole of it when it is several bytes long.
// by bytes, which takes a device half the time of characters: no character's bytes lie within another's
pub(super) fn escape(out: &mut impl KeySink, text: &str, stop: Option<char>) {
    let mut buf = [0; 4];
    let stop = stop.map_or(&[][..], |c| c.encode_utf8(&mut buf).as_bytes());
    let mut rest = text.as_bytes();
    let mut plain = 0;
    while let Some(byte) = rest.get(plain) {
        let (before, from) = rest.split_at(plain);
        let len = match byte {
            b'%' | b':' | b'{' | b'}' => 1,
            byte if stop.first() == Some(byte) && from.starts_with(stop) => stop.len(),
            _ => {
                plain += 1;
                continue;
            }
        };
        let (escaped, after) = from.split_at(len);
        out.put_text(Text(before));
        for byte in escaped {
            out.put_text(Text(&[b'%', hex(byte >> 4), hex(byte & 15)]));
        }
        (rest, plain) = (after, 0);
    }
    out.put_text(Text(rest));
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

/// What stands in a key that nobody wrote.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a key that is made of all arguments",
    label = "this argument has no `KeyPart`",
    note = "derive `KeyPart`, or say a key that names what makes a difference, as in `key = \"{{fn}}:{{a.id}}\"`"
)]
#[doc(hidden)]
pub trait MadePart {
    /// Renders the value; `stop` is the character that ends it.
    fn made(&self, out: &mut impl KeySink, stop: Option<char>);
}

#[diagnostic::do_not_recommend]
impl<T: KeyPart + ?Sized> MadePart for T {
    fn made(&self, out: &mut impl KeySink, stop: Option<char>) {
        self.render(out, stop);
    }
}

/// Renders an argument into a key that nobody wrote.
#[doc(hidden)]
pub fn put_part<T: MadePart + ?Sized>(value: &T, out: &mut impl KeySink, stop: Option<char>) {
    value.made(out, stop);
}

/// What a macro wraps an argument in: `(&&Part(&x)).render_part(..)` takes [`KeyPart`] where there is one, else
/// `Display` (autoref specialisation, after dtolnay's case study).
#[derive(Debug)]
#[doc(hidden)]
pub struct Part<'a, T: ?Sized>(pub &'a T);

/// The preferred way: [`KeyPart`].
#[doc(hidden)]
pub trait ByPart {
    /// Renders the value; `stop` is the character that ends its placeholder.
    fn render_part(&self, out: &mut impl KeySink, stop: Option<char>);
}

/// A value that can be shown in a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a key",
    label = "this key names a value that has no `Display`",
    note = "name a part of it (`{{a.id}}`), give it a format spec (`{{a:?}}` takes `Debug`), or implement `Display` or `KeyPart`"
)]
#[doc(hidden)]
pub trait Showable {
    /// Renders it.
    fn show(&self, out: &mut impl KeySink, stop: Option<char>);
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> Showable for Part<'_, T> {
    fn show(&self, out: &mut impl KeySink, stop: Option<char>) {
        Shown(self.0).render(out, stop);
    }
}

/// The fall-back: `Display`.
#[doc(hidden)]
pub trait ByDisplay {
    /// Renders the value; `stop` is the character that ends its placeholder.
    fn render_part(&self, out: &mut impl KeySink, stop: Option<char>)
    where
        Self: Showable;
}

impl<T: KeyPart + ?Sized> ByPart for &Part<'_, T> {
    #[inline]
    fn render_part(&self, out: &mut impl KeySink, stop: Option<char>) {
        self.0.render(out, stop);
    }
}

impl<T: ?Sized> ByDisplay for Part<'_, T> {
    fn render_part(&self, out: &mut impl KeySink, stop: Option<char>)
    where
        Self: Showable,
    {
        Showable::show(self, out, stop);
    }
}
