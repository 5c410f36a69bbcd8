//! The table of operations on a lease, as values: what the state machine asks, and every store answers.
//!
//! The kind of a lease is in its key and nowhere else, so one operation serves locks, permits, runs and flights.
//! Times are in milliseconds: a store in RAM adds them to its clock, one behind a wire sends them. Matched without `_`
//! everywhere, so that a new operation is noticed by the compiler and not by a user.

use crate::{
    cell::Holding,
    key::Key,
    label::Label,
    patience::Ticket,
    time::{Instant, duration},
    token::{FencingToken, HolderToken},
};
use core::time::Duration;

/// An operation on the lease that a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Asks for the lease once. Asked again by the same token, the answer is the same.
    Acquire(Ask),
    /// Extends the lease of the token.
    Renew {
        /// By how much, from now.
        ttl: u64,
    },
    /// Ends the lease of the token; wakes a waiter, and all who wait for a value.
    Release(Outcome),
    /// Ends the lease and forgets the marker or the value, whoever holds it.
    Clear,
    /// Keeps a value, whatever is there, and ends the flight of whoever loads another: what that brings is not stored. Of
    /// caches only.
    Insert {
        /// For how long the value is fresh, from now.
        fresh: u64,
    },
    /// Looks at who holds the key, without touching it; at a cached value for how long it is fresh, which a store that
    /// cannot tell refuses as unsupported.
    Inspect,
    /// Looks at the value, which takes nothing.
    Get,
}

impl Op {
    /// For how many milliseconds from now a lease lasts that the operation brings about, or what its end leaves.
    #[must_use]
    pub const fn lasts(&self) -> u64 {
        match self {
            Self::Acquire(Ask { ttl, .. }) | Self::Renew { ttl } => *ttl,
            Self::Release(Outcome::Done { fresh }) => *fresh,
            Self::Release(Outcome::Free) | Self::Insert { .. } | Self::Clear | Self::Inspect | Self::Get => 0,
        }
    }

    /// Whether it is about the lease of one token; the others are about a key, whoever holds it.
    #[must_use]
    pub const fn is_of_holder(&self) -> bool {
        match self {
            Self::Acquire(_) | Self::Renew { .. } | Self::Release(_) => true,
            Self::Clear | Self::Insert { .. } | Self::Inspect | Self::Get => false,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How long the lease lasts unless renewed.
    pub ttl: u64,
    /// For how much longer the caller waits; zero for one that does not, `u64::MAX` for one that waits for ever.
    pub wait: u64,
    /// How many permits the pool has; of no meaning for other kinds.
    pub size: u32,
    /// Of a flight: how much longer than this a value must be fresh to count, in milliseconds, zero for not at all. One that
    /// does not is loaded again by one caller, while others have it ([`Answer::Stale`]). See [`AGAIN`](Self::AGAIN) and
    /// [`ALONE`](Self::ALONE), for which nobody has it.
    pub window: u32,
    /// By what people know who asks, once it holds the lease.
    pub label: Label,
}

/// Whether anything but zero is a window here: on a device that wants none this leaves nothing of them.
pub(crate) const WINDOWS: bool = cfg!(feature = "stale");

impl Ask {
    /// A [`window`](Self::window) for which no value counts but one that was loaded while the caller waited, where the store
    /// can tell; else it loads in its turn.
    pub const AGAIN: u32 = u32::MAX - 1;
    /// A [`window`](Self::window) for which no value counts.
    pub const ALONE: u32 = u32::MAX;

    /// Whether a value that is near its end will do, while somebody else loads it again.
    #[must_use]
    pub const fn takes_stale(&self) -> bool {
        self.window < Self::AGAIN
    }

    /// Until when at least a value must be fresh at `now` to count within that window.
    #[must_use]
    pub const fn horizon(window: u32, now: Instant) -> Instant {
        if window < Self::AGAIN { now.plus(window as u64) } else { Instant::MAX }
    }
}

/// How a lease ended, for its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is kept.
    Free,
    /// A run succeeded, and others are skipped for a while; or a flight landed, and its value is fresh for that long.
    Done {
        /// For how long, from now.
        fresh: u64,
    },
}

/// An operation with all that a store is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which lease of which kind.
    pub key: &'a Key<'a>,
    /// Who holds it, or asks for it.
    pub token: HolderToken,
    /// The caller's time: the only field that changes from poll to poll of one operation.
    pub now: Instant,
    /// What is to be done.
    pub op: &'a Op,
    /// Whether the caller is a thread that may be blocked until there is an answer.
    pub may_block: bool,
}

/// The answer of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Op::Acquire`]: it is the caller's.
    Granted {
        /// Grows with every grant of the key.
        fence: FencingToken,
        /// Which permit of the pool; zero for everything else.
        index: u32,
    },
    /// To [`Op::Acquire`]: somebody else has it.
    Busy {
        /// When that ends, unless renewed.
        until: Instant,
        /// What had been released by now.
        ticket: Ticket,
    },
    /// To [`Op::Acquire`]: a run was done, and its marker is kept.
    Done {
        /// When the marker ends.
        until: Instant,
    },
    /// To [`Op::Acquire`] and [`Op::Get`]: there is a fresh value, nothing to fill.
    Filled,
    /// To [`Op::Acquire`]: somebody else fills it, and until then there is a value within the window that was asked with.
    Stale,
    /// To [`Op::Get`]: there is no fresh value.
    Absent,
    /// To [`Op::Acquire`]: the flight is being computed further up the caller's stack. Waiting would be for ever.
    Recursive,
    /// To [`Op::Acquire`]: every slot of the store holds something live.
    Full,
    /// To [`Op::Renew`] and [`Op::Release`]: whether the token still held it; to [`Op::Insert`]: it is kept.
    Held(Holding),
    /// To [`Op::Clear`]: whether there was anything.
    Cleared(bool),
    /// To [`Op::Inspect`].
    Inspected(Inspection),
}

/// What is seen of a key: who holds it, and who waits for it, as far as its store knows.
///
/// Times are durations, for they cross from clock to clock. Another may hold it by the time this is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// How many hold it: a marker counts for its run, a fresh value for its flight.
    pub held: u32,
    /// In milliseconds; `u64::MAX` where no end is known.
    pub(crate) remaining: u64,
    fence: FencingToken,
    /// In milliseconds; `u64::MAX` where it is not known.
    age: u64,
    /// `u32::MAX` where it is not known.
    waiting: u32,
    label: Label,
}

impl Inspection {
    /// Nobody holds it.
    pub const FREE: Self =
        Self { held: 0, remaining: 0, fence: FencingToken(0), age: u64::MAX, waiting: u32::MAX, label: Label::NONE };

    /// Held by so many, for so many milliseconds; `u64::MAX` where no end is known.
    #[must_use]
    pub const fn new(held: u32, remaining: u64) -> Self {
        Self { held, remaining: if held == 0 { 0 } else { remaining }, ..Self::FREE }
    }

    /// Held by so many, the first of them until then.
    #[must_use]
    pub const fn until(held: u32, end: Instant, now: Instant) -> Self {
        let endless = end.as_millis() == u64::MAX;
        Self::new(held, if endless { u64::MAX } else { end.millis_since(now) })
    }

    /// When it ends, of what was seen then.
    pub(crate) const fn end(&self, then: Instant) -> Instant {
        if self.remaining == u64::MAX { Instant::MAX } else { then.saturating_add(duration(self.remaining)) }
    }

    /// The same with the fence of the holder, and for how many milliseconds it has held; `u64::MAX` if that is not
    /// known.
    #[must_use]
    pub const fn by(mut self, fence: FencingToken, age: u64) -> Self {
        (self.fence, self.age) = (fence, age);
        self
    }

    /// The same with how many wait.
    #[must_use]
    pub const fn waited_for_by(mut self, waiting: u32) -> Self {
        self.waiting = waiting;
        self
    }

    /// The same with the label of the holder.
    #[must_use]
    pub const fn labelled(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// By what people know the holder; `None` where nobody holds it, where it said none, and of a pool.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        Some(self.label.as_str()).filter(|label| !label.is_empty())
    }

    /// When it ends unless renewed, of a pool the first permit; `None` where nobody holds it, or no end is known.
    #[must_use]
    pub const fn remaining(&self) -> Option<Duration> {
        if self.held == 0 || self.remaining == u64::MAX { None } else { Some(duration(self.remaining)) }
    }

    /// The fence of the holder; `None` where nobody holds it, as of a run that is done, and of a pool, which has many.
    #[must_use]
    pub const fn fence(&self) -> Option<FencingToken> {
        if self.fence.0 == 0 { None } else { Some(self.fence) }
    }

    /// For how long it has been held; `None` where nobody holds it, of a pool, and where the store does not know.
    #[must_use]
    pub const fn age(&self) -> Option<Duration> {
        if self.age == u64::MAX { None } else { Some(duration(self.age)) }
    }

    /// How many callers wait for it; `None` where the store does not know.
    #[must_use]
    pub const fn waiting(&self) -> Option<u32> {
        if self.waiting == u32::MAX { None } else { Some(self.waiting) }
    }
}

/// What its holder leaves behind who is gone and waits for no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing but the wake-up that a waiter may have been given; a lease that it was granted unheard is taken back
    /// too.
    WakeUp,
    /// The wake-up alone: what the token may hold stays.
    HandOff,
    /// The lease, if it was granted.
    Lease,
    /// The marker of a run that succeeded, which was told and not heard: to be told again, not taken back.
    Done {
        /// For how long the marker is kept.
        fresh: u64,
        /// For how long the run lasts at most, should it never be heard.
        ttl: u64,
    },
}

impl Left {
    /// How the lease of who left it ends, if it was granted.
    #[doc(hidden)]
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Done { fresh, .. } => Outcome::Done { fresh },
            Self::Lease | Self::WakeUp | Self::HandOff => Outcome::Free,
        }
    }
}

/// Whether a lease is still held, for one who waits for its loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// It is not.
    Lost,
    /// It is, and the task is woken when it is taken away.
    Told,
    /// It is, but there is no room to be told: look again soon.
    Untold,
}
