//! A cached value whose loads follow rules of their own: what becomes of one that fails, or that its store knows nothing of.

use super::{Cache, Fetched, Lives};
use crate::{
    error::Refused,
    instance::Handle,
    outcome::{self, InOk, Shape, pass_on},
    store::{Platform, Values},
    time::{Sleep, Timer},
};

/// A cached value whose loads follow a rule. Made by [`Cache::closed`] and [`Cache::share_err`].
#[derive(Debug)]
#[must_use = "nothing is read before `get_or_insert_with`"]
pub struct Loading<P: Handle, C, L, W> {
    pub(super) cache: Cache<P, C, L>,
    pub(super) rule: W,
}

/// What becomes of a load that fails with an `E`, or cannot be made known.
pub trait Rule<E> {
    /// What of its result counts.
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V>;
}

/// It does not run where its store cannot be asked.
#[derive(Clone, Copy, Debug)]
pub struct Refusing;

/// Those who waited for it have a copy of its error.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<F>(pub(super) F);

/// Both.
#[derive(Clone, Copy, Debug)]
pub struct Both<F>(F);

impl<E: From<Refused>> Rule<E> for Refusing {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        closed(InOk)
    }
}

impl<E: Send + Sync + 'static, F: Fn(&E) -> E> Rule<E> for Sharing<F> {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        pass_on::<Result<V, E>, _, _>(InOk, &self.0)
    }
}

impl<E: From<Refused> + Send + Sync + 'static, F: Fn(&E) -> E> Rule<E> for Both<F> {
    fn shape<V>(&self) -> impl Shape<Result<V, E>, Value = V> {
        closed(pass_on::<Result<V, E>, _, _>(InOk, &self.0))
    }
}

fn closed<V, E: From<Refused>, K: Shape<Result<V, E>, Value = V>>(inner: K) -> impl Shape<Result<V, E>, Value = V> {
    outcome::Closed::new(inner, |why: Refused| Err(why.into()))
}

impl<P: Handle, C, L> Loading<P, C, L, Refusing> {
    /// [`Cache::share_err`] of a closed cache.
    pub fn share_err<E, F: Fn(&E) -> E>(self, copy: F) -> Loading<P, C, L, Both<F>> {
        Loading { cache: self.cache, rule: Both(copy) }
    }
}

impl<P: Handle, C, L, F> Loading<P, C, L, Sharing<F>> {
    /// [`Cache::closed`], with errors that are shared.
    pub fn closed(self) -> Loading<P, C, L, Both<F>> {
        Loading { cache: self.cache, rule: Both(self.rule.0) }
    }
}

/// For tasks.
impl<P: Handle, C, L, W> Loading<P, C, L, W>
where
    <P::Store as Platform>::Clock: Timer,
{
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
        self.cache.fill(self.rule.shape(), load).await
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
        let Fetched { value, source } = self.cache.fetch(self.rule.shape(), load).await;
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
        W: Rule<E>,
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
        W: Rule<E>,
    {
        let Fetched { value, source } = self.cache.fetch_blocking(self.rule.shape(), load);
        value.map(|value| Fetched::new(value, source))
    }
}
