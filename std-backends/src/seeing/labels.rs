//! The words that stand in labels and fields: few, and none of the user's.
#![cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "labels want more than fields"))]

use cachify_core::{
    Cause, Refused,
    key::Kind,
    observe::{Event, Loss},
    op::Op,
};

/// Words by the numbers of an enum.
macro_rules! words {
    ($(#[$m:meta])* $Name:ident { $($Word:ident = $text:literal)* }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $Name { $($Word),* }

        impl $Name {
            pub(super) const ALL: &[&str] = &[$($text),*];

            pub(super) const fn text(self) -> &'static str {
                Self::ALL[self as usize]
            }
        }
    };
}

words! {
    /// What came of a call for a value.
    Came { Hit = "hit" Miss = "miss" Joined = "joined" Stale = "stale" }
}

words! {
    /// What asking for a lease came to.
    Got {
        Granted = "granted" Busy = "busy" Full = "full" Skipped = "skipped" Unavailable = "unavailable"
        Indeterminate = "indeterminate" StoreFull = "store_full" ShutDown = "shut_down" Invalid = "invalid"
        Dropped = "dropped" Hit = "hit" Joined = "joined" Stale = "stale"
    }
}

words! {
    /// What a load came to.
    Loaded { Stored = "stored" NotKept = "not_kept" Lost = "lost" Failed = "failed" Dropped = "dropped" }
}

words! {
    /// Why a value counts for nobody.
    Discarded { Lost = "lost" Late = "late" Decode = "decode" }
}

impl Got {
    pub(super) const fn refused(why: &Refused) -> Self {
        match why {
            Refused::Busy { .. } => Self::Busy,
            Refused::Full { .. } => Self::Full,
            Refused::Running { .. } | Refused::Done(_) => Self::Skipped,
            Refused::Indeterminate { .. } => Self::Indeterminate,
            Refused::StoreFull => Self::StoreFull,
            Refused::ShutDown => Self::ShutDown,
            Refused::KeyTooLong | Refused::BadKey(_) | Refused::Zero | Refused::TooShort { .. } => Self::Invalid,
            _ => Self::Unavailable,
        }
    }
}

impl Came {
    /// Of an event that tells of a call for a value.
    pub(super) const fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Hit { .. } => Self::Hit,
            Event::Joined { .. } => Self::Joined,
            Event::Stale { .. } => Self::Stale,
            _ => Self::Miss,
        }
    }
}

impl From<Came> for Got {
    fn from(came: Came) -> Self {
        match came {
            Came::Hit => Self::Hit,
            Came::Miss => Self::Granted,
            Came::Joined => Self::Joined,
            Came::Stale => Self::Stale,
        }
    }
}

impl Discarded {
    pub(super) const fn by(why: Loss) -> Self {
        if matches!(why, Loss::Expired) { Self::Late } else { Self::Lost }
    }
}

/// How a loss is called.
pub(super) const fn loss(why: Loss) -> &'static str {
    if matches!(why, Loss::Expired) { "expired" } else { "taken" }
}

/// How a kind is called.
pub(super) const fn primitive(kind: Kind) -> &'static str {
    match kind {
        Kind::Cache => "cached",
        Kind::Lock => "lock",
        Kind::Once => "once",
        Kind::Pool => "pooled",
    }
}

/// How an operation is called, and its place in a table of all.
pub(super) const OPS: [&str; 7] = ["acquire", "renew", "release", "clear", "insert", "inspect", "get"];

pub(super) const fn op(op: &Op) -> usize {
    match op {
        Op::Acquire(_) => 0,
        Op::Renew { .. } => 1,
        Op::Release(_) => 2,
        Op::Clear => 3,
        Op::Insert { .. } => 4,
        Op::Inspect => 5,
        Op::Get => 6,
    }
}

/// How a failure is called, and its place in a table of all.
pub(super) const ERRORS: [&str; 13] = [
    "timed_out",
    "unknown",
    "unreachable",
    "full",
    "key_too_long",
    "codec",
    "unsupported",
    "rejected",
    "conflict",
    "not_now",
    "not_initialised",
    "shut_down",
    "other",
];

pub(super) const fn error(cause: Cause) -> usize {
    match cause {
        Cause::TimedOut => 0,
        Cause::Unknown => 1,
        Cause::Unreachable => 2,
        Cause::Full => 3,
        Cause::KeyTooLong => 4,
        Cause::Codec => 5,
        Cause::Unsupported(_) => 6,
        Cause::Rejected { .. } => 7,
        Cause::Conflict => 8,
        Cause::NotNow(_) => 9,
        Cause::NotInitialised => 10,
        Cause::ShutDown => 11,
        _ => 12,
    }
}
