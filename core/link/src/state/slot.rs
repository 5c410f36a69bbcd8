//! One request under way, and one right to give back.

use crate::settings::Tick;
use cachify_core::{
    key::{Key, Kind},
    store::Cause,
    token::HolderToken,
};
use core::task::Waker;

/// Copies what fits; its length.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> usize {
    // `copy_from_slice` brings a panic of its own
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    from.len().min(to.len())
}

/// One request, from when it is reserved to when its caller has the answer or is dropped.
#[derive(Debug)]
pub(super) struct Slot<const FRAME: usize> {
    /// Zero when the slot is free.
    pub(super) request: u32,
    pub(super) stage: Stage,
    pub(super) sends: Sends,
    pub(super) waker: Option<Waker>,
    // a frame has at most 65535 bytes
    len: u16,
    /// The frame of the request, then what follows the head of the answer.
    bytes: [u8; FRAME],
}

/// How far a request came. A cause of its own here would not be all zero when new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Reserved,
    Asked,
    Answered,
    /// The line went down before it was sent, or after.
    Failed,
    /// The gateway speaks another version.
    OtherVersion,
}

impl<const FRAME: usize> Slot<FRAME> {
    pub(super) const FREE: Self =
        Self { request: 0, stage: Stage::Reserved, sends: Sends::NONE, waker: None, len: 0, bytes: [0; FRAME] };

    pub(super) fn is_asked(&self) -> bool {
        self.request != 0 && self.stage == Stage::Asked
    }

    pub(super) fn reserve(&mut self, request: u32, now: Tick) {
        (self.request, self.stage, self.sends) = (request, Stage::Reserved, Sends::new(now));
    }

    /// Moves on to `stage`, with its bytes.
    pub(super) fn fill(&mut self, stage: Stage, bytes: &[u8]) {
        self.len = copy(bytes, &mut self.bytes) as u16;
        self.stage = stage;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    /// What it means that it was not answered: whether it ever reached the line tells.
    pub(super) fn unanswered(&self) -> Cause {
        if self.sends.count == 0 { Cause::Unreachable } else { Cause::TimedOut }
    }
}

/// How often something was sent, and when it is due next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sends {
    pub(super) count: u8,
    pub(super) next: Tick,
}

impl Sends {
    const NONE: Self = Self::new(Tick::ZERO);

    /// Due at once.
    pub(super) const fn new(now: Tick) -> Self {
        Self { count: 0, next: now }
    }

    /// Sent once more: the time until the next one doubles, five times at most. Whether it was sent before.
    pub(super) fn sent(&mut self, now: Tick, resend: u32) -> bool {
        self.next = now.after(resend.saturating_mul(1 << self.count.min(5)));
        let again = self.count > 0;
        self.count = self.count.saturating_add(1);
        again
    }
}

/// A right whose holder was dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped<const KEY: usize> {
    /// Zero when the place is free.
    pub(crate) request: u32,
    pub(crate) token: HolderToken,
    pub(crate) kind: Option<Kind>,
    pub(super) sends: Sends,
    pub(super) until: Tick,
    /// Else it is only a turn that may have been given.
    pub(super) may_be_held: bool,
    /// Milliseconds that the marker of a run that succeeded is kept; zero gives the right back.
    pub(crate) keep: u64,
    len: u16,
    bytes: [u8; KEY],
}

impl<const KEY: usize> Dropped<KEY> {
    pub(super) const FREE: Self = Self {
        request: 0,
        token: HolderToken([0; 4]),
        kind: None,
        sends: Sends::NONE,
        until: Tick::ZERO,
        may_be_held: false,
        keep: 0,
        len: 0,
        bytes: [0; KEY],
    };

    pub(super) fn new(
        request: u32,
        key: &Key<'_>,
        token: HolderToken,
        may_be_held: bool,
        sends: Sends,
        until: Tick,
    ) -> Self {
        let mut dropped = Self { request, token, kind: Some(key.kind), may_be_held, until, sends, ..Self::FREE };
        dropped.len = copy(key.bytes, &mut dropped.bytes) as u16;
        dropped
    }

    /// Of nothing that was held: it says that a life begins.
    pub(super) fn is_greeting(&self) -> bool {
        self.request != 0 && self.kind.is_none()
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}
