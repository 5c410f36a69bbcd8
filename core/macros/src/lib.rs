//! The attribute macros of cachify. Use them through `cachify` (servers) or `cachify-core` (firmware).
//!
//! Each attribute takes the whole stack of cachify attributes below it and emits the function, whose body became one
//! call per layer, and one set of companions. A function that is not async must not return a future, which would run
//! when the call is over (so `#[async_trait]` methods call an async method that has the attribute).
//! Not here: any logic that runs; that is in `cachify-core`.

// Expansions relax lints that their user cannot answer for: traits imported for autoref alone, companions that nobody
// calls or that look unlike the user's own functions, a `mut` that only some return types need.

mod arguments;
mod bracket;
mod check;
mod companions;
mod expand;
mod generics;
mod key;
mod span;

use proc_macro::TokenStream;
use quote::quote;

/// What an attribute makes of its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Primitive {
    Cached,
    Lock,
    Once,
    Pooled,
}

/// Which crate the expansion names: a proc macro cannot see how it was re-exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    Std,
    Core,
}

macro_rules! entries {
    ($($(#[$m:meta])* $std:ident, $core:ident, $primitive:ident;)*) => { $(
        $(#[$m])*
        #[proc_macro_attribute]
        pub fn $std(arguments: TokenStream, item: TokenStream) -> TokenStream {
            expand::attribute(Primitive::$primitive, Home::Std, arguments.into(), &item.into()).into()
        }

        $(#[$m])*
        #[proc_macro_attribute]
        pub fn $core(arguments: TokenStream, item: TokenStream) -> TokenStream {
            expand::attribute(Primitive::$primitive, Home::Core, arguments.into(), &item.into()).into()
        }
    )* };
}

entries! {
    /// Caches what a function returns.
    ///
    /// `key` (a template), `ttl` (`300` seconds, `"250ms"`, a `Duration`, `forever`), `version` (another one is another
    /// key), `codec`, `type_tag` (what the stored bytes are of; else the type's name), `encode` + `decode`, `cache_err`,
    /// `cache_none`, `instance`, `companions`, `crate`. On a miss one caller computes and the others wait for its value;
    /// dropping that caller's future lets the next one compute. A store that fails does not matter: the function runs.
    ///
    /// Of a `Result` only `Ok` is kept, of an `Option` only `Some`. `cache_err = true`, for a `Result`, keeps `Err`, too;
    /// `cache_none = true`, for an `Option`, keeps `None`. A function that returns its type parameter, or a type of one
    /// (`T::Out`), needs one of the two, and keeps all. Where the type stands behind a parameter of the `impl`, or is chosen
    /// by whoever implements the trait, nothing of a `Result` or an `Option` is kept, and the observer is told.
    ///
    /// An argument's type must mention each type or const parameter of the function: else calls that differ in it would
    /// share a value.
    ///
    /// Companions: `name::reset(..)`, `name::key(..)`; of a method, `name_reset` and `name_key`.
    cached, cached_core, Cached;
    /// Lets one call at a time into a function.
    ///
    /// `key`, `ttl` (the lease, renewed while the body runs), `renew = false` (it ends with its TTL whatever the body does),
    /// `wait` (else not at all; `forever`), `guard = name` (gives the body its guard), `otherwise` (a value, or a closure of the `Refused`), `instance`, `companions`,
    /// `crate`. Returns `Result<_, E>` with `E: From<Refused>`, unless `otherwise` is said.
    ///
    /// Companions: `is_locked`, `force_release`, `key`.
    lock, lock_core, Lock;
    /// Skips a call while another one is under way, and for `keep` after it succeeded.
    ///
    /// `key`, `ttl`, `renew`, `keep`, `guard`, `otherwise`, `instance`, `companions`, `crate`. Returns `()`, `Option` or
    /// `Result<_, E>` with `E: From<Refused>`, unless `otherwise` is said. An `Err` or `None` of the body keeps nothing; nor
    /// does a `Result` or `Option` behind a generic parameter, whatever it is, and the observer is told.
    ///
    /// Companions: `is_locked`, `force_release`, `key`.
    once, once_core, Once;
    /// Lets at most `size` calls at a time into a function.
    ///
    /// `key`, `size`, `ttl`, `renew`, `wait`, `on_full = path` (gets the same arguments), `guard`, `otherwise`, `instance`,
    /// `companions`, `crate`. Returns `()`, `Option` or `Result<_, E>` with `E: From<Refused>`, unless `on_full` or
    /// `otherwise` is said.
    ///
    /// Companions: `in_use`, `key`.
    pooled, pooled_core, Pooled;
}

impl Primitive {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Lock => "lock",
            Self::Once => "once",
            Self::Pooled => "pooled",
        }
    }

    fn of(name: &syn::Ident) -> Option<Self> {
        [Self::Cached, Self::Lock, Self::Once, Self::Pooled].into_iter().find(|p| name == p.attribute())
    }
}

impl Home {
    fn path(self) -> proc_macro2::TokenStream {
        match self {
            Self::Std => quote!(::cachify),
            Self::Core => quote!(::cachify_core),
        }
    }
}
