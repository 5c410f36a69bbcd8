//! One case, six ways: a [`Subject`] is a store seen through one face.
//!
//! Cases are plain functions: whatever does not wait ends at once on both faces. What may wait is started with
//! `start_..` and is a thread on the blocking face, and on the async face a task that is polled only after it was
//! woken. The clock stands still unless a case moves it.

use crate::world::{Log, Waiting, World, now};
use cachify::{
    Cachify, Config, Holding, ManualClock, Memory, Ran, Refused, StdLock, Ttl,
    clock::StdClock,
    core::{
        FixedStore, Instance,
        hold::Wait,
        instance::{Handle, Primitives},
        lock, once, pool,
        store::{
            AsyncCacheStore, AsyncEntryStore, AsyncForce, AsyncInspect, AsyncPermitStore, AsyncRights, CacheStore,
            EntryStore, Force, Host, Inspect, PermitStore, Tasks, Threads, fixed::State,
        },
    },
};
use cachify_tests::Guest;
use std::{fmt::Debug, sync::Mutex, time::Duration};

/// What cached cases keep: absent or a text.
pub type Value = Option<String>;
/// What a load fails with.
pub type Failed = &'static str;
/// Core's store of fixed size, with its instance.
pub type Fixed = Instance<FixedStore<StdLock, StdClock, 16, Value>, Log>;

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What is asked for: a key, for how long, waiting how long.
#[derive(Clone)]
pub struct Ask {
    key: String,
    ttl: Option<Duration>,
    wait: Wait,
}

/// A request on a key, with the instance's defaults and without waiting.
pub fn on(key: &str) -> Ask {
    Ask { key: key.into(), ttl: None, wait: Wait::No }
}

impl Ask {
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait: Wait::For(wait), ..self }
    }
    pub fn wait_forever(self) -> Self {
        Self { wait: Wait::Forever, ..self }
    }

    fn lock<P: Primitives>(&self, handle: &P) -> lock::Lock<P> {
        let lock = handle.lock(&self.key);
        let lock = self.ttl.into_iter().fold(lock, lock::Lock::ttl);
        match self.wait {
            Wait::No => lock,
            Wait::For(wait) => lock.wait(wait),
            Wait::Forever => lock.wait_forever(),
        }
    }

    fn pool<P: Primitives>(&self, handle: &P, size: u16) -> pool::Pool<P> {
        let pool = handle.pool(&self.key, size);
        let pool = self.ttl.into_iter().fold(pool, pool::Pool::ttl);
        match self.wait {
            Wait::No => pool,
            Wait::For(wait) => pool.wait(wait),
            Wait::Forever => pool.wait_forever(),
        }
    }

    fn once<P: Primitives>(&self, handle: &P, keep: Duration) -> once::Once<P> {
        let once = handle.once(&self.key);
        self.ttl.into_iter().fold(once, once::Once::ttl).keep(keep)
    }
}

/// A right that is held.
pub trait Right: Debug + Send + 'static {
    fn is_valid(&self) -> bool;
    fn index(&self) -> u16;
    /// Gives it back; of a run: it succeeded.
    fn release(self) -> Holding;
}

/// A store seen through one face.
pub trait Subject: Clone + Send + 'static {
    type Lease: Right;
    type Permit: Right;
    type Run: Right;

    fn world(&self) -> &World;

    fn acquire(&self, ask: &Ask) -> Result<Self::Lease, Refused>;
    fn try_acquire(&self, ask: &Ask) -> Result<Option<Self::Lease>, Refused>;
    fn start_acquire(&self, ask: Ask) -> Waiting<Result<Self::Lease, Refused>>;
    fn under_lock<T>(&self, ask: &Ask, body: impl FnOnce() -> T) -> Result<T, Refused>;
    fn is_locked(&self, key: &str) -> bool;
    fn force_release(&self, key: &str) -> bool;

    fn take(&self, ask: &Ask, size: u16) -> Result<Self::Permit, Refused>;
    fn start_take(&self, ask: Ask, size: u16) -> Waiting<Result<Self::Permit, Refused>>;
    fn with_permit<T>(&self, ask: &Ask, size: u16, body: impl FnOnce() -> T) -> Result<T, Refused>;
    fn in_use(&self, key: &str) -> u16;

    fn begin(&self, ask: &Ask, keep: Duration) -> Result<Self::Run, Refused>;
    fn run_once<T>(&self, ask: &Ask, keep: Duration, body: impl FnOnce() -> T) -> Result<Ran<T>, Refused>;
    fn is_running(&self, key: &str) -> bool;
    fn force_run(&self, key: &str) -> bool;

    fn cached(
        &self,
        key: &str,
        ttl: Option<Ttl>,
        load: impl FnOnce() -> Result<Value, Failed>,
    ) -> Result<Value, Failed>;
    fn peek(&self, key: &str) -> Option<Value>;
    fn reset(&self, key: &str) -> bool;

    /// What the observer was told since this was asked last.
    fn events(&self) -> Vec<String> {
        self.world().log.take()
    }
    fn advance(&self, by: Duration) {
        self.world().advance(by);
    }
}

/// The async face of a handle's store.
#[derive(Clone)]
pub struct Async<P>(pub P, pub World);
/// The blocking face of a handle's store.
#[derive(Clone)]
pub struct Blocking<P>(pub P, pub World);

macro_rules! rights {
    ($($Held:ty, $Face:ident, $release:ident, $wait:ident;)*) => { $(
        impl<P: Handle + 'static> Right for $Held
        where
            P::Store: AsyncPermitStore + PermitStore + Host<Clock = StdClock>,
            $Face<P>: AsyncRights,
            $Held: Send,
        {
            fn is_valid(&self) -> bool { Self::is_valid(self) }
            fn index(&self) -> u16 { Self::index(self) }
            fn release(self) -> Holding { $wait(Self::$release(self)).expect("given back") }
        }
    )* };
}
rights! {
    lock::Guard<P>, Tasks, release, now;
    pool::Permit<P>, Tasks, release, now;
    once::Run<P>, Tasks, complete, now;
    lock::BlockingGuard<P>, Threads, release, identity;
    pool::BlockingPermit<P>, Threads, release, identity;
    once::BlockingRun<P>, Threads, complete, identity;
}
use std::convert::identity;

/// Both faces are the same words with other last ones.
macro_rules! faces {
    (
        $Subject:ident, $Face:ident, [$($Capability:path),*], [$Guard:ident, $Permit:ident, $Run:ident], $wait:ident,
        $(($async:tt))?, $start:ident,
        $acquire:ident $try_acquire:ident $take:ident $begin:ident $run:ident $is_locked:ident $force_release:ident
        $in_use:ident $get_or_insert_with:ident $get:ident $reset:ident
    ) => {
        impl<P: Primitives + Send + 'static> Subject for $Subject<P>
        where
            P::Store: $($Capability +)* AsyncPermitStore + PermitStore + Host<Clock = StdClock>,
            <P::Store as Host>::Codec: Send,
            $Face<P>: AsyncRights,
            lock::Lock<P>: Send, pool::Pool<P>: Send,
            lock::$Guard<P>: Send, pool::$Permit<P>: Send, once::$Run<P>: Send,
        {
            type Lease = lock::$Guard<P>;
            type Permit = pool::$Permit<P>;
            type Run = once::$Run<P>;

            fn world(&self) -> &World { &self.1 }

            fn acquire(&self, ask: &Ask) -> Result<Self::Lease, Refused> { $wait(ask.lock(&self.0).$acquire()) }
            fn try_acquire(&self, ask: &Ask) -> Result<Option<Self::Lease>, Refused> {
                $wait(ask.lock(&self.0).$try_acquire())
            }
            fn start_acquire(&self, ask: Ask) -> Waiting<Result<Self::Lease, Refused>> {
                let lock = ask.lock(&self.0);
                self.1.$start($($async)? move || lock.$acquire()$(.$async)?)
            }
            fn under_lock<T>(&self, ask: &Ask, body: impl FnOnce() -> T) -> Result<T, Refused> {
                $wait(ask.lock(&self.0).$run($($async)? |_| body()))
            }
            fn is_locked(&self, key: &str) -> bool { $wait(on(key).lock(&self.0).$is_locked()).expect("answered") }
            fn force_release(&self, key: &str) -> bool {
                $wait(on(key).lock(&self.0).$force_release()).expect("answered")
            }
        }
    };
}
