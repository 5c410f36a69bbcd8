//! Each capability of [`AnyStore`], forwarded to what it is.

use super::{AnyStore, Kind};
use crate::backend::{Operation, OwnedKey};
use cachify_core::{
    Fault, Holding,
    cell::{Ask, Begun, Grant},
    key::Key,
    patience::Contended,
    store::{
        AsyncEntryStore, AsyncForce, AsyncInspect, AsyncLeaseStore, AsyncOnceStore, AsyncPermitStore, EntryStore,
        Force, Inspect, LeaseStore, OnceStore, PermitStore,
    },
    token::HolderToken,
};
use std::time::Duration;

macro_rules! forward {
    ($($Sync:ident $Async:ident {
        $(fn $f:ident($($a:ident: $t:ty),*) -> $r:ty = $operation:expr, $answer:ident;)*
    })*) => { $(
        impl $Sync for AnyStore {
            $(fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                match &self.kind {
                    Kind::Memory(memory) => $Sync::$f(memory, key, $($a),*),
                    Kind::Outside(outside) => outside.call_blocking(OwnedKey::of(key), $operation)?.$answer(),
                    Kind::Nothing => Err(Fault::NotInitialised),
                }
            })*
        }

        impl $Async for AnyStore {
            $(async fn $f(&self, key: Key<'_>, $($a: $t),*) -> Result<$r, Fault> {
                match &self.kind {
                    Kind::Memory(memory) => $Sync::$f(memory, key, $($a),*),
                    Kind::Outside(outside) => outside.call(OwnedKey::of(key), $operation).await?.$answer(),
                    Kind::Nothing => Err(Fault::NotInitialised),
                }
            })*
        }
    )* };
}

forward! {
    LeaseStore AsyncLeaseStore {
        fn acquire(ask: &Ask) -> Contended<Grant> = Operation::Acquire(*ask), grant;
        fn renew(ask: &Ask) -> Holding = Operation::Renew(*ask), holding;
        fn release(token: HolderToken) -> Holding = Operation::Release(token), holding;
    }
    PermitStore AsyncPermitStore {
        fn take(size: u16, ask: &Ask) -> Contended<Grant> = Operation::Take(size, *ask), grant;
        fn extend(ask: &Ask) -> Holding = Operation::Extend(*ask), holding;
        fn give_back(token: HolderToken) -> Holding = Operation::GiveBack(token), holding;
        fn in_use() -> u16 = Operation::InUse, count;
    }
    OnceStore AsyncOnceStore {
        fn begin(ask: &Ask) -> Begun = Operation::Begin(*ask), begun;
        fn touch(ask: &Ask) -> Holding = Operation::Touch(*ask), holding;
        fn complete(token: HolderToken, keep: Duration) -> Holding = Operation::Complete(token, keep), holding;
        fn fail(token: HolderToken) -> Holding = Operation::Fail(token), holding;
    }
    Inspect AsyncInspect {
        fn remaining() -> Option<Duration> = Operation::Remaining, remaining;
    }
    Force AsyncForce {
        fn force_release() -> bool = Operation::ForceRelease, flag;
    }
    EntryStore AsyncEntryStore {
        fn keep_flying(ask: &Ask) -> Holding = Operation::KeepFlying(*ask), holding;
        fn abandon(token: HolderToken) -> Holding = Operation::Abandon(token), holding;
        fn invalidate() -> bool = Operation::Invalidate, flag;
    }
}
