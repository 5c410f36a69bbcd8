//! Cached: look, then fly. Not here: the other layers, which are a bracket round the body.

use crate::{
    Home,
    arguments::Layer,
    function::{Function, Names, private},
    key::Key,
    span::Span,
};
use proc_macro2::TokenStream;
use quote::quote;

impl Function {
    /// A hit, or the flight that fills the key.
    pub(crate) fn cached(&self, layer: &Layer, key: &Key, body: &TokenStream) -> TokenStream {
        let Names { instance, key: buf, held, shape, codec, out, .. } = &self.names;
        let (of, closure) = (self.shape(layer), self.closure(body));
        let (private, make_codec, ttl) = (private(layer), self.codec(layer), life(layer));
        let prepare = quote! {
            let #shape = #of;
            let #codec = #make_codec;
        };
        // on a device a lease is too large to be moved about: made in its place, with its key rendered there
        if self.is_async() && layer.home == Home::Core {
            let render = key.render_into(&quote!(#held.key_mut()));
            return quote! {
                let mut #held = { #instance.flight(#ttl) };
                #render
                #prepare
                #held.cached(#shape, &#codec, #closure).await
            };
        }
        let render = key.render_into(&quote!(&mut #buf));
        let miss = if self.is_async() {
            // boxed, which takes the future of a hit from a kilobyte to nothing
            quote!(#private::boxed(#instance.cached(#buf, #shape, &#codec, #ttl, #closure)).await)
        } else {
            quote!(#instance.cached_blocking(#buf, #shape, &#codec, #ttl, #closure))
        };
        quote! {
            let mut #buf = #instance.key_buf();
            #render
            #prepare
            match #instance.hit(&#buf, &#shape, &#codec) {
                ::core::option::Option::Some(#out) => #out,
                ::core::option::Option::None => #miss,
            }
        }
    }

    fn codec(&self, layer: &Layer) -> TokenStream {
        let (private, instance) = (private(layer), &self.names.instance);
        let codec = match &layer.codec {
            Some(codec) => quote!(#codec),
            None => quote!(#instance.default_codec()),
        };
        match &layer.type_tag {
            Some(tag) => quote!(#private::Tagged::new(#codec, #tag)),
            None => codec,
        }
    }
}

/// How long a value lives, as an option of a `Ttl`.
fn life(layer: &Layer) -> TokenStream {
    let private = private(layer);
    match &layer.ttl {
        None => quote!(::core::option::Option::None),
        Some((Span::Forever, _)) => quote!(::core::option::Option::Some(#private::Ttl::Forever)),
        Some((Span::For(ttl), _)) => quote!(::core::option::Option::Some(#private::Ttl::For(#ttl))),
    }
}
