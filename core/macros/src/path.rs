//! The path of a function, which `{fn}` puts into a key: a constant text.

use crate::{arguments::Layer, values::Companions};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ItemFn, ext::IdentExt};

/// Two texts that make it, for it is no literal where it has a type.
pub(crate) struct FunctionPath {
    pub(crate) of: TokenStream,
    pub(crate) name: String,
    is_said: bool,
}

impl FunctionPath {
    pub(crate) fn new(item: &ItemFn, layers: &[Layer], is_method: bool) -> Self {
        let said = layers.first().and_then(|outer| match &outer.companions {
            Companions::Methods(word) => Some(word.span().resolved_at(Span::mixed_site())),
            _ => None,
        });
        let of = match (is_method, said) {
            (true, Some(at)) => quote_spanned!(at=> ::core::any::type_name::<Self>()),
            (true, None) => quote!(::core::any::type_name::<Self>()),
            _ => quote!(::core::module_path!()),
        };
        Self { of, name: format!("::{}", item.sig.ident.unraw()), is_said: said.is_some() }
    }

    /// Both, as an array.
    pub(crate) fn texts(&self) -> TokenStream {
        let Self { of, name, .. } = self;
        quote!([#of, #name])
    }

    /// That there is a type where `methods` is said: elsewhere the compiler says there that there is none.
    pub(crate) fn demand(&self) -> Option<TokenStream> {
        let of = &self.of;
        self.is_said.then(|| quote!(let _ = || #of;))
    }
}
