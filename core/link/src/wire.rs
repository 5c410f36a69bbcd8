//! How fields become bytes: the postcard format, written by hand for the few types that cross the link.
//!
//! By hand, because serde's machinery costs a device more flash than all of this, and because here every length is
//! checked before it is believed. A test compares it with postcard itself.

mod faults;
mod inspection;

pub(super) use faults::code;

use super::frame::Encoder;
use cachify_core::{cell::Holding, key::Kind, patience::Ticket, token::HolderToken};

/// Writes itself.
pub(super) trait Put {
    fn put(&self, to: &mut Encoder<'_>);
}

/// Reads itself; `None` for anything malformed.
pub(super) trait Parse<'a>: Sized {
    fn parse(from: &mut Reader<'a>) -> Option<Self>;
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// What a refusal becomes whose end will be told; tickets themselves never cross the link.
    pub(super) ticket: Ticket,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8], ticket: Ticket) -> Self {
        Self { rest, ticket }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn split(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.split(1)?.first().copied()
    }

    /// A varint.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

fn number(mut value: u64, to: &mut Encoder<'_>) {
    while value >= 0x80 {
        to.put(&[value as u8 | 0x80]);
        value >>= 7;
    }
    to.put(&[value as u8]);
}

macro_rules! numbers {
    ($($type:ident)*) => { $(
        impl Put for $type {
            fn put(&self, to: &mut Encoder<'_>) {
                number((*self).into(), to);
            }
        }
        impl Parse<'_> for $type {
            fn parse(from: &mut Reader<'_>) -> Option<Self> {
                $type::try_from(from.number()?).ok()
            }
        }
    )* };
}
numbers!(u16 u32 u64);

/// Types that are one byte of few.
macro_rules! bytes {
    ($($type:ty { $($byte:literal = $value:path),* })*) => { $(
        impl Put for $type {
            fn put(&self, to: &mut Encoder<'_>) {
                to.put(&[match self { $($value => $byte),* }]);
            }
        }
        impl Parse<'_> for $type {
            fn parse(from: &mut Reader<'_>) -> Option<Self> {
                match from.byte()? {
                    $($byte => Some($value),)*
                    _ => None,
                }
            }
        }
    )* };
}
bytes! {
    Kind { 1 = Kind::Cache, 2 = Kind::Lock, 3 = Kind::Once, 4 = Kind::Pool }
    Holding { 0 = Holding::Held, 1 = Holding::Lost }
}

impl Put for u8 {
    fn put(&self, to: &mut Encoder<'_>) {
        to.put(&[*self]);
    }
}

impl Parse<'_> for u8 {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        from.byte()
    }
}

impl Put for bool {
    fn put(&self, to: &mut Encoder<'_>) {
        to.put(&[u8::from(*self)]);
    }
}

impl Parse<'_> for bool {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Put for &[u8] {
    fn put(&self, to: &mut Encoder<'_>) {
        number(self.len() as u64, to);
        to.put(self);
    }
}

#[cfg(feature = "alloc")]
impl Put for alloc::vec::Vec<u8> {
    fn put(&self, to: &mut Encoder<'_>) {
        (&self[..]).put(to);
    }
}

impl<'a> Parse<'a> for &'a [u8] {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        let len = u16::parse(from)?;
        from.split(len.into())
    }
}

impl<T: Put> Put for Option<T> {
    fn put(&self, to: &mut Encoder<'_>) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }
}

impl<'a, T: Parse<'a>> Parse<'a> for Option<T> {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        if bool::parse(from)? { T::parse(from).map(Some) } else { Some(None) }
    }
}

impl Put for HolderToken {
    fn put(&self, to: &mut Encoder<'_>) {
        self.0.iter().for_each(|word| to.put(&word.to_le_bytes()));
    }
}

impl Parse<'_> for HolderToken {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let mut token = Self::default();
        for word in &mut token.0 {
            *word = u32::from_le_bytes(*from.split(4)?.first_chunk()?);
        }
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Decoder, encode};
    use cachify_core::store::Cause;
    use std::{fmt::Debug, vec::Vec};

    fn bytes(value: &impl Put) -> Vec<u8> {
        let mut line = [0; 600];
        let len = encode(&mut line, |to| value.put(to)).unwrap();
        let mut decoder = Decoder::new([0; 600]);
        line[..len].iter().find_map(|byte| decoder.feed(*byte).map(<[u8]>::to_vec)).unwrap()
    }

    /// It comes back whole; cut short it is nothing.
    #[expect(clippy::needless_pass_by_value, reason = "made for this")]
    fn comes_back<T: Put + for<'a> Parse<'a> + PartialEq + Debug>(value: T) {
        let bytes = bytes(&value);
        let mut reader = Reader::new(&bytes, Ticket(7));
        assert_eq!(T::parse(&mut reader).as_ref(), Some(&value));
        assert!(reader.is_empty(), "{value:?}");
        for len in 0..bytes.len() {
            assert_eq!(T::parse(&mut Reader::new(&bytes[..len], Ticket(7))), None, "{value:?} cut to {len}");
        }
    }

    #[test]
    fn it_is_postcard() {
        use postcard::to_slice;
        let mut buf = [0; 64];
        for number in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            assert_eq!(bytes(&number), to_slice(&number, &mut buf).unwrap());
            assert_eq!(bytes(&Some(number)), to_slice(&Some(number), &mut buf).unwrap());
            let wide = u64::from(number) << 31 | 5;
            assert_eq!(bytes(&wide), to_slice(&wide, &mut buf).unwrap());
        }
        assert_eq!(bytes(&u16::MAX), to_slice(&u16::MAX, &mut buf).unwrap());
        assert_eq!(bytes(&None::<u32>), to_slice(&None::<u32>, &mut buf).unwrap());
        assert_eq!(bytes(&true), to_slice(&true, &mut buf).unwrap());
        assert_eq!(bytes(&b"key".as_slice()), to_slice("key", &mut buf).unwrap());
        assert_eq!(bytes(&HolderToken([1, 2, 3, 0x0403_0201])), to_slice(&token_bytes(), &mut buf).unwrap());
    }

    fn token_bytes() -> [u8; 16] {
        [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 4]
    }

    #[test]
    fn everything_comes_back() {
        comes_back(HolderToken([1, u32::MAX, 0, 7]));
        comes_back(Some(u32::MAX));
        comes_back(None::<u32>);
        for cause in [Cause::TimedOut, Cause::Unreachable, Cause::Full, Cause::KeyTooLong, Cause::Codec] {
            comes_back(cause);
        }
        comes_back(Cause::rejected(crate::TOO_LONG));
        comes_back(Cause::rejected(crate::RIVAL));
        comes_back(Some(Holding::Lost));
        comes_back(Kind::Pool);
    }

    #[test]
    fn a_number_of_too_many_bits_is_nothing() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &[0x80; 6], &[0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(u32::parse(&mut Reader::new(bytes, Ticket::NONE)), None, "{bytes:?}");
        }
        assert_eq!(u16::parse(&mut Reader::new(&[0xff, 0xff, 3], Ticket::NONE)), Some(u16::MAX));
        assert_eq!(u16::parse(&mut Reader::new(&[0xff, 0xff, 4], Ticket::NONE)), None);
        assert_eq!(u64::parse(&mut Reader::new(&[[0xff; 9].as_slice(), &[1]].concat(), Ticket::NONE)), Some(u64::MAX));
        assert_eq!(u64::parse(&mut Reader::new(&[0xff; 11], Ticket::NONE)), None);
    }
}
