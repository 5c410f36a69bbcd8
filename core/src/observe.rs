//! What happens, told to whoever wants to know.

use crate::{
    error::{Cause, Refused},
    key::{Key, Kind},
    patience::Patience,
    token::FencingToken,
};

/// One thing that happened to one key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a> {
    /// A cached value was served.
    Hit {
        /// The key.
        key: Key<'a>,
    },
    /// A cached value was not there; this caller computes it.
    Miss {
        /// The key.
        key: Key<'a>,
    },
    /// A caller that missed got the value another one computed.
    Joined {
        /// The key.
        key: Key<'a>,
    },
    /// A cached value near its end was served while somebody else loads it again, or since that failed.
    Stale {
        /// The key.
        key: Key<'a>,
    },
    /// A right was granted.
    Granted {
        /// The key.
        key: Key<'a>,
        /// Its fence.
        fence: FencingToken,
        /// How long the caller was willing to wait.
        patience: Patience,
    },
    /// A call did not run.
    Refused {
        /// The key; `None` when there is none.
        key: Option<Key<'a>>,
        /// Why.
        why: Refused,
    },
    /// A right was gone before its holder gave it back, or a value came too late to be stored. Told once, when it is
    /// known: at a renewal, or when it is given back, also by a guard that is dropped.
    Lost {
        /// The key.
        key: Key<'a>,
        /// Why it is gone.
        why: Loss,
    },
    /// A cached value is gone that nobody removed; told by memory on servers, to whoever's write it was that made it go.
    Evicted {
        /// The key.
        key: Key<'a>,
        /// Why it is gone.
        why: Eviction,
    },
    /// Two functions have attributes of one kind with one template, so they share keys; told by servers once for each
    /// function after the first, unless both say `share`.
    SharedTemplate {
        /// Of which kind.
        kind: Kind,
        /// The template.
        template: &'a str,
        /// The paths of the functions; the later one is called now.
        functions: [&'a str; 2],
    },
    /// The store may drop live leases when its memory is full; told once, when it is first reached.
    Evicts {
        /// Its policy; leases want `noeviction`.
        policy: &'a str,
    },
    /// The server runs no scripts, so that rights and values are kept by single commands, by weaker rules: who waits asks
    /// again and again. Told once, when the server is first reached.
    NoScripts,
    /// The store failed beside a call whose result does not tell; or nothing is kept of a type that hides whether it
    /// failed.
    Failed {
        /// The key; `None` when there is none.
        key: Option<Key<'a>>,
        /// What went wrong.
        cause: Cause,
    },
}

/// Why a right was gone before it was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Loss {
    /// Its time ended before it was renewed.
    Expired,
    /// It was released by force, or by a store that no longer knew of it.
    Taken,
}

/// Why a cached value is gone that nobody removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Eviction {
    /// Its time was over.
    Expired,
    /// Another one took its place, for there was no room for both.
    Full,
}

/// Is told what happens; called outside every lock, on the caller's stack.
///
/// ```
/// use cachify_core::observe::{Event, Observer};
/// use core::sync::atomic::{AtomicU32, Ordering};
/// #[derive(Default)]
/// struct Hits(AtomicU32);
/// impl Observer for Hits {
///     fn event(&self, event: &Event<'_>) {
///         if let Event::Hit { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// # let _ = Hits::default();
/// ```
///
/// MUST NOT block. One that calls the instance waits for nothing that waits for it: asked for the very key it is told of,
/// a cached value is computed.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: &Event<'_>);

    /// Whether anybody listens; if not, events are not even made.
    fn listens(&self) -> bool {
        true
    }
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    #[inline]
    fn event(&self, _: &Event<'_>) {}
    #[inline]
    fn listens(&self) -> bool {
        false
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
impl<O: Observer + ?Sized> Observer for alloc::sync::Arc<O> {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
    fn listens(&self) -> bool {
        (**self).listens()
    }
}

impl<O: Observer + ?Sized> Observer for &O {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
    fn listens(&self) -> bool {
        (**self).listens()
    }
}
