//! A cached value whose loads follow rules of their own: what becomes of one that fails, or that its store knows nothing of.

use super::{Cache, Fetched, Lives, limited::limited};
use crate::{
    error::{Asked, Refused},
    instance::Handle,
    key::Kind,
    outcome::{self, InOk, Shape, pass_on},
    store::{Platform, Values},
    time::{Sleep, Timer},
};
use core::{future::Future, time::Duration};

/// A cached value whose loads follow rules. Made by [`Cache::closed`], [`Cache::share_err`] and [`Cache::load_timeout`], whose
/// words it has, too.
#[derive(Debug)]
#[must_use = "nothing is read before `get_or_insert_with`"]
pub struct Loading<P: Handle, C, L, W> {
    pub(super) cache: Cache<P, C, L>,
    pub(super) rule: W,
}

impl<P: Handle, C: Clone, L: Clone, W: Clone> Clone for Loading<P, C, L, W> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), rule: self.rule.clone() }
    }
}

/// What becomes of a load that fails with an `E`, cannot be made known, or takes too long.
pub trait Rule<E> {
    /// What of its result counts.
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V>;

    /// Loads, as long as that may take.
    fn load<V, T: Timer>(
        &self,
        clock: &T,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> impl Future<Output = Result<V, E>>;
}

/// A rule that threads can follow, too.
#[diagnostic::on_unimplemented(
    message = "a thread cannot be taken out of a load that takes too long",
    label = "`load_timeout` is for tasks",
    note = "let the load itself have a limit, as clients of databases do, and fail"
)]
pub trait Unlimited {}

/// Each load is its caller's alone, and runs wherever its store cannot be asked.
#[derive(Clone, Copy, Debug)]
pub struct Open;

/// It does not run where its store cannot be asked.
#[derive(Clone, Copy, Debug)]
pub struct Refusing<W>(W);

/// Those who waited for it have a copy of its error.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<W, F>(W, F);

/// It fails when it takes too long.
#[derive(Clone, Copy, Debug)]
pub struct Limited<W>(W, Duration);

#[diagnostic::do_not_recommend]
impl Unlimited for Open {}
#[diagnostic::do_not_recommend]
impl<W: Unlimited> Unlimited for Refusing<W> {}
#[diagnostic::do_not_recommend]
impl<W: Unlimited, F> Unlimited for Sharing<W, F> {}

impl<E> Rule<E> for Open {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        InOk
    }
    fn load<V, T: Timer>(&self, _: &T, load: impl AsyncFnOnce() -> Result<V, E>) -> impl Future<Output = Result<V, E>> {
        load()
    }
}

impl<E: From<Refused>, W: Rule<E>> Rule<E> for Refusing<W> {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        outcome::Closed::new(self.0.shape(), |why: Refused| Err(why.of(Asked::of(Kind::Cache)).into()))
    }
    fn load<V, T: Timer>(
        &self,
        clock: &T,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> impl Future<Output = Result<V, E>> {
        self.0.load(clock, load)
    }
}

impl<E: Send + Sync + 'static, W: Rule<E>, F: Fn(&E) -> E> Rule<E> for Sharing<W, F> {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        pass_on::<Result<V, E>, _, _>(self.0.shape(), &self.1)
    }
    fn load<V, T: Timer>(
        &self,
        clock: &T,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> impl Future<Output = Result<V, E>> {
        self.0.load(clock, load)
    }
}

impl<E: From<Refused>, W: Rule<E>> Rule<E> for Limited<W> {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        self.0.shape()
    }
    fn load<V, T: Timer>(
        &self,
        clock: &T,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> impl Future<Output = Result<V, E>> {
        limited(clock, self.1, self.0.load(clock, load), |why| Err(why.into()))
    }
}

impl<P: Handle, C, L> Cache<P, C, L> {
    /// That it is not loaded where the store cannot be asked, but refused. Said last, for from then on an error is needed that is
    /// `From<Refused>`.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, Refused, store::lock::NoLock, testing::ManualClock};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// let paid = device.cache("{no key}").closed().get_or_insert_with_blocking(|| Ok::<u32, Refused>(1));
    /// assert!(matches!(paid, Err(Refused::BadKey(_))), "nobody paid");
    /// ```
    pub fn closed(self) -> Loading<P, C, L, Refusing<Open>> {
        self.loading().closed()
    }

    /// That those who wait in this process for a load that fails have what `copy` makes of its error, and do not load in their
    /// turn: `|error: &E| error.clone()`, where it can be cloned. It makes one copy for all of them, and of that one for each.
    /// Said last, as [`closed`](Self::closed). A store without heap passes nothing on: each loads for itself.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, store::lock::NoLock, testing::ManualClock};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// let page = device.cache("page").share_err(|error: &String| error.clone());
    /// let failed = page.get_or_insert_with_blocking(|| Err::<u32, _>("the source is down".to_owned()));
    /// assert_eq!(failed.unwrap_err(), "the source is down");
    /// ```
    pub fn share_err<E, F: Fn(&E) -> E>(self, copy: F) -> Loading<P, C, L, Sharing<Open, F>> {
        self.loading().share_err(copy)
    }

    /// That a load fails with [`Refused::LoadTimedOut`] that takes longer than this: it is dropped, its key is free, and
    /// those who waited for it are told as of any failure. For tasks, and said last, as [`closed`](Self::closed); a limit of no
    /// length is for loads that never wait.
    ///
    /// ```
    /// # use cachify_core::{FixedStore, Instance, Refused, store::lock::NoLock, testing::{ManualClock, block_on}};
    /// # use core::{future::ready, time::Duration};
    /// # let clock = ManualClock::new();
    /// # let store = FixedStore::<NoLock, _, 8, u32>::new(&clock);
    /// # let device = Instance::new(&store);
    /// # block_on(async {
    /// let page = device.cache("page").load_timeout(Duration::from_secs(2));
    /// assert_eq!(page.get_or_insert_with(async || Ok::<u32, Refused>(21)).await, Ok(21));
    /// # });
    /// ```
    pub fn load_timeout(self, limit: Duration) -> Loading<P, C, L, Limited<Open>> {
        self.loading().load_timeout(limit)
    }

    fn loading(self) -> Loading<P, C, L, Open> {
        Loading { cache: self, rule: Open }
    }
}

impl<P: Handle, C, L, W> Loading<P, C, L, W> {
    /// [`Cache::closed`], by these rules.
    pub fn closed(self) -> Loading<P, C, L, Refusing<W>> {
        self.by(Refusing)
    }

    /// [`Cache::share_err`], by these rules.
    pub fn share_err<E, F: Fn(&E) -> E>(self, copy: F) -> Loading<P, C, L, Sharing<W, F>> {
        self.by(|rule| Sharing(rule, copy))
    }

    /// [`Cache::load_timeout`], by these rules.
    pub fn load_timeout(self, limit: Duration) -> Loading<P, C, L, Limited<W>> {
        self.by(|rule| Limited(rule, limit))
    }

    fn by<X>(self, rule: impl FnOnce(W) -> X) -> Loading<P, C, L, X> {
        Loading { cache: self.cache, rule: rule(self.rule) }
    }
}

/// For tasks.
impl<P: Handle, C, L, W> Loading<P, C, L, W>
where
    <P::Store as Platform>::Clock: Timer,
{
    // no function that returns a closure: of such a one nobody knows whether it can be sent
    pub(super) fn clock(&self) -> &<P::Store as Platform>::Clock {
        self.cache.handle.instance().store().clock()
    }

    /// [`Cache::get_or_insert_with`] by this rule.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub async fn get_or_insert_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E>,
    {
        self.cache.fill(self.rule.shape(), async move || self.rule.load(self.clock(), load).await).await
    }

    /// [`Cache::fetch_with`] by this rule.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub async fn fetch_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E>,
    {
        let Fetched { value, source } =
            self.cache.fetch(self.rule.shape(), async move || self.rule.load(self.clock(), load).await).await;
        value.map(|value| Fetched::new(value, source))
    }
}

/// For threads.
impl<P: Handle, C, L, W> Loading<P, C, L, W>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// [`get_or_insert_with`](Self::get_or_insert_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub fn get_or_insert_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E> + Unlimited,
    {
        self.cache.fill_blocking(self.rule.shape(), load)
    }

    /// [`fetch_with`](Self::fetch_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and of a closed cache why it did not run.
    pub fn fetch_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
        W: Rule<E> + Unlimited,
    {
        let Fetched { value, source } = self.cache.fetch_blocking(self.rule.shape(), load);
        value.map(|value| Fetched::new(value, source))
    }
}
