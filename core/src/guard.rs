//! Guards: a lease that is held, as a type of its own for each primitive and for tasks and threads.
//!
//! Dropping one gives it back in the background; `release`, `complete` and `fail` do it now and tell how it went.

use crate::{
    cell::Holding,
    drive::ready,
    error::Error,
    instance::{Handle, Threads},
    lease::Lease,
    store::{Platform, Store},
    time::{Sleep, Timer},
    token::{FencingToken, HolderToken},
};
use core::{fmt, future::Future};

/// The type, and what every guard can tell.
macro_rules! guards {
    ($($(#[$m:meta])* $Guard:ident, $Handle:ty;)*) => { $(
        $(#[$m])*
        #[must_use = "dropped at once, it protects nothing"]
        pub struct $Guard<P: Handle>(pub(crate) Lease<$Handle>);

        impl<P: Handle> fmt::Debug for $Guard<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut debug = f.debug_struct(stringify!($Guard));
                if let Some(key) = self.0.key() {
                    debug.field("key", &key);
                }
                debug.field("fence", &self.0.fence()).field("is_valid", &self.0.is_valid()).finish_non_exhaustive()
            }
        }

        impl<P: Handle> $Guard<P> {
            /// Grows with every grant of the key; hand it to the guarded resource, which rejects a lower one.
            #[must_use]
            pub fn fence(&self) -> FencingToken {
                self.0.fence()
            }

            /// Who holds it, as the store knows it.
            #[must_use]
            pub fn token(&self) -> HolderToken {
                self.0.token()
            }

            /// Whether it is known to be held still. A comparison, no I/O.
            #[must_use]
            pub fn is_valid(&self) -> bool {
                self.0.is_valid()
            }
        }

        impl<P: Handle> $Guard<P>
        where
            <P::Store as Platform>::Clock: Timer,
        {
            /// Ends when it may no longer be held: it was not renewed in time, or a renewal found it taken.
            ///
            /// Dropping the future changes nothing.
            pub fn lost(&self) -> impl Future<Output = ()> {
                self.0.lost()
            }
        }
    )* };
}

guards! {
    /// A lock that is held by a task; made by [`Lock::acquire`](crate::lock::Lock::acquire).
    LockGuard, P;
    /// A lock that is held by a thread; made by [`Lock::acquire_blocking`](crate::lock::Lock::acquire_blocking).
    BlockingLockGuard, Threads<P>;
    /// A permit that is held by a task; made by [`Pool::take`](crate::pool::Pool::take).
    Permit, P;
    /// A permit that is held by a thread; made by [`Pool::take_blocking`](crate::pool::Pool::take_blocking).
    BlockingPermit, Threads<P>;
    /// A run under way in a task; made by [`Once::begin`](crate::once::Once::begin).
    ///
    /// Dropping it fails the run: nothing is kept.
    RunGuard, P;
    /// A run under way in a thread; made by [`Once::begin_blocking`](crate::once::Once::begin_blocking).
    ///
    /// Dropping it fails the run: nothing is kept.
    BlockingRunGuard, Threads<P>;
}

/// Guards that are given back in one way, for tasks.
macro_rules! released {
    ($($Guard:ident: $what:literal;)*) => { $(
        impl<P: Handle> $Guard<P>
        where
            <P::Store as Platform>::Clock: Timer,
        {
            #[doc = concat!("Gives the ", $what, " back; whether it was still held.")]
            ///
            #[doc = concat!("Dropping the future, or the ", $what, ", leaves it to the store's background work.")]
            ///
            /// # Errors
            /// [`Error::Store`] when the store did not answer; it is told again in the background.
            pub async fn release(mut self) -> Result<Holding, Error> {
                Ok(self.0.settle(true).await?)
            }

            #[doc = concat!("Runs `body`, renewing the ", $what, " beside it.")]
            ///
            /// Dropping the future drops `body`; the guard goes on.
            pub fn run<T>(&self, body: impl Future<Output = T>) -> impl Future<Output = T> {
                self.0.carry(body)
            }
        }
    )* };
}
released! { LockGuard: "lock"; Permit: "permit"; }

/// The same for threads.
macro_rules! released_blocking {
    ($($Guard:ident: $what:literal;)*) => { $(
        impl<P: Handle> $Guard<P>
        where
            <P::Store as Platform>::Clock: Sleep,
        {
            #[doc = concat!("Gives the ", $what, " back; whether it was still held.")]
            ///
            /// # Errors
            /// [`Error::Store`] when the store did not answer; it is told again in the background.
            pub fn release(mut self) -> Result<Holding, Error> {
                Ok(self.0.settle_blocking(true)?)
            }
        }
    )* };
}
released_blocking! { BlockingLockGuard: "lock"; BlockingPermit: "permit"; }

impl<P: Handle> Permit<P> {
    /// Which permit of the pool this is; the lowest free one was taken.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.0.index()
    }
}

impl<P: Handle> BlockingPermit<P> {
    /// Which permit of the pool this is; the lowest free one was taken.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.0.index()
    }
}

impl<P: Handle> RunGuard<P>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// The run succeeded: its marker is kept. Tells whether it was still this run's turn.
    ///
    /// Dropping the future leaves the telling to the store's background work; the run counts as done.
    ///
    /// # Errors
    /// [`Error::Store`] when the store did not answer; it is told again in the background.
    pub async fn complete(mut self) -> Result<Holding, Error> {
        Ok(self.0.settle(true).await?)
    }

    /// The run failed: nothing is kept. Tells whether it was still this run's turn.
    ///
    /// Dropping the future leaves it to the store's background work.
    ///
    /// # Errors
    /// [`Error::Store`] when the store did not answer; it is told again in the background.
    pub async fn fail(mut self) -> Result<Holding, Error> {
        Ok(self.0.settle(false).await?)
    }

    /// [`complete`](Self::complete) on a store in the memory of its callers, at once; another store is a compile error.
    ///
    /// # Errors
    /// None that such a store has.
    pub fn complete_now(self) -> Result<Holding, Error> {
        const { assert!(<P::Store as Store>::IS_IMMEDIATE, "only a store in RAM answers at once") }
        ready(self.complete())
    }

    /// [`fail`](Self::fail) on a store in the memory of its callers, at once; another store is a compile error.
    ///
    /// # Errors
    /// None that such a store has.
    pub fn fail_now(self) -> Result<Holding, Error> {
        const { assert!(<P::Store as Store>::IS_IMMEDIATE, "only a store in RAM answers at once") }
        ready(self.fail())
    }

    /// Runs `body`, renewing the run beside it.
    ///
    /// Dropping the future drops `body`; the run goes on.
    pub fn run<T>(&self, body: impl Future<Output = T>) -> impl Future<Output = T> {
        self.0.carry(body)
    }
}

impl<P: Handle> BlockingRunGuard<P>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// The run succeeded: its marker is kept. Tells whether it was still this run's turn.
    ///
    /// # Errors
    /// [`Error::Store`] when the store did not answer; it is told again in the background.
    pub fn complete(mut self) -> Result<Holding, Error> {
        Ok(self.0.settle_blocking(true)?)
    }

    /// The run failed: nothing is kept. Tells whether it was still this run's turn.
    ///
    /// # Errors
    /// [`Error::Store`] when the store did not answer; it is told again in the background.
    pub fn fail(mut self) -> Result<Holding, Error> {
        Ok(self.0.settle_blocking(false)?)
    }
}
