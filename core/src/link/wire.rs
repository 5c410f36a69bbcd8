//! How fields become bytes: the postcard format, written by hand for the few types that cross the link.
//!
//! By hand, because serde's machinery costs a device more flash than all of this, and because here every length is
//! checked before it is believed. A test compares it with postcard itself.

mod rights;

use super::frame::Encoder;
use crate::{cell::Holding, drive, key::Kind, patience::Ticket, time::Instant, token::HolderToken};
use core::time::Duration;

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

    /// A varint of at most `bits` bits.
    fn number(&mut self, bits: u32) -> Option<u64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            let left = bits.checked_sub(shift)?;
            if left < 7 && part >> left != 0 {
                return None;
            }
            value |= part << shift;
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
                $type::try_from(from.number($type::BITS)?).ok()
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
    Holding { 0 = Holding::Kept, 1 = Holding::Lost }
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

/// Whole milliseconds, rounded up, at most 49 days. A holder's margin is larger than what rounding adds.
impl Put for Duration {
    fn put(&self, to: &mut Encoder<'_>) {
        drive::millis(*self).put(to);
    }
}

impl Parse<'_> for Duration {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let millis = u32::parse(from)?;
        Some(Instant::from_millis(millis.into()).since(Instant::ZERO))
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
