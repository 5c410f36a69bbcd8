//! Cached: look, then fly. Not here: the other layers, which are a bracket round the body.

use crate::{
    Home, Primitive,
    arguments::Layer,
    borrowed, check,
    function::{Function, Names, life, private},
    key::Key,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

/// The parts of a flight.
pub(crate) struct Flight {
    /// What makes its shape and its codec.
    pub(crate) prepare: TokenStream,
    /// The shape of what it brings.
    pub(crate) flown: TokenStream,
    pub(crate) closure: TokenStream,
    /// Whether it brings also for how long others below have its value.
    pub(crate) is_layered: bool,
}

impl Flight {
    /// What takes the value out of what it brings.
    fn brought(&self) -> Option<TokenStream> {
        self.is_layered.then(|| quote!(.0))
    }
}

impl Function {
    /// A hit, or the flight that fills the key by what `run` brings.
    pub(crate) fn cached(&self, layer: &Layer, key: &Key, run: &TokenStream) -> TokenStream {
        let flight = self.flight(layer, run);
        // on a device a lease is too large to be moved about
        if self.is_async() && layer.home == Home::Core {
            self.flown(layer, key, &flight)
        } else {
            self.hit_or_flown(layer, key, &flight)
        }
    }

    /// The parts of a flight that brings what `run` does.
    pub(crate) fn flight(&self, layer: &Layer, run: &TokenStream) -> Flight {
        let Names { shape, codec, .. } = &self.names;
        let private = private(layer);
        let (of, closure) = (self.shape(layer, self.passing(layer)), self.limited(layer, run));
        let (make_codec, demands) = (self.codec(layer), self.demands(layer, &self.returned()));
        let prepare = quote! {
            let #shape = #of;
            let #codec = #make_codec;
            #demands
        };
        match self.layered(layer, &closure) {
            Some(closure) => Flight { prepare, closure, flown: quote!(#private::Within(#shape)), is_layered: true },
            None => Flight { prepare, closure, flown: quote!(#shape), is_layered: false },
        }
    }

    /// The flight alone, made in its place, with its key rendered there.
    fn flown(&self, layer: &Layer, key: &Key, flight: &Flight) -> TokenStream {
        let Names { instance, held, shape, codec, .. } = &self.names;
        let (Flight { prepare, flown, closure, .. }, brought) = (flight, flight.brought());
        let (private, ttl) = (private(layer), life(layer));
        let render = key.render_into(&quote!(#held.key_mut()));
        let [aged, most] = ["aged", "most"].map(|name| Ident::new(name, Span::mixed_site()));
        let drawn = layer.aging.is_drawn().then(|| quote!(.drawn(&#instance, #held.key_mut())));
        let fly = match layer.aging.rules(&private) {
            Some(rules) => quote! {
                let #aged = #rules #drawn;
                #held.age(#aged);
                let #shape = #private::AtMost::new(#flown, |#most| #aged.kept(#most));
                #held.aged(#aged, #shape, &#codec, #closure).await #brought
            },
            None => quote!(#held.cached(#flown, &#codec, #closure).await #brought),
        };
        let fits = self.fits(layer, key);
        quote! {
            #fits
            let mut #held = { #instance.flight(#ttl) };
            #render
            #prepare
            #fly
        }
    }

    /// A look, and the flight where that finds nothing.
    fn hit_or_flown(&self, layer: &Layer, key: &Key, flight: &Flight) -> TokenStream {
        let Names { instance, key: buf, shape, codec, out, .. } = &self.names;
        let (Flight { prepare, flown, closure, .. }, brought) = (flight, flight.brought());
        let (private, ttl) = (private(layer), life(layer));
        let render = key.render_into(&quote!(&mut #buf));
        let aged = Ident::new("aged", Span::mixed_site());
        let aging = layer.aging.rules(&private);
        let (hit, [cached, cached_blocking], terms) = match &aging {
            Some(_) => (quote!(hit_aged), [quote!(aged), quote!(aged_blocking)], quote!((#ttl, #aged))),
            None => (quote!(hit), [quote!(cached), quote!(cached_blocking)], ttl),
        };
        let asked = aging.as_ref().map(|_| quote!(, #terms));
        let drawn = layer.aging.is_drawn().then(|| quote!(.drawn(&#instance, &#buf)));
        let aging = aging.map(|rules| quote!(let #aged = #rules #drawn;));
        let miss = if self.is_async() {
            let load = quote!(#instance.#cached(#buf, #flown, &#codec, #terms, #closure));
            // boxed, which takes the future of a hit from a kilobyte to nothing
            match layer.limits.detached {
                Some(_) => self.detached(layer, &quote!(#load.await #brought), prepare, None),
                None => quote!(#private::boxed(#load).await #brought),
            }
        } else {
            quote!(#instance.#cached_blocking(#buf, #flown, &#codec, #terms, #closure)#brought)
        };
        let check = self.checked(layer);
        let fits = self.fits(layer, key);
        quote! {
            #fits
            let mut #buf = #instance.key_buf();
            #render
            #prepare
            #aging
            match #instance.#hit(&#buf, &#shape, &#codec #asked) {
                ::core::option::Option::Some(#out) => #out,
                ::core::option::Option::None => {
                    #check
                    #miss
                }
            }
        }
    }

    /// That there is a global instance, where one is needed.
    pub(crate) fn checked(&self, layer: &Layer) -> Option<TokenStream> {
        let (private, instance) = (private(layer), &self.names.instance);
        // one that is closed returns it
        let global = layer.home == Home::Std && layer.instance.is_none() && layer.closed.is_none();
        global.then(|| quote!(#private::initialised(#instance);))
    }

    /// What a flight over other cached layers runs: these are asked when their value ends, and then `run` brings it.
    fn layered(&self, layer: &Layer, run: &TokenStream) -> Option<TokenStream> {
        let Names { instance, key: buf, out, .. } = &self.names;
        let below = self.layers.iter().skip_while(|(own, _)| !std::ptr::eq(own, layer)).skip(1);
        let below: Vec<_> = below.filter(|(other, _)| other.primitive == Primitive::Cached).collect();
        let asyncness = &self.item.sig.asyncness;
        let (ask, look, wait) = match asyncness {
            Some(_) => (quote!(below), quote!(still), quote!(.await)),
            None => (quote!(below_blocking), quote!(still_blocking), TokenStream::new()),
        };
        let left = Ident::new("left", Span::mixed_site());
        let names: Vec<_> = (0..below.len()).map(|n| format_ident!("below_{n}", span = Span::mixed_site())).collect();
        // a time of the value's own is known once that is there
        let looked = below.iter().filter(|(other, _)| other.has_own_times()).map(|(other, key)| {
            let (reach, render) = (other.instance(), key.render_into(&quote!(&mut #buf)));
            let private = private(other);
            let aging = other.aging.rules(&private).unwrap_or(quote!(#private::Aging::NONE));
            quote! {
                .min({
                    let #instance = #reach;
                    let mut #buf = #instance.key_buf();
                    #render
                    #instance.#look(&#buf, #aging)#wait
                })
            }
        });
        let looked: Vec<_> = looked.collect();
        let asked = below.iter().map(|(other, key)| {
            let (reach, render, ttl) = (other.instance(), key.render_into(&quote!(&mut #buf)), life(other));
            let private = private(other);
            let aging = other.aging.rules(&private).unwrap_or(quote!(#private::Aging::NONE));
            quote! {{
                let #instance = #reach;
                let mut #buf = #instance.key_buf();
                #render
                #instance.#ask(&#buf, #ttl, #aging)#wait
            }}
        });
        (!below.is_empty()).then(|| {
            quote! {
                #asyncness move || {
                    #(let #names = #asked;)*
                    let #out = (#run)()#wait;
                    let #left = ::core::primitive::u64::MAX #(.min(#names.left()))* #(#looked)*;
                    (#out, #left)
                }
            }
        })
    }

    /// That the store keeps such values: what a value lacks is told at its type, and nothing of what follows.
    pub(crate) fn demands(&self, layer: &Layer, returned: &TokenStream) -> TokenStream {
        let (private, Names { instance, shape, codec, out, .. }) = (private(layer), &self.names);
        let kept = check::kept(&self.item.sig, layer);
        let borrowed = kept.filter(|_| layer.encode.is_none()).and_then(borrowed::for_ever).map(|lent| {
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

    pub(crate) fn codec(&self, layer: &Layer) -> TokenStream {
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
