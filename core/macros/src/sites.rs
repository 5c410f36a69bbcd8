//! What an instance learns of the functions that use it, to tell of two that share a template.
//!
//! Only on servers: on a device the templates would cost flash.

use crate::{
    Home, Primitive,
    arguments::{Keys, Layer},
    function::{Function, private},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// What the attribute is, as a store and a refusal name it.
fn kind(layer: &Layer) -> TokenStream {
    match layer.primitive {
        Primitive::Cached => quote!(Cache),
        Primitive::Lock => quote!(Lock),
        Primitive::Once => quote!(Once),
        Primitive::Pooled => quote!(Pool),
    }
}

impl Function {
    /// The refusal of a layer, which says by which attribute of which function.
    pub(crate) fn named(&self, layer: &Layer) -> TokenStream {
        let (private, why, kind) = (private(layer), &self.names.why, kind(layer));
        let template = layer.template().replace("{fn}", &self.item.sig.ident.to_string());
        quote!(#private::named(#why, const { &#private::Named::new(#private::Kind::#kind, #template) }))
    }

    /// One static for all attributes from this one on that stand in one function, which later calls look at.
    pub(crate) fn sites(&self, from: usize) -> Option<TokenStream> {
        let layers = self.layers.get(from..self.end(from))?;
        let (outer, _) = layers.first().filter(|(layer, _)| layer.home == Home::Std)?;
        let (private, count) = (private(outer), layers.len());
        let sites = layers.iter().map(|(layer, _)| {
            let (kind, template, share) = (kind(layer), layer.template(), layer.keys == Keys::Shared);
            quote!(#private::Site::new(#private::Kind::#kind, #template, #share))
        });
        Some(quote!(static __CACHIFY_SITES: [#private::Site; #count] = [#(#sites),*];))
    }

    /// Where the attributes end that stand in one function with this one.
    fn end(&self, at: usize) -> usize {
        self.loads.as_ref().map(|cut| cut.innermost + 1).filter(|end| at < *end).unwrap_or(self.layers.len())
    }

    /// The instance meets the attribute at this place of the stack.
    pub(crate) fn meet(&self, at: usize, layer: &Layer) -> Option<TokenStream> {
        let (private, instance, path) = (private(layer), &self.names.instance, self.path.texts());
        let copy = Ident::new("copy", Span::mixed_site());
        let below = self.loads.as_ref().map(|cut| cut.innermost + 1).filter(|below| *below <= at);
        let at = at - below.unwrap_or_default();
        (layer.home == Home::Std).then(|| {
            // what is lent would stay in the caller's future
            quote! {{
                use #private::Meets as _;
                let #copy = #instance;
                (&#copy).meet(&__CACHIFY_SITES[#at], &__CACHIFY_SITES, || #path);
            }}
        })
    }
}
