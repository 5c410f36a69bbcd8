//! What a gateway reads and says: each request of a device as a command, and each answer. A device writes and reads
//! the same bytes without these types (`question`), which would cost it flash.

use super::{
    frame::Encoder,
    message::Name,
    number,
    wire::{Parse, Put, Reader},
};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Life, Lookup},
    key::Kind,
    patience::Contended,
    store::Fault,
    token::HolderToken,
};
use core::time::Duration;

/// An enum of messages, each with its number.
macro_rules! messages {
    (@ $field:ident) => { _ };
    ([$($item:tt)*] [$($put:tt)*] [$($take:tt)*] $(
        $(#[$m:meta])*
        $number:path, $Variant:ident $(($($field:ident: $type:ty),*))?;
    )*) => {
        $($item)* { $($(#[$m])* $Variant $(($($type),*))?),* }

        $($put)* {
            fn put(&self, to: &mut Encoder<'_>) {
                // the number on its own, so that messages of the same fields share the rest
                to.put(&[match self {
                    $(Self::$Variant $(($(messages!(@ $field)),*))? => $number,)*
                }]);
                match self {
                    $(Self::$Variant $(($($field),*))? => {
                        $($($field.put(to);)*)?
                    })*
                }
            }
        }

        $($take)* {
            fn parse(from: &mut Reader<'a>) -> Option<Self> {
                Some(match from.byte()? {
                    $($number => Self::$Variant $(($(<$type>::parse(from)?),*))?,)*
                    _ => return None,
                })
            }
        }
    };
}

messages! {
    [
        /// What a device asks for; each is the method of the same name of a store.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum Command<'a>
    ]
    [impl Put for Command<'_>]
    [impl<'a> Parse<'a> for Command<'a>]
    number::ACQUIRE, Acquire(ask: Ask);
    number::RENEW, Renew(ask: Ask);
    number::RELEASE, Release(token: HolderToken);
    number::TAKE, Take(size: u16, ask: Ask);
    number::EXTEND, Extend(ask: Ask);
    number::GIVE_BACK, GiveBack(token: HolderToken);
    number::IN_USE, InUse;
    number::BEGIN, Begin(ask: Ask);
    number::TOUCH, Touch(ask: Ask);
    number::COMPLETE, Complete(token: HolderToken, keep: Duration);
    number::FAIL, Fail(token: HolderToken);
    number::REMAINING, Remaining;
    number::FORCE_RELEASE, ForceRelease;
    /// With the longest value the device has room for, in bytes.
    number::GET, Get(room: u16);
    /// With the longest value the device has room for, in bytes.
    number::JOIN, Join(room: u16, ask: Ask);
    /// A join that takes the bytes of this checksum, which its caller cannot decode, for a miss.
    number::HEAL, Heal(room: u16, ask: Ask, foreign: u32);
    number::PUBLISH, Publish(token: HolderToken, life: Life, value: &'a [u8]);
    number::KEEP_FLYING, KeepFlying(ask: Ask);
    number::ABANDON, Abandon(token: HolderToken);
    number::INVALIDATE, Invalidate;
}

messages! {
    [
        /// What a gateway says; `B` are the bytes of a value.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum Answer<B>
    ]
    [impl<B: Put> Put for Answer<B>]
    [impl<'a, B: Parse<'a>> Parse<'a> for Answer<B>]
    /// Of `acquire` and `take`.
    number::GRANT, Grant(grant: Contended<Grant>);
    /// Of everything that is done by token.
    number::HOLDING, Holding(holding: Holding);
    /// Of `in_use`.
    number::COUNT, Count(count: u16);
    /// Of `begin`.
    number::BEGUN, Begun(begun: Begun);
    /// Of `remaining`.
    number::REMAINING_IS, Remaining(remaining: Option<Duration>);
    /// Of `force_release` and `invalidate`.
    number::FLAG, Flag(flag: bool);
    /// Of `get`.
    number::VALUE, Value(value: Option<B>);
    /// Of `join` and `heal`.
    number::LOOKUP, Lookup(lookup: Contended<Lookup<B>>);
    /// The store failed, or refused.
    number::FAILED, Failed(fault: Fault);
    /// The request was of another version; this one is spoken here. The same in every version.
    number::OTHER_VERSION, OtherVersion(spoken: u8);
}

impl Command<'_> {
    /// Whether keys of that kind have such an operation: what lies under a lock is not to be written over as a value.
    const fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Acquire(_) | Self::Renew(_) | Self::Release(_) => matches!(kind, Kind::Lock),
            Self::Take(..) | Self::Extend(_) | Self::GiveBack(_) | Self::InUse => matches!(kind, Kind::Pool),
            Self::Begin(_) | Self::Touch(_) | Self::Complete(..) | Self::Fail(_) => matches!(kind, Kind::Once),
            Self::Remaining | Self::ForceRelease => matches!(kind, Kind::Lock | Kind::Once),
            Self::Get(_)
            | Self::Join(..)
            | Self::Heal(..)
            | Self::Publish(..)
            | Self::KeepFlying(_)
            | Self::Abandon(_)
            | Self::Invalidate => matches!(kind, Kind::Cache),
        }
    }

    /// Who asks, where somebody does.
    pub(super) const fn token(&self) -> Option<HolderToken> {
        match self {
            Self::Acquire(ask)
            | Self::Renew(ask)
            | Self::Take(_, ask)
            | Self::Extend(ask)
            | Self::Begin(ask)
            | Self::Touch(ask)
            | Self::Join(_, ask)
            | Self::Heal(_, ask, _)
            | Self::KeepFlying(ask) => Some(ask.token),
            Self::Release(token)
            | Self::GiveBack(token)
            | Self::Complete(token, _)
            | Self::Fail(token)
            | Self::Publish(token, ..)
            | Self::Abandon(token) => Some(*token),
            Self::InUse | Self::Remaining | Self::ForceRelease | Self::Get(_) | Self::Invalidate => None,
        }
    }

    /// For how long the caller would wait if it is refused; `None` without limit.
    pub(super) const fn patience(&self) -> Option<Duration> {
        match self {
            Self::Acquire(ask) | Self::Take(_, ask) | Self::Begin(ask) | Self::Join(_, ask) | Self::Heal(_, ask, _) => {
                ask.within
            }
            _ => Some(Duration::ZERO),
        }
    }
}

/// What follows a head must be one thing and nothing after it.
pub(super) fn take_whole<'a, T: Parse<'a>>(mut from: Reader<'a>) -> Option<T> {
    let whole = T::parse(&mut from)?;
    from.is_empty().then_some(whole)
}

/// The name and the command of a request, after its head.
pub(super) struct Asked<'a>(pub(super) Name<'a>, pub(super) Command<'a>);

impl<'a> Parse<'a> for Asked<'a> {
    fn parse(from: &mut Reader<'a>) -> Option<Self> {
        let (name, command) = (Name::parse(from)?, Command::parse(from)?);
        command.fits(name.kind).then_some(Self(name, command))
    }
}
