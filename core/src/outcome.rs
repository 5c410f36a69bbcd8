//! What a return type means: what of it is kept, and what a call returns that did not run.

mod closed;
mod demand;
mod life;
mod passed;
mod refusal;

pub use closed::{Closed, Closes};
pub use demand::{
    Awaits, Collected, Ends, Guardable, Iterates, Later, Lazily, MayErr, MayFail, MayMiss, Now, err_for, keeps_err,
    keeps_none, none_for, serves_err,
};
pub use life::{AtMost, Lasting, Life};
pub use passed::{CopyOf, Fallible, IsCopied, PassedOn, pass_on};
#[cfg(feature = "alloc")]
pub use passed::{IsTold, LoadFailed, Told};
pub use refusal::{AsError, Itself, NeverSilent, Refusal, Refuses};

use crate::{
    cell::MaybeOwned,
    error::{Cause, Refused},
};
use core::{any::type_name, convert::Infallible, marker::PhantomData};

/// What a shape round another one leaves to that: each method by its name, of `self.inner`.
macro_rules! inner {
    ($($method:ident)*) => { $( inner! { @$method } )* };
    (@keep) => {
        fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, K::Value>> {
            self.inner.keep(out)
        }
    };
    (@back) => {
        fn back(&self, value: K::Value) -> R {
            self.inner.back(value)
        }
    };
    (@hides) => {
        #[inline]
        fn hides(&self) -> bool {
            self.inner.hides()
        }
    };
    (@lasts) => {
        #[inline]
        fn lasts(&self, out: &R) -> u64 {
            self.inner.lasts(out)
        }
    };
    (@fails) => {
        #[inline]
        fn fails(&self, out: &R) -> bool {
            self.inner.fails(out)
        }
    };
    (@refused) => {
        #[inline]
        fn refused(&self, why: impl FnOnce() -> Refused) -> Option<R> {
            self.inner.refused(why)
        }
    };
    (@passes) => {
        type Failure = K::Failure;
        #[inline]
        fn passes(&self, out: &R) -> Option<K::Failure> {
            self.inner.passes(out)
        }
        #[inline]
        fn passed(&self, failure: &K::Failure) -> Option<R> {
            self.inner.passed(failure)
        }
    };
}
pub(crate) use inner;

/// How a return type `R` is taken apart and put together again.
pub trait Shape<R> {
    /// The part that is kept.
    type Value;
    /// What those have of a load that failed who waited for it.
    type Failure: Send + Sync + 'static;
    /// The part worth keeping; `None` when the call did not succeed.
    fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, Self::Value>>;
    /// What a hit returns.
    fn back(&self, value: Self::Value) -> R;
    /// Whether nothing is kept because an `R` that failed cannot be told from one that did not; a constant.
    fn hides(&self) -> bool {
        false
    }
    /// For how many milliseconds it may be kept at most.
    #[inline]
    fn lasts(&self, out: &R) -> u64 {
        let _ = out;
        u64::MAX
    }
    /// Whether it is a failure, which is more than nothing.
    #[inline]
    fn fails(&self, out: &R) -> bool {
        let _ = out;
        false
    }
    /// What a call returns that does not run since its store could not be asked; `None` where it runs all the same.
    #[inline]
    fn refused(&self, why: impl FnOnce() -> Refused) -> Option<R> {
        let _ = why;
        None
    }
    /// What is passed on of a result of which nothing is kept; `None` where those who waited load for themselves.
    #[inline]
    fn passes(&self, out: &R) -> Option<Self::Failure> {
        let _ = out;
        None
    }
    /// What a call returns to which that was passed on.
    #[inline]
    fn passed(&self, failure: &Self::Failure) -> Option<R> {
        let _ = failure;
        None
    }
}

impl<R, K: Shape<R>> Shape<R> for &K {
    type Value = K::Value;
    fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, K::Value>> {
        (**self).keep(out)
    }
    fn back(&self, value: K::Value) -> R {
        (**self).back(value)
    }
    #[inline]
    fn hides(&self) -> bool {
        (**self).hides()
    }
    #[inline]
    fn lasts(&self, out: &R) -> u64 {
        (**self).lasts(out)
    }
    #[inline]
    fn refused(&self, why: impl FnOnce() -> Refused) -> Option<R> {
        (**self).refused(why)
    }
    #[inline]
    fn fails(&self, out: &R) -> bool {
        (**self).fails(out)
    }
    type Failure = K::Failure;
    #[inline]
    fn passes(&self, out: &R) -> Option<K::Failure> {
        (**self).passes(out)
    }
    #[inline]
    fn passed(&self, failure: &K::Failure) -> Option<R> {
        (**self).passed(failure)
    }
}

/// Everything is kept.
#[derive(Clone, Copy, Debug)]
pub struct Whole;
/// Everything is kept; of what turns out to be a `Result` or an `Option` behind a generic parameter, nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unseen;
/// What is inside `Some` is kept.
#[derive(Clone, Copy, Debug)]
pub struct InSome;
/// What is inside `Ok` is kept.
#[derive(Clone, Copy, Debug)]
pub struct InOk;

impl<R> Shape<R> for Whole {
    type Value = R;
    type Failure = Infallible;
    fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, R>> {
        Some(MaybeOwned::Borrowed(out))
    }
    fn back(&self, value: R) -> R {
        value
    }
}

impl<R> Shape<R> for Unseen {
    type Value = R;
    type Failure = Infallible;
    #[inline]
    fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, R>> {
        (!Shape::<R>::hides(self)).then_some(MaybeOwned::Borrowed(out))
    }
    fn back(&self, value: R) -> R {
        value
    }
    // only the name tells a generic parameter's type; two constants are compared, so nothing of this is left in a
    // program
    #[inline]
    fn hides(&self) -> bool {
        let name = type_name::<R>();
        name.starts_with("core::result::Result<") || name.starts_with("core::option::Option<")
    }
}

/// Why nothing is kept of a type that hides whether it is a failure.
pub(crate) const HIDDEN: Cause = Cause::Unsupported(
    "a `Result` or `Option` behind a type parameter is not kept: return `Result<T, E>` or `Option<T>` itself",
);

impl<T> Shape<Option<T>> for InSome {
    type Value = T;
    type Failure = ();
    fn passes(&self, out: &Option<T>) -> Option<()> {
        out.is_none().then_some(())
    }
    fn passed(&self, (): &()) -> Option<Option<T>> {
        Some(None)
    }
    fn keep<'r>(&self, out: &'r Option<T>) -> Option<MaybeOwned<'r, T>> {
        out.as_ref().map(MaybeOwned::Borrowed)
    }
    fn back(&self, value: T) -> Option<T> {
        Some(value)
    }
}

impl<T, E> Shape<Result<T, E>> for InOk {
    type Value = T;
    type Failure = Infallible;
    fn keep<'r>(&self, out: &'r Result<T, E>) -> Option<MaybeOwned<'r, T>> {
        out.as_ref().ok().map(MaybeOwned::Borrowed)
    }
    fn fails(&self, out: &Result<T, E>) -> bool {
        out.is_err()
    }
    fn back(&self, value: T) -> Result<T, E> {
        Ok(value)
    }
}

/// A shape whose value is encoded before it is kept and decoded at a hit.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<K, F, G> {
    inner: K,
    encode: F,
    decode: G,
}

impl<K, F, G> Encoded<K, F, G> {
    /// Keeps `encode(&value)` and gives back `decode(stored)`.
    pub const fn new(inner: K, encode: F, decode: G) -> Self {
        Self { inner, encode, decode }
    }
}

impl<R, K: Shape<R>, U, F: Fn(&K::Value) -> U, G: Fn(U) -> K::Value> Shape<R> for Encoded<K, F, G> {
    type Value = U;
    inner! { hides lasts fails refused passes }
    fn keep<'r>(&self, out: &'r R) -> Option<MaybeOwned<'r, U>> {
        self.inner.keep(out).map(|kept| MaybeOwned::Owned((self.encode)(kept.as_ref())))
    }
    fn back(&self, value: U) -> R {
        self.inner.back((self.decode)(value))
    }
}

/// Finds the shape of a type: `(&&Probe::<R>::NEW).shape()` sees through aliases, and leaves a generic `T` for later
/// (autoref specialisation).
#[derive(Debug)]
pub struct Probe<R>(PhantomData<fn() -> R>);

impl<R> Probe<R> {
    /// A probe.
    pub const NEW: Self = Self(PhantomData);
}

/// `R` is a `Result`.
pub trait IsResult {
    /// Its shape.
    fn shape(&self) -> InOk {
        InOk
    }
}
impl<T, E> IsResult for &Probe<Result<T, E>> {}

/// `R` is an `Option`.
pub trait IsOption {
    /// Its shape.
    fn shape(&self) -> InSome {
        InSome
    }
}
impl<T> IsOption for &Probe<Option<T>> {}

/// `R` is anything else.
pub trait IsAny {
    /// Its shape.
    fn shape(&self) -> Unseen {
        Unseen
    }
}
impl<T> IsAny for Probe<T> {}
