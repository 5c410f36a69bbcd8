//! Groups: named parts of an instance's cached values, each with a bound and numbers of its own, forgotten together.
//!
//! A group is an instance of its own, which lives as long as the one it is a part of. Not here: how a store forgets.

use crate::{
    observe::Watcher,
    stats::{Content, Stats},
};
use cachify_core::{
    Cause, Config, Error, Instance,
    observe::Event,
    store::{Platform, Store},
};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{Ordering::SeqCst, fence},
    },
    time::Duration,
};

/// How many lines of groups there are: a call of a grouped function goes through one of them.
const LINES: usize = 64;

/// What is said of a group; else it is as its instance is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub(crate) entries: Option<usize>,
    pub(crate) weight: Option<u64>,
    pub(crate) idle: Option<Duration>,
}

/// What the macros say.
impl Said {
    /// Nothing.
    pub const NOTHING: Self = Self { entries: None, weight: None, idle: None };

    /// How many values it keeps at most.
    #[must_use]
    pub const fn max_entries(self, most: usize) -> Self {
        Self { entries: Some(most), ..self }
    }

    /// How much these weigh at most.
    #[must_use]
    pub const fn max_weight(self, most: u64) -> Self {
        Self { weight: Some(most), ..self }
    }

    /// For how long nobody need ask for one.
    #[must_use]
    pub const fn idle(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// Whether nothing else was said before.
    fn is_as(&self, before: &Self) -> bool {
        (self.entries.is_none() || self.entries == before.entries)
            && (self.weight.is_none() || self.weight == before.weight)
            && (self.idle.is_none() || self.idle == before.idle)
    }
}

/// The groups of an instance. They are only added, so a look takes no lock.
pub(crate) struct Groups<S>([OnceLock<Box<Node<S>>>; LINES]);

pub(crate) struct Node<S> {
    name: Box<str>,
    pub(crate) said: Said,
    pub(crate) instance: Instance<S, Watcher>,
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

/// Names differ in their lengths, and in their last letters; wherever one is cut in two.
fn line([first, second]: [&str; 2]) -> usize {
    let last = first.bytes().chain(second.bytes()).rev().take(8);
    last.fold(first.len() + second.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % LINES
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
    /// The store of a group.
    #[doc(hidden)]
    fn part(&self, name: &str, said: Said, watcher: Watcher) -> Self;
    /// What this process has, with all groups.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody else's")]
    fn content(&self) -> Content;
    /// Whether it was shut down.
    #[doc(hidden)]
    fn is_closed(&self) -> bool;
    /// Shuts down.
    #[doc(hidden)]
    fn shut(&self);
    /// Forgets all cached values, and ends the flights under way.
    #[doc(hidden)]
    fn forget(&self) -> impl Future<Output = Result<(), Cause>> + Send;
    /// The same for threads.
    #[doc(hidden)]
    fn forget_blocking(&self) -> Result<(), Cause>;
}

pub(crate) fn node<'i, S: Parts>(instance: &'i Instance<S, Watcher>, name: [&str; 2], said: Said) -> &'i Node<S> {
    let mut is_new = false;
    let node = instance.store().groups().get(name, || {
        is_new = true;
        let name = name.concat();
        let watcher = instance.observer().of_part(&name);
        let store = instance.store().part(&name, said, watcher.clone());
        let config: Config = *instance.config();
        Node { name: name.into(), said, instance: Instance::with(store, config, watcher), next: OnceLock::new() }
    });
    // looked at once others see it: whoever shuts down closes it, or is seen here
    if is_new {
        fence(SeqCst);
        if instance.store().is_closed() {
            node.instance.store().shut();
        }
    }
    node
}

/// What the macros reach a group by; what was said first counts, and something else is told.
pub fn group<'i, S: Parts>(
    instance: &'i Instance<S, Watcher>,
    name: [&str; 2],
    said: Said,
) -> &'i Instance<S, Watcher> {
    let node = node(instance, name, said);
    if !said.is_as(&node.said) {
        instance.observer().tell(&Event::Failed { key: None, cause: OTHER_BOUND });
    }
    &node.instance
}

pub(crate) const OTHER_BOUND: Cause =
    Cause::Unsupported("`max_entries`, `max_weight` or `idle`: the group had another bound when it was used first");
/// Why a store does not bound what values it has.
pub(crate) const UNBOUND: Cause =
    Cause::Unsupported("`max_entries`, `max_weight` and `idle` bound values in memory, and these lie outside");

/// How often what happened to the values of an instance, or of a group; if that is counted.
pub fn stats<S: Parts>(instance: &Instance<S, Watcher>) -> Option<Stats> {
    instance.observer().stats().map(|counters| counters.read(instance.store().content()))
}

/// What the macros reset a group by.
///
/// # Errors
/// As [`Group::reset_all`](crate::Group::reset_all).
pub async fn forget<S: Parts>(instance: &Instance<S, Watcher>) -> Result<(), Error> {
    Ok(instance.store().forget().await?)
}

/// The same for threads.
///
/// # Errors
/// As [`Group::reset_all`](crate::Group::reset_all).
pub fn forget_blocking<S: Parts>(instance: &Instance<S, Watcher>) -> Result<(), Error> {
    Ok(instance.store().forget_blocking()?)
}

impl<S: Platform> fmt::Debug for Groups<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("count", &self.stores().count()).finish()
    }
}
