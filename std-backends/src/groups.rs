//! Groups: named parts of an instance's cached values, each with a bound and numbers of its own, forgotten together.
//!
//! A group is an instance of its own, which lives as long as the one it is a part of. Not here: how a store forgets.

use crate::{instance::Cachify, memory::Memory, observe::Watcher, stats::Stats, store::AnyStore};
use cachify_core::{
    Cause, Config, Error, Instance,
    cache::Cache,
    instance::Handle,
    key::AsKey,
    observe::{Event, Observer},
    primitives::Primitives,
    store::{Platform, Store},
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// How many lines of groups there are: a call of a grouped function goes through one of them.
const LINES: usize = 64;

/// The groups of an instance. They are only added, so a look takes no lock.
pub(crate) struct Groups<S>([OnceLock<Box<Node<S>>>; LINES]);

struct Node<S> {
    name: Box<str>,
    /// How many values it was said to keep.
    bound: Option<usize>,
    instance: Instance<S, Watcher>,
    next: OnceLock<Box<Node<S>>>,
}

impl<S> Default for Groups<S> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; LINES])
    }
}

impl<S> Groups<S> {
    /// The group of that name, which is two texts together.
    fn get(&self, name: [&str; 2], mut make: impl FnMut() -> Node<S>) -> &Node<S> {
        let mut at = &self.0[line(name)];
        loop {
            match at.get() {
                Some(node) if node.is(name) => return node,
                Some(node) => at = &node.next,
                // made beforehand: a child of a fork in the middle of it would wait for ever
                None => drop(at.set(Box::new(make()))),
            }
        }
    }

    /// The stores of all groups.
    pub(crate) fn stores(&self) -> impl Iterator<Item = &S> {
        self.0.iter().flat_map(|line| {
            std::iter::successors(line.get(), |node| node.next.get()).map(|node| node.instance.store())
        })
    }
}

impl<S> Node<S> {
    fn is(&self, [first, second]: [&str; 2]) -> bool {
        self.name.strip_prefix(first) == Some(second)
    }
}

/// Names differ in their lengths, and in their last letters.
fn line([first, second]: [&str; 2]) -> usize {
    let last = |text: &str| text.bytes().rev().take(4).fold(text.len(), |sum, byte| sum * 31 + usize::from(byte));
    (last(first) ^ last(second).wrapping_mul(7)) % LINES
}

/// A store whose cached values can be kept in groups.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no groups of cached values",
    label = "`group` and `max_entries` are for an instance that `Cachify::builder` made"
)]
pub trait Parts: Store + Sized {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody else's")]
    fn groups(&self) -> &Groups<Self>;
    /// The store of a group, of at most so many values.
    #[doc(hidden)]
    fn part(&self, name: &str, bound: Option<usize>, watcher: Watcher) -> Self;
    /// Forgets all cached values, and ends the flights under way.
    #[doc(hidden)]
    fn forget(&self) -> impl Future<Output = Result<(), Cause>> + Send;
    /// The same for threads.
    #[doc(hidden)]
    fn forget_blocking(&self) -> Result<(), Cause>;
}

fn node<'i, S: Parts>(instance: &'i Instance<S, Watcher>, name: [&str; 2], bound: Option<usize>) -> &'i Node<S> {
    instance.store().groups().get(name, || {
        let (name, watcher): (String, _) = (name.concat(), instance.observer().of_part());
        let store = instance.store().part(&name, bound, watcher.clone());
        let config: Config = *instance.config();
        Node { name: name.into(), bound, instance: Instance::with(store, config, watcher), next: OnceLock::new() }
    })
}

/// What the macros reach a group by; the first bound that was said counts, and another one is told.
pub fn group<'i, S: Parts>(
    instance: &'i Instance<S, Watcher>,
    name: [&str; 2],
    bound: Option<usize>,
) -> &'i Instance<S, Watcher> {
    let node = node(instance, name, bound);
    if bound.is_some() && bound != node.bound {
        instance.observer().event(&Event::Failed { key: None, cause: OTHER_BOUND });
    }
    &node.instance
}

const OTHER_BOUND: Cause = Cause::Unsupported("`max_entries`: the group had another bound when it was used first");
/// Why a store does not bound how many values it has.
pub(crate) const UNBOUND: Cause = Cause::Unsupported("`max_entries` bounds values in memory, and these lie outside");

/// What the macros reset a group by.
pub async fn forget<S: Parts>(instance: &Instance<S, Watcher>) -> Result<(), Error> {
    Ok(instance.store().forget().await?)
}

/// The same for threads.
pub fn forget_blocking<S: Parts>(instance: &Instance<S, Watcher>) -> Result<(), Error> {
    Ok(instance.store().forget_blocking()?)
}

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
    pub fn group(&self, name: &str) -> Group<S> {
        Group { of: self.clone(), name: name.into() }
    }

    /// Forgets all cached values, those of its groups too. What a load brings that began before is not stored, and who waits for
    /// it loads again. Leases, permits and markers stay.
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`] where values lie outside the process: there groups are forgotten, each by
    /// its name ([`Group::reset_all`]).
    pub async fn reset_all(&self) -> Result<(), Error> {
        let store = self.instance().store();
        store.forget().await?;
        for part in store.groups().stores() {
            part.forget().await?;
        }
        Ok(())
    }

    /// The same, blocking.
    ///
    /// # Errors
    /// As [`reset_all`](Self::reset_all).
    pub fn reset_all_blocking(&self) -> Result<(), Error> {
        let store = self.instance().store();
        store.forget_blocking()?;
        store.groups().stores().try_for_each(Parts::forget_blocking)?;
        Ok(())
    }
}

impl<S: Parts> Group<S> {
    /// What the macros reach it by: `instance = pages` keeps a function's values there.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn instance(&self) -> &Instance<S, Watcher> {
        &node(self.of.instance(), [&self.name, ""], None).instance
    }

    /// How many values it keeps at most: said before it is used, else it is the instance's bound. Zero keeps none.
    ///
    /// # Errors
    /// [`Error::Store`] with [`Cause::Unsupported`] where values lie outside the process, or another bound was said before.
    pub fn max_entries(self, most: usize) -> Result<Self, Error> {
        if !self.of.instance().store().is_local() {
            return Err(UNBOUND.into());
        }
        let said = node(self.of.instance(), [&self.name, ""], Some(most)).bound;
        if said == Some(most) { Ok(self) } else { Err(OTHER_BOUND.into()) }
    }

    /// A cached value of this group.
    pub fn cache(&self, key: impl AsKey) -> Cache<Self, S::Codec> {
        Primitives::cache(self, key)
    }

    /// Forgets all values of the group. What a load brings that began before is not stored, and who waits for it loads again.
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
}

impl Group {
    /// How many of its values this process has, ended ones that were not reclaimed yet included; none where values lie outside
    /// of it.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.instance().store().entries()
    }

    /// How often what happened to its values; `None` unless [`Builder::stats`](crate::Builder::stats) was said.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        self.instance().observer().stats().map(|counters| counters.read(self.entries()))
    }
}

impl Group<Memory> {
    /// How many values it has, ended ones that were not reclaimed yet included.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.instance().store().len()
    }

    /// How often what happened to its values; `None` unless [`Builder::stats`](crate::Builder::stats) was said.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        self.instance().observer().stats().map(|counters| counters.read(self.entries()))
    }
}

impl<S: Platform> fmt::Debug for Groups<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("count", &self.stores().count()).finish()
    }
}
