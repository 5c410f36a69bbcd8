//! The attribute macros of cachify. Use them through `cachify` (servers) or `cachify-core` (firmware).
//!
//! Each attribute takes the whole stack of cachify attributes below it and emits the function, whose body became one
//! call per layer, and one set of companions. A function must not return a future, which would run when the call is over
//! (so `#[async_trait]` methods call an async method that has the attribute).
//! `KeyPart` can be derived for types whose values stand in keys.
//! Not here: any logic that runs; that is in `cachify-core`.

mod aging;
mod arguments;
mod borrowed;
mod bracket;
mod cached;
mod check;
mod companions;
mod contradictions;
mod deferred;
mod entry;
mod expand;
mod fits;
mod forgetting;
mod function;
mod generics;
mod grouped;
mod groups;
mod key;
mod keyless;
mod limiting;
mod limits;
mod loading;
mod method;
mod page;
mod part;
mod passing;
mod path;
mod quiet;
mod scope;
mod sites;
mod span;
mod stack;
mod text;
mod values;

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
    #[doc = include_str!("../docs/cached.md")]
    cached, cached_core, Cached;
    #[doc = include_str!("../docs/lock.md")]
    lock, lock_core, Lock;
    #[doc = include_str!("../docs/once.md")]
    once, once_core, Once;
    #[doc = include_str!("../docs/pooled.md")]
    pooled, pooled_core, Pooled;
}

#[doc = include_str!("../docs/key_part.md")]
#[proc_macro_derive(KeyPartCore, attributes(key_part))]
pub fn key_part_core(item: TokenStream) -> TokenStream {
    part::derive(Home::Core, item.into()).into()
}

#[doc = include_str!("../docs/key_part.md")]
#[proc_macro_derive(KeyPart, attributes(key_part))]
pub fn key_part(item: TokenStream) -> TokenStream {
    part::derive(Home::Std, item.into()).into()
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
    const fn name(self) -> &'static str {
        match self {
            Self::Std => "cachify",
            Self::Core => "cachify_core",
        }
    }

    fn path(self) -> proc_macro2::TokenStream {
        match self {
            Self::Std => quote!(::cachify),
            Self::Core => quote!(::cachify_core),
        }
    }
}
