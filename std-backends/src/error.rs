//! What can go wrong outside a call: building, initialising, asking companions.

use cachify_core::{Fault, Refused, key::KeyError};
use std::fmt;

/// Why something about a call could not be done. A call that did not run says [`Refused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was initialised: `Cachify::builder()....init()` comes first.
    NotInitialised,
    /// The builder was given a time or a number of zero; names it.
    Zero(&'static str),
    /// The URL of the server cannot be used; says why, without the URL, which may hold a password.
    Url(&'static str),
    /// There is no key.
    Key(KeyError),
    /// The store could not do it.
    Store(Fault),
}

impl Error {
    /// Whether the store did not answer in time.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::Store(fault) if fault.is_timeout())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInitialised => Fault::NotInitialised.fmt(f),
            Self::Zero(what) => write!(f, "`{what}` is zero"),
            Self::Url(why) => f.write_str(why),
            Self::Key(why) => why.fmt(f),
            Self::Store(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotInitialised => Self::NotInitialised,
            Fault::KeyTooLong => Self::Key(KeyError::TooLong),
            fault => Self::Store(fault),
        }
    }
}

impl From<KeyError> for Error {
    fn from(why: KeyError) -> Self {
        Self::Key(why)
    }
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        match e {
            Error::NotInitialised => Self::NotInitialised,
            Error::Zero(_) => Self::Zero,
            Error::Url(why) => Self::Unavailable(Fault::Rejected(why)),
            Error::Key(why) => why.into(),
            Error::Store(fault) => fault.into(),
        }
    }
}
