//! All rights of a store through one door, so that the brackets are compiled once per store and not once per right.

use super::{
    AsyncEntryStore, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore, AtOnce, EntryStore, LeaseStore, OnceStore,
    PermitStore, Tasks, Threads,
};
use crate::{
    cell::{Ask, Begun, Grant, Holding},
    instance::Handle,
    key::{Key, Kind},
    patience::Contended,
    token::HolderToken,
};
use core::{future::Future, time::Duration};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// To be the only one.
    Lease,
    /// To be one of `size`.
    Permit {
        /// How many there are.
        size: u16,
    },
    /// To run.
    Run {
        /// For how long others are skipped after a success.
        keep: Duration,
    },
    /// To fill a cached value. Asked for by `join`, which also brings values.
    Flight,
}

impl Want {
    /// The kind of its keys.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Lease => Kind::Lock,
            Self::Permit { .. } => Kind::Pool,
            Self::Run { .. } => Kind::Once,
            Self::Flight => Kind::Cache,
        }
    }
}

/// A store with all four kinds of rights, asked by kind.
///
/// `impl AsyncRights for MyStore {}` is all it takes. A store whose operations are one request overrides them with that
/// request: the brackets then hold one future instead of one per right.
pub trait AsyncRights: AsyncLeaseStore + AsyncPermitStore + AsyncOnceStore + AsyncEntryStore {
    /// Asks once.
    fn ask(
        &self,
        key: Key<'_>,
        want: Want,
        ask: &Ask<'_>,
    ) -> impl Future<Output = Result<Contended<Grant>, Self::Error>> {
        async move {
            match want {
                Want::Lease | Want::Flight => self.acquire(key, ask).await,
                Want::Permit { size } => self.take(key, size, ask).await,
                Want::Run { .. } => self.begin(key, ask).await.map(Begun::contended),
            }
        }
    }

    /// Extends a right by its whole TTL.
    fn prolong(&self, key: Key<'_>, ask: &Ask<'_>) -> impl Future<Output = Result<Holding, Self::Error>> {
        async move {
            match key.kind {
                Kind::Lock => self.renew(key, ask).await,
                Kind::Pool => self.extend(key, ask).await,
                Kind::Once => self.touch(key, ask).await,
                Kind::Cache => self.keep_flying(key, ask).await,
            }
        }
    }

    /// Gives a right back; `success` is the body's.
    fn settle(
        &self,
        key: Key<'_>,
        want: Want,
        token: HolderToken,
        success: bool,
    ) -> impl Future<Output = Result<Holding, Self::Error>> {
        async move {
            match want {
                Want::Lease => self.release(key, token).await,
                Want::Permit { .. } => self.give_back(key, token).await,
                Want::Run { keep } if success => self.complete(key, token, keep).await,
                Want::Run { .. } => self.fail(key, token).await,
                Want::Flight => self.abandon(key, token).await,
            }
        }
    }
}

impl<S: AtOnce + LeaseStore + PermitStore + OnceStore + EntryStore> AsyncRights for S {}

impl<P: Handle> AsyncRights for Threads<P> where P::Store: LeaseStore + PermitStore + OnceStore + EntryStore {}

impl<P: Handle> AsyncRights for Tasks<P>
where
    P::Store: AsyncRights,
{
    fn ask(
        &self,
        key: Key<'_>,
        want: Want,
        ask: &Ask<'_>,
    ) -> impl Future<Output = Result<Contended<Grant>, Self::Error>> {
        self.0.instance().store().ask(key, want, ask)
    }
    fn prolong(&self, key: Key<'_>, ask: &Ask<'_>) -> impl Future<Output = Result<Holding, Self::Error>> {
        self.0.instance().store().prolong(key, ask)
    }
    fn settle(
        &self,
        key: Key<'_>,
        want: Want,
        token: HolderToken,
        success: bool,
    ) -> impl Future<Output = Result<Holding, Self::Error>> {
        self.0.instance().store().settle(key, want, token, success)
    }
}
