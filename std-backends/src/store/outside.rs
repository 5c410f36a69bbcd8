//! A store outside the process, one door for all of them: operations travel as values.

use super::guest::Guest;
#[cfg(feature = "redis")]
use crate::redis::Redis;
use crate::{
    erased::{Answer, Operation},
    keeper::{Keeper, Renew},
};
use cachify_core::{Fault, key::Key, patience::Ticket, token::HolderToken};
use std::{sync::Weak, time::Duration};

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
    pub(super) async fn call(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        match self {
            Self::Guest(guest) => guest.call(key, operation).await,
            // boxed: beside a round trip it costs nothing, and the futures of memory stay small
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Box::pin(redis.call(key, operation)).await,
        }
    }

    pub(super) fn call_blocking(&self, key: Key<'_>, operation: Operation) -> Result<Answer, Fault> {
        match self {
            Self::Guest(guest) => guest.call_blocking(key, operation),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => redis.call_blocking(key, &operation),
        }
    }

    pub(super) async fn changed(&self, key: Key<'_>, ticket: Ticket) {
        either!(self, store => store.changed(key, ticket).await);
    }

    pub(super) fn dropped(&self, key: Key<'_>, token: HolderToken) {
        either!(self, store => store.dropped(key, token));
    }

    pub(super) fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
        either!(self, store => store.unfinished(key, token, ttl, keep));
    }

    pub(super) fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
        either!(self, store => store.waiter_gone(key, token));
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
