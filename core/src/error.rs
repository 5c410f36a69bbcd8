//! What can go wrong: [`Cause`] says why a store did not do something, [`Refused`] why a call did not run, [`Error`]
//! why anything else about a key could not be done. Both carry the cause.

mod asked;
mod code;

use crate::{
    key::{KeyError, Kind},
    time::{Instant, duration},
    token::HolderToken,
};
use asked::For;
pub use asked::{Asked, Named};
pub use code::Code;
use core::{convert::Infallible, fmt, time::Duration};

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

/// Why a call did not run.
///
/// ```
/// use cachify_core::Refused;
/// #[derive(Debug)]
/// enum AppError {
///     Busy,
///     Other(Refused),
/// }
/// impl From<Refused> for AppError {
///     fn from(why: Refused) -> Self {
///         if why.is_contended() { Self::Busy } else { Self::Other(why) }
///     }
/// }
/// assert!(matches!(AppError::from(Refused::StoreFull), AppError::Other(_)));
/// ```
///
/// It says what was asked for ([`asked`](Self::asked)) and for how long it is not to be had, so an error that is logged far above says
/// `lock "item:{id}" is held for 21 s more`. The key is in the event, not here: core does not allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refused {
    /// Somebody else holds it.
    Busy {
        /// For how much longer at most; `None` without an end that is known, as in memory.
        remaining: Option<Duration>,
        /// What was asked for.
        asked: Asked,
    },
    /// Somebody else runs it.
    Running {
        /// For how much longer at most, unless renewed; `None` without an end that is known, as in memory.
        remaining: Option<Duration>,
        /// What was asked for.
        asked: Asked,
    },
    /// It was run, with success, and its marker is kept.
    Done(Done),
    /// All permits are held.
    Full {
        /// When the first one ends at the latest; `None` without an end that is known, as in memory.
        next: Option<Duration>,
        /// What was asked for.
        asked: Asked,
    },
    /// The key does not fit into the store's key length.
    KeyTooLong,
    /// There is no key.
    BadKey(KeyError),
    /// A TTL or a pool size of zero.
    Zero,
    /// A TTL of less than three ticks of the store's clock, which could not tell when it ends.
    TooShort {
        /// The shortest that it can tell.
        least: Duration,
    },
    /// Every slot of the store holds something live.
    StoreFull,
    /// The store did not do it.
    Unavailable {
        /// Why not.
        cause: Cause,
        /// What was asked for.
        asked: Asked,
    },
    /// The store may have done it; the token is given back in the background.
    Indeterminate {
        /// Who may hold it.
        token: HolderToken,
        /// Until when at the latest.
        until: Instant,
        /// What was asked for.
        asked: Asked,
    },
    /// Nothing was initialised.
    NotInitialised,
    /// The instance was shut down, before the call or while it waited.
    ShutDown,
    /// A load took longer than it may.
    LoadTimedOut {
        /// How long it may take.
        limit: Duration,
        /// What was asked for.
        asked: Asked,
    },
}

/// A run that was done, and whose marker is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Done {
    // in milliseconds: two durations would make every refusal larger
    age: u64,
    remaining: u64,
    asked: Asked,
}

impl Done {
    pub(crate) const fn new(keep: u64, remaining: u64) -> Self {
        Self { age: keep.saturating_sub(remaining), remaining, asked: Asked::of(Kind::Once) }
    }

    /// What was asked for.
    #[must_use]
    pub const fn asked(self) -> Asked {
        self.asked
    }

    /// How long ago it was done, by the `keep` of who asks.
    #[must_use]
    pub const fn age(self) -> Duration {
        duration(self.age)
    }

    /// For how much longer others are skipped.
    #[must_use]
    pub const fn remaining(self) -> Duration {
        duration(self.remaining)
    }
}

impl Refused {
    /// Whether somebody else has it, or did it: busy, running, done, or full.
    #[must_use]
    pub const fn is_contended(self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Running { .. } | Self::Done { .. } | Self::Full { .. })
    }

    /// Whether the store may have done it all the same.
    #[must_use]
    pub const fn is_indeterminate(self) -> bool {
        matches!(self, Self::Indeterminate { .. })
    }

    /// What was asked for; nothing is known of that where the key, a number or the whole instance is what is wrong.
    #[must_use]
    pub const fn asked(self) -> Asked {
        match self {
            Self::Busy { asked, .. }
            | Self::Running { asked, .. }
            | Self::Full { asked, .. }
            | Self::Unavailable { asked, .. }
            | Self::Indeterminate { asked, .. }
            | Self::LoadTimedOut { asked, .. } => asked,
            Self::Done(done) => done.asked,
            _ => Asked::NOTHING,
        }
    }

    /// The same reason, of a call of that.
    #[inline]
    pub(crate) fn of(mut self, of: Asked) -> Self {
        match &mut self {
            Self::Busy { asked, .. }
            | Self::Running { asked, .. }
            | Self::Full { asked, .. }
            | Self::Unavailable { asked, .. }
            | Self::Indeterminate { asked, .. }
            | Self::LoadTimedOut { asked, .. } => *asked = of,
            Self::Done(done) => done.asked = of,
            _ => {}
        }
        self
    }
}

/// For how long something is not to be had, and who tells by whom.
fn lasts(f: &mut fmt::Formatter<'_>, asked: Asked, how: &str, remaining: Option<Duration>) -> fmt::Result {
    asked.begin(f)?;
    write!(f, " {how} ")?;
    match remaining {
        Some(remaining) => write!(f, "for {} more", For(remaining))?,
        None => f.write_str("until it is given back")?,
    }
    f.write_str("; `inspect` tells by whom")
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked();
        match self {
            Self::Busy { remaining, .. } => lasts(f, asked, "is held", *remaining),
            Self::Running { remaining, .. } => lasts(f, asked, "is run", *remaining),
            Self::Full { next, .. } => lasts(f, asked, "has no permit left", *next),
            Self::Done(done) => {
                asked.begin(f)?;
                write!(f, " was done {} ago, and is skipped for {} more", For(done.age()), For(done.remaining()))
            }
            Self::KeyTooLong => KeyError::TooLong.fmt(f),
            Self::BadKey(why) => why.fmt(f),
            Self::Zero => f.write_str("a TTL or a pool size of zero"),
            Self::TooShort { least } => write!(f, "a TTL shorter than {least:?}, three ticks of the clock"),
            Self::StoreFull => Cause::Full.fmt(f),
            Self::Unavailable { cause, .. } => {
                asked.before(f)?;
                cause.fmt(f)
            }
            Self::Indeterminate { .. } => {
                asked.before(f)?;
                f.write_str("the store did not answer: it may or may not have been granted")
            }
            Self::NotInitialised => Cause::NotInitialised.fmt(f),
            Self::ShutDown => Cause::ShutDown.fmt(f),
            Self::LoadTimedOut { limit, .. } => {
                asked.before(f)?;
                write!(f, "the load took longer than {}", For(*limit))
            }
        }
    }
}

impl core::error::Error for Refused {}

impl From<Cause> for Refused {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Full => Self::StoreFull,
            Cause::KeyTooLong => Self::KeyTooLong,
            Cause::NotInitialised => Self::NotInitialised,
            Cause::ShutDown => Self::ShutDown,
            cause => Self::Unavailable { cause, asked: Asked::NOTHING },
        }
    }
}

impl From<KeyError> for Refused {
    fn from(why: KeyError) -> Self {
        match why {
            KeyError::TooLong => Self::KeyTooLong,
            why => Self::BadKey(why),
        }
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
