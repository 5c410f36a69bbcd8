//! What can go wrong: [`Cause`] says why a store did not do something, [`Refused`] why a call did not run, [`Error`]
//! why anything else about a key could not be done. Both carry the cause.

mod asked;
mod code;
mod refused;

use crate::key::KeyError;
pub use asked::{Asked, Named};
pub use code::Code;
use core::{convert::Infallible, fmt};
pub use refused::{Done, Refused};

/// Why a store did not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause {
    /// No answer in time; the operation may or may not have been done.
    TimedOut,
    /// The way to the store broke before there was an answer; the operation may or may not have been done.
    Unknown,
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
    /// The store answered that it will not.
    Rejected {
        /// Why, in a sentence.
        why: &'static str,
        /// The store's own code for it, as a state of SQL; empty if it has none.
        code: Code,
    },
    /// Others wrote at the same time, and the store undid this, as a transaction that cannot be serialised (40001 of SQL):
    /// not done, and worth trying again at once.
    Conflict,
    /// The store answered that it cannot now: it is full, or loads its data; says why.
    NotNow(&'static str),
    /// Nothing was initialised.
    NotInitialised,
    /// The instance was shut down: nothing new is asked of its store.
    ShutDown,
}

impl Cause {
    /// What a value is refused with that is longer than its caller has room for, and was not brought for that reason.
    pub const NO_ROOM: Self = Self::rejected("the value is longer than its caller has room for");

    /// A refusal without a code of the store's.
    #[must_use]
    pub const fn rejected(why: &'static str) -> Self {
        Self::Rejected { why, code: Code::NONE }
    }

    /// Whether the operation may have been done all the same.
    #[must_use]
    pub const fn is_indeterminate(self) -> bool {
        matches!(self, Self::TimedOut | Self::Unknown)
    }

    /// Whether it may pass by itself, so that whoever waits asks again.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::TimedOut | Self::Unknown | Self::Unreachable | Self::NotNow(_) | Self::Conflict)
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
            Self::Unknown => {
                "it is not known whether it was done: the way to the store broke before there was an answer"
            }
            Self::Unreachable => "the store cannot be reached",
            Self::Full => "the store is full: every slot holds a live key or permit",
            Self::KeyTooLong => "the key is too long for this store",
            Self::Codec => "a value could not be encoded or decoded",
            Self::Rejected { why, code } if code.as_str().is_empty() => why,
            Self::Rejected { why, code } => return write!(f, "{why} ({code})"),
            Self::Conflict => "others wrote at the same time: it was not done",
            Self::Unsupported(what) | Self::NotNow(what) => what,
            Self::NotInitialised => NOT_INITIALISED,
            Self::ShutDown => "the instance was shut down",
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
            Error::Config(what) => Cause::rejected(what).into(),
            Error::Key(why) => why.into(),
            Error::Store(cause) => cause.into(),
            Error::Refused(why) => why,
        }
    }
}
