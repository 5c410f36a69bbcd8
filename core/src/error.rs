//! What can go wrong: [`Cause`] says why a store did not do something, [`Error`] why a call about a key could not be done.
//!
//! A call whose body did not run says [`Refused`]; both carry the cause.

use crate::{key::KeyError, outcome::Refused};
use core::{convert::Infallible, fmt};

/// Why a store did not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No answer in time; the operation may or may not have been done.
    TimedOut,
    /// Not reached; the operation was not done.
    Unreachable,
    /// Every slot holds something live.
    Full,
    /// The key does not fit.
    KeyTooLong,
    /// A value could not be encoded, or what was stored could not be decoded.
    Codec,
    /// The store cannot do this, or not on this face.
    Unsupported(&'static str),
    /// The store answered that it will not; says why.
    Rejected(&'static str),
    /// Nothing was initialised.
    NotInitialised,
}

impl Cause {
    /// Whether the operation may have been done all the same.
    #[must_use]
    pub const fn is_indeterminate(self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether the store did not answer in time.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::TimedOut)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the store did not answer in time",
            Self::Unreachable => "the store cannot be reached",
            Self::Full => "the store is full: every slot holds a live key or permit",
            Self::KeyTooLong => "the key is too long for this store",
            Self::Codec => "a value could not be encoded or decoded",
            Self::Unsupported(what) | Self::Rejected(what) => what,
            Self::NotInitialised => NOT_INITIALISED,
        })
    }
}

const NOT_INITIALISED: &str = "cachify is not initialised: call `Cachify::builder()....init()` before the first call";

impl core::error::Error for Cause {}

impl From<Infallible> for Cause {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why something could not be done: building an instance, looking at a key, giving back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was initialised: `Cachify::builder()....init()` comes first.
    NotInitialised,
    /// A setting cannot be used; names it. A URL is not repeated, for it may hold a password.
    Config(&'static str),
    /// There is no key.
    Key(KeyError),
    /// The store could not do it.
    Store(Cause),
    /// A call did not run.
    Refused(Refused),
}

impl Error {
    /// Whether the store did not answer in time.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::Store(cause) if cause.is_timeout())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInitialised => f.write_str(NOT_INITIALISED),
            Self::Config(what) => f.write_str(what),
            Self::Key(why) => why.fmt(f),
            Self::Store(cause) => cause.fmt(f),
            Self::Refused(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::NotInitialised => Self::NotInitialised,
            Cause::KeyTooLong => Self::Key(KeyError::TooLong),
            cause => Self::Store(cause),
        }
    }
}

impl From<KeyError> for Error {
    fn from(why: KeyError) -> Self {
        Self::Key(why)
    }
}

impl From<Refused> for Error {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        match e {
            Error::NotInitialised => Self::NotInitialised,
            Error::Config(what) => Self::Unavailable(Cause::Rejected(what)),
            Error::Key(why) => why.into(),
            Error::Store(cause) => cause.into(),
            Error::Refused(why) => why,
        }
    }
}
