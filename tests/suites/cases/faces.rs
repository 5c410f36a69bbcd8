//! Both faces of a store, in the words of the harness.

use crate::{
    harness::{Ask, Async, Blocking, Failed, Right, Subject, Value, ms, on},
    world::{Waiting, World, now},
};
use cachify::{
    Holding, Ran, Refused, Success, Ttl,
    cachify_core::{
        cache::Cache,
        guard::{BlockingLockGuard, BlockingPermit, BlockingRunGuard, LockGuard, Permit, RunGuard},
        instance::Handle,
        primitives::Primitives,
        store::{Platform, Store, Values},
    },
    clock::StdClock,
};
use std::{convert::identity, time::Duration};

impl<P: Primitives + Send + 'static> Subject for Async<P>
where
    P::Store: Values<Value, <P::Store as Platform>::Codec>
        + Store<InFlight: Send, Error: Send>
        + Platform<Clock = StdClock, KeyBuf: Send, Monitor: Send>,
{
    type Lease = LockGuard<P>;
    type Permit = Permit<P>;
    type Run = RunGuard<P>;

    fn world(&self) -> &World {
        &self.1
    }

    fn acquire(&self, ask: &Ask) -> Result<Self::Lease, Refused> {
        now(ask.lock(&self.0, &self.1).acquire())
    }
    fn try_acquire(&self, ask: &Ask) -> Result<Option<Self::Lease>, Refused> {
        now(ask.lock(&self.0, &self.1).try_acquire())
    }
    fn start_acquire(&self, ask: Ask) -> Waiting<Result<Self::Lease, Refused>> {
        let lock = ask.lock(&self.0, &self.1);
        Waiting::task(async move { lock.acquire().await })
    }
    fn under_lock<T>(&self, ask: &Ask, body: impl FnOnce() -> T) -> Result<T, Refused> {
        now(ask.lock(&self.0, &self.1).run(async |_| body()))
    }
    fn is_locked(&self, key: &str) -> bool {
        now(on(key).lock(&self.0, &self.1).is_locked()).expect("answered")
    }
    fn force_release(&self, key: &str) -> bool {
        now(on(key).lock(&self.0, &self.1).force_release()).expect("answered")
    }

    fn take(&self, ask: &Ask, size: u32) -> Result<Self::Permit, Refused> {
        now(ask.pool(&self.0, &self.1, size).take())
    }
    fn start_take(&self, ask: Ask, size: u32) -> Waiting<Result<Self::Permit, Refused>> {
        let pool = ask.pool(&self.0, &self.1, size);
        Waiting::task(async move { pool.take().await })
    }
    fn with_permit<T>(&self, ask: &Ask, size: u32, body: impl FnOnce() -> T) -> Result<T, Refused> {
        now(ask.pool(&self.0, &self.1, size).run(async |_| body()))
    }
    fn in_use(&self, key: &str) -> u32 {
        now(on(key).pool(&self.0, &self.1, 1).in_use()).expect("answered")
    }

    fn begin(&self, ask: &Ask, keep: Duration) -> Result<Self::Run, Refused> {
        now(ask.once(&self.0, &self.1, keep).begin())
    }
    fn run_once<T: Success>(&self, ask: &Ask, keep: Duration, body: impl FnOnce() -> T) -> Result<Ran<T>, Refused> {
        now(ask.once(&self.0, &self.1, keep).run(async |_| body()))
    }
    fn is_running(&self, key: &str) -> bool {
        now(on(key).once(&self.0, &self.1, ms(0)).is_locked()).expect("answered")
    }
    fn force_run(&self, key: &str) -> bool {
        now(on(key).once(&self.0, &self.1, ms(0)).force_release()).expect("answered")
    }

    fn cached(
        &self,
        key: &str,
        ttl: Option<Ttl>,
        load: impl FnOnce() -> Result<Value, Failed>,
    ) -> Result<Value, Failed> {
        let cache = ttl.into_iter().fold(self.0.cache(key), Cache::ttl);
        now(cache.get_or_insert_with(async || load()))
    }
    fn peek(&self, key: &str) -> Option<Value> {
        now(self.0.cache(key).get()).expect("answered")
    }
    fn reset(&self, key: &str) -> bool {
        now(self.0.cache(key).reset()).expect("answered")
    }
}

impl<P: Primitives + Send + 'static> Subject for Blocking<P>
where
    P::Store: Values<Value, <P::Store as Platform>::Codec>
        + Store<InFlight: Send, Error: Send>
        + Platform<Clock = StdClock, KeyBuf: Send, Monitor: Send>,
{
    type Lease = BlockingLockGuard<P>;
    type Permit = BlockingPermit<P>;
    type Run = BlockingRunGuard<P>;

    fn world(&self) -> &World {
        &self.1
    }

    fn acquire(&self, ask: &Ask) -> Result<Self::Lease, Refused> {
        ask.lock(&self.0, &self.1).acquire_blocking()
    }
    fn try_acquire(&self, ask: &Ask) -> Result<Option<Self::Lease>, Refused> {
        ask.lock(&self.0, &self.1).try_acquire_blocking()
    }
    fn start_acquire(&self, ask: Ask) -> Waiting<Result<Self::Lease, Refused>> {
        let lock = ask.lock(&self.0, &self.1);
        self.1.start_thread(move || lock.acquire_blocking())
    }
    fn under_lock<T>(&self, ask: &Ask, body: impl FnOnce() -> T) -> Result<T, Refused> {
        ask.lock(&self.0, &self.1).run_blocking(|_| body())
    }
    fn is_locked(&self, key: &str) -> bool {
        on(key).lock(&self.0, &self.1).is_locked_blocking().expect("answered")
    }
    fn force_release(&self, key: &str) -> bool {
        on(key).lock(&self.0, &self.1).force_release_blocking().expect("answered")
    }

    fn take(&self, ask: &Ask, size: u32) -> Result<Self::Permit, Refused> {
        ask.pool(&self.0, &self.1, size).take_blocking()
    }
    fn start_take(&self, ask: Ask, size: u32) -> Waiting<Result<Self::Permit, Refused>> {
        let pool = ask.pool(&self.0, &self.1, size);
        self.1.start_thread(move || pool.take_blocking())
    }
    fn with_permit<T>(&self, ask: &Ask, size: u32, body: impl FnOnce() -> T) -> Result<T, Refused> {
        ask.pool(&self.0, &self.1, size).run_blocking(|_| body())
    }
    fn in_use(&self, key: &str) -> u32 {
        on(key).pool(&self.0, &self.1, 1).in_use_blocking().expect("answered")
    }

    fn begin(&self, ask: &Ask, keep: Duration) -> Result<Self::Run, Refused> {
        ask.once(&self.0, &self.1, keep).begin_blocking()
    }
    fn run_once<T: Success>(&self, ask: &Ask, keep: Duration, body: impl FnOnce() -> T) -> Result<Ran<T>, Refused> {
        ask.once(&self.0, &self.1, keep).run_blocking(|_| body())
    }
    fn is_running(&self, key: &str) -> bool {
        on(key).once(&self.0, &self.1, ms(0)).is_locked_blocking().expect("answered")
    }
    fn force_run(&self, key: &str) -> bool {
        on(key).once(&self.0, &self.1, ms(0)).force_release_blocking().expect("answered")
    }

    fn cached(
        &self,
        key: &str,
        ttl: Option<Ttl>,
        load: impl FnOnce() -> Result<Value, Failed>,
    ) -> Result<Value, Failed> {
        let cache = ttl.into_iter().fold(self.0.cache(key), Cache::ttl);
        cache.get_or_insert_with_blocking(load)
    }
    fn peek(&self, key: &str) -> Option<Value> {
        self.0.cache(key).get_blocking().expect("answered")
    }
    fn reset(&self, key: &str) -> bool {
        self.0.cache(key).reset_blocking().expect("answered")
    }
}

macro_rules! rights {
    ($($Guard:ident, $index:expr, $release:ident, $wait:ident;)*) => { $(
        impl<P: Handle + 'static> Right for $Guard<P>
        where
            P::Store: Platform<Clock = StdClock>,
            Self: Send,
        {
            fn is_valid(&self) -> bool {
                Self::is_valid(self)
            }
            fn index(&self) -> u32 {
                let index: fn(&Self) -> u32 = $index;
                index(self)
            }
            fn release(self) -> Holding {
                $wait(Self::$release(self)).expect("given back")
            }
        }
    )* };
}
rights! {
    LockGuard, |_| 0, release, now;
    Permit, Self::index, release, now;
    RunGuard, |_| 0, complete, now;
    BlockingLockGuard, |_| 0, release, identity;
    BlockingPermit, Self::index, release, identity;
    BlockingRunGuard, |_| 0, complete, identity;
}
