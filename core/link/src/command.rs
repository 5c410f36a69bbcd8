//! What a gateway reads and says: each request of a device as an operation, and each reply. A device writes and reads
//! the same bytes without these types (`question`), which would cost it flash.

use super::{
    frame::Encoder,
    message::Name,
    number,
    wire::{Parse, Put, Reader},
};
use alloc::vec::Vec;
use cachify_core::{
    Label,
    cell::Holding,
    key::Kind,
    op::{Ask, Inspection, Op, Outcome},
    patience::Ticket,
    store::Cause,
    token::{FencingToken, HolderToken},
};

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    pub(super) op: Op,
    /// Whose lease it is; zeros where it is about a key, whoever holds it.
    pub(super) token: HolderToken,
    /// The longest value the device has room for, in bytes.
    pub(super) room: u16,
    /// Checksum of a value that its caller cannot read, and takes for none.
    pub(super) foreign: Option<u32>,
    /// With which a flight ends.
    pub(super) value: &'a [u8],
}

impl<'a> Command<'a> {
    /// Reads one about a key of that kind; `None` also if such keys have no such operation: what lies under a lock is
    /// not to be written over as a value.
    fn parse(kind: Kind, from: &mut Reader<'a>) -> Option<Self> {
        let number = from.byte()?;
        let mut command = Self { op: Op::Inspect, token: HolderToken::default(), room: 0, foreign: None, value: &[] };
        if number::has_token(number) {
            command.token = HolderToken::parse(from)?;
        }
        command.op = match (number, kind) {
            (number::ACQUIRE, _) => {
                let ttl = lasting(from)?;
                let wait = Option::<u32>::parse(from)?.map_or(u64::MAX, u64::from);
                let size = if matches!(kind, Kind::Pool | Kind::Cache) { u32::parse(from)? } else { 1 };
                let mut window = 0;
                if kind == Kind::Cache {
                    (command.room, command.foreign) = (u16::try_from(size).ok()?, Option::parse(from)?);
                    window = u32::parse(from)?;
                }
                Op::Acquire(Ask { ttl, wait, size, window, label: Label::NONE })
            }
            (number::RENEW, _) => Op::Renew { ttl: lasting(from)? },
            (number::RELEASE, _) => Op::Release(Outcome::Free),
            (number::COMPLETE, Kind::Once) => Op::Release(Outcome::Done { fresh: u64::parse(from)? }),
            (number::PUBLISH, Kind::Cache) => {
                let fresh = Option::parse(from)?.unwrap_or(u64::MAX);
                command.value = Parse::parse(from)?;
                Op::Release(Outcome::Done { fresh })
            }
            (number::INSERT, Kind::Cache) => {
                let fresh = Option::parse(from)?.unwrap_or(u64::MAX);
                command.value = Parse::parse(from)?;
                Op::Insert { fresh }
            }
            (number::CLEAR, Kind::Lock | Kind::Once | Kind::Cache) => Op::Clear,
            (number::INSPECT, _) => Op::Inspect,
            (number::GET, Kind::Cache) => {
                command.room = u16::parse(from)?;
                Op::Get
            }
            _ => return None,
        };
        Some(command)
    }

    /// Whose lease it is about, where it is about one.
    pub(super) fn holder(&self) -> Option<HolderToken> {
        self.op.is_of_holder().then_some(self.token)
    }

    /// For how many milliseconds the caller would wait if it is refused.
    pub(super) const fn wait(&self) -> u64 {
        match self.op {
            Op::Acquire(ask) => ask.wait,
            Op::Renew { .. } | Op::Release(_) | Op::Clear | Op::Insert { .. } | Op::Inspect | Op::Get => 0,
        }
    }
}

/// A lease of no length is refused where it is written, so nobody meant this one.
fn lasting(from: &mut Reader<'_>) -> Option<u64> {
    u64::parse(from).filter(|ttl| *ttl != 0)
}

/// Whether a request only says that a life of its device begins.
pub(super) fn begins_life(mut from: Reader<'_>) -> bool {
    Name::parse(&mut from).is_some_and(|name| name.key.is_empty())
        && from.byte() == Some(number::BEGIN)
        && from.is_empty()
}

/// The name and the command of a request, after its head.
pub(super) struct Asked<'a>(pub(super) Name<'a>, pub(super) Command<'a>);

impl<'a> Asked<'a> {
    /// A request is one thing and nothing after it.
    pub(super) fn read(mut from: Reader<'a>) -> Option<Self> {
        let name = Name::parse(&mut from)?;
        let command = Command::parse(name.kind, &mut from)?;
        from.is_empty().then_some(Self(name, command))
    }
}

/// What a gateway says; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Granted {
        fence: FencingToken,
        index: u32,
        remaining: u32,
    },
    Busy {
        /// The longest is without an end that is known.
        remaining: u32,
        /// Crosses the line as whether a notice will come.
        ticket: Ticket,
    },
    /// A run was done, and its marker is kept.
    Done {
        remaining: u32,
    },
    Filled(Vec<u8>),
    /// Near its end, and loaded again by another caller.
    Stale(Vec<u8>),
    Absent,
    Held(Holding),
    Cleared(bool),
    Inspected(Inspection),
    /// The store failed, or refused.
    Failed(Cause),
    /// The request was of another version; this one is spoken here.
    OtherVersion(u8),
}

impl Put for Reply {
    fn put(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Granted { fence, index, remaining } => {
                number::GRANTED.put(to);
                fence.0.put(to);
                index.put(to);
                remaining.put(to);
            }
            Self::Busy { remaining, ticket } => {
                number::BUSY.put(to);
                remaining.put(to);
                (*ticket != Ticket::NONE).put(to);
            }
            Self::Done { remaining } => {
                number::DONE.put(to);
                remaining.put(to);
            }
            Self::Filled(value) => {
                number::FILLED.put(to);
                value.put(to);
            }
            Self::Stale(value) => {
                number::STALE.put(to);
                value.put(to);
            }
            Self::Absent => number::ABSENT.put(to),
            Self::Held(holding) => {
                number::HELD.put(to);
                holding.put(to);
            }
            Self::Cleared(was) => {
                number::CLEARED.put(to);
                was.put(to);
            }
            Self::Inspected(seen) => {
                number::INSPECTED.put(to);
                seen.put(to);
            }
            Self::Failed(cause) => {
                number::FAILED.put(to);
                cause.put(to);
            }
            Self::OtherVersion(spoken) => {
                number::OTHER_VERSION.put(to);
                spoken.put(to);
            }
        }
    }
}
