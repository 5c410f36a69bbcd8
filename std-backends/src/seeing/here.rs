//! What this thread is about to do: for which attribute it makes a key, inside of which lease it runs.

use super::spans::{Parent, entered};
use cachify_core::{key::Kind, store::Met};
use std::cell::{Cell, RefCell};

/// What an attribute said before its key is made.
#[derive(Clone, Copy)]
struct Expected {
    /// Of whom.
    owner: usize,
    name: u16,
}

/// So many leases are made inside of each other's arguments at most; one that panicked there is left behind.
const DEEPEST: usize = 32;

thread_local! {
    /// A look for a value follows at once.
    static LOOK: Cell<Option<Expected>> = const { Cell::new(None) };
    /// Before a lease is made its arguments are, which may be calls of other functions.
    static LEASES: RefCell<Vec<Expected>> = const { RefCell::new(Vec::new()) };
    /// The name of the lease that is asked for, or runs its body.
    static NAME: Cell<u16> = const { Cell::new(0) };
    /// The lease of an attribute that a thread was just granted, whose body follows.
    static GRANTED: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// An attribute met its instance, and makes its key next.
#[inline]
pub(super) fn expect(owner: usize, kind: Kind, name: u16) {
    let expected = Expected { owner, name };
    if kind == Kind::Cache {
        LOOK.set(Some(expected));
        return;
    }
    LEASES.with_borrow_mut(|leases| {
        if leases.len() == DEEPEST {
            leases.clear();
        }
        leases.push(expected);
    });
}

/// The name of the key that is made now.
pub(super) fn met(owner: usize, what: Met) -> u16 {
    let expected = match what {
        Met::Look => LOOK.take(),
        Met::Lease => LEASES.with_borrow_mut(Vec::pop),
    };
    expected.filter(|expected| expected.owner == owner).map_or(0, |expected| expected.name)
}

/// The name of the lease that this thread is in.
pub(super) fn name() -> u16 {
    NAME.try_with(Cell::get).unwrap_or_default()
}

/// The lease inside of which something is done: kept by what goes on in the background.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    name: u16,
    parent: Parent,
}

/// It says nothing of what it is kept with.
impl PartialEq for Context {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Context {}
impl std::hash::Hash for Context {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Context {
    pub(super) const fn new(name: u16, parent: Parent) -> Self {
        Self { name, parent }
    }

    /// Goes on inside of it.
    pub(crate) fn within<T>(&self, step: impl FnOnce() -> T) -> T {
        inside(self.name, &self.parent, step)
    }

    /// To the body of an attribute that was granted it on this thread, which follows.
    pub(super) fn hand_over(self) {
        GRANTED.set(Some(self));
    }
}

/// Runs a step of what has that name.
pub(super) fn inside<T>(name: u16, parent: &Parent, step: impl FnOnce() -> T) -> T {
    let _back = Back(NAME.replace(name));
    entered(parent, step)
}

struct Back(u16);

impl Drop for Back {
    fn drop(&mut self) {
        let _ = NAME.try_with(|name| name.set(self.0));
    }
}

/// Runs the body of an attribute on a thread, inside of the lease that it was granted.
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    match GRANTED.take() {
        Some(context) => context.within(body),
        None => body(),
    }
}
