//! Operations on a store, and their answers, as values.

use cachify_core::{
    Fault, Holding,
    cell::{Ask, Begun, Grant, Life, Lookup},
    key::Kind,
    patience::Contended,
    token::HolderToken,
};
use std::time::Duration;

/// One operation on one key.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the method of the same name in `cachify_core::store`")]
#[non_exhaustive]
pub enum Operation {
    Acquire(Ask),
    Renew(Ask),
    Release(HolderToken),
    Take(u16, Ask),
    Extend(Ask),
    GiveBack(HolderToken),
    InUse,
    Begin(Ask),
    Touch(Ask),
    Complete(HolderToken, Duration),
    Fail(HolderToken),
    Remaining,
    ForceRelease,
    Get,
    Join(Ask),
    /// A join that takes exactly these bytes, which its caller cannot decode, for a miss.
    Heal(Ask, Vec<u8>),
    Publish(HolderToken, Vec<u8>, Life),
    KeepFlying(Ask),
    Abandon(HolderToken),
    Invalidate,
}

impl Operation {
    /// What extends a right of this kind.
    pub(crate) const fn renewal(kind: Kind, ask: Ask) -> Self {
        match kind {
            Kind::Lock => Self::Renew(ask),
            Kind::Once => Self::Touch(ask),
            Kind::Pool => Self::Extend(ask),
            Kind::Cache => Self::KeepFlying(ask),
        }
    }

    /// Who asks, or holds what it is about.
    #[cfg(feature = "tokio")]
    pub(crate) const fn token(&self) -> Option<HolderToken> {
        match self {
            Self::Acquire(ask)
            | Self::Renew(ask)
            | Self::Take(_, ask)
            | Self::Extend(ask)
            | Self::Begin(ask)
            | Self::Touch(ask)
            | Self::Join(ask)
            | Self::Heal(ask, _)
            | Self::KeepFlying(ask) => Some(ask.token),
            Self::Release(token)
            | Self::GiveBack(token)
            | Self::Complete(token, _)
            | Self::Fail(token)
            | Self::Publish(token, ..)
            | Self::Abandon(token) => Some(*token),
            Self::InUse | Self::Remaining | Self::ForceRelease | Self::Get | Self::Invalidate => None,
        }
    }

    /// What gives back a right of this kind that nobody wants any more.
    pub(crate) const fn give_back(kind: Kind, token: HolderToken) -> Self {
        match kind {
            Kind::Lock => Self::Release(token),
            Kind::Once => Self::Fail(token),
            Kind::Pool => Self::GiveBack(token),
            Kind::Cache => Self::Abandon(token),
        }
    }
}

/// What an operation answers.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is what the method of the operation returns")]
#[non_exhaustive]
pub enum Answer {
    Grant(Contended<Grant>),
    Holding(Holding),
    Count(u16),
    Begun(Begun),
    Remaining(Option<Duration>),
    Flag(bool),
    Value(Option<Vec<u8>>),
    Lookup(Contended<Lookup<Vec<u8>>>),
}

impl Answer {
    pub(crate) fn holding(self) -> Result<Holding, Fault> {
        if let Self::Holding(holding) = self { Ok(holding) } else { Err(OTHER) }
    }

    pub(crate) fn value(self) -> Result<Option<Vec<u8>>, Fault> {
        if let Self::Value(value) = self { Ok(value) } else { Err(OTHER) }
    }
}

const OTHER: Fault = Fault::Unsupported("the store answered another question");
