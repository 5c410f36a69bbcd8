//! Cached: look, then fly. Not here: the other layers, which are a bracket round the body.

use crate::{
    Home,
    arguments::Layer,
    check,
    function::{Function, Names, private},
    key::Key,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

impl Function {
    /// A hit, or the flight that fills the key.
    pub(crate) fn cached(&self, layer: &Layer, key: &Key, body: &TokenStream) -> TokenStream {
        let Names { instance, key: buf, held, shape, codec, out, .. } = &self.names;
        let (of, closure) = (self.shape(layer), self.closure(body));
        let (private, make_codec, ttl) = (private(layer), self.codec(layer), life(layer));
        let demands = self.demands(layer);
        let prepare = quote! {
            let #shape = #of;
            let #codec = #make_codec;
            #demands
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
        let global = layer.home == Home::Std && layer.instance.is_none();
        let check = global.then(|| quote!(#private::initialised(#instance);));
        quote! {
            let mut #buf = #instance.key_buf();
            #render
            #prepare
            match #instance.hit(&#buf, &#shape, &#codec) {
                ::core::option::Option::Some(#out) => #out,
                ::core::option::Option::None => {
                    #check
                    #miss
                }
            }
        }
    }

    /// That the store keeps such values: what a value lacks is told at its type, and nothing of what follows.
    fn demands(&self, layer: &Layer) -> TokenStream {
        let (private, returned, Names { instance, shape, codec, out, .. }) =
            (private(layer), self.returned(), &self.names);
        let kept = check::kept(&self.item.sig, layer);
        let borrowed = kept.filter(|_| layer.encode.is_none()).and_then(check::lent).map(|lent| {
            quote! {{
                use #private::Lends as _;
                (&&#instance.lending(&#codec)).lends().demand::<#lent>();
            }}
        });
        // the compiler points to where these stand
        let at = kept.map_or_else(|| self.item.sig.ident.span(), Spanned::span).resolved_at(Span::mixed_site());
        let [on, of, by, answer] = [instance, shape, codec, out].map(|name| Ident::new(&name.to_string(), at));
        let asked = quote_spanned!(at=> (&&&&&&&&&#on.keeping::<_, #returned, _>(&#of, &#by)).keeps());
        let demanded = quote_spanned!(at=> #answer.of(#of));
        quote! {
            #borrowed
            let #answer = {
                use #private::Keeps as _;
                #asked
            };
            let #shape = #demanded;
            let #codec = #answer.by(#codec);
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
    let Some((ttl, _)) = &layer.ttl else { return quote!(::core::option::Option::None) };
    let ttl = ttl.duration(&private).map_or_else(|| quote!(Forever), |ttl| quote!(For(#ttl)));
    quote!(::core::option::Option::Some(#private::Ttl::#ttl))
}
