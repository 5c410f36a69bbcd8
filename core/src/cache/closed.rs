//! A cached value that is closed where its store cannot be asked.

use super::{Cache, Fetched, Lives};
use crate::{
    error::Refused,
    instance::Handle,
    outcome::{self, InOk, Shape},
    store::{Platform, Values},
    time::{Sleep, Timer},
};

/// A cached value that is not loaded where its store cannot be asked: for loads that do something, as a request to pay, which
/// every process would do on its own otherwise. Made by [`Cache::closed`].
///
/// A call is refused, before it loads, where the store failed, is full, was shut down, or there is no key; the reason is the
/// error that it returns. A value of this process that is fresh is served, and a call within a load of its own key loads.
#[derive(Debug)]
#[must_use = "nothing is read before `get_or_insert_with`"]
pub struct Closed<P: Handle, C, L>(pub(super) Cache<P, C, L>);

pub(super) fn closed<V, E: From<Refused>>() -> impl Shape<Result<V, E>, Value = V> {
    outcome::Closed::new(InOk, |why: Refused| Err(why.into()))
}

/// For tasks.
impl<P: Handle, C, L> Closed<P, C, L>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// [`Cache::get_or_insert_with`], refused where the store cannot be asked.
    ///
    /// # Errors
    /// What `load` fails with, and why it did not run.
    pub async fn get_or_insert_with<V, E: From<Refused>>(
        &self,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.0.fill(closed(), load).await
    }

    /// [`Cache::fetch_with`], refused where the store cannot be asked.
    ///
    /// # Errors
    /// What `load` fails with, and why it did not run.
    pub async fn fetch_with<V, E: From<Refused>>(
        &self,
        load: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let Fetched { value, source } = self.0.fetch(closed(), load).await;
        value.map(|value| Fetched::new(value, source))
    }
}

/// For threads.
impl<P: Handle, C, L> Closed<P, C, L>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// [`get_or_insert_with`](Self::get_or_insert_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and why it did not run.
    pub fn get_or_insert_with_blocking<V, E: From<Refused>>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.0.fill_blocking(closed(), load)
    }

    /// [`fetch_with`](Self::fetch_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and why it did not run.
    pub fn fetch_with_blocking<V, E: From<Refused>>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let Fetched { value, source } = self.0.fetch_blocking(closed(), load);
        value.map(|value| Fetched::new(value, source))
    }
}
