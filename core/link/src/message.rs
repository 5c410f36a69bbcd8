//! What is said on the link: requests of a device, and what its gateway says to it.
//!
//! Invariant: only durations cross the link, never points in time, since the two clocks share nothing.

use super::{
    VERSION,
    frame::{self, Encoder},
    wire::{Parse, Put, Reader},
};
use cachify_core::{key::Kind, patience::Ticket};

/// What every message begins with, after its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// One life of one device.
    pub(super) session: u32,
    /// Which request this is or answers; zero for a notice.
    pub(super) request: u32,
}

/// A key as it crosses the link: the gateway adds the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// What it is for.
    pub(super) kind: Kind,
    /// The user's part.
    pub(super) key: &'a [u8],
}

impl Put for Name<'_> {
    fn put(&self, to: &mut Encoder<'_>) {
        self.kind.put(to);
        self.key.put(to);
    }
}

impl Head {
    pub(super) const NONE: Self = Self { session: 0, request: 0 };
}

impl<'a> Parse<'a> for Name<'a> {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        let (kind, key) = (Kind::parse(from)?, <&[u8]>::parse(from)?);
        // stores outside the process spell keys as text
        core::str::from_utf8(key).ok()?;
        Some(Self { kind, key })
    }
}

fn put_head(head: Head, to: &mut Encoder<'_>) {
    to.put(&[VERSION]);
    head.session.put(to);
    head.request.put(to);
}

/// Reads version and head, which are the same in every version.
pub(super) fn take_head(message: &[u8], ticket: Ticket) -> Option<(u8, Head, Reader<'_>)> {
    let mut from = Reader::new(message, ticket);
    let version = from.byte()?;
    let head = Head { session: u32::parse(&mut from)?, request: u32::parse(&mut from)? };
    Some((version, head, from))
}

/// Makes the frame of a request; its length, or `None` if it does not fit.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(super) fn request_frame(buf: &mut [u8], head: Head, name: Name<'_>, question: &dyn Put) -> Option<usize> {
    frame::encode(buf, |to| {
        put_head(head, to);
        name.put(to);
        question.put(to);
    })
}

/// Writes an answer, or the name of what was released as a notice.
#[cfg(feature = "alloc")]
pub(super) fn put_reply(head: Head, reply: &impl Put, to: &mut Encoder<'_>) {
    put_head(head, to);
    reply.put(to);
}
