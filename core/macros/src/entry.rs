//! The companions of a cached function that are about the value itself: look at it, and put another one there.

use crate::{
    Home,
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

/// Changes what is there.
pub(crate) const UPDATE: (&str, &str) =
    ("update", "Keeps what is made of the value, one caller at a time, while others have the old one. What is kept.");

/// All of them, if the function has them: one that returns nothing has no value.
pub(crate) fn names(function: &Function) -> impl Iterator<Item = (&'static str, &'static str)> {
    has_value(function).then_some([PEEK, INSERT, UPDATE]).into_iter().flatten()
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
        let found = Ident::new("found", Span::mixed_site());
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
        let more = More { named_by, ..More::default() };
        let peek = self.signature(PEEK, &keys, place, self.is_async(), (&more, &returned), &looked);
        let mut all = vec![peek];
        all.extend(self.writers((&of, is_whole), &layers, &keys, place));
        all
    }

    /// Those that put a value there: `of` is its type, and whether that is all that is returned.
    fn writers(
        &self,
        of: (&TokenStream, bool),
        layers: &[&(Layer, Key)],
        keys: &[&Key],
        place: &Place,
    ) -> Vec<TokenStream> {
        let Some((innermost @ (layer, _), outer)) = layers.split_last() else { return Vec::new() };
        let (private, (kind, _)) = (private(layer), of);
        let [value, change] = ["value", "change"].map(|name| Ident::new(name, Span::mixed_site()));
        // not by its name, of which a lint would have another type
        let named_by: Vec<_> = layers.iter().flat_map(|(layer, _)| layer.forms().chain(layer.times())).collect();
        let argument = quote!(#value: &<#kind as #private::Same>::Type);
        let more = More { argument, named_by: named_by.clone(), is_generic: false };
        let returned = quote!(::core::result::Result<(), #private::Error>);
        let body = self.inserted(of, layers, &quote!(#value), &quote!(()));
        let insert = self.signature(INSERT, keys, place, self.is_async(), (&more, &returned), &body);

        let called = if self.is_async() { quote!(AsyncFnOnce) } else { quote!(FnOnce) };
        let argument = quote!(#change: impl ::core::ops::#called(::core::option::Option<#kind>) -> #kind);
        let changed = self.put(of, innermost, "changed", &quote!(#change));
        // layers above have what was made of what is below
        let body = if outer.is_empty() {
            changed
        } else {
            let inserted = self.inserted(of, outer, &quote!(&#value), &quote!(#value));
            quote!(let #value = #changed?; #inserted)
        };
        let (more, returned) =
            (More { argument, named_by, is_generic: true }, quote!(::core::result::Result<#kind, #private::Error>));
        let update = self.signature(UPDATE, keys, place, self.is_async(), (&more, &returned), &body);
        let update = match layer.home {
            Home::Core => quote!(#private::if_stale! { #update }),
            Home::Std => update,
        };
        vec![insert, update]
    }

    /// Keeps a value in these layers, and returns `out`: innermost first, as they are reset; the first failure is reported.
    fn inserted(
        &self,
        of: (&TokenStream, bool),
        layers: &[&(Layer, Key)],
        value: &TokenStream,
        out: &TokenStream,
    ) -> TokenStream {
        let Some((outer, _)) = layers.first() else { return TokenStream::new() };
        let private = private(outer);
        let [failure, e] = ["failure", "e"].map(|name| Ident::new(name, Span::mixed_site()));
        let steps = layers.iter().rev().map(|layer| {
            let ask = self.put(of, layer, "inserted", value);
            quote! {
                if let ::core::result::Result::Err(#e) = #ask {
                    #failure.get_or_insert(#e);
                }
            }
        });
        quote! {
            let mut #failure = ::core::option::Option::None;
            #(#steps)*
            match #failure {
                ::core::option::Option::None => ::core::result::Result::Ok(#out),
                ::core::option::Option::Some(#e) => ::core::result::Result::Err(#private::Error::from(#e)),
            }
        }
    }

    /// Puts a value into one layer.
    fn put(
        &self,
        (of, is_whole): (&TokenStream, bool),
        (layer, key): &(Layer, Key),
        what: &str,
        more: &TokenStream,
    ) -> TokenStream {
        let private = private(layer);
        let (ttl, aging) = (life(layer), layer.aging.rules(&private));
        let aging = aging.unwrap_or(quote!(#private::Aging::NONE));
        let shape = if is_whole {
            self.shape(layer, self.whole(layer))
        } else {
            self.shape_of(layer, of, quote!(#private::Whole))
        };
        self.about_value(layer, key, of, &shape, what, &quote!(, (#ttl, #aging), #more))
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
