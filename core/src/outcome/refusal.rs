//! What a call returns that did not run: by its return type, and by what the error type is made from.

use super::Probe;
use crate::error::{Error, Refused};

/// An error is made from the [`Refused`] itself.
#[derive(Clone, Copy, Debug)]
pub struct Itself;
/// An error is made from an [`Error`] that holds the [`Refused`].
#[derive(Clone, Copy, Debug)]
pub struct AsError;

/// A return type that can say "did not run".
#[diagnostic::on_unimplemented(
    message = "a call that is skipped cannot return `{Self}`",
    label = "this return type has no value for \"did not run\"",
    note = "return `()`, `Option<T>`, or `Result<T, E>` where `E` is `From<Refused>` or `From<cachify::Error>`; or say `otherwise = expression`"
)]
pub trait Refusal<By = Itself> {
    /// Whether the caller learns why.
    const SAYS_WHY: bool;
    /// What the call returns.
    fn refused(why: Refused) -> Self;
}

impl Refusal for () {
    const SAYS_WHY: bool = false;
    fn refused(_: Refused) {}
}

impl<T> Refusal for Option<T> {
    const SAYS_WHY: bool = false;
    fn refused(_: Refused) -> Self {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Refused>> Refusal for Result<T, E> {
    const SAYS_WHY: bool = true;
    fn refused(why: Refused) -> Self {
        Err(why.into())
    }
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Refusal<AsError> for Result<T, E> {
    const SAYS_WHY: bool = true;
    fn refused(why: Refused) -> Self {
        Err(Error::Refused(why).into())
    }
}

/// A return type that tells every caller that a critical section was not entered.
#[diagnostic::on_unimplemented(
    message = "a locked function cannot return `{Self}`",
    label = "a critical section is never skipped in silence",
    note = "return `Result<T, E>` where `E` is `From<Refused>` or `From<cachify::Error>`; or say `otherwise = expression`"
)]
pub trait NeverSilent<By = Itself>: Refusal<By> {}

#[diagnostic::do_not_recommend]
impl<T, E: From<Refused>> NeverSilent for Result<T, E> {}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> NeverSilent<AsError> for Result<T, E> {}

/// What the error of `R` is made from, `Refused` before `Error`: `(&&&Probe::<R>::NEW).made_from()` (autoref
/// specialisation). One trait at three depths of reference: the import is always used.
pub trait Refuses<R> {
    /// [`Itself`] or [`AsError`].
    type By;
    /// Which.
    fn made_from(&self) -> Self::By;
    /// Only a full pool is the `on_full` handler's; any other reason is the caller's, if `R` can say it.
    fn unless_full(&self, why: Refused) -> Option<R>;
}

impl<T, E: From<Refused>> Refuses<Result<T, E>> for &&Probe<Result<T, E>> {
    type By = Itself;
    fn made_from(&self) -> Itself {
        Itself
    }
    fn unless_full(&self, why: Refused) -> Option<Result<T, E>> {
        (!matches!(why, Refused::Full { .. })).then(|| Err(why.into()))
    }
}

impl<T, E: From<Error>> Refuses<Result<T, E>> for &Probe<Result<T, E>> {
    type By = AsError;
    fn made_from(&self) -> AsError {
        AsError
    }
    fn unless_full(&self, why: Refused) -> Option<Result<T, E>> {
        (!matches!(why, Refused::Full { .. })).then(|| Err(Error::Refused(why).into()))
    }
}

impl<R> Refuses<R> for Probe<R> {
    type By = Itself;
    fn made_from(&self) -> Itself {
        Itself
    }
    fn unless_full(&self, _: Refused) -> Option<R> {
        None
    }
}
