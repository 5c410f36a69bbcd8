//! Whose request a gateway does: what it knows of one, and who decides.

use super::{Limits, Served};
use cachify_core::{key::Kind, op::Op, time::Instant, token::HolderToken};
use core::{fmt, time::Duration};

/// What a request says of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of [`Session::device`](crate::Session::device).
    pub device: [u32; 2],
    /// Of [`Session::id`](crate::Session::id).
    pub session: u32,
}

/// `cac41f10-00000001`, as a log names it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.device;
        write!(f, "{a:08x}-{b:08x}")
    }
}

/// A request of a device, before it is done.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeviceRequest<'a> {
    /// Who asks: of a request about a right, whoever has it or wants it; of others who is known to be on the line.
    pub sender: Option<Identity>,
    /// Whose right; zeros in the others.
    pub token: HolderToken,
    /// Of which kind the key is.
    pub kind: Kind,
    /// The key, without the prefix.
    pub key: &'a [u8],
    /// What is to be done.
    pub op: Op,
    /// How many bytes are to be stored.
    pub value: usize,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Became {
    /// The right is the device's.
    Granted {
        /// For how long.
        remaining: Duration,
    },
    /// It was done, or is held.
    Done,
    /// It was not done, or is not held.
    Refused,
    /// It may have been done.
    Unknown,
}

/// Why a request is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Another line has a device of its identity.
    Rival,
    /// It is to last longer than [`Limits::lease`] or [`Limits::keep`].
    Lasting,
    /// The device holds as many rights as [`Limits::held`].
    Held,
    /// The device has stored as much as [`Limits::stored`].
    Stored,
    /// As many devices as [`Limits::devices`] hold or store something.
    Devices,
    /// The device may not do this.
    Forbidden,
}

/// In a log: "it holds as much as it may".
impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rival => "another device has its identity",
            Self::Lasting => "it asked for a longer time than it may",
            Self::Held => "it holds as many rights as it may",
            Self::Stored => "it has stored as much as it may",
            Self::Devices => "the gateway keeps something for as many devices as it may",
            Self::Forbidden => "it may not do this",
        })
    }
}

impl<'a> DeviceRequest<'a> {
    /// A request about a right by the device's token of that number.
    #[must_use]
    pub const fn of(sender: Identity, token: u32, kind: Kind, key: &'a [u8], op: Op) -> Self {
        let Identity { device: [a, b], session } = sender;
        Self { sender: Some(sender), token: HolderToken([session, token, a, b]), kind, key, op, value: 0 }
    }
}

/// Decides which devices are served on which line, and what they may do; all lines of one gateway share it. [`Roster`](super::Roster) is
/// one.
pub trait Admission: Sync {
    /// A number for a line that begins.
    fn begin(&self) -> u64;
    /// Whether a request is done which came on `line` at `now`; called for each, also when it comes again.
    ///
    /// # Errors
    /// Why not.
    fn admits(&self, line: u64, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied>;
    /// What became of a request that was admitted and done.
    fn told(&self, line: u64, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        let _ = (line, request, became, now);
    }
    /// What was counted so far by the gateway that serves the line; called whenever that is more, while the line lasts.
    fn counted(&self, line: u64, served: &Served) {
        let _ = (line, served);
    }
    /// The line ended.
    fn end(&self, line: u64);
}

/// A line of a gateway, for as long as it is served.
pub(super) struct Line<'a> {
    admission: Option<&'a dyn Admission>,
    number: u64,
    /// Who proved to be there.
    known: Option<Identity>,
}

impl<'a> Line<'a> {
    pub(super) fn begin(admission: Option<&'a dyn Admission>, known: Option<Identity>) -> Self {
        Self { admission, number: admission.map(Admission::begin).unwrap_or_default(), known }
    }

    pub(super) fn admits(&self, request: &DeviceRequest<'_>, now: Instant, limits: &Limits) -> Result<(), Denied> {
        if self.known.is_some() && request.sender.is_some_and(|sender| Some(sender) != self.known) {
            return Err(Denied::Forbidden);
        }
        let request = &DeviceRequest { sender: request.sender.or(self.known), ..*request };
        self.admission.map_or(Ok(()), |admission| admission.admits(self.number, request, now, limits))
    }

    pub(super) fn told(&self, request: &DeviceRequest<'_>, became: Became, now: Instant) {
        if let Some(admission) = self.admission {
            let request = &DeviceRequest { sender: request.sender.or(self.known), ..*request };
            admission.told(self.number, request, became, now);
        }
    }

    pub(super) fn counted(&self, served: &Served) {
        if let Some(admission) = self.admission {
            admission.counted(self.number, served);
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if let Some(admission) = self.admission {
            admission.end(self.number);
        }
    }
}
