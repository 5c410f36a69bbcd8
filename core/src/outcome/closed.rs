//! A cached call that does not run where its store cannot be asked: a shape round the shape of its type.

use super::{Shape, inner};
use crate::{
    cell::MaybeOwned,
    error::{Error, Refused},
    outcome::{AsError, Itself, Refusal},
};

/// What `refuse` makes of the reason is returned where the store could not be asked.
#[derive(Clone, Copy, Debug)]
pub struct Closed<K, F> {
    inner: K,
    refuse: F,
}

impl<K, F> Closed<K, F> {
    /// The same, refused by `refuse`.
    pub const fn new<R>(inner: K, refuse: F) -> Self
    where
        F: Fn(Refused) -> R,
    {
        Self { inner, refuse }
    }
}

impl<R, K: Shape<R>, F: Fn(Refused) -> R> Shape<R> for Closed<K, F> {
    type Value = K::Value;
    inner! { keep back hides lasts fails passes }
    #[inline]
    fn refused(&self, why: impl FnOnce() -> Refused) -> Option<R> {
        Some((self.refuse)(why()))
    }
}

/// A return type that tells every caller why it has no value.
#[diagnostic::on_unimplemented(
    message = "a cached call that can be refused cannot return `{Self}`",
    label = "where the store of one that is `closed` cannot be asked, or a load takes longer than `load_timeout`, this has no value that says so",
    note = "return `Result<T, E>` where `E` is `From<Refused>` or `From<cachify::Error>`"
)]
pub trait Closes<By = Itself>: Refusal<By> {}

#[diagnostic::do_not_recommend]
impl<T, E: From<Refused>> Closes for Result<T, E> {}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Closes<AsError> for Result<T, E> {}
