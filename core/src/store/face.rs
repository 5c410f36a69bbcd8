//! The capabilities, and the two handles that choose a face: [`Tasks`] and [`Threads`].

use super::{Host, Store};
use crate::{
    cell::{Ask, Begun, Grant, Holding, Kept, Life, Lookup},
    codec::AsIs,
    instance::{Handle, Instance},
    key::{Key, KeyError, Kind},
    patience::{Contended, Ticket},
    token::HolderToken,
    validity::Validity,
};
use core::{future::Future, time::Duration};

macro_rules! handles { ($($(#[$m:meta])* $Name:ident),*) => { $(
    $(#[$m])*
    #[derive(Clone, Copy, Debug)]
    pub struct $Name<P>(pub P);

    impl<P: Handle> Store for $Name<P> {
        type Error = <P::Store as Store>::Error;
        fn changed(&self, key: Key<'_>, ticket: Ticket) -> impl Future<Output = ()> {
            self.0.instance().store().changed(key, ticket)
        }
        fn dropped(&self, key: Key<'_>, token: HolderToken) {
            self.0.instance().store().dropped(key, token);
        }
        fn turned_away(&self, key: Key<'_>, token: HolderToken) {
            self.0.instance().store().turned_away(key, token);
        }
        fn unfinished(&self, key: Key<'_>, token: HolderToken, ttl: Duration, keep: Duration) {
            self.0.instance().store().unfinished(key, token, ttl, keep);
        }
        fn waiter_gone(&self, key: Key<'_>, token: HolderToken) {
            self.0.instance().store().waiter_gone(key, token);
        }
    }
)* } }
handles!(
    /// The async face of an instance's store, for brackets.
    Tasks,
    /// The blocking face, worn as an async one whose futures are ready at the first poll.
    Threads
);

impl<S: Host> Host for &S {
    type Clock = S::Clock;
    type KeyBuf = S::KeyBuf;
    type Monitor = S::Monitor;
    type Codec = S::Codec;
    fn clock(&self) -> &S::Clock {
        (**self).clock()
    }
    fn token(&self) -> HolderToken {
        (**self).token()
    }
    fn monitor(&self, key: &Key<'_>, token: HolderToken, ttl: u64, validity: Validity) -> S::Monitor {
        (**self).monitor(key, token, ttl, validity)
    }
    fn prefix(&self) -> &str {
        (**self).prefix()
    }
    fn seed(&self) -> u64 {
        (**self).seed()
    }
    fn key<'a>(&'a self, kind: Kind, buf: &'a S::KeyBuf) -> Result<Key<'a>, KeyError> {
        (**self).key(kind, buf)
    }
    fn owns(&self, token: HolderToken) -> bool {
        (**self).owns(token)
    }
    fn mark(&self, key: &Key<'_>, token: HolderToken, inside: bool) {
        (**self).mark(key, token, inside);
    }
}

/// One of the two: an instance seen through a face of its store.
pub trait Face: Store + Clone {
    /// The handle behind it.
    type Handle: Handle;
    /// The handle behind it.
    fn handle(&self) -> &Self::Handle;
}

impl<P: Handle> Face for Tasks<P> {
    type Handle = P;
    fn handle(&self) -> &P {
        &self.0
    }
}

impl<P: Handle> Face for Threads<P> {
    type Handle = P;
    fn handle(&self) -> &P {
        &self.0
    }
}

/// A thread may be blocked until the store answers.
impl<P: Handle> Handle for Threads<P> {
    type Store = P::Store;
    type Observer = P::Observer;
    const MAY_BLOCK: bool = true;
    #[inline]
    fn instance(&self) -> &Instance<P::Store, P::Observer> {
        self.0.instance()
    }
}

/// Generates both faces of a capability, and the faces of both handles.
macro_rules! faces {
    (
        $(#[$m:meta])* $Sync:ident, $(#[$am:meta])* $Async:ident, [$($g:ident),*], [$($gd:ident $(= $d:ty)?),*],
        { $($(#[$fm:meta])* fn $f:ident($($a:ident: $t:ty),*) -> $r:ty;)* }
    ) => {
        $(#[$m])*
        pub trait $Sync<$($gd $(= $d)?),*>: Store {
            $($(#[$fm])* fn $f(&self, $($a: $t),*) -> Result<$r, Self::Error>;)*
        }

        $(#[$m])*
        $(#[$am])*
        pub trait $Async<$($gd $(= $d)?),*>: Store {
            $($(#[$fm])* fn $f(&self, $($a: $t),*) -> impl Future<Output = Result<$r, Self::Error>>;)*
        }

        impl<Hnd: Handle, $($g),*> $Async<$($g),*> for Tasks<Hnd> where Hnd::Store: $Async<$($g),*> {
            $(fn $f(&self, $($a: $t),*) -> impl Future<Output = Result<$r, Self::Error>> {
                $Async::$f(self.0.instance().store(), $($a),*)
            })*
        }

        impl<Hnd: Handle, $($g),*> $Async<$($g),*> for Threads<Hnd> where Hnd::Store: $Sync<$($g),*> {
            $(async fn $f(&self, $($a: $t),*) -> Result<$r, Self::Error> {
                $Sync::$f(self.0.instance().store(), $($a),*)
            })*
        }
    };
}

faces!(
    /// Leases: at most one live holder per key.
    ///
    /// - MUST grant a free or ended lease, with a fence above every earlier one of the key.
    /// - MUST answer the same token with the same grant while its lease lives.
    /// - MUST answer `Lost` to `renew` and `release` by anybody else, and at or after the end.
    /// - MUST end every lease after its TTL, counted from the last grant or renewal.
    LeaseStore,
    /// Dropping a future leaves the operation done or not done; the token tells which.
    AsyncLeaseStore, [], [], {
        /// Takes the lease if it is free.
        fn acquire(key: Key<'_>, ask: &Ask) -> Contended<Grant>;
        /// Extends the lease by the whole TTL.
        fn renew(key: Key<'_>, ask: &Ask) -> Holding;
        /// Gives the lease back; MUST wake a waiter.
        fn release(key: Key<'_>, token: HolderToken) -> Holding;
    }
);

faces!(
    /// Permits: at most `size` live holders per pool.
    ///
    /// - MUST grant the lowest free index while fewer than `size` permits are live.
    /// - MUST count ended permits as free, and a late `give_back` MUST NOT free a stranger's.
    /// - MUST answer the same token with the same permit while it lives.
    PermitStore,
    /// Dropping a future leaves the operation done or not done; the token tells which.
    AsyncPermitStore, [], [], {
        /// Takes a permit if one is free.
        fn take(key: Key<'_>, size: u16, ask: &Ask) -> Contended<Grant>;
        /// Extends a permit by the whole TTL.
        fn extend(key: Key<'_>, ask: &Ask) -> Holding;
        /// Gives a permit back; MUST wake a waiter.
        fn give_back(key: Key<'_>, token: HolderToken) -> Holding;
        /// How many permits are live.
        fn in_use(key: Key<'_>) -> u16;
    }
);

faces!(
    /// Runs that happen once at a time, and not again while their marker is kept.
    ///
    /// - MUST let at most one live token run.
    /// - MUST keep the marker only for the live holder, and only for `keep`.
    OnceStore,
    /// Dropping a future leaves the operation done or not done; the token tells which.
    AsyncOnceStore, [], [], {
        /// Asks to run.
        fn begin(key: Key<'_>, ask: &Ask) -> Begun;
        /// Extends the run by the whole TTL.
        fn touch(key: Key<'_>, ask: &Ask) -> Holding;
        /// Ends a run that succeeded; others are skipped for `keep` more.
        fn complete(key: Key<'_>, token: HolderToken, keep: Duration) -> Holding;
        /// Ends a run that did not; nothing is kept.
        fn fail(key: Key<'_>, token: HolderToken) -> Holding;
    }
);

faces!(
    /// Looking at a lock or a run without touching it.
    Inspect,
    /// Dropping a future changes nothing.
    AsyncInspect, [], [], {
        /// When it ends, from now; `None` when nobody holds it and no marker is kept.
        fn remaining(key: Key<'_>) -> Option<Duration>;
    }
);

faces!(
    /// Freeing a lock or a run whoever holds it.
    ///
    /// - MUST make the holder's `renew` and `release` answer `Lost`.
    Force,
    /// Dropping a future leaves the operation done or not done.
    AsyncForce, [], [], {
        /// Frees it; whether anybody held it.
        fn force_release(key: Key<'_>) -> bool;
    }
);

faces!(
    /// Cached values of one type, with their flights.
    ///
    /// - MUST give `Fill` to one live token at a time.
    /// - MUST store what `publish` brings only for the live holder of the flight, and end the flight.
    /// - MUST take a value of another type, or one that cannot be decoded, for a miss.
    /// - MUST serve a value as stale within its window ([`Life::stale_for`]), or refuse to store it (`Unsupported`).
    /// - MUST wake all waiters of the key when a flight ends.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot cache values of type `{V}` with codec `{C}`",
        note = "in memory a value is `Clone + Send + Sync + 'static`; where it may leave the process it also derives `Serialize` and `Deserialize`, or say `codec = ..`"
    )]
    CacheStore,
    /// Dropping a future leaves the operation done or not done; a flight that may have begun is given back by token.
    AsyncCacheStore, [V, C], [V, C = AsIs], {
        /// The value, while it is fresh.
        fn get(key: Key<'_>, codec: &C) -> Option<V>;
        /// What a caller that missed gets.
        fn join(key: Key<'_>, codec: &C, ask: &Ask) -> Contended<Lookup<V>>;
        /// Stores a value, for the holder of the flight.
        fn publish(key: Key<'_>, codec: &C, token: HolderToken, value: Kept<'_, V>, life: Life) -> Holding;
    }
);

faces!(
    /// Cached values of any type: what needs no value.
    ///
    /// - After `invalidate`, MUST NOT store what a flight that was under way brings.
    EntryStore,
    /// Dropping a future leaves the operation done or not done.
    AsyncEntryStore, [], [], {
        /// Extends a flight by the whole TTL.
        fn keep_flying(key: Key<'_>, ask: &Ask) -> Holding;
        /// Ends a flight without a value; MUST wake a waiter.
        fn give_up(key: Key<'_>, token: HolderToken) -> Holding;
        /// Forgets the value and ends the flight; whether there was a value.
        fn invalidate(key: Key<'_>) -> bool;
    }
);
