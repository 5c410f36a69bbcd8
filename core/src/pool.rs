//! Pools: at most so many at once.

use crate::{
    asked,
    drive::ready,
    error::Error,
    error::Refused,
    guard::{BlockingPermit, Permit},
    instance::{Handle, Threads},
    key::Kind,
    lease::{Lease, LeaseOf, Wait},
    lock::unless_contended,
    op::Inspection,
    store::{Platform, Store},
    time::{Sleep, Timer},
    token::FencingToken,
};
use core::{fmt, time::Duration};

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
#[must_use = "nothing is taken before `take`"]
pub struct Pool<P: Handle> {
    handle: P,
    key: <P::Store as Platform>::KeyBuf,
    size: u32,
    ttl: Option<Duration>,
    wait: Wait,
    renew: bool,
}

impl<P: Handle> Clone for Pool<P> {
    fn clone(&self) -> Self {
        let Self { handle, key, size, ttl, wait, renew } = self;
        Self { handle: handle.clone(), key: key.clone(), size: *size, ttl: *ttl, wait: *wait, renew: *renew }
    }
}

/// Without its instance.
impl<P: Handle> fmt::Debug for Pool<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("key", &self.key)
            .field("size", &self.size)
            .field("ttl", &self.ttl)
            .field("wait", &self.wait)
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

impl<P: Handle> Pool<P> {
    pub(crate) fn new(handle: P, key: <P::Store as Platform>::KeyBuf, size: u32) -> Self {
        Self { handle, key, size, ttl: None, wait: Wait::No, renew: true }
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

    /// Whether it is renewed while its guard lives; if not, it ends with its TTL whatever its holder does.
    ///
    /// Renewed unless said. In memory nothing is to be renewed: a permit lasts as long as its guard.
    pub fn renew(mut self, renew: bool) -> Self {
        self.renew = renew;
        self
    }

    fn lease<H: Handle<Store = P::Store>>(&self, handle: H, wait: Wait) -> Lease<H> {
        Lease::of(handle, LeaseOf::Permit { size: self.size }, self.ttl, wait, self.renew).of_key(self.key.clone())
    }
}

/// For tasks.
impl<P: Handle> Pool<P>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// Takes a permit, waiting as long as was said.
    ///
    /// Dropping the future leaves the pool as it was: what may have been granted is given back.
    ///
    /// # Errors
    /// [`Refused::Full`] when all are held until the wait is over; any other [`Refused`] when the store could not be
    /// asked.
    pub async fn take(&self) -> Result<Permit<P>, Refused> {
        let mut lease = self.lease(self.handle.clone(), self.wait);
        lease.acquire().await?;
        Ok(Permit(lease))
    }

    /// Takes a permit if one is free, else `None`; does not wait.
    ///
    /// Dropping the future leaves the pool as it was.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub async fn try_take(&self) -> Result<Option<Permit<P>>, Refused> {
        let mut lease = self.lease(self.handle.clone(), Wait::No);
        Ok(unless_contended(lease.acquire().await)?.map(|()| Permit(lease)))
    }

    /// Takes a permit at once or not at all, on a store in the memory of its callers: for interrupts, and for code that can neither
    /// wait nor sleep. Another store is a compile error.
    ///
    /// What is got is given back when the guard is dropped, at once, too.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// let radios = device.pool("radio", 1);
    /// let permit = radios.try_take_now()?.expect("free");
    /// assert!(radios.try_take_now()?.is_none());
    /// drop(permit);
    /// assert!(radios.try_take_now()?.is_some());
    /// # Ok::<(), cachify_core::Refused>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`] when there is no room for the key.
    pub fn try_take_now(&self) -> Result<Option<Permit<P>>, Refused> {
        const { assert!(<P::Store as Store>::IS_IMMEDIATE, "only a store in RAM answers at once") }
        ready(self.try_take())
    }

    /// Runs `body` with a permit, renewing it.
    ///
    /// Dropping the future drops the body and gives the permit back.
    ///
    /// # Errors
    /// As [`take`](Self::take); a failure to give back is an event, never the caller's result.
    pub async fn run<T>(&self, body: impl AsyncFnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let mut lease = self.lease(self.handle.clone(), self.wait);
        lease.acquire().await?;
        let out = lease.carry(body(lease.fence())).await;
        lease.finish(true).await;
        Ok(out)
    }

    /// How many permits are held, when the first one ends unless renewed, and how many wait, as far as the store knows.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn inspect(&self) -> Result<Inspection, Error> {
        asked::inspect(&self.handle, Kind::Pool, &self.key).await
    }

    /// How many permits are held.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn in_use(&self) -> Result<u32, Error> {
        Ok(asked::inspect(&self.handle, Kind::Pool, &self.key).await?.held)
    }
}

/// For threads.
impl<P: Handle> Pool<P>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// Takes a permit, blocking this thread as long as was said.
    ///
    /// # Errors
    /// [`Refused::Full`] when all are held until the wait is over; any other [`Refused`] when the store could not be
    /// asked.
    pub fn take_blocking(&self) -> Result<BlockingPermit<P>, Refused> {
        let mut lease = self.lease(Threads(self.handle.clone()), self.wait);
        lease.acquire_blocking()?;
        Ok(BlockingPermit(lease))
    }

    /// Takes a permit if one is free, else `None`; does not wait.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub fn try_take_blocking(&self) -> Result<Option<BlockingPermit<P>>, Refused> {
        let mut lease = self.lease(Threads(self.handle.clone()), Wait::No);
        Ok(unless_contended(lease.acquire_blocking())?.map(|()| BlockingPermit(lease)))
    }

    /// Runs `body` with a permit.
    ///
    /// # Errors
    /// As [`take_blocking`](Self::take_blocking); a failure to give back is an event, never the caller's result.
    pub fn run_blocking<T>(&self, body: impl FnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let permit = self.take_blocking()?;
        let out = permit.0.within(|| body(permit.fence()));
        let _ = permit.release();
        Ok(out)
    }

    /// As [`inspect`](Self::inspect), blocking this thread.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn inspect_blocking(&self) -> Result<Inspection, Error> {
        asked::inspect_blocking(&self.handle, Kind::Pool, &self.key)
    }

    /// How many permits are held.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn in_use_blocking(&self) -> Result<u32, Error> {
        Ok(asked::inspect_blocking(&self.handle, Kind::Pool, &self.key)?.held)
    }
}
