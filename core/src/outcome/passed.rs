//! A failed load that is passed on to those who waited for it: shapes round the shape of its type.

use super::{InOk, Probe, Shape, inner};
use crate::{cell::MaybeOwned, error::Refused};
#[cfg(feature = "alloc")]
use alloc::{string::ToString, sync::Arc};
#[cfg(feature = "alloc")]
use core::{error::Error, fmt};

/// A return type that can fail.
#[diagnostic::on_unimplemented(
    message = "`share_err` is for a `Result`, which `{Self}` is not",
    label = "there is no `Err` to share",
    note = "leave `share_err` out: a `None` is shared with those who waited for it anyway"
)]
pub trait Fallible {
    /// Its error.
    type Err;
    /// The error, if it failed.
    fn failure(&self) -> Option<&Self::Err>;
    /// Failed.
    fn failed(error: Self::Err) -> Self;
}
#[diagnostic::do_not_recommend]
impl<T, E> Fallible for Result<T, E> {
    type Err = E;
    fn failure(&self) -> Option<&E> {
        self.as_ref().err()
    }
    fn failed(error: E) -> Self {
        Err(error)
    }
}

/// An error is passed on as the copies that `copy` makes of it.
#[derive(Clone, Copy, Debug)]
pub struct PassedOn<K, F> {
    inner: K,
    copy: F,
}

/// The same, passed on as the copies that `copy` makes of an error.
pub const fn pass_on<R: Fallible, K: Shape<R>, F: Fn(&R::Err) -> R::Err>(inner: K, copy: F) -> PassedOn<K, F> {
    PassedOn { inner, copy }
}

impl<R, K: Shape<R>, F: Fn(&R::Err) -> R::Err> Shape<R> for PassedOn<K, F>
where
    R: Fallible<Err: Send + Sync + 'static>,
{
    type Value = K::Value;
    type Failure = R::Err;
    inner! { keep back hides lasts fails refused }
    fn passes(&self, out: &R) -> Option<R::Err> {
        out.failure().map(&self.copy)
    }
    fn passed(&self, failure: &R::Err) -> Option<R> {
        Some(R::failed((self.copy)(failure)))
    }
}

/// What is known of a load that failed, to one who waited for it and whose error cannot be copied: the text of the error.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFailed(Arc<str>);

#[cfg(feature = "alloc")]
impl LoadFailed {
    /// Of that text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

/// The text of the error.
#[cfg(feature = "alloc")]
impl fmt::Display for LoadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "alloc")]
impl Error for LoadFailed {}

/// An error is passed on as its text.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub struct Told<K> {
    inner: K,
}

#[cfg(feature = "alloc")]
impl<R: Fallible<Err: fmt::Display + From<LoadFailed>>, K: Shape<R>> Shape<R> for Told<K> {
    type Value = K::Value;
    type Failure = LoadFailed;
    inner! { keep back hides lasts fails refused }
    fn passes(&self, out: &R) -> Option<LoadFailed> {
        out.failure().map(|error| LoadFailed::new(&error.to_string()))
    }
    fn passed(&self, failure: &LoadFailed) -> Option<R> {
        Some(R::failed(failure.clone().into()))
    }
}

/// What copies an error.
pub type CopyOf<E> = fn(&E) -> E;

/// `R` is a `Result` whose error can be copied: `(&&&&Probe::<R>::NEW).shape()`.
pub trait IsCopied {
    /// Its error.
    type Err;
    /// Its shape.
    fn shape(&self) -> PassedOn<InOk, CopyOf<Self::Err>>;
}
impl<T, E: Clone + Send + Sync + 'static> IsCopied for &&&Probe<Result<T, E>> {
    type Err = E;
    fn shape(&self) -> PassedOn<InOk, CopyOf<E>> {
        PassedOn { inner: InOk, copy: E::clone }
    }
}

/// `R` is a `Result` whose error can be made from that of another one: `(&&&&Probe::<R>::NEW).shape()`.
#[cfg(feature = "alloc")]
pub trait IsTold {
    /// Its shape.
    fn shape(&self) -> Told<InOk> {
        Told { inner: InOk }
    }
}
#[cfg(feature = "alloc")]
impl<T, E: fmt::Display + From<LoadFailed>> IsTold for &&Probe<Result<T, E>> {}
