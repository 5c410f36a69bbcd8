//! Once: skip what is already running, or ran a moment ago.

use crate::{
    asked,
    drive::ready,
    error::Error,
    error::Refused,
    guard::{BlockingRunGuard, RunGuard},
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

/// How a run that may be skipped ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran<T> {
    /// It ran.
    Ran(T),
    /// Somebody else runs ([`Refused::Running`]), or ran and the marker is kept ([`Refused::Done`]).
    Skipped(Refused),
}

/// What a body returns that says whether its run succeeded: one that did not keeps no marker.
///
/// A `Result` succeeds with `Ok`, an `Option` with `Some`, as by the attribute; all else succeeds. For a type of your own
/// that is no failure an empty implementation is enough:
///
/// ```
/// struct Report(u32);
/// impl cachify_core::Success for Report {}
/// ```
#[diagnostic::on_unimplemented(
    message = "a run that returns `{Self}` does not say whether it succeeded",
    label = "is this a success?",
    note = "return a `Result`, an `Option` or `()`; or write `impl Success for {Self} {{}}`; or end the run yourself: `begin`, then `complete` or `fail`"
)]
pub trait Success {
    /// Whether the marker of the run is kept.
    fn is_success(&self) -> bool {
        true
    }
}

impl<T, E> Success for Result<T, E> {
    fn is_success(&self) -> bool {
        self.is_ok()
    }
}

impl<T> Success for Option<T> {
    fn is_success(&self) -> bool {
        self.is_some()
    }
}

impl<T: Success> Success for Ran<T> {
    fn is_success(&self) -> bool {
        if let Self::Ran(out) = self { out.is_success() } else { false }
    }
}

macro_rules! succeed {
    ($($t:ty),*) => { $(impl Success for $t {})* };
}

succeed!((), bool, char, str, f32, f64, Duration, FencingToken);
succeed!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl<T: ?Sized> Success for &T {}
impl<T> Success for [T] {}
impl<T, const N: usize> Success for [T; N] {}
impl<A, B> Success for (A, B) {}
impl<A, B, C> Success for (A, B, C) {}
impl<A, B, C, D> Success for (A, B, C, D) {}
#[cfg(feature = "alloc")]
impl Success for alloc::string::String {}
#[cfg(feature = "alloc")]
impl<T> Success for alloc::vec::Vec<T> {}
#[cfg(feature = "alloc")]
impl<T: Success + ?Sized> Success for alloc::boxed::Box<T> {
    fn is_success(&self) -> bool {
        (**self).is_success()
    }
}

/// A run by its key; can be kept and used again. Made by `Instance::once`.
///
/// ```
/// use cachify_core::{FixedStore, Instance, Ran, store::lock::NoLock, testing::ManualClock};
/// use core::time::Duration;
/// let clock = ManualClock::new();
/// let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
/// let device = Instance::new(&store);
/// let upload = device.once("upload").keep(Duration::from_secs(1));
/// assert_eq!(upload.run_blocking(|_| 7)?, Ran::Ran(7));
/// assert!(matches!(upload.run_blocking(|_| 7)?, Ran::Skipped(_))); // done a moment ago
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(upload.run_blocking(|_| 8)?, Ran::Ran(8));
/// # Ok::<(), cachify_core::Refused>(())
/// ```
#[must_use = "nothing runs before `run`"]
pub struct Once<P: Handle> {
    handle: P,
    key: <P::Store as Platform>::KeyBuf,
    ttl: Option<Duration>,
    keep: Duration,
    renew: bool,
    label: Label,
}

impl<P: Handle> Clone for Once<P> {
    fn clone(&self) -> Self {
        let Self { handle, key, ttl, keep, renew, label } = self;
        Self { handle: handle.clone(), key: key.clone(), ttl: *ttl, keep: *keep, renew: *renew, label: *label }
    }
}

/// Without its instance.
impl<P: Handle> fmt::Debug for Once<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("key", &self.key)
            .field("ttl", &self.ttl)
            .field("keep", &self.keep)
            .field("renew", &self.renew)
            .finish_non_exhaustive()
    }
}

impl<P: Handle> Once<P> {
    pub(crate) fn new(handle: P, key: <P::Store as Platform>::KeyBuf) -> Self {
        Self { handle, key, ttl: None, keep: Duration::ZERO, renew: true, label: Label::NONE }
    }

    /// How long a run lasts unless renewed; else the instance's default lease.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// For how long after a run that succeeded others are skipped; else not at all.
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Whether a run is renewed while its guard lives; if not, it ends with its TTL whatever its holder does.
    ///
    /// Renewed unless said. In memory nothing is to be renewed: a run lasts as long as its guard.
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

    fn lease<H: Handle<Store = P::Store>>(&self, handle: H) -> Lease<H> {
        Lease::of(handle, LeaseOf::Run { keep: self.keep }, self.ttl, Wait::No, self.renew)
            .of_key_as(self.key.clone(), self.label)
    }
}

/// For tasks.
impl<P: Handle> Once<P>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// Asks to run; who gets the run ends it with `complete`, `fail`, or by dropping it.
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`Refused::Running`] while somebody runs, [`Refused::Done`] while a marker is kept; any other [`Refused`] when the
    /// store could not be asked.
    pub async fn begin(&self) -> Result<RunGuard<P>, Refused> {
        let mut lease = self.lease(self.handle.clone());
        lease.acquire().await?;
        Ok(RunGuard(lease))
    }

    /// Asks to run at once or not at all, on a store in the memory of its callers: for interrupts, and for code that can neither
    /// wait nor sleep. Another store is a compile error.
    ///
    /// What is got is given back when the guard is dropped, at once, too.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// let upload = device.once("upload").keep(core::time::Duration::from_secs(1));
    /// let run = upload.begin_now()?;
    /// assert!(upload.begin_now().is_err());
    /// run.complete_now();
    /// assert!(upload.begin_now().is_err(), "done");
    /// # Ok::<(), cachify_core::Refused>(())
    /// ```
    ///
    /// # Errors
    /// [`Refused::Running`] while somebody runs, [`Refused::Done`] while a marker is kept; any other when there is no room for
    /// the key.
    pub fn begin_now(&self) -> Result<RunGuard<P>, Refused> {
        const { assert!(<P::Store as Store>::IS_IMMEDIATE, "only a store in RAM answers at once") }
        ready(self.begin())
    }

    /// Runs `body` unless somebody else does, or did a moment ago. An `Err` or `None` keeps no marker ([`Success`]).
    ///
    /// To decide by anything else, [`begin`](Self::begin) and end the run by `complete` or `fail`.
    ///
    /// Dropping the future drops the body; the run failed.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub async fn run<T: Success>(&self, body: impl AsyncFnOnce(FencingToken) -> T) -> Result<Ran<T>, Refused> {
        let mut lease = self.lease(self.handle.clone());
        match skipped(lease.acquire().await)? {
            Ran::Ran(()) => {}
            Ran::Skipped(why) => return Ok(Ran::Skipped(why)),
        }
        let out = lease.carry(body(lease.fence())).await;
        lease.finish(out.is_success()).await;
        Ok(Ran::Ran(out))
    }

    /// Who runs, or for how long the marker of a run is kept; since when, and how many wait, as far as the store knows.
    ///
    /// A look that takes nothing. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn inspect(&self) -> Result<Inspection, Error> {
        asked::inspect(&self.handle, Kind::Once, &self.key).await
    }

    /// Whether somebody runs, or a marker is kept.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn is_locked(&self) -> Result<bool, Error> {
        Ok(asked::inspect(&self.handle, Kind::Once, &self.key).await?.held > 0)
    }

    /// Lets the next one run, whoever runs now; whether there was a run or a marker.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn force_release(&self) -> Result<bool, Error> {
        asked::clear(&self.handle, Kind::Once, &self.key).await
    }
}

/// For threads.
impl<P: Handle> Once<P>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// Asks to run; who gets the run ends it with `complete`, `fail`, or by dropping it.
    ///
    /// # Errors
    /// [`Refused::Running`] while somebody runs, [`Refused::Done`] while a marker is kept; any other [`Refused`] when the
    /// store could not be asked.
    pub fn begin_blocking(&self) -> Result<BlockingRunGuard<P>, Refused> {
        let mut lease = self.lease(Threads(self.handle.clone()));
        lease.acquire_blocking()?;
        Ok(BlockingRunGuard(lease))
    }

    /// Runs `body` unless somebody else does, or did a moment ago. An `Err` or `None` keeps no marker ([`Success`]).
    ///
    /// To decide by anything else, [`begin_blocking`](Self::begin_blocking) and end the run by `complete` or `fail`.
    ///
    /// # Errors
    /// [`Refused`] when the store could not be asked.
    pub fn run_blocking<T: Success>(&self, body: impl FnOnce(FencingToken) -> T) -> Result<Ran<T>, Refused> {
        let run = match skipped(self.begin_blocking())? {
            Ran::Ran(run) => run,
            Ran::Skipped(why) => return Ok(Ran::Skipped(why)),
        };
        let out = run.0.within(|| body(run.fence()));
        let _ = if out.is_success() { run.complete() } else { run.fail() };
        Ok(Ran::Ran(out))
    }

    /// Who runs, or for how long the marker of a run is kept; since when, and how many wait, as far as the store knows.
    ///
    /// A look that takes nothing.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn inspect_blocking(&self) -> Result<Inspection, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        asked::inspect_blocking(&self.handle, Kind::Once, &self.key)
    }

    /// Whether somebody runs, or a marker is kept.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn is_locked_blocking(&self) -> Result<bool, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        Ok(asked::inspect_blocking(&self.handle, Kind::Once, &self.key)?.held > 0)
    }

    /// Lets the next one run, whoever runs now; whether there was a run or a marker.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn force_release_blocking(&self) -> Result<bool, Error>
    where
        <P::Store as Platform>::Clock: Sleep,
    {
        asked::clear_blocking(&self.handle, Kind::Once, &self.key)
    }
}

fn skipped<T>(got: Result<T, Refused>) -> Result<Ran<T>, Refused> {
    match got {
        Ok(run) => Ok(Ran::Ran(run)),
        Err(why @ (Refused::Running { .. } | Refused::Done(_))) => Ok(Ran::Skipped(why)),
        Err(why) => Err(why),
    }
}
