//! What an attribute demands of a return type: errors of the compiler, by type, so that aliases are seen through.
//!
//! Nothing here runs. Not here: what a skipped call returns (`Refusal`), which is a value.

use super::Probe;
use crate::ttl::Ttl;
use core::{future::Future, pin::Pin, time::Duration};

/// What `cache_err = true` is for.
#[diagnostic::on_unimplemented(
    message = "`cache_err` is for a `Result`, which `{Self}` is not",
    label = "there is no `Err` to keep",
    note = "leave `cache_err` out; of an `Option`, `cache_none = true` keeps `None` too"
)]
pub trait MayErr {
    /// Whether it did.
    fn failed(&self) -> bool;
}
#[diagnostic::do_not_recommend]
impl<T, E> MayErr for Result<T, E> {
    fn failed(&self) -> bool {
        self.is_err()
    }
}

/// What `cache_none = true` is for.
#[diagnostic::on_unimplemented(
    message = "`cache_none` is for an `Option`, which `{Self}` is not",
    label = "there is no `None` to keep",
    note = "leave `cache_none` out: of a `Result` each `Ok` is kept, `Ok(None)` too, and `cache_err = true` keeps `Err`"
)]
pub trait MayMiss {
    /// Whether it did.
    fn missed(&self) -> bool;
}
#[diagnostic::do_not_recommend]
impl<T> MayMiss for Option<T> {
    fn missed(&self) -> bool {
        self.is_none()
    }
}

/// What `stale_on_error` is for.
#[diagnostic::on_unimplemented(
    message = "`stale_on_error` is for a `Result`, which `{Self}` is not",
    label = "there is no `Err` that a stale value could make good",
    note = "leave `stale_on_error` out: a `None` is an answer, and no failure"
)]
pub trait MayFail {}
#[diagnostic::do_not_recommend]
impl<T, E> MayFail for Result<T, E> {}

/// Demands a `Result`.
pub const fn serves_err<R: MayFail>() {}

/// Demands a `Result`.
pub const fn keeps_err<R: MayErr>() {}

/// Demands an `Option`.
pub const fn keeps_none<R: MayMiss>() {}

/// For how long a result is kept whose `Err` is kept for that long.
pub fn err_for<R: MayErr>(out: &R, failure: Duration) -> Ttl {
    if out.failed() { Ttl::For(failure) } else { Ttl::Forever }
}

/// The same of its `None`.
pub fn none_for<R: MayMiss>(out: &R, failure: Duration) -> Ttl {
    if out.missed() { Ttl::For(failure) } else { Ttl::Forever }
}

/// The work of a call is done when it returns: `(&&&&Probe::<R>::NEW).ends().demand::<R>()` (autoref
/// specialisation).
#[derive(Clone, Copy, Debug)]
pub struct Now;
/// The work of a call is done when what it returned was awaited.
#[derive(Clone, Copy, Debug)]
pub struct Later;
/// The work of a call is done when what it returned was iterated over.
#[derive(Clone, Copy, Debug)]
pub struct Lazily;

/// What a function may return although it is a future: nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a future, or holds one: it would run after the guard is gone",
    label = "this is awaited later, and nothing guards that",
    note = "put the attribute on an `async fn` of your own that awaits it, such as an `async` method beside the trait's, and let this function call that"
)]
pub trait Guardable {}

/// What a function may return although it is a boxed iterator: nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is an iterator, or holds one: its items would be made after the guard is gone",
    label = "this is iterated over later, and nothing guards that",
    note = "collect the items in the body, and return a `Vec`"
)]
pub trait Collected {}

impl Now {
    /// Demands nothing.
    pub const fn demand<R>(self) {}
}

impl Later {
    /// Demands what no future is.
    pub const fn demand<R: Guardable>(self) {}
}

impl Lazily {
    /// Demands what no boxed iterator is.
    pub const fn demand<R: Collected>(self) {}
}

/// It holds a future that was surely not begun, for it is pinned; others may be handles of what runs by itself, as of
/// spawned tasks.
pub trait Awaits {}
impl<P> Awaits for Pin<P> where Pin<P>: Future {}
impl<T: Awaits> Awaits for Option<T> {}
impl<T: Awaits, E> Awaits for Result<T, E> {}

/// It holds an iterator that is boxed, for it has no other name; one that has may be a value, as a range is.
pub trait Iterates {}
#[cfg(feature = "alloc")]
impl<I: Iterator + ?Sized> Iterates for alloc::boxed::Box<I> {}
impl<T: Iterates> Iterates for Option<T> {}
impl<T: Iterates, E> Iterates for Result<T, E> {}

/// When the work of a call that returns `R` ends. One trait at four depths of reference: the import is always used.
pub trait Ends {
    /// [`Now`], [`Later`] or [`Lazily`].
    type When;
    /// When.
    fn ends(&self) -> Self::When;
}

impl<R: Awaits> Ends for &&&Probe<R> {
    type When = Later;
    fn ends(&self) -> Later {
        Later
    }
}

impl<R: Future> Ends for &&Probe<R> {
    type When = Later;
    fn ends(&self) -> Later {
        Later
    }
}

impl<R: Iterates> Ends for &Probe<R> {
    type When = Lazily;
    fn ends(&self) -> Lazily {
        Lazily
    }
}

impl<R> Ends for Probe<R> {
    type When = Now;
    fn ends(&self) -> Now {
        Now
    }
}
