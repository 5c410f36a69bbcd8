//! A rendered key: kind, prefix, the user's part, and a hash of them.
//!
//! Invariant: with plain placeholders, different arguments never render the same key: `%`, `:`, braces and the
//! character that ends a placeholder are percent-escaped inside values.
//! RAM stores keep kind and user's part; others add the prefix, and spell the whole key (`spelling`).

mod buf;
mod compound;
mod hash;
#[cfg(feature = "hash")]
mod hashed;
mod part;
mod runtime;
mod spelling;
mod tuple;

#[cfg(feature = "alloc")]
pub use buf::LongKeyBuf;
pub use buf::{KeyBuf, KeyBuffer, KeySink, Text};
#[cfg(feature = "hash")]
pub use hashed::{Hashable, Hashed, put_hash};
pub use part::{ByDisplay, ByPart, DynPart, KeyPart, Part, Shown, put_part};
pub use runtime::{Arguments, KeyTemplate, Rendering};
pub use tuple::AsKey;

pub(crate) use hash::same;

use cachify_template::TemplateError;
use core::fmt;

/// What a key is for; keys of different kinds never collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Kind {
    /// A cached value and its flight.
    Cache = 1,
    /// A lock.
    Lock,
    /// A run that happens once.
    Once,
    /// A pool of permits.
    Pool,
}

impl Kind {
    /// The letter that stands for the kind in a store's keys.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Cache => "c",
            Self::Lock => "l",
            Self::Once => "o",
            Self::Pool => "p",
        }
    }
}

/// A rendered key; its `Display` is how stores outside the process spell it, each key in its own way.
///
/// Braces stand only round the user's part. Inside of prefix and part they are `%(` and `%)`, an empty part is `%`, and
/// a `%` that could be taken for one of these is doubled.
///
/// ```
/// use cachify_core::key::{Key, Kind};
/// let key = Key::new(Kind::Lock, "app", b"item:7", 0);
/// assert_eq!(key.to_string(), "app:l:{item:7}");
/// assert_eq!(Key::new(Kind::Cache, "a{b", b"", 0).to_string(), "a%(b:c:{%}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// What it is for.
    pub kind: Kind,
    /// The instance's prefix; RAM stores ignore it.
    pub prefix: &'a str,
    /// The user's part; UTF-8.
    pub bytes: &'a [u8],
    /// Hash of kind and user's part, under the store's seed.
    pub hash: u64,
}

impl<'a> Key<'a> {
    /// A key with its hash under `seed`.
    #[inline]
    #[must_use]
    pub fn new(kind: Kind, prefix: &'a str, bytes: &'a [u8], seed: u64) -> Self {
        Self { kind, prefix, bytes, hash: hash::hash(bytes, seed ^ hash::spread(kind)) }
    }

    /// The user's part as text; empty if it is none, which no rendered key is.
    #[must_use]
    pub fn text(&self) -> &'a str {
        core::str::from_utf8(self.bytes).unwrap_or_default()
    }

    /// Whether both are one key of a RAM store, which keeps no prefix.
    #[inline]
    #[must_use]
    pub fn same(&self, kind: Kind, hash: u64, bytes: &[u8]) -> bool {
        self.hash == hash && self.kind == kind && self.bytes == bytes
    }
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It does not fit into the store's key length.
    TooLong,
    /// The template names an element or argument that is not there.
    Missing,
    /// A text used as a whole key has braces; use a tuple or a template instead.
    Braces,
    /// A format spec, which only the macros can render.
    SpecAtRunTime,
    /// The `Display` of a value failed: what it wrote before is not the value.
    Display,
    /// A [`KeyPart`] put bytes that are no UTF-8.
    NotUtf8,
    /// The template is malformed.
    Template(TemplateError),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the key is too long for this store",
            Self::Missing => "the key's template names an element that is not there",
            Self::Braces => "a key given as text has braces; use a tuple key or a template",
            Self::SpecAtRunTime => "a template parsed at run time cannot have a format spec",
            Self::Display => "the `Display` of a value in the key failed",
            Self::NotUtf8 => "a part of the key is not UTF-8",
            Self::Template(e) => return fmt::Display::fmt(e, f),
        })
    }
}

impl core::error::Error for KeyError {}

impl From<TemplateError> for KeyError {
    fn from(e: TemplateError) -> Self {
        Self::Template(e)
    }
}
