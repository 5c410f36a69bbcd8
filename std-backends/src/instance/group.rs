//! A group of an instance's cached values, by its name.

use super::Cachify;
use crate::{
    groups::{self, Node, OTHER_BOUND, Parts, Said, UNBOUND, node},
    memory::{InMemory, Memory},
    observe::Watcher,
    stats::Stats,
    store::AnyStore,
};
use cachify_core::{Cause, Error, Instance, cache::Cache, instance::Handle, key::AsKey, primitives::Primitives};
use std::{fmt, sync::Arc, time::Duration};

/// A part of an instance's cached values by its name: with a bound and numbers of its own, forgotten together. Made by
/// [`Cachify::group`].
///
/// ```
/// use cachify::{Cachify, secs};
/// let c = Cachify::builder().build()?;
/// let pages = c.group("pages").max_entries(2)?;
/// for page in 0..10 {
///     pages.cache(page).ttl(secs(60)).insert_blocking("text".to_owned())?;
/// }
/// assert_eq!(pages.entries(), 2);
/// pages.reset_all_blocking()?;
/// assert_eq!(pages.entries(), 0);
/// # Ok::<(), cachify::Error>(())
/// ```
pub struct Group<S = AnyStore> {
    of: Cachify<S>,
    name: Arc<str>,
}

impl<S> Clone for Group<S> {
    fn clone(&self) -> Self {
        Self { of: self.of.clone(), name: self.name.clone() }
    }
}

impl<S> fmt::Debug for Group<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<S: Parts> Handle for Group<S> {
    type Store = S;
    type Observer = Watcher;
    fn instance(&self) -> &Instance<S, Watcher> {
        self.instance()
    }
}

impl<S: Parts> Cachify<S> {
    /// The cached values of a name of their own: what is kept in a group is found in that group only.
    #[must_use]
    pub fn group(&self, name: &str) -> Group<S> {
        Group { of: self.clone(), name: name.into() }
    }

    /// Forgets all cached values, those of its groups too. What a load brings that began before is not stored, and who waits for
    /// it loads again. Leases, permits and markers stay.
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`](crate::Cause::Unsupported) where values lie outside the process: there groups are forgotten, each by
    /// its name ([`Group::reset_all`]).
    pub async fn reset_all(&self) -> Result<(), Error> {
        let store = self.instance().store();
        // twice: what is loaded in between may be made of what was not forgotten yet
        for _ in 0..2 {
            for part in store.groups().stores() {
                part.forget().await?;
            }
            store.forget().await?;
        }
        Ok(())
    }

    /// The same, blocking.
    ///
    /// # Errors
    /// As [`reset_all`](Self::reset_all).
    pub fn reset_all_blocking(&self) -> Result<(), Error> {
        let store = self.instance().store();
        for _ in 0..2 {
            store.groups().stores().try_for_each(Parts::forget_blocking)?;
            store.forget_blocking()?;
        }
        Ok(())
    }
}

impl<S: Parts> Group<S> {
    /// What the macros reach it by: `instance = pages` keeps a function's values there.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn instance(&self) -> &Instance<S, Watcher> {
        &self.node(Said::NOTHING).instance
    }

    /// How many values it keeps at most: said before it is used, and before its other bounds, else it is the instance's bound. Zero keeps none.
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`](crate::Cause::Unsupported) where values lie outside the process, or another bound was said before.
    pub fn max_entries(self, most: usize) -> Result<Self, Error> {
        if !self.of.instance().store().is_local() {
            return Err(UNBOUND.into());
        }
        let said = self.node(Said::NOTHING.max_entries(most)).said;
        if said.entries == Some(most) { Ok(self) } else { Err(OTHER_BOUND.into()) }
    }

    fn node(&self, said: Said) -> &Node<S> {
        node(self.of.instance(), [&self.name, ""], said)
    }

    /// A cached value of this group.
    pub fn cache(&self, key: impl AsKey) -> Cache<Self, S::Codec> {
        Primitives::cache(self, key)
    }

    /// Forgets all values of the group. What a load brings that began before counts for nobody who comes later; in memory it is
    /// not stored, and who waits for it loads again.
    ///
    /// Outside the process this is one command, however many values there are.
    ///
    /// # Errors
    /// [`Error::Store`] when the store could not be asked.
    pub async fn reset_all(&self) -> Result<(), Error> {
        Ok(self.instance().store().forget().await?)
    }

    /// The same, blocking.
    ///
    /// # Errors
    /// As [`reset_all`](Self::reset_all).
    pub fn reset_all_blocking(&self) -> Result<(), Error> {
        Ok(self.instance().store().forget_blocking()?)
    }

    /// How many of its values this process has, ended ones that were not reclaimed yet included; none where values lie outside
    /// of it.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.instance().store().content().entries
    }

    /// How often what happened to its values; `None` unless [`Builder::stats`](crate::Builder::stats) was said.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        groups::stats(self.instance())
    }
}

/// What bounds values in memory alone.
impl<S: Parts + InMemory> Group<S> {
    /// How much its values may weigh together: said before it keeps any, else they may weigh what they will.
    ///
    /// ```
    /// use cachify::{Cachify, mib};
    /// let c = Cachify::builder().build()?;
    /// let pages = c.group("pages").max_weight(mib(64))?.weigher(|page: &String| page.len() as u64)?;
    /// pages.cache("home").insert_blocking("text".repeat(1_000))?;
    /// # Ok::<(), cachify::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`](crate::Cause::Unsupported) where values lie outside the process, or the group
    /// keeps values, or has another bound.
    pub fn max_weight(self, most: u64) -> Result<Self, Error> {
        let memory = self.memory(Said::NOTHING.max_weight(most))?;
        if memory.bound_weight(most) { Ok(self) } else { Err(OTHER_BOUND.into()) }
    }

    /// For how long a value stays that nobody asks for, at most to the end of its TTL; said before it keeps any, else as its
    /// instance has it. See [`Builder::idle`](crate::Builder::idle).
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`](crate::Cause::Unsupported) where values lie outside the process, or the group
    /// keeps values, or has another time.
    pub fn idle(self, idle: Duration) -> Result<Self, Error> {
        let memory = self.memory(Said::NOTHING.idle(idle))?;
        if memory.bound_idle(idle) { Ok(self) } else { Err(OTHER_BOUND.into()) }
    }

    /// Where its values lie, in this process.
    fn memory(&self, said: Said) -> Result<&Memory, Error> {
        if !self.of.instance().store().is_local() {
            return Err(UNBOUND.into());
        }
        Ok(self.node(said).instance.store().in_memory().ok_or(UNBOUND)?)
    }

    /// How much each value of a type weighs, as [`Builder::weigher`](crate::Builder::weigher) says it of an instance, whose words
    /// count unless this is said.
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`](crate::Cause::Unsupported) where values lie outside the process, or it was
    /// said before of values of that type.
    pub fn weigher<V: 'static>(self, of: impl Fn(&V) -> u64 + Send + Sync + 'static) -> Result<Self, Error> {
        let memory = self.memory(Said::NOTHING)?;
        if memory.weighers().add(of) { Ok(self) } else { Err(OTHER_WEIGHER.into()) }
    }
}

const OTHER_WEIGHER: Cause = Cause::Unsupported("`weigher`: the group knows how much values of this type weigh");
