//! Why a gateway's store did not do what it was asked.

use super::{Parse, Put, Reader};
use crate::{RIVAL, TOO_LONG, frame::Encoder};
use cachify_core::store::Cause;

/// Numbers of faults that more than their reader looks at.
pub(crate) mod code {
    pub(crate) const TIMED_OUT: u8 = 0;
    pub(crate) const UNREACHABLE: u8 = 1;
    pub(crate) const RIVAL: u8 = 8;
}

/// A device has room for few texts.
const REFUSED: &str = "refused by the gateway or its store";

/// The texts stay behind; the device says its own.
impl Put for Cause {
    fn put(&self, to: &mut Encoder<'_>) {
        to.put(&[match self {
            Self::TimedOut | Self::Unknown => code::TIMED_OUT,
            Self::Unreachable | Self::NotNow(_) | Self::Conflict | Self::NotInitialised | Self::ShutDown => {
                code::UNREACHABLE
            }
            Self::Full => 2,
            Self::KeyTooLong => 3,
            Self::Codec => 4,
            Self::Unsupported(_) => 5,
            Self::Rejected { why: TOO_LONG, .. } => 7,
            Self::Rejected { why: RIVAL, .. } => code::RIVAL,
            // also what a later version of core may add
            _ => 6,
        }]);
    }
}

impl Parse<'_> for Cause {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            code::TIMED_OUT => Self::TimedOut,
            code::UNREACHABLE => Self::Unreachable,
            2 => Self::Full,
            3 => Self::KeyTooLong,
            4 => Self::Codec,
            5 => Self::Unsupported(REFUSED),
            6 => Self::rejected(REFUSED),
            7 => Self::rejected(TOO_LONG),
            code::RIVAL => Self::rejected(RIVAL),
            _ => return None,
        })
    }
}
