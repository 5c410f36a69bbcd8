//! The companions of a cached function that are about the value itself: look at it, and put another one there.

use crate::{
    arguments::Layer,
    check,
    companions::{self, More},
    function::{Function, Place, life, private},
    groups,
    key::Key,
    quiet::quiet,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ReturnType;

/// Looks, and loads nothing.
pub(crate) const PEEK: (&str, &str) = ("peek", "The cached value, if it is there; nothing is loaded.");
/// Writes through.
pub(crate) const INSERT: (&str, &str) =
    ("insert", "Keeps this value as if a call had brought it; what a call under way computes will not be kept.");

/// Both, if the function has them: one that returns nothing has no value.
pub(crate) fn names(function: &Function) -> impl Iterator<Item = (&'static str, &'static str)> {
    has_value(function).then_some([PEEK, INSERT]).into_iter().flatten()
}

fn has_value(function: &Function) -> bool {
    matches!(function.item.sig.output, ReturnType::Type(..)) && layers(function).next().is_some()
}

fn layers(function: &Function) -> impl Iterator<Item = &(Layer, Key)> {
    companions::about(function, |primitive| primitive == crate::Primitive::Cached, true)
}

impl Function {
    /// What there is of them.
    pub(crate) fn entries(&self, place: &Place) -> Vec<TokenStream> {
        let Some((outer, _)) = layers(self).next().filter(|_| has_value(self)) else { return Vec::new() };
        let private = private(outer);
        // all layers have one type: the whole, if one of them keeps that
        let (of, is_whole) = match layers(self).find(|(layer, _)| layer.keeps_all()) {
            Some((layer, _)) => self.kept(layer),
            None => self.kept(outer),
        };
        let keys: Vec<_> = layers(self).map(|(_, key)| key).collect();
        let [value, found, failure, e] =
            ["value", "found", "failure", "e"].map(|name| Ident::new(name, Span::mixed_site()));
        let layers: Vec<_> = layers(self).collect();
        // outermost first: what a call would return
        let looked = layers.iter().map(|(layer, key)| {
            // its times say nothing of what is there
            let base = if is_whole && !layer.keeps_all() { self.whole(layer) } else { quote!(#private::Whole) };
            let ask = self.about_value(layer, key, &of, &Self::encoded(layer, base), "peeked", &TokenStream::new());
            quote! {
                match #ask? {
                    ::core::option::Option::None => {}
                    #found => return ::core::result::Result::Ok(#found),
                }
            }
        });
        let looked = quote!(#(#looked)* ::core::result::Result::Ok(::core::option::Option::None));
        let returned = quote!(::core::result::Result<::core::option::Option<#of>, #private::Error>);
        let named_by = layers.iter().flat_map(|(layer, _)| layer.forms()).collect();
        let more = More { argument: TokenStream::new(), named_by };
        let peek = self.signature(PEEK, &keys, place, self.is_async(), (&more, &returned), &looked);
        // innermost first, as they are reset; the first failure is reported
        let put = layers.iter().rev().map(|(layer, key)| {
            let (ttl, aging) = (life(layer), layer.aging.rules(&private));
            let aging = aging.unwrap_or(quote!(#private::Aging::NONE));
            let shape = if is_whole {
                self.shape(layer, self.whole(layer))
            } else {
                self.shape_of(layer, &of, quote!(#private::Whole))
            };
            let ask = self.about_value(layer, key, &of, &shape, "inserted", &quote!(, (#ttl, #aging), #value));
            quote! {
                if let ::core::result::Result::Err(#e) = #ask {
                    #failure.get_or_insert(#e);
                }
            }
        });
        let put = quote! {
            let mut #failure = ::core::option::Option::None;
            #(#put)*
            match #failure {
                ::core::option::Option::None => ::core::result::Result::Ok(()),
                ::core::option::Option::Some(#e) => ::core::result::Result::Err(#private::Error::from(#e)),
            }
        };
        let returned = quote!(::core::result::Result<(), #private::Error>);
        // not by its name, of which a lint would have another type
        let named_by = layers.iter().flat_map(|(layer, _)| layer.forms().chain(layer.times())).collect();
        let more = More { argument: quote!(#value: &<#of as #private::Same>::Type), named_by };
        let insert = self.signature(INSERT, &keys, place, self.is_async(), (&more, &returned), &put);
        vec![peek, insert]
    }

    /// The type of the value that is kept, as far as it shows; and whether that is all that is returned.
    pub(crate) fn kept(&self, layer: &Layer) -> (TokenStream, bool) {
        let ReturnType::Type(_, returned) = &self.item.sig.output else { return (quote!(()), true) };
        let returned = groups::of(returned);
        match check::kept(&self.item.sig, layer) {
            Some(inside) if !std::ptr::eq(inside, returned) => (quiet(inside), false),
            _ => (quiet(&returned.to_token_stream()), true),
        }
    }

    /// A question about the value of one layer.
    fn about_value(
        &self,
        layer: &Layer,
        key: &Key,
        of: &TokenStream,
        made: &TokenStream,
        what: &str,
        more: &TokenStream,
    ) -> TokenStream {
        let names = &self.names;
        let (instance, buf, shape, codec) = (&names.instance, &names.key, &names.shape, &names.codec);
        let (reach, render) = (layer.instance(), key.render_into(&quote!(&mut #buf)));
        let (make_codec, demands) = (self.codec(layer), self.demands(layer, of));
        let (ask, wait) = if self.is_async() {
            (Ident::new(what, Span::call_site()), quote!(.await))
        } else {
            (Ident::new(&format!("{what}_blocking"), Span::call_site()), TokenStream::new())
        };
        quote! {{
            let #instance = #reach;
            let mut #buf = #instance.key_buf();
            #render
            let #shape = #made;
            let #codec = #make_codec;
            #demands
            #instance.#ask(&#buf, &#shape, &#codec #more)#wait
        }}
    }
}
