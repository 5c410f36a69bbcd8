//! Why a call did not run, in words for whoever reads it far above.

use super::{Asked, Cause, asked::For};
use crate::{
    key::{KeyError, Kind},
    time::{Instant, duration},
    token::HolderToken,
};
use core::{fmt, time::Duration};

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
