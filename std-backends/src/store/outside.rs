//! A store outside the process, one door for all of them: operations travel as values.

use super::guest::Guest;
#[cfg(feature = "redis")]
use crate::redis::Redis;
use crate::{
    backend::{Answer, Operation, OwnedKey},
    keeper::{Keeper, Renew},
};
use cachify_core::{Fault, op::Left, patience::Ticket, token::HolderToken};
use std::sync::Weak;

/// A store of the user's own, or Redis.
#[derive(Clone, Debug)]
pub(crate) enum Outside {
    Guest(Guest),
    #[cfg(feature = "redis")]
    Redis(Redis),
}

macro_rules! either {
    ($outside:expr, $store:ident => $call:expr) => {
        match $outside {
            Outside::Guest($store) => $call,
            #[cfg(feature = "redis")]
            Outside::Redis($store) => $call,
        }
    };
}

impl Outside {
    pub(super) async fn call(&self, key: OwnedKey, operation: Operation) -> Result<Answer, Fault> {
        match self {
            Self::Guest(guest) => guest.call(key, operation).await,
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.call(key.key(), operation).await,
        }
    }

    pub(super) fn call_blocking(&self, key: OwnedKey, operation: Operation) -> Result<Answer, Fault> {
        match self {
            Self::Guest(guest) => guest.call_blocking(key, operation),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.call_blocking(key.key(), &operation),
        }
    }

    pub(super) async fn changed(&self, key: OwnedKey, ticket: Ticket) {
        match self {
            Self::Guest(guest) => guest.changed(key, ticket).await,
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.changed(key.key(), ticket).await,
        }
    }

    pub(super) fn abandon(&self, key: OwnedKey, token: HolderToken, left: Left) {
        match self {
            Self::Guest(guest) => guest.abandon(key, token, left),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.abandon(key.key(), token, left),
        }
    }

    /// Passes on the wake-up that a waiter may have been given, who asks no more; takes nothing of its own back.
    pub(super) fn waiter_gone(&self, key: OwnedKey, token: HolderToken) {
        match self {
            Self::Guest(guest) => {
                guest.abandon(key, token, Left::Turn);
            }
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.waiter_gone(key.key(), token),
        }
    }

    pub(super) fn keeper(&self) -> &Keeper {
        either!(self, store => store.keeper())
    }

    pub(super) fn id(&self) -> usize {
        either!(self, store => store.id())
    }

    /// What renews its rights in the background, if it can.
    pub(super) fn renewer(&self) -> Option<Weak<dyn Renew>> {
        match self {
            Self::Guest(guest) => guest.renewer(),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Some(redis.renewer()),
        }
    }

    /// Ends when everything dropped so far was given back.
    pub(crate) async fn flush(&self) {
        either!(self, store => store.flush().await);
    }

    /// The policy by which the server may drop live rights, if it said one.
    pub(crate) fn evicts(&self) -> Option<&str> {
        either!(self, store => store.evicts())
    }
}
