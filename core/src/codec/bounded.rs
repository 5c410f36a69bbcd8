//! Bounds on what bytes of strangers make a decoder do: how deep it goes, and how many elements it makes.
//!
//! One wrapper goes round whatever serde hands on, down to what it cannot go below: a number or a text is passed
//! straight through. Not here: sizes in memory, which are the types'.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

/// How deep containers may nest, and options on their own: a list of 128 nodes is both.
const DEPTH: u16 = 128;
/// How many elements there may be that take no bytes.
const EMPTY: usize = 4096;

/// What is left.
struct Room {
    containers: u16,
    options: u16,
    /// Of sequences and maps, all together.
    elements: usize,
}

/// Decodes postcard within bounds; all bytes, or nothing.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    let mut postcard = postcard::Deserializer::from_bytes(bytes);
    let value = within(&mut postcard, DEPTH, bytes.len()).ok()?;
    postcard.finalize().is_ok_and(<[u8]>::is_empty).then_some(value)
}

pub(super) fn within<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
    inner: D,
    containers: u16,
    len: usize,
) -> Result<V, D::Error> {
    let mut room = Room { containers, options: DEPTH, elements: len.saturating_add(EMPTY) };
    V::deserialize(Bounded::<_> { inner, room: &mut room })
}

/// Anything of serde's; `ELEMENTS` counts what it brings.
struct Bounded<'r, T, const ELEMENTS: bool = false> {
    inner: T,
    room: &'r mut Room,
}

impl<T> Bounded<'_, T> {
    /// Goes down by one; the way back is the same for errors, which a type may survive.
    #[inline]
    fn nested<R, E: Error>(
        self,
        level: fn(&mut Room) -> &mut u16,
        into: impl FnOnce(T, &mut Room) -> Result<R, E>,
    ) -> Result<R, E> {
        let left = level(self.room);
        *left = left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        let out = into(self.inner, self.room);
        *level(self.room) += 1;
        out
    }
}

/// One container.
const CONTAINER: fn(&mut Room) -> &mut u16 = |room| &mut room.containers;

macro_rules! straight {
    ($($deserialize:ident)*) => { $(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$deserialize(visitor)
        }
    )* };
}

macro_rules! containers {
    ($($deserialize:ident($($a:ident: $t:ty),*) $elements:literal;)*) => { $(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, $($a: $t,)* visitor: V) -> Result<V::Value, D::Error> {
            self.nested(CONTAINER, |inner, room| {
                inner.$deserialize($($a,)* Bounded::<_, $elements> { inner: visitor, room })
            })
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    straight! {
        deserialize_bool deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_unit deserialize_identifier
        deserialize_any deserialize_ignored_any
    }

    containers! {
        deserialize_newtype_struct(name: &'static str) false;
        deserialize_seq() true;
        deserialize_tuple(len: usize) false;
        deserialize_tuple_struct(name: &'static str, len: usize) false;
        deserialize_map() true;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) false;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) false;
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    // what is recursive without a container passes options only
    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.nested(
            |room| &mut room.options,
            |inner, room| inner.deserialize_option(Bounded::<_> { inner: visitor, room }),
        )
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>, const ELEMENTS: bool> Visitor<'de> for Bounded<'_, V, ELEMENTS> {
    type Value = V::Value;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.inner.expecting(f)
    }
    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }
    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Bounded::<_> { inner, room: self.room })
    }
    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Bounded::<_> { inner, room: self.room })
    }
    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Bounded::<_, ELEMENTS> { inner, room: self.room })
    }
    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Bounded::<_, ELEMENTS> { inner, room: self.room })
    }
    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Bounded::<_> { inner, room: self.room })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded::<_> { inner, room: self.room })
    }
}

impl<T, const ELEMENTS: bool> Bounded<'_, T, ELEMENTS> {
    /// One more element, or none.
    fn count<R, E: Error>(&mut self, element: Option<R>) -> Result<Option<R>, E> {
        if ELEMENTS && element.is_some() {
            let left = self.room.elements.checked_sub(1);
            self.room.elements = left.ok_or_else(|| E::custom("too many elements"))?;
        }
        Ok(element)
    }
}

impl<'de, A: SeqAccess<'de>, const ELEMENTS: bool> SeqAccess<'de> for Bounded<'_, A, ELEMENTS> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<Option<S::Value>, A::Error> {
        let element = self.inner.next_element_seed(Bounded::<_> { inner, room: self.room })?;
        self.count(element)
    }
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.room.elements))
    }
}

impl<'de, A: MapAccess<'de>, const ELEMENTS: bool> MapAccess<'de> for Bounded<'_, A, ELEMENTS> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(Bounded::<_> { inner, room: self.room })?;
        self.count(key)
    }
    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Bounded::<_> { inner, room: self.room })
    }
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.room.elements))
    }
}

impl<'de, 'r, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'r, A> {
    type Error = A::Error;
    type Variant = Bounded<'r, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, which: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (which, inner) = self.inner.variant_seed(which)?;
        Ok((which, Bounded { inner, room: self.room }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }
    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, inner: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded::<_> { inner, room: self.room })
    }
    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, inner: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Bounded::<_> { inner, room: self.room })
    }
    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], inner: V) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Bounded::<_> { inner, room: self.room })
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
