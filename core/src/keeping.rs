//! What an attribute demands of a value that is kept: one error of the compiler, which names the trait that it lacks,
//! at the type.
//!
//! `(&&&&&&&&&instance.keeping::<_, R, _>(&shape, &codec)).keeps()` gives shape and codec back (`of`, `by`) where the
//! store keeps such values (autoref specialisation). Elsewhere both are of no known type then, so that nothing is said of
//! what follows. Nothing here runs.

use crate::{
    codec::{Codec, Tagged},
    store::Values,
};
use core::marker::PhantomData;

/// A store whose values are shared among threads.
pub trait Shares {}

/// A store whose values may leave the process.
pub trait Encodes: Shares {}

/// A codec of all that serde can carry.
pub trait BySerde {}
#[cfg(feature = "postcard")]
impl BySerde for crate::codec::Postcard {}
impl<C: BySerde> BySerde for Tagged<C> {}

/// The question whether a store `S` keeps values `V` by a codec `C`.
#[derive(Debug)]
pub struct Keeping<S, V, C>(PhantomData<fn(S, V, C)>);

impl<S, V, C> Keeping<S, V, C> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

/// Its answer. One trait at nine depths of reference: the import is always used.
pub trait Keeps {
    /// `Kept`, or what is lacking.
    type Answer;
    /// The answer.
    fn keeps(&self) -> Self::Answer;
}

/// The store keeps such values.
#[derive(Debug)]
pub struct Kept;
/// The value is a reference, which no store outside the process gives back.
#[derive(Debug)]
pub struct Lent<T: ?Sized>(PhantomData<fn(&T)>);
/// The value lacks what `W` stands for.
#[derive(Debug)]
pub struct Lacks<W>(PhantomData<fn(W)>);

#[expect(clippy::unused_self, reason = "the answer's type is not named")]
impl Kept {
    /// The shape itself.
    #[inline]
    pub fn of<K>(&self, shape: K) -> K {
        shape
    }

    /// The codec itself.
    #[inline]
    pub fn by<C>(&self, codec: C) -> C {
        codec
    }

    /// Demands nothing.
    pub const fn demand<T: ?Sized>(&self) {}
}

impl<S: Encodes, T: ?Sized, C: BySerde> Keeps for &&&&&&&&Keeping<S, &T, C> {
    type Answer = Lent<T>;
    fn keeps(&self) -> Lent<T> {
        Lent(PhantomData)
    }
}

#[expect(clippy::unused_self, reason = "as `Kept` has it")]
impl<T: ?Sized> Lent<T> {
    /// Demands what no reference is.
    pub fn of<'t, K, X: From<K>>(&self, shape: K) -> X
    where
        &'t T: Owned,
        T: 't,
    {
        shape.into()
    }

    /// Of no known type.
    pub fn by<C, X: From<C>>(&self, codec: C) -> X {
        codec.into()
    }
}

impl<S: Values<V, C>, V, C> Keeps for &&&&&&&Keeping<S, V, C> {
    type Answer = Kept;
    fn keeps(&self) -> Kept {
        Kept
    }
}

macro_rules! lacking {
    ($($what:ident, $depth:ty, [$($known:tt)*], [$($demand:tt)*];)*) => { $(
        /// What is lacking.
        #[derive(Debug)]
        pub struct $what;

        impl<S, V, C> Keeps for $depth where $($known)* {
            type Answer = Lacks<($what, S, V, C)>;
            fn keeps(&self) -> Self::Answer {
                Lacks(PhantomData)
            }
        }

        impl<S, V, C> Lacks<($what, S, V, C)> {
            /// Demands it, and is of no known type.
            pub fn of<K, X: From<K>>(&self, shape: K) -> X where $($demand)* {
                shape.into()
            }

            /// Of no known type.
            pub fn by<D, X: From<D>>(&self, codec: D) -> X {
                codec.into()
            }
        }
    )* };
}

// each is asked for only where all below it is there, so one is told at a time
lacking! {
    Back, &&&&&&Keeping<S, V, C>, [S: Encodes, V: Clone + Send + Sync + Serialized, C: BySerde], [V: Deserialized];
    Bytes, &&&&&Keeping<S, V, C>, [S: Encodes, V: Clone + Send + Sync, C: BySerde], [V: Serialized];
    ItsCodec, &&&&Keeping<S, V, C>, [S: Encodes, V: Clone + Send + Sync], [C: Codec<V>];
    SyncOnly, &&&Keeping<S, V, C>, [S: Shares, V: Clone + Send], [V: Sync];
    SendOnly, &&Keeping<S, V, C>, [S: Shares, V: Clone], [V: Send];
    CloneOnly, &Keeping<S, V, C>, [S: Shares], [V: Cloned];
    ItsStore, Keeping<S, V, C>, [], [S: Values<V, C>];
}

/// The question whether values may borrow what lives for ever.
#[derive(Debug)]
pub struct Lending<S, C>(PhantomData<fn(S, C)>);

impl<S, C> Lending<S, C> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

/// Its answer, at two depths of reference: `(&&instance.lending(&codec)).lends().demand::<T>()`.
pub trait Lends {
    /// `Kept`, or `Owning`.
    type Answer;
    /// The answer.
    fn lends(&self) -> Self::Answer;
}

impl<S: Encodes, C: BySerde> Lends for &Lending<S, C> {
    type Answer = Owning;
    fn lends(&self) -> Owning {
        Owning
    }
}

impl<S, C> Lends for Lending<S, C> {
    type Answer = Kept;
    fn lends(&self) -> Kept {
        Kept
    }
}

/// What comes back from bytes borrows nothing.
#[derive(Debug)]
pub struct Owning;

#[expect(clippy::unused_self, reason = "as `Kept` has it")]
impl Owning {
    /// Demands what no reference is.
    pub const fn demand<T: Owned + ?Sized>(&self) {}
}

/// What a value may hold that comes back from bytes: no reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot come back from a store: return an owned type, such as `String` or `Cow<'static, str>`",
    label = "this is borrowed; only an instance of `build_memory`, or `encode` and `decode`, can keep it"
)]
pub trait Owned {}

/// A value of which each caller gets one.
#[diagnostic::on_unimplemented(
    message = "a cached value must be `Clone`, which `{Self}` is not",
    label = "derive `Clone`, or return an `Arc` of it"
)]
pub trait Cloned {}
#[diagnostic::do_not_recommend]
impl<V: Clone> Cloned for V {}

/// A value that becomes bytes.
#[diagnostic::on_unimplemented(
    message = "a cached value must be `Serialize`, which `{Self}` is not",
    label = "derive `Serialize` and `Deserialize`; or keep it in memory (`build_memory`), or say `codec = ..`"
)]
pub trait Serialized {}
#[cfg(feature = "postcard")]
#[diagnostic::do_not_recommend]
impl<V: serde::Serialize> Serialized for V {}

/// A value that comes back from bytes.
#[diagnostic::on_unimplemented(
    message = "a cached value must be `Deserialize`, which `{Self}` is not",
    label = "derive `Deserialize`; or keep it in memory (`build_memory`), or say `codec = ..`"
)]
pub trait Deserialized {}
#[cfg(feature = "postcard")]
#[diagnostic::do_not_recommend]
impl<V: serde::de::DeserializeOwned> Deserialized for V {}
