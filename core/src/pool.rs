//! Pools: at most so many at once.

use crate::{
    cell::Holding,
    drive::ready,
    hold::{Held, Request, Wait},
    instance::Handle,
    lock::unless_contended,
    outcome::Refused,
    store::{AsyncPermitStore, AsyncRights, Fault, Host, PermitStore, Tasks, Threads, Want},
    time::{Sleep, Timer},
    token::FencingToken,
};
use core::{future::Future, time::Duration};

/// The right to be one of many.
#[derive(Debug)]
pub enum OneOf {}

/// A permit that is held by a task.
pub type Permit<P> = Held<Tasks<P>, OneOf>;
/// A permit that is held by a thread.
pub type BlockingPermit<P> = Held<Threads<P>, OneOf>;

/// A pool by its key and size; can be kept and used again. Made by `Instance::pool`.
///
/// ```
/// use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
/// let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
/// let device = Instance::new(&store);
/// let radios = device.pool("radio", 2);
/// let (a, b) = (radios.take_blocking()?, radios.take_blocking()?);
/// assert_eq!((a.index(), b.index()), (0, 1));
/// assert!(radios.try_take_blocking()?.is_none());
/// drop(a); // dropping gives it back
/// assert_eq!(radios.in_use_blocking().unwrap(), 1);
/// # Ok::<(), cachify_core::Refused>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is taken before `take`"]
pub struct Pool<P: Handle> {
    handle: P,
    key: <P::Store as Host>::KeyBuf,
    size: u16,
    ttl: Option<Duration>,
    wait: Wait,
}

impl<P: Handle> Pool<P> {
    pub(crate) fn new(handle: P, key: <P::Store as Host>::KeyBuf, size: u16) -> Self {
        Self { handle, key, size, ttl: None, wait: Wait::No }
    }

    /// How long a permit lasts unless renewed; else the instance's default.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long `take` waits for a permit; else not at all.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Wait::For(wait);
        self
    }

    /// `take` waits without limit.
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
        let ttl = self.ttl.unwrap_or(self.handle.instance().config().permit);
        let want = Want::Permit { size: self.size };
        Request { key: self.key.clone(), want, ttl, wait: self.wait }
    }

    fn at_once(&self) -> Request<P> {
        Request { wait: Wait::No, ..self.request() }
    }
}

/// For tasks.
impl<P: Handle> Pool<P>
where
    P::Store: AsyncPermitStore,
    Tasks<P>: AsyncRights,
    <P::Store as Host>::Clock: Timer,
{
    /// Takes a permit, waiting as long as was said.
    ///
    /// Dropping the future leaves the pool as it was: what may have been granted is given back.
    pub async fn take(&self) -> Result<Permit<P>, Refused> {
        self.request().obtain(Tasks(self.handle.clone())).await
    }

    /// Takes a permit if one is free, else `None`; does not wait.
    pub async fn try_take(&self) -> Result<Option<Permit<P>>, Refused> {
        unless_contended(self.at_once().obtain(Tasks(self.handle.clone())).await)
    }

    /// Runs `body` with a permit, renewing it.
    pub async fn run<T>(&self, body: impl AsyncFnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let permit = self.take().await?;
        let out = permit.carry(body(permit.fence())).await;
        let _ = permit.settle(true).await;
        Ok(out)
    }

    /// How many permits are held.
    pub async fn in_use(&self) -> Result<u16, Fault> {
        self.handle.instance().in_use(&self.key).await
    }
}

/// For threads.
impl<P: Handle> Pool<P>
where
    P::Store: PermitStore,
    Threads<P>: AsyncRights,
    <P::Store as Host>::Clock: Sleep,
{
    /// Takes a permit, blocking this thread as long as was said.
    pub fn take_blocking(&self) -> Result<BlockingPermit<P>, Refused> {
        ready(self.request().obtain(Threads(self.handle.clone())))
    }

    /// Takes a permit if one is free, else `None`; does not wait.
    pub fn try_take_blocking(&self) -> Result<Option<BlockingPermit<P>>, Refused> {
        unless_contended(ready(self.at_once().obtain(Threads(self.handle.clone()))))
    }

    /// Runs `body` with a permit.
    pub fn run_blocking<T>(&self, body: impl FnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let permit = self.take_blocking()?;
        let out = body(permit.fence());
        let _ = permit.release();
        Ok(out)
    }

    /// How many permits are held.
    pub fn in_use_blocking(&self) -> Result<u16, Fault> {
        self.handle.instance().in_use_blocking(&self.key)
    }
}

impl<P: Handle> Permit<P>
where
    P::Store: AsyncPermitStore,
    Tasks<P>: AsyncRights,
    <P::Store as Host>::Clock: Timer,
{
    /// Gives the permit back; whether it was still held.
    ///
    /// Dropping the future, or the permit, leaves it to the store's background work.
    pub async fn release(self) -> Result<Holding, Refused> {
        Ok(self.settle(true).await?)
    }

    /// Runs `body`, renewing the permit beside it.
    pub async fn run<T>(&self, body: impl Future<Output = T>) -> T {
        self.carry(body).await
    }
}

impl<P: Handle> BlockingPermit<P>
where
    P::Store: PermitStore,
    Threads<P>: AsyncRights,
    <P::Store as Host>::Clock: Sleep,
{
    /// Gives the permit back; whether it was still held.
    pub fn release(self) -> Result<Holding, Refused> {
        Ok(ready(self.settle(true))?)
    }
}
