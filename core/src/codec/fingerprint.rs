//! What serde says of a value, in 64 bits: to tell whether a value that was decoded is the one that was encoded.
//!
//! Bytes cannot tell: a field that is left out shifts those after it, and the value that comes of it may well encode to
//! the same bytes. Here fields and variants have their names. Elements of sequences and maps count without order, for a
//! set is walked in another order once it is built anew; no codec changes the order of a list.
//! Not here: what serde does not say of a value, such as a skipped field.

use core::fmt::{self, Display, Write as _};
use serde::{Serialize, Serializer, ser};

/// The fingerprint of a value, as a codec sees it that is human-readable or is not; `None` if it cannot be walked.
pub(super) fn of<V: Serialize + ?Sized>(value: &V, readable: bool) -> Option<u64> {
    value.serialize(Fingerprint { readable }).ok()
}

type Name = &'static str;

#[derive(Clone, Copy)]
struct Fingerprint {
    readable: bool,
}

/// A value's own `Serialize` gave up.
#[derive(Debug)]
struct GaveUp;

impl Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value gave up")
    }
}

impl core::error::Error for GaveUp {}

impl ser::Error for GaveUp {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// What is walked: a number is not its text, and not the same number in fewer bits.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Signed(u8),
    Unsigned(u8),
    Float(u8),
    Char,
    Text,
    Bytes,
    Nothing,
    Something,
    Unit,
    Named,
    Sequence,
    Map,
    Tuple,
    Struct,
    Variant,
}

impl Kind {
    fn start(self) -> u64 {
        let kind = match self {
            Self::Bool => 1,
            Self::Char => 2,
            Self::Text => 3,
            Self::Bytes => 4,
            Self::Nothing => 5,
            Self::Something => 6,
            Self::Unit => 7,
            Self::Named => 8,
            Self::Sequence => 9,
            Self::Map => 10,
            Self::Tuple => 11,
            Self::Struct => 12,
            Self::Variant => 13,
            Self::Signed(size) => 0x100 | u64::from(size),
            Self::Unsigned(size) => 0x200 | u64::from(size),
            Self::Float(size) => 0x300 | u64::from(size),
        };
        mix(0, kind)
    }

    fn of(self, word: u64) -> u64 {
        mix(self.start(), word)
    }

    fn of_bytes(self, bytes: &[u8]) -> u64 {
        let mut words = Words::new(self);
        words.put(bytes);
        words.end()
    }
}

/// Multiply and fold, as for keys; not symmetric.
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ 0xa076_1d64_78bd_642f) * u128::from(word ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64 ^ state.rotate_left(23)
}

/// Bytes, eight at a time however they come.
struct Words {
    state: u64,
    word: u64,
    len: u64,
}

impl Words {
    fn new(kind: Kind) -> Self {
        Self { state: kind.start(), word: 0, len: 0 }
    }

    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.word = self.word << 8 | u64::from(*byte);
            self.len += 1;
            if self.len.is_multiple_of(8) {
                self.state = mix(self.state, self.word);
                self.word = 0;
            }
        }
    }

    fn end(self) -> u64 {
        mix(mix(self.state, self.word), self.len)
    }
}

impl fmt::Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

macro_rules! words {
    ($($serialize:ident($t:ty) $kind:expr, |$v:ident| $word:expr;)*) => { $(
        fn $serialize(self, $v: $t) -> Result<u64, GaveUp> {
            Ok($kind.of($word))
        }
    )* };
}

impl Serializer for Fingerprint {
    type Ok = u64;
    type Error = GaveUp;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    words! {
        serialize_bool(bool) Kind::Bool, |v| v.into();
        serialize_char(char) Kind::Char, |v| u32::from(v).into();
        serialize_u8(u8) Kind::Unsigned(1), |v| v.into();
        serialize_u16(u16) Kind::Unsigned(2), |v| v.into();
        serialize_u32(u32) Kind::Unsigned(4), |v| v.into();
        serialize_u64(u64) Kind::Unsigned(8), |v| v;
        serialize_i8(i8) Kind::Signed(1), |v| v.cast_unsigned().into();
        serialize_i16(i16) Kind::Signed(2), |v| v.cast_unsigned().into();
        serialize_i32(i32) Kind::Signed(4), |v| v.cast_unsigned().into();
        serialize_i64(i64) Kind::Signed(8), |v| v.cast_unsigned();
        // by their bits: what is no number is equal to itself
        serialize_f32(f32) Kind::Float(4), |v| v.to_bits().into();
        serialize_f64(f64) Kind::Float(8), |v| v.to_bits();
    }

    fn serialize_u128(self, v: u128) -> Result<u64, GaveUp> {
        Ok(Kind::Unsigned(16).of_bytes(&v.to_le_bytes()))
    }
    fn serialize_i128(self, v: i128) -> Result<u64, GaveUp> {
        Ok(Kind::Signed(16).of_bytes(&v.to_le_bytes()))
    }
    fn serialize_str(self, text: &str) -> Result<u64, GaveUp> {
        Ok(Kind::Text.of_bytes(text.as_bytes()))
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<u64, GaveUp> {
        let mut words = Words::new(Kind::Text);
        write!(words, "{value}").map_err(|_| GaveUp)?;
        Ok(words.end())
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Result<u64, GaveUp> {
        Ok(Kind::Bytes.of_bytes(bytes))
    }

    fn serialize_none(self) -> Result<u64, GaveUp> {
        Ok(Kind::Nothing.start())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u64, GaveUp> {
        Ok(Kind::Something.of(value.serialize(self)?))
    }
    fn serialize_unit(self) -> Result<u64, GaveUp> {
        Ok(Kind::Unit.start())
    }
    fn serialize_unit_struct(self, name: Name) -> Result<u64, GaveUp> {
        self.parts(Kind::Unit, name).end()
    }
    fn serialize_unit_variant(self, _: Name, _: u32, variant: Name) -> Result<u64, GaveUp> {
        self.parts(Kind::Variant, variant).end()
    }
    fn serialize_newtype_struct<T>(self, name: Name, value: &T) -> Result<u64, GaveUp>
    where
        T: Serialize + ?Sized,
    {
        self.parts(Kind::Named, name).with(value)?.end()
    }
    fn serialize_newtype_variant<T>(self, _: Name, _: u32, variant: Name, value: &T) -> Result<u64, GaveUp>
    where
        T: Serialize + ?Sized,
    {
        self.parts(Kind::Variant, variant).with(value)?.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Sequence, ""))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Map, ""))
    }
    fn serialize_tuple(self, _: usize) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Tuple, ""))
    }
    fn serialize_tuple_struct(self, name: Name, _: usize) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Tuple, name))
    }
    fn serialize_struct(self, name: Name, _: usize) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Struct, name))
    }
    fn serialize_tuple_variant(self, _: Name, _: u32, variant: Name, _: usize) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Variant, variant))
    }
    fn serialize_struct_variant(self, _: Name, _: u32, variant: Name, _: usize) -> Result<Parts, GaveUp> {
        Ok(self.parts(Kind::Variant, variant))
    }

    fn is_human_readable(&self) -> bool {
        self.readable
    }
}

impl Fingerprint {
    fn parts(self, kind: Kind, name: &str) -> Parts {
        Parts { walk: self, state: kind.of(Kind::Text.of_bytes(name.as_bytes())), sum: 0, count: 0, key: 0 }
    }
}

/// Something with parts, half walked.
struct Parts {
    walk: Fingerprint,
    /// Of parts in their order.
    state: u64,
    /// Of parts in any order.
    sum: u64,
    count: u64,
    /// Of a map's entry, until its value comes.
    key: u64,
}

impl Parts {
    fn with<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, GaveUp> {
        self.next(value)?;
        Ok(self)
    }

    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.state = mix(self.state, value.serialize(self.walk)?);
        self.count += 1;
        Ok(())
    }

    fn named<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), GaveUp> {
        self.state = mix(self.state, Kind::Text.of_bytes(name.as_bytes()));
        self.next(value)
    }

    fn add(&mut self, key: u64, value: u64) {
        self.sum = self.sum.wrapping_add(mix(key, mix(value, 1)));
        self.count += 1;
    }

    #[expect(clippy::unnecessary_wraps, reason = "the result of every `end` of serde's")]
    fn end(self) -> Result<u64, GaveUp> {
        Ok(mix(mix(self.state, self.sum), self.count))
    }
}

impl ser::SerializeSeq for Parts {
    type Ok = u64;
    type Error = GaveUp;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.add(0, value.serialize(self.walk)?);
        Ok(())
    }
    fn end(self) -> Result<u64, GaveUp> {
        self.end()
    }
}

impl ser::SerializeMap for Parts {
    type Ok = u64;
    type Error = GaveUp;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), GaveUp> {
        self.key = key.serialize(self.walk)?;
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.add(self.key, value.serialize(self.walk)?);
        Ok(())
    }
    fn end(self) -> Result<u64, GaveUp> {
        self.end()
    }
}

macro_rules! ordered {
    ($($Trait:ident $serialize:ident $next:ident($($name:ident)?);)*) => { $(
        impl ser::$Trait for Parts {
            type Ok = u64;
            type Error = GaveUp;
            fn $serialize<T: Serialize + ?Sized>(&mut self, $($name: Name,)? value: &T) -> Result<(), GaveUp> {
                self.$next($($name,)? value)
            }
            fn end(self) -> Result<u64, GaveUp> {
                self.end()
            }
        }
    )* };
}
ordered! {
    SerializeTuple serialize_element next();
    SerializeTupleStruct serialize_field next();
    SerializeTupleVariant serialize_field next();
    SerializeStruct serialize_field named(name);
    SerializeStructVariant serialize_field named(name);
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
