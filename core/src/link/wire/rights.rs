//! Requests for rights, and what is answered to them.

use super::{Parse, Put, Reader};
use crate::{
    cell::{Ask, Begun, Grant, Life, Lookup},
    link::{RIVAL, TOO_LONG, frame::Encoder},
    patience::{Busy, Contended, Ticket},
    store::Fault,
    token::{FencingToken, HolderToken},
    ttl::Ttl,
};
use core::time::Duration;

/// Without the label, which is for people.
impl Put for Ask {
    fn put(&self, to: &mut Encoder<'_>) {
        self.token.put(to);
        self.ttl.put(to);
        self.within.put(to);
    }
}

impl Parse<'_> for Ask {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let mut ask = Self::new(HolderToken::parse(from)?, Duration::parse(from)?);
        ask.within = Option::parse(from)?;
        // a right of no length is refused where it is written, so nobody meant this one
        (!ask.ttl.is_zero()).then_some(ask)
    }
}

impl Put for Life {
    fn put(&self, to: &mut Encoder<'_>) {
        let ttl = match self.ttl {
            Ttl::For(ttl) => Some(ttl),
            Ttl::Forever => None,
        };
        ttl.put(to);
        self.stale_for.put(to);
    }
}

impl Parse<'_> for Life {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let ttl = Option::parse(from)?.map_or(Ttl::Forever, Ttl::For);
        Some(Self { ttl, stale_for: Duration::parse(from)? })
    }
}

impl Put for Grant {
    fn put(&self, to: &mut Encoder<'_>) {
        self.fence.0.put(to);
        self.index.put(to);
        self.remaining.put(to);
    }
}

impl Parse<'_> for Grant {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let fence = FencingToken(u64::parse(from)?);
        Some(Self { fence, index: u16::parse(from)?, remaining: Duration::parse(from)? })
    }
}

impl Put for Busy {
    fn put(&self, to: &mut Encoder<'_>) {
        self.remaining.put(to);
        (self.ticket != Ticket::NONE).put(to);
    }
}

impl Parse<'_> for Busy {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let remaining = Duration::parse(from)?;
        Some(Self { remaining, ticket: if bool::parse(from)? { from.ticket } else { Ticket::NONE } })
    }
}

impl<T: Put> Put for Contended<T> {
    fn put(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Granted(grant) => {
                to.put(&[0]);
                grant.put(to);
            }
            Self::Busy(busy) => {
                to.put(&[1]);
                busy.put(to);
            }
        }
    }
}

impl<'a, T: Parse<'a>> Parse<'a> for Contended<T> {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        match from.byte()? {
            0 => T::parse(from).map(Self::Granted),
            1 => Busy::parse(from).map(Self::Busy),
            _ => None,
        }
    }
}

impl Put for Begun {
    fn put(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Run(grant) => Contended::Granted(*grant).put(to),
            Self::Busy(busy) => Contended::<Grant>::Busy(*busy).put(to),
            Self::Done { remaining } => {
                to.put(&[2]);
                remaining.put(to);
            }
        }
    }
}

impl<'a> Parse<'a> for Begun {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        let mut ahead = *from;
        if ahead.byte()? != 2 {
            return Contended::parse(from).map(Self::from);
        }
        *from = ahead;
        Duration::parse(from).map(|remaining| Self::Done { remaining })
    }
}

impl<T: Put> Put for Lookup<T> {
    fn put(&self, to: &mut Encoder<'_>) {
        match self {
            Self::Fresh(value) => {
                to.put(&[0]);
                value.put(to);
            }
            Self::Stale(value) => {
                to.put(&[1]);
                value.put(to);
            }
            Self::Fill { stale, fence, remaining } => {
                to.put(&[2]);
                stale.put(to);
                Grant { fence: *fence, index: 0, remaining: *remaining }.put(to);
            }
        }
    }
}

impl<'a, T: Parse<'a>> Parse<'a> for Lookup<T> {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        match from.byte()? {
            0 => T::parse(from).map(Self::Fresh),
            1 => T::parse(from).map(Self::Stale),
            2 => {
                let stale = Option::parse(from)?;
                let Grant { fence, remaining, .. } = Grant::parse(from)?;
                Some(Self::Fill { stale, fence, remaining })
            }
            _ => None,
        }
    }
}

/// Numbers of faults that more than their reader looks at.
pub(in crate::link) mod code {
    pub(in crate::link) const TIMED_OUT: u8 = 0;
    pub(in crate::link) const UNREACHABLE: u8 = 1;
    pub(in crate::link) const RIVAL: u8 = 8;
}

/// The texts stay behind; the device says its own.
impl Put for Fault {
    fn put(&self, to: &mut Encoder<'_>) {
        to.put(&[match self {
            Self::TimedOut => code::TIMED_OUT,
            Self::Unreachable | Self::NotInitialised => code::UNREACHABLE,
            Self::Full => 2,
            Self::KeyTooLong => 3,
            Self::Codec => 4,
            Self::Unsupported(_) => 5,
            Self::Rejected(TOO_LONG) => 7,
            Self::Rejected(RIVAL) => code::RIVAL,
            Self::Rejected(_) => 6,
        }]);
    }
}

impl Parse<'_> for Fault {
    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            code::TIMED_OUT => Self::TimedOut,
            code::UNREACHABLE => Self::Unreachable,
            2 => Self::Full,
            3 => Self::KeyTooLong,
            4 => Self::Codec,
            5 => Self::Unsupported("the gateway's store cannot do this"),
            6 => Self::Rejected("the gateway's store will not do this"),
            7 => Self::Rejected(TOO_LONG),
            code::RIVAL => Self::Rejected(RIVAL),
            _ => return None,
        })
    }
}
