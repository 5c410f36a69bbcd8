//! One operation on its way out of the process, and what comes back: owned, so that it outlives who asked.

use super::OwnedKey;
use crate::clock::StdClock;
use cachify_core::{
    Cause, Holding,
    drive::beside,
    key::Kind,
    op::{Ask, Inspection, Op, Outcome},
    patience::Ticket,
    time::{Clock, Timer},
    token::{FencingToken, HolderToken},
};
use std::{future::Future, time::Duration};

/// One operation on one key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The key, which says of what kind the lease is.
    pub key: OwnedKey,
    /// Who asks for the lease or holds it; zeros for an operation on a key, whoever holds it.
    pub token: HolderToken,
    /// What is to be done; times are in milliseconds.
    pub op: Op,
    /// With [`Op::Release`] of a flight that succeeded, its value. With [`Op::Acquire`] of a flight, bytes that the
    /// caller cannot decode: if the key holds exactly these, they count for no value.
    pub bytes: Option<Vec<u8>>,
    /// The longest value that its caller can take; a longer one need not be brought, and is [`Cause::NO_ROOM`].
    pub room: Option<usize>,
    /// How long it may take; past it the caller takes the outcome for unknown.
    pub limit: Duration,
    /// By which that is measured.
    pub(crate) clock: StdClock,
}

impl Call {
    /// An operation without bytes.
    #[must_use]
    pub const fn new(key: OwnedKey, token: HolderToken, op: Op, limit: Duration) -> Self {
        Self { key, token, op, bytes: None, room: None, limit, clock: StdClock::system() }
    }

    /// The same with its bytes. Without any a flight ends without a value.
    #[must_use]
    pub fn with(mut self, bytes: Option<Vec<u8>>) -> Self {
        if bytes.is_none() && self.key.kind == Kind::Cache && matches!(self.op, Op::Release(_)) {
            self.op = Op::Release(Outcome::Free);
        }
        self.bytes = bytes;
        self
    }

    /// One of several questions that a store is asked for this call: each may take as long as the
    /// [`limit`](Self::limit) says, so that a slow store is not taken for one that does not answer.
    ///
    /// For backends that [keep limits](super::About::keeps_limits) this way. Dropping it drops the question.
    ///
    /// # Errors
    /// Those of the question; [`Cause::TimedOut`] past the limit.
    pub async fn question<T>(&self, asked: impl Future<Output = Result<T, Cause>>) -> Result<T, Cause> {
        let limit = self.clock.sleep_until(self.clock.now().saturating_add(self.limit));
        beside(asked, limit).await.unwrap_or(Err(Cause::TimedOut))
    }

    /// A release of a lease of which nothing is kept, which also calls the next one who waits.
    #[must_use]
    pub const fn give_back(key: OwnedKey, token: HolderToken, limit: Duration) -> Self {
        Self::new(key, token, Op::Release(Outcome::Free), limit)
    }
}

/// What an operation asks, for how long from now.
pub(crate) const fn lasting(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The answer to a call. Times are durations, for the clocks of both sides share nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Op::Acquire`]: it is the token's.
    Granted {
        /// Grows with every grant of the key.
        fence: FencingToken,
        /// Which permit of the pool, the lowest that was free; zero for everything else.
        index: u32,
        /// How long it lasts.
        remaining: Duration,
    },
    /// To [`Op::Acquire`]: somebody else has it.
    Busy {
        /// When that ends, unless renewed; [`Duration::MAX`] if no end is known.
        remaining: Duration,
        /// What [`changed`](super::Backend::changed) is to be asked with; [`Ticket::NONE`] if it cannot tell.
        ticket: Ticket,
    },
    /// To [`Op::Acquire`] of a run: it was done, and its marker is kept.
    Done {
        /// When the marker ends.
        remaining: Duration,
    },
    /// To [`Op::Acquire`] of a flight and to [`Op::Get`]: the fresh value.
    Filled(Vec<u8>),
    /// To [`Op::Acquire`] of a flight: a value that is fresh for no longer than the [`window`](Ask::window) that was asked with,
    /// while somebody else loads it again. No reply to one for whom no value counts.
    Stale(Vec<u8>),
    /// To [`Op::Get`]: there is no fresh value.
    Absent,
    /// To [`Op::Renew`] and [`Op::Release`]: whether the token held it; to [`Op::Insert`], `Held`: it is kept.
    Held(Holding),
    /// To [`Op::Clear`]: whether there was anything.
    Cleared(bool),
    /// To [`Op::Inspect`].
    Inspected(Inspection),
}

/// What a store said that answered something else than it was asked.
pub(crate) const OTHER: Cause = Cause::Unsupported("the store answered another question");

impl Reply {
    /// The reply, if it answers that operation on a key of that kind.
    ///
    /// # Errors
    /// [`Cause::Unsupported`] if it answers another one.
    pub(crate) fn of(self, op: &Op, kind: Kind) -> Result<Self, Cause> {
        let fits = match op {
            Op::Acquire(Ask { .. }) => match self {
                Self::Granted { .. } | Self::Busy { .. } => true,
                Self::Done { .. } => kind == Kind::Once,
                Self::Filled(_) | Self::Stale(_) => kind == Kind::Cache,
                _ => false,
            },
            Op::Renew { .. } | Op::Release(_) | Op::Insert { .. } => matches!(self, Self::Held(_)),
            Op::Clear => matches!(self, Self::Cleared(_)),
            Op::Inspect => matches!(self, Self::Inspected(_)),
            Op::Get => matches!(self, Self::Filled(_) | Self::Absent),
        };
        if fits { Ok(self) } else { Err(OTHER) }
    }

    /// The reply, if its caller has room for the value that it may bring.
    ///
    /// # Errors
    /// [`Cause::NO_ROOM`].
    pub(crate) fn within(self, room: Option<usize>) -> Result<Self, Cause> {
        match &self {
            Self::Filled(value) | Self::Stale(value) if room.is_some_and(|room| value.len() > room) => {
                Err(Cause::NO_ROOM)
            }
            _ => Ok(self),
        }
    }

    pub(crate) fn holding(self) -> Result<Holding, Cause> {
        if let Self::Held(holding) = self { Ok(holding) } else { Err(OTHER) }
    }
}
