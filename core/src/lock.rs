//! Locks: ask, run, give back.

use crate::{
    asked,
    drive::ready,
    error::Error,
    error::Refused,
    guard::{BlockingLockGuard, LockGuard},
    instance::{Handle, Threads},
    key::Kind,
    label::Label,
    lease::{Lease, LeaseOf, Wait},
    op::Inspection,
    store::{Platform, Store},
    time::{Sleep, Timer},
    token::FencingToken,
};
use core::{fmt, time::Duration};

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
#[must_use = "nothing is locked before `acquire`"]
pub struct Lock<P: Handle> {
    handle: P,
    key: <P::Store as Platform>::KeyBuf,
    ttl: Option<Duration>,
    wait: Wait,
    renew: bool,
    label: Label,
}

impl<P: Handle> Clone for Lock<P> {
    fn clone(&self) -> Self {
        let Self { handle, key, ttl, wait, renew, label } = self;
        Self { handle: handle.clone(), key: key.clone(), ttl: *ttl, wait: *wait, renew: *renew, label: *label }
    }
}

/// Without its instance.
impl<P: Handle> fmt::Debug for Lock<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("key", &self.key)
            .field("ttl", &self.ttl)
            .field("wait", &self.wait)
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

impl<P: Handle> Lock<P> {
    pub(crate) fn new(handle: P, key: <P::Store as Platform>::KeyBuf) -> Self {
        Self { handle, key, ttl: None, wait: Wait::No, renew: true, label: Label::NONE }
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

    /// Whether it is renewed while its guard lives; if not, it ends with its TTL whatever its holder does.
    ///
    /// Renewed unless said. In memory nothing is to be renewed: a lock lasts as long as its guard.
    pub fn renew(mut self, renew: bool) -> Self {
        self.renew = renew;
        self
    }

    /// By what people know the holder, who ask with `inspect`; else, and where it is empty, the instance's label. Kept as
    /// far as there is room: 32 bytes, none without the feature `alloc`.
    pub fn label(mut self, label: &str) -> Self {
        self.label = Label::new(label);
        self
    }

    fn lease<H: Handle<Store = P::Store>>(&self, handle: H, wait: Wait) -> Lease<H> {
        Lease::of(handle, LeaseOf::Lock, self.ttl, wait, self.renew).of_key_as(self.key.clone(), self.label)
    }
}

/// For tasks.
impl<P: Handle> Lock<P>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// Takes the lock, waiting as long as was said.
    ///
    /// Dropping the future leaves the lock free: what may have been granted is given back.
    ///
    /// # Errors
    /// [`Refused::Busy`] when somebody else holds it until the wait is over; any other [`Refused`] when the store could
    /// not be asked.
    pub async fn acquire(&self) -> Result<LockGuard<P>, Refused> {
        let mut lease = self.lease(self.handle.clone(), self.wait);
        lease.acquire().await?;
        Ok(LockGuard(lease))
    }

    /// Takes the lock if it is free, else `None`; does not wait.
    ///
    /// Dropping the future leaves the lock free.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub async fn try_acquire(&self) -> Result<Option<LockGuard<P>>, Refused> {
        let mut lease = self.lease(self.handle.clone(), Wait::No);
        Ok(unless_contended(lease.acquire().await)?.map(|()| LockGuard(lease)))
    }

    /// Takes the lock at once or not at all, on a store in the memory of its callers: for interrupts, and for code that can neither
    /// wait nor sleep. Another store is a compile error.
    ///
    /// What is got is given back when the guard is dropped, at once, too.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// let bus = device.lock("bus");
    /// let guard = bus.try_acquire_now()?.expect("free");
    /// assert!(bus.try_acquire_now()?.is_none());
    /// drop(guard);
    /// assert!(bus.try_acquire_now()?.is_some());
    /// # Ok::<(), cachify_core::Refused>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused`] when there is no room for the key.
    pub fn try_acquire_now(&self) -> Result<Option<LockGuard<P>>, Refused> {
        const { assert!(<P::Store as Store>::IS_IMMEDIATE, "only a store in RAM answers at once") }
        ready(self.try_acquire())
    }

    /// Runs `body` under the lock, renewing it.
    ///
    /// A lock that is lost meanwhile does not stop the body; the fence protects what it writes. Dropping the future
    /// drops the body and gives the lock back.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); a failure to give back is an event, never the caller's result.
    pub async fn run<T>(&self, body: impl AsyncFnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let mut lease = self.lease(self.handle.clone(), self.wait);
        lease.acquire().await?;
        let out = lease.carry(body(lease.fence())).await;
        lease.finish(true).await;
        Ok(out)
    }
}

/// For threads.
impl<P: Handle> Lock<P>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// Takes the lock, blocking this thread as long as was said.
    ///
    /// # Errors
    /// [`Refused::Busy`] when somebody else holds it until the wait is over; any other [`Refused`] when the store could
    /// not be asked.
    pub fn acquire_blocking(&self) -> Result<BlockingLockGuard<P>, Refused> {
        let mut lease = self.lease(Threads(self.handle.clone()), self.wait);
        lease.acquire_blocking()?;
        Ok(BlockingLockGuard(lease))
    }

    /// Takes the lock if it is free, else `None`; does not wait.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub fn try_acquire_blocking(&self) -> Result<Option<BlockingLockGuard<P>>, Refused> {
        let mut lease = self.lease(Threads(self.handle.clone()), Wait::No);
        Ok(unless_contended(lease.acquire_blocking())?.map(|()| BlockingLockGuard(lease)))
    }

    /// Runs `body` under the lock.
    ///
    /// Core does not renew meanwhile, for the thread is busy with the body; the std instances do.
    ///
    /// # Errors
    /// As [`acquire_blocking`](Self::acquire_blocking); a failure to give back is an event, never the caller's result.
    pub fn run_blocking<T>(&self, body: impl FnOnce(FencingToken) -> T) -> Result<T, Refused> {
        let guard = self.acquire_blocking()?;
        let out = guard.0.within(|| body(guard.fence()));
        let _ = guard.release();
        Ok(out)
    }
}

/// Looking at it, and breaking it.
impl<P: Handle> Lock<P> {
    /// Who holds it, for how long it has been and will be held, and how many wait, as far as the store knows.
    ///
    /// A look that takes nothing. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn inspect(&self) -> Result<Inspection, Error> {
        asked::inspect(&self.handle, Kind::Lock, &self.key).await
    }

    /// Whether anybody holds it.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn is_locked(&self) -> Result<bool, Error> {
        Ok(asked::inspect(&self.handle, Kind::Lock, &self.key).await?.held > 0)
    }

    /// Who holds it, for how long it has been and will be held, and how many wait, as far as the store knows.
    ///
    /// A look that takes nothing.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn inspect_blocking(&self) -> Result<Inspection, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        asked::inspect_blocking(&self.handle, Kind::Lock, &self.key)
    }

    /// Whether anybody holds it.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn is_locked_blocking(&self) -> Result<bool, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        Ok(asked::inspect_blocking(&self.handle, Kind::Lock, &self.key)?.held > 0)
    }

    /// Frees it, whoever holds it; whether anybody did.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn force_release(&self) -> Result<bool, Error> {
        asked::clear(&self.handle, Kind::Lock, &self.key).await
    }

    /// Frees it, whoever holds it; whether anybody did.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn force_release_blocking(&self) -> Result<bool, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        asked::clear_blocking(&self.handle, Kind::Lock, &self.key)
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
