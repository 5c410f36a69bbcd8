//! Values as bytes, for stores outside the process.

#[cfg(feature = "postcard")]
mod bounded;
pub mod entry;
#[cfg(feature = "postcard")]
mod fingerprint;

/// The value stays as it is; never encoded. For stores that keep values in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsIs;

/// Takes encoded bytes.
pub trait Sink {
    /// Appends; whether there was room.
    #[must_use]
    fn put(&mut self, bytes: &[u8]) -> bool;
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes);
        true
    }
}

#[cfg(feature = "heapless")]
impl<const N: usize> Sink for heapless::Vec<u8, N> {
    fn put(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes).is_ok()
    }
}

/// Encodes and decodes values of one type. Data only, never code.
///
/// - MUST give back an equal value from what it encoded.
/// - MUST NOT panic on any bytes.
///
/// ```
/// use cachify_core::codec::{Codec, Sink, Uncodable};
/// struct BigEndian;
/// impl Codec<u32> for BigEndian {
///     const ID: u8 = 200;
///     fn encode(&self, value: &u32, into: &mut impl Sink) -> Result<(), Uncodable> {
///         into.put(&value.to_be_bytes()).then_some(()).ok_or(Uncodable)
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<u32, Uncodable> {
///         bytes.try_into().map(u32::from_be_bytes).map_err(|_| Uncodable)
///     }
/// }
/// assert_eq!(BigEndian.decode(&[0, 0, 1, 0]), Ok(256));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec of `{V}`",
    label = "implement `Codec<{V}>` for it, or say another one",
    note = "`Postcard` and `Json` carry what derives `Serialize` and `Deserialize`"
)]
pub trait Codec<V> {
    /// Told apart in the stored entry; below 128 are this library's.
    const ID: u8;
    /// Writes the value.
    ///
    /// # Errors
    /// [`Uncodable`] for a value that has no bytes, or more than there is room for.
    fn encode(&self, value: &V, into: &mut impl Sink) -> Result<(), Uncodable>;
    /// Reads a value.
    ///
    /// # Errors
    /// [`Uncodable`] for bytes that are no such value.
    fn decode(&self, bytes: &[u8]) -> Result<V, Uncodable>;

    /// Whether decoding `bytes`, which `value` was encoded to, brings the value back; if not, it is not stored.
    ///
    /// Types exist that encode to what decodes as something else: postcard knows a field by its place, so that one left
    /// out by `#[serde(skip_serializing_if = ..)]` shifts the others. Asked where a server encodes a value for a store
    /// outside the process. Not asked on devices, whose flash has no room for it: values they share are of plain types.
    ///
    /// A codec that brings everything back leaves it out.
    fn round_trips(&self, value: &V, bytes: &[u8]) -> bool {
        let _ = (value, bytes);
        true
    }

    /// What the bytes are of; bytes of something else are a miss. The type's name, unless [`Tagged`].
    fn type_tag(&self) -> &str {
        core::any::type_name::<V>()
    }
}

/// A codec whose bytes carry a name of your own, for programs that share values but not their types' names.
///
/// ```
/// use cachify_core::codec::{Codec, Postcard, Tagged};
/// let codec = Tagged::new(Postcard, "user");
/// assert_eq!(Codec::<u32>::type_tag(&codec), "user");
/// assert_eq!(Codec::<u32>::type_tag(&Postcard), "u32");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<C> {
    codec: C,
    tag: &'static str,
}

impl<C> Tagged<C> {
    /// Bytes of `codec`, under the name `tag`.
    #[must_use]
    pub const fn new(codec: C, tag: &'static str) -> Self {
        Self { codec, tag }
    }
}

#[diagnostic::do_not_recommend]
impl<V, C: Codec<V>> Codec<V> for Tagged<C> {
    const ID: u8 = C::ID;
    fn encode(&self, value: &V, into: &mut impl Sink) -> Result<(), Uncodable> {
        self.codec.encode(value, into)
    }
    fn decode(&self, bytes: &[u8]) -> Result<V, Uncodable> {
        self.codec.decode(bytes)
    }
    fn round_trips(&self, value: &V, bytes: &[u8]) -> bool {
        self.codec.round_trips(value, bytes)
    }
    fn type_tag(&self) -> &str {
        self.tag
    }
}

/// A value cannot be encoded, or bytes are not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncodable;

impl core::fmt::Display for Uncodable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the value cannot be encoded, or the bytes are not one")
    }
}

impl core::error::Error for Uncodable {}

/// Whether serde says the same of both, to a human-readable codec or to another one.
///
/// For [`Codec::round_trips`] of a codec of your own: maps and sequences are compared without order, as sets are walked
/// in any; floats by their bits. What serde does not say, such as the value of a `#[serde(skip)]` field, is not
/// compared.
///
/// ```
/// use cachify_core::codec::same;
/// assert!(same(&[f32::NAN, 1.0], &[f32::NAN, 1.0], true));
/// assert!(!same(&Some(Some(1)), &Some(None), true));
/// ```
#[cfg(feature = "postcard")]
#[must_use]
pub fn same<V: serde::Serialize + ?Sized>(value: &V, other: &V, human_readable: bool) -> bool {
    let value = fingerprint::of(value, human_readable);
    value.is_some() && value == fingerprint::of(other, human_readable)
}

/// Decodes a value of `len` bytes within the bounds of [`Postcard`], except that `depth` containers may nest.
///
/// For a codec of your own: a recursive type decodes as deep as the bytes say, and a list may have any number of
/// elements that take no bytes.
///
/// # Errors
/// That of `from`, for bytes that are no such value, or nest or repeat beyond the bounds.
#[cfg(feature = "postcard")]
pub fn decode_bounded<'de, V, D>(from: D, depth: u16, len: usize) -> Result<V, D::Error>
where
    V: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    bounded::within(from, depth, len)
}

/// The postcard format, through serde.
///
/// It decodes at most 128 containers within each other and at most 128 options, and 4,096 elements more than there are
/// bytes, so that no bytes exhaust the stack or the time of whoever reads them.
#[cfg(feature = "postcard")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Postcard;

#[cfg(feature = "postcard")]
#[diagnostic::do_not_recommend]
impl<V: serde::Serialize + serde::de::DeserializeOwned> Codec<V> for Postcard {
    const ID: u8 = 1;

    fn encode(&self, value: &V, into: &mut impl Sink) -> Result<(), Uncodable> {
        struct Flavor<'a, S>(&'a mut S);
        impl<S: Sink> postcard::ser_flavors::Flavor for Flavor<'_, S> {
            type Output = ();
            fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
                self.try_extend(&[byte])
            }
            fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
                self.0.put(bytes).then_some(()).ok_or(postcard::Error::SerializeBufferFull)
            }
            fn finalize(self) -> postcard::Result<()> {
                Ok(())
            }
        }
        postcard::serialize_with_flavor(value, Flavor(into)).map_err(|_| Uncodable)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Uncodable> {
        bounded::decode(bytes).ok_or(Uncodable)
    }

    fn round_trips(&self, value: &V, bytes: &[u8]) -> bool {
        self.decode(bytes).is_ok_and(|back| same(value, &back, false))
    }
}
