//! A cached value for tasks.

use super::{Cache, Fetched, Lives, Source, Timed, life};
use crate::{
    asked,
    cell::MaybeOwned,
    error::Error,
    instance::Handle,
    key::Kind,
    outcome::{InOk, Shape, Whole},
    store::{Platform, Values},
    time::Timer,
    ttl::Ttl,
};
use core::future::Future;

/// For tasks.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Timer,
{
    /// The value, if it is there: until its end, with the window that was said when it was stored.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked; bytes of another type count for no value.
    pub async fn get<V>(&self) -> Result<Option<V>, Error>
    where
        P::Store: Values<V, C>,
    {
        asked::get(&self.handle, &self.key, &self.codec).await
    }

    /// For how long the value is there, its window included; `None` if it is not. Of whatever type it is.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked, or cannot tell.
    pub async fn remaining(&self) -> Result<Option<Ttl>, Error> {
        asked::inspect(&self.handle, Kind::Cache, &self.key).await.map(life)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings. A hit drops `make` unpolled.
    ///
    /// A store that fails does not matter: `make` runs. Dropping the future while it runs lets the next waiter make it.
    pub async fn get_or_insert<V>(&self, make: impl Future<Output = V>) -> V
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill(Whole, async move || make.await).await
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    ///
    /// What `load` fails with is passed on and not kept. A store that fails does not matter: `load` runs.
    /// Dropping the future while it loads lets the next waiter load.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub async fn get_or_insert_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill(InOk, load).await
    }

    /// [`get_or_insert_with`](Self::get_or_insert_with), and where the value came from.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub async fn fetch_with<V, E>(&self, load: impl AsyncFnOnce() -> Result<V, E>) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let Fetched { value, source } = self.fetch(InOk, load).await;
        value.map(|value| Fetched::new(value, source))
    }

    pub(super) async fn fill<K: Shape<R>, R>(&self, shape: K, load: impl AsyncFnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let aging = self.aging::<K::Value>();
        match self.hit(&shape, aging) {
            Some(out) => out,
            None => {
                let mut flight = self.flight(self.handle.clone());
                if L::AGES {
                    flight.age(aging);
                }
                self.lives.load(&mut flight, Timed::new(shape, self), &self.codec, load).await
            }
        }
    }

    pub(super) async fn fetch<K: Shape<R>, R>(&self, shape: K, load: impl AsyncFnOnce() -> R) -> Fetched<R>
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let aging = self.aging::<K::Value>();
        if let Some(out) = self.hit(&shape, aging) {
            return Fetched::new(out, Source::Hit);
        }
        let mut flight = self.flight(self.handle.clone());
        if L::AGES {
            flight.age(aging);
        }
        let out = self.lives.load(&mut flight, Timed::new(shape, self), &self.codec, load).await;
        Fetched::new(out, flight.source())
    }

    /// Keeps a value, whatever is there: write it where it comes from first. What a flight under way brings will not be
    /// stored, so nothing older comes after it. Of two at once the one that the store hears of last stays.
    ///
    /// # Errors
    /// [`Error`] when it is not kept, or that is not known: for what may be old by now, [`reset`](Self::reset) it.
    pub async fn insert<V>(&self, value: V) -> Result<(), Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let kept = self.kept(&value);
        asked::insert(&self.handle, &self.key, &self.codec, MaybeOwned::Owned(value), kept).await
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub async fn reset(&self) -> Result<bool, Error> {
        asked::clear(&self.handle, Kind::Cache, &self.key).await
    }
}
