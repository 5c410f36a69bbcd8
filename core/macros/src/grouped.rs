//! What an attribute says of the group that its values are in.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, LitStr};

/// What an attribute says of the group that its values are in.
#[derive(Default)]
pub(crate) struct Grouped {
    /// Its name, if it is not the function's path.
    pub(crate) name: Option<LitStr>,
    /// How many values it keeps at most.
    pub(crate) most: Option<Expr>,
    /// The function's path, for a group without a name.
    path: TokenStream,
}

impl Grouped {
    pub(crate) const fn is_said(&self) -> bool {
        self.name.is_some() || self.most.is_some()
    }

    /// A group without a name has that of its function.
    pub(crate) fn of(&mut self, path: TokenStream) {
        self.path = path;
    }

    /// The group of an instance, as an expression of reference type.
    pub(crate) fn reach(&self, private: &TokenStream, instance: TokenStream) -> TokenStream {
        if !self.is_said() {
            return instance;
        }
        let name = match &self.name {
            Some(name) => quote!([#name, ""]),
            None => self.path.clone(),
        };
        let most = match &self.most {
            Some(most) => quote!(::core::option::Option::Some(#most)),
            None => quote!(::core::option::Option::None),
        };
        quote!(#private::group(#instance, #name, #most))
    }
}
