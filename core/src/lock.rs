//! Locks: ask, run, give back.

use crate::{
    cell::Holding,
    drive::ready,
    hold::{Held, Request, Wait},
    instance::Handle,
    key::Kind,
    outcome::Refused,
    store::{AsyncForce, AsyncInspect, AsyncRights, Fault, Force, Host, Inspect, Tasks, Threads, Want},
    time::{Sleep, Timer},
    token::FencingToken,
};
use core::{future::Future, time::Duration};

/// The right to be the only one.
#[derive(Debug)]
pub enum Lease {}

/// A lock that is held by a task.
pub type Guard<P> = Held<Tasks<P>, Lease>;
/// A lock that is held by a thread.
pub type BlockingGuard<P> = Held<Threads<P>, Lease>;

/// A lock by its key: not held yet, can be kept and used again. Made by `Instance::lock`.
///
/// Not reentrant: who holds it is refused like everybody else.
///
/// ```
/// use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
/// use core::time::Duration;
/// let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
/// let device = Instance::new(&store);
/// let bus = device.lock("bus").ttl(Duration::from_secs(5)).wait(Duration::from_millis(250));
/// let guard = bus.acquire_blocking()?;
/// assert!(bus.try_acquire_blocking()?.is_none());
/// let fence = guard.fence(); // for the resource, which rejects a lower one
/// guard.release()?;
/// assert!(bus.run_blocking(|next| next > fence)?);
/// # Ok::<(), cachify_core::Refused>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is locked before `acquire`"]
pub struct Lock<P: Handle> {
    handle: P,
    key: <P::Store as Host>::KeyBuf,
    ttl: Option<Duration>,
    wait: Wait,
}

impl<P: Handle> Lock<P> {
    pub(crate) fn new(handle: P, key: <P::Store as Host>::KeyBuf) -> Self {
        Self { handle, key, ttl: None, wait: Wait::No }
    }

    /// How long the lease lasts unless renewed; else the instance's default.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long `acquire` waits for its turn; else not at all.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Wait::For(wait);
        self
    }

    /// `acquire` waits without limit.
    pub fn wait_forever(mut self) -> Self {
        self.wait = Wait::Forever;
        self
    }

    #[doc(hidden)]
    pub fn waiting(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// What is asked for, on any face.
    #[doc(hidden)]
    pub fn request(&self) -> Request<P> {
        let ttl = self.ttl.unwrap_or(self.handle.instance().config().lease);
        Request { key: self.key.clone(), want: Want::Lease, ttl, wait: self.wait }
    }

    fn at_once(&self) -> Request<P> {
        Request { wait: Wait::No, ..self.request() }
    }
}

/// For tasks.
impl<P: Handle> Lock<P>
where
    Tasks<P>: AsyncRights,
    <P::Store as Host>::Clock: Timer,
{
    /// Takes the lock, waiting as long as was said.
    ///
    /// Dropping the future leaves the lock free: what may have been granted is given back.
    pub async fn acquire(&self) -> Result<Guard<P>, Refused> {
        self.request().obtain(Tasks(self.handle.clone())).await
    }

    /// Takes the lock if it is free, else `None`; does not wait.
    pub async fn try_acquire(&self) -> Result<Option<Guard<P>>, Refused> {
        unless_contended(self.at_once().obtain(Tasks(self.handle.clone())).await)
    }

    /// Runs `body` under the lock, renewing it.
    ///
    /// A lock that is lost meanwhile does not stop the body; the fence protects what it writes.
    pub async fn run<T>(&self, body: impl AsyncFnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let guard = self.acquire().await?;
        let out = guard.carry(body(guard.fence())).await;
        // a failure to release is an event, never the caller's result
        let _ = guard.settle(true).await;
        Ok(out)
    }
}

/// For threads.
impl<P: Handle> Lock<P>
where
    Threads<P>: AsyncRights,
    <P::Store as Host>::Clock: Sleep,
{
    /// Takes the lock, blocking this thread as long as was said.
    pub fn acquire_blocking(&self) -> Result<BlockingGuard<P>, Refused> {
        ready(self.request().obtain(Threads(self.handle.clone())))
    }

    /// Takes the lock if it is free, else `None`; does not wait.
    pub fn try_acquire_blocking(&self) -> Result<Option<BlockingGuard<P>>, Refused> {
        unless_contended(ready(self.at_once().obtain(Threads(self.handle.clone()))))
    }

    /// Runs `body` under the lock.
    ///
    /// Core does not renew meanwhile, for the thread is busy with the body; the std instances do.
    pub fn run_blocking<T>(&self, body: impl FnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let guard = self.acquire_blocking()?;
        let out = body(guard.fence());
        let _ = guard.release();
        Ok(out)
    }
}

/// Looking at it, and breaking it.
impl<P: Handle> Lock<P> {
    /// Whether anybody holds it.
    pub async fn is_locked(&self) -> Result<bool, Fault>
    where
        P::Store: AsyncInspect,
    {
        self.handle.instance().is_held(Kind::Lock, &self.key).await
    }

    /// Whether anybody holds it.
    pub fn is_locked_blocking(&self) -> Result<bool, Fault>
    where
        P::Store: Inspect,
    {
        self.handle.instance().is_held_blocking(Kind::Lock, &self.key)
    }

    /// Frees it, whoever holds it; whether anybody did.
    pub async fn force_release(&self) -> Result<bool, Fault>
    where
        P::Store: AsyncForce,
    {
        self.handle.instance().force(Kind::Lock, &self.key).await
    }

    /// Frees it, whoever holds it; whether anybody did.
    pub fn force_release_blocking(&self) -> Result<bool, Fault>
    where
        P::Store: Force,
    {
        self.handle.instance().force_blocking(Kind::Lock, &self.key)
    }
}

impl<P: Handle> Guard<P>
where
    Tasks<P>: AsyncRights,
    <P::Store as Host>::Clock: Timer,
{
    /// Gives the lock back; whether it was still held.
    ///
    /// Dropping the future, or the guard, leaves the release to the store's background work.
    pub async fn release(self) -> Result<Holding, Refused> {
        Ok(self.settle(true).await?)
    }

    /// Runs `body`, renewing the lock beside it.
    pub async fn run<T>(&self, body: impl Future<Output = T>) -> T {
        self.carry(body).await
    }
}

impl<P: Handle> BlockingGuard<P>
where
    Threads<P>: AsyncRights,
    <P::Store as Host>::Clock: Sleep,
{
    /// Gives the lock back; whether it was still held.
    pub fn release(self) -> Result<Holding, Refused> {
        Ok(ready(self.settle(true))?)
    }
}

/// Contention is no refusal to somebody who only tried.
pub(crate) fn unless_contended<T>(got: Result<T, Refused>) -> Result<Option<T>, Refused> {
    match got {
        Ok(got) => Ok(Some(got)),
        Err(why) if why.is_contended() => Ok(None),
        Err(why) => Err(why),
    }
}
