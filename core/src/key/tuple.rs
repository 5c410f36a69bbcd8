//! Keys given as values: tuples, plain texts, rendered templates.

use super::{KeyError, KeyPart, KeySink, Shown, Text, runtime::Rendering};
use core::fmt::Display;

/// Something that is a whole key: `("user", id)` equals the template `"user:{id}"`.
///
/// A number, `bool`, `char` or [`Shown`] value alone is a key as well: `42` equals the template `"{id}"`. A plain text
/// is taken as it is, and refused if it has braces, for then a template was meant.
pub trait AsKey {
    /// Renders the key.
    fn render_key(&self, out: &mut impl KeySink);

    /// The template that it is rendered by, where that is known only at run time.
    #[doc(hidden)]
    fn template(&self) -> Option<&str> {
        None
    }
}

impl AsKey for str {
    fn render_key(&self, out: &mut impl KeySink) {
        if self.contains(['{', '}']) {
            out.fail(KeyError::Braces);
        }
        out.put_text(Text::of(self));
    }
}

#[cfg(feature = "alloc")]
impl AsKey for alloc::string::String {
    fn render_key(&self, out: &mut impl KeySink) {
        self.as_str().render_key(out);
    }
}

impl<T: AsKey + ?Sized> AsKey for &T {
    fn render_key(&self, out: &mut impl KeySink) {
        (**self).render_key(out);
    }
    fn template(&self) -> Option<&str> {
        (**self).template()
    }
}

macro_rules! single {
    ($($part:ty)*) => { $(
        impl AsKey for $part {
            fn render_key(&self, out: &mut impl KeySink) {
                self.render(out, None);
            }
        }
    )* };
}
single! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize bool char }

impl<T: Display> AsKey for Shown<T> {
    fn render_key(&self, out: &mut impl KeySink) {
        self.render(out, None);
    }
}

#[cfg(feature = "heapless")]
impl<const N: usize> AsKey for heapless::String<N> {
    fn render_key(&self, out: &mut impl KeySink) {
        self.as_str().render_key(out);
    }
}

impl AsKey for Rendering<'_> {
    fn render_key(&self, out: &mut impl KeySink) {
        self.render(out);
    }
    fn template(&self) -> Option<&str> {
        Some(Rendering::template(self))
    }
}

macro_rules! tuples {
    ($($first:ident $($rest:ident)*;)*) => { $(
        impl<$first: KeyPart, $($rest: KeyPart),*> AsKey for ($first, $($rest,)*) {
            #[allow(non_snake_case, reason = "type parameters name the elements")]
            fn render_key(&self, out: &mut impl KeySink) {
                let ($first, $($rest,)*) = self;
                $first.render(out, Some(':'));
                $( out.put_text(Text::of(":")); $rest.render(out, Some(':')); )*
            }
        }
    )* };
}
tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }
