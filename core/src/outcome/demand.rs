//! What an attribute demands of a return type: errors of the compiler, by type, so that aliases are seen through.
//!
//! Nothing here runs. Not here: what a skipped call returns (`Refusal`), which is a value.

use super::Probe;
use core::{future::Future, pin::Pin};

/// What `cache_err = true` is for.
#[diagnostic::on_unimplemented(
    message = "`cache_err` is for a `Result`, which `{Self}` is not",
    label = "there is no `Err` to keep",
    note = "leave `cache_err` out; of an `Option`, `cache_none = true` keeps `None` too"
)]
pub trait MayErr {}
#[diagnostic::do_not_recommend]
impl<T, E> MayErr for Result<T, E> {}

/// What `cache_none = true` is for.
#[diagnostic::on_unimplemented(
    message = "`cache_none` is for an `Option`, which `{Self}` is not",
    label = "there is no `None` to keep",
    note = "leave `cache_none` out: of a `Result` each `Ok` is kept, `Ok(None)` too, and `cache_err = true` keeps `Err`"
)]
pub trait MayMiss {}
#[diagnostic::do_not_recommend]
impl<T> MayMiss for Option<T> {}

/// Demands a `Result`.
pub const fn keeps_err<R: MayErr>() {}

/// Demands an `Option`.
pub const fn keeps_none<R: MayMiss>() {}

/// The work of a call is done when it returns: `(&&&Probe::<R>::NEW).ends().demand::<R>()` (autoref
/// specialisation).
#[derive(Clone, Copy, Debug)]
pub struct Now;
/// The work of a call is done when what it returned was awaited.
#[derive(Clone, Copy, Debug)]
pub struct Later;

/// What a function that is not async may return although it is a future: nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is a future, or holds one: it would run after the guard is gone",
    label = "this is awaited later, and nothing guards that",
    note = "put the attribute on an `async fn` of your own, such as an `async` method beside the trait's, and let this function call it"
)]
pub trait Guardable {}

impl Now {
    /// Demands nothing.
    pub const fn demand<R>(self) {}
}

impl Later {
    /// Demands what no future is.
    pub const fn demand<R: Guardable>(self) {}
}

/// When the work of a call that returns `R` ends. One trait at three depths of reference: the import is always used.
pub trait Ends {
    /// [`Now`] or [`Later`].
    type When;
    /// When.
    fn ends(&self) -> Self::When;
}

// only what is pinned was surely not begun; others may be handles of what runs by itself, as of spawned tasks
impl<P, E> Ends for &&Probe<Result<Pin<P>, E>>
where
    Pin<P>: Future,
{
    type When = Later;
    fn ends(&self) -> Later {
        Later
    }
}

impl<P> Ends for &&Probe<Option<Pin<P>>>
where
    Pin<P>: Future,
{
    type When = Later;
    fn ends(&self) -> Later {
        Later
    }
}

impl<R: Future> Ends for &Probe<R> {
    type When = Later;
    fn ends(&self) -> Later {
        Later
    }
}

impl<R> Ends for Probe<R> {
    type When = Now;
    fn ends(&self) -> Now {
        Now
    }
}
