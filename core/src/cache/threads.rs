//! A cached value for threads.

use super::{Aging, Cache, Fetched, Lives, Source, Timed, life};
use crate::{
    asked,
    cell::MaybeOwned,
    error::Error,
    instance::{Handle, Threads},
    key::Kind,
    lease::Lease,
    outcome::{InOk, Shape, Whole},
    store::{Platform, Values},
    time::Sleep,
    ttl::Ttl,
};

/// For threads.
impl<P: Handle, C, L> Cache<P, C, L>
where
    <P::Store as Platform>::Clock: Sleep,
{
    /// The value, if it is there: until its end, with the window that was said when it was stored.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked; bytes of another type count for no value.
    pub fn get_blocking<V>(&self) -> Result<Option<V>, Error>
    where
        P::Store: Values<V, C>,
    {
        asked::get_blocking(&self.handle, &self.key, &self.codec)
    }

    /// [`remaining`](Self::remaining) for threads.
    ///
    /// # Errors
    /// As `remaining`.
    pub fn remaining_blocking(&self) -> Result<Option<Ttl>, Error> {
        asked::inspect_blocking(&self.handle, Kind::Cache, &self.key).map(life)
    }

    /// The value; on a miss one caller makes it and the others wait for what it brings.
    ///
    /// A store that fails does not matter: `make` runs.
    pub fn get_or_insert_blocking<V>(&self, make: impl FnOnce() -> V) -> V
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill_blocking(Whole, make)
    }

    /// The value; on a miss one caller loads it and the others wait for what it brings.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub fn get_or_insert_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        self.fill_blocking(InOk, load)
    }

    /// [`fetch_with`](Self::fetch_with) for threads.
    ///
    /// # Errors
    /// What `load` fails with, and nothing else.
    pub fn fetch_with_blocking<V, E>(&self, load: impl FnOnce() -> Result<V, E>) -> Result<Fetched<V>, E>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let Fetched { value, source } = self.fetch_blocking(InOk, load);
        value.map(|value| Fetched::new(value, source))
    }

    pub(super) fn fetch_blocking<K: Shape<R>, R>(&self, shape: K, load: impl FnOnce() -> R) -> Fetched<R>
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let aging = self.aging::<K::Value>();
        if let Some(out) = self.hit(&shape, aging) {
            return Fetched::new(out, Source::Hit);
        }
        let mut flight = self.flight_blocking();
        if L::AGES {
            flight.age(aging);
        }
        let out = self.lives.load_blocking(&mut flight, Timed::new(shape, self), &self.codec, load);
        Fetched::new(out, flight.source())
    }

    pub(super) fn fill_blocking<K: Shape<R>, R>(&self, shape: K, load: impl FnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let aging = self.aging::<K::Value>();
        match self.hit(&shape, aging) {
            Some(out) => out,
            None => self.miss_blocking(shape, aging, load),
        }
    }

    // apart: a hit then has the frame of a hit
    #[cold]
    #[inline(never)]
    fn miss_blocking<K: Shape<R>, R>(&self, shape: K, aging: Aging, load: impl FnOnce() -> R) -> R
    where
        P::Store: Values<K::Value, C>,
        L: Lives<K::Value>,
    {
        let mut flight = self.flight_blocking();
        if L::AGES {
            flight.age(aging);
        }
        self.lives.load_blocking(&mut flight, Timed::new(shape, self), &self.codec, load)
    }

    pub(super) fn flight_blocking(&self) -> Lease<Threads<P>> {
        self.flight(Threads(self.handle.clone()))
    }

    /// [`insert`](Self::insert) for threads.
    ///
    /// # Errors
    /// As `insert`.
    pub fn insert_blocking<V>(&self, value: V) -> Result<(), Error>
    where
        P::Store: Values<V, C>,
        L: Lives<V>,
    {
        let kept = self.kept(&value);
        asked::insert_blocking(&self.handle, &self.key, &self.codec, MaybeOwned::Owned(value), kept)
    }

    /// Forgets the value; what a flight under way brings will not be stored. Whether there was a value.
    ///
    /// # Errors
    /// [`Error`] when the store could not be asked.
    pub fn reset_blocking(&self) -> Result<bool, Error> {
        asked::clear_blocking(&self.handle, Kind::Cache, &self.key)
    }
}
