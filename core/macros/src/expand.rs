//! From a function with a stack of attributes to the function whose body is one call per layer.

use crate::{
    Home, Primitive,
    arguments::Layer,
    check::{self, check},
    companions,
    key::{Key, Parameter},
    span::Span,
};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, ItemFn, Result, ReturnType};

/// Names of the expansion's own variables; hygienic, so that they never meet the user's.
pub(crate) struct Names {
    pub(crate) instance: Ident,
    pub(crate) key: Ident,
    pub(crate) shape: Ident,
    pub(crate) codec: Ident,
    pub(crate) held: Ident,
    pub(crate) why: Ident,
    pub(crate) out: Ident,
}

impl Names {
    fn new() -> Self {
        let name = |name| Ident::new(name, proc_macro2::Span::mixed_site());
        Self {
            instance: name("instance"),
            key: name("key"),
            shape: name("shape"),
            codec: name("codec"),
            held: name("held"),
            why: name("why"),
            out: name("out"),
        }
    }
}

/// A function being expanded.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    /// Outermost first.
    pub(crate) layers: Vec<(Layer, Key)>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) names: Names,
}

/// Entry point of all attributes.
pub(crate) fn attribute(
    primitive: Primitive,
    home: Home,
    arguments: TokenStream,
    written: &TokenStream,
) -> TokenStream {
    let mut item: ItemFn = match syn::parse2(written.clone()) {
        Ok(item) => item,
        Err(e) => {
            let e = Error::new(e.span(), format!("`{}` goes on a function: {e}", primitive.attribute()));
            let e = e.to_compile_error();
            return quote!(#e #written);
        }
    };
    let stack = take_stack(primitive, home, arguments, &mut item);
    let plain = item.clone();
    // after an error the function itself stays, so that its callers bring no errors of their own
    stack.and_then(|layers| function(item, layers)).unwrap_or_else(|e| {
        let e = e.to_compile_error();
        quote!(#e #plain)
    })
}

/// Takes all cachify attributes off the function: one expansion, one set of companions.
fn take_stack(primitive: Primitive, home: Home, arguments: TokenStream, item: &mut ItemFn) -> Result<Vec<Layer>> {
    let mut layers = vec![Layer::parse(primitive, home, arguments)];
    item.attrs.retain(|attribute| match Layer::of(attribute, home) {
        Some(layer) => {
            layers.push(layer);
            false
        }
        None => true,
    });
    layers.into_iter().collect()
}

fn function(item: ItemFn, layers: Vec<Layer>) -> Result<TokenStream> {
    let names = Names::new();
    let parameters = Parameter::all(&item.sig);
    check(&item, &layers)?;
    let layers: Vec<_> = layers
        .into_iter()
        .map(|layer| Key::parse(&layer, &parameters, &names.key).map(|key| (layer, key)))
        .collect::<Result<_>>()?;
    let mut function = Function { item, layers, parameters, names };
    let block = &function.item.block;
    let mut body = quote!(#block);
    for (layer, key) in function.layers.iter().rev() {
        body = function.layer(layer, key, &body)?;
    }
    let demand = function.demand();
    function.item.block = syn::parse2(quote!({ #demand #body }))?;
    let companions = companions::emit(&function);
    let item = &function.item;
    Ok(quote!(#item #companions))
}

impl Function {
    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    /// That no future is returned, by type: the calls of an async function are guarded until they are done.
    fn demand(&self) -> Option<TokenStream> {
        let (layer, _) = self.layers.first().filter(|_| !self.is_async())?;
        let (private, returned) = (private(layer), self.returned());
        Some(quote! {
            {
                use #private::Ends as _;
                (&&&#private::Probe::<#returned>::NEW).ends().demand::<#returned>();
            }
        })
    }

    pub(crate) fn returned(&self) -> TokenStream {
        match &self.item.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, returned) => returned.to_token_stream(),
        }
    }

    /// One layer round `body`, which is a block or an expression of the function's return type.
    fn layer(&self, layer: &Layer, key: &Key, body: &TokenStream) -> Result<TokenStream> {
        let Names { instance, key: buf, .. } = &self.names;
        let reach = layer.instance();
        if self.is_async() && layer.home == Home::Core {
            let call = self.in_place(layer, key, body)?;
            return Ok(quote! {{
                let #instance = #reach;
                #call
            }});
        }
        let render = key.render_into(&quote!(&mut #buf));
        let call = match layer.primitive {
            Primitive::Cached => self.cached(layer, body),
            _ => self.bracket(layer, body)?,
        };
        Ok(quote! {{
            let #instance = #reach;
            let mut #buf = #instance.key_buf();
            #render
            #call
        }})
    }

    /// The body as a closure: `return` and `?` stay inside it.
    pub(crate) fn closure(&self, body: &TokenStream) -> TokenStream {
        let returned = self.returned();
        let asyncness = &self.item.sig.asyncness;
        // the block the user wrote, or an inner layer's: never braces round braces
        quote!(#asyncness move || -> #returned #body)
    }

    fn cached(&self, layer: &Layer, body: &TokenStream) -> TokenStream {
        let Names { instance, key, shape, codec, out, .. } = &self.names;
        let (of, closure) = (self.shape(layer), self.closure(body));
        let (private, make_codec, ttl) = (private(layer), self.codec(layer), life(layer));
        let miss = if self.is_async() {
            // boxed in std only, where it takes the future of a hit from kilobytes to nothing
            quote!(#private::boxed(#instance.cached(#key, #shape, &#codec, #ttl, #closure)).await)
        } else {
            quote!(#instance.cached_blocking(#key, #shape, &#codec, #ttl, #closure))
        };
        let call = match layer.home {
            Home::Std => quote! {
                match #instance.hit(&#key, &#shape, &#codec) {
                    ::core::option::Option::Some(#out) => #out,
                    ::core::option::Option::None => #miss,
                }
            },
            Home::Core => miss,
        };
        quote! {
            let #shape = #of;
            let #codec = #make_codec;
            #call
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

    /// A call on a device, where a right is too large to be moved about: made in its place, with its key rendered there.
    ///
    /// By type: the brackets that are polled by hand where store and clock allow it, the others elsewhere.
    fn in_place(&self, layer: &Layer, key: &Key, body: &TokenStream) -> Result<TokenStream> {
        let Names { instance, held, why, shape, codec, out, .. } = &self.names;
        let (of, via) = (self.shape(layer), via(layer, instance));
        let render = key.render_into(&quote!(#held.key_mut()));
        if layer.primitive == Primitive::Cached {
            let (make_codec, ttl, closure) = (self.codec(layer), life(layer), self.closure(body));
            return Ok(quote! {
                let mut #held = { #via.flight(#ttl) };
                #render
                let #shape = #of;
                let #codec = #make_codec;
                #held.cached(#shape, &#codec, #closure).await
            });
        }
        let (terms, refuse) = (Self::terms(layer)?, self.refuse(layer)?);
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = #held.guard();));
        let (private, closure, returned) = (private(layer), self.closure(body), self.returned());
        let hidden = (layer.primitive == Primitive::Once).then(|| {
            quote! {
                if #private::Shape::<#returned>::hides(&#shape) {
                    #held.hidden();
                }
            }
        });
        let [polled, beats, cx] =
            ["polled", "beats", "cx"].map(|name| Ident::new(name, proc_macro2::Span::mixed_site()));
        Ok(quote! {
            let mut #held = { #via.right(#terms) };
            #render
            let #why = { #held.turn().await };
            match #why {
                ::core::result::Result::Ok(#why) => {
                    #[allow(unused_mut)]
                    let mut #held = #held.held(#why);
                    let #shape = #of;
                    let #out = {
                        #guard
                        let mut #polled = ::core::pin::pin!(#private::begun(#closure));
                        let mut #beats = ::core::pin::pin!(#held.beats());
                        ::core::future::poll_fn(|#cx| #private::carried(#polled.as_mut(), #beats.as_mut(), #cx)).await
                    };
                    #hidden
                    let _ = #held.settle(#private::Shape::keep(&#shape, &#out).is_some()).await;
                    #out
                }
                ::core::result::Result::Err(#why) => #refuse,
            }
        })
    }

    /// What of the result counts: all of it, or what is inside `Ok` or `Some`.
    pub(crate) fn shape(&self, layer: &Layer) -> TokenStream {
        let (private, returned) = (private(layer), self.returned());
        let shape = if layer.keeps_all() {
            // of a generic parameter of the function nobody knows yet: all of it is kept, as was said
            let known = check::behind_parameter(&self.item.sig).is_none();
            let err = (known && layer.cache_err).then(|| quote!(#private::keeps_err::<#returned>();));
            let none = (known && layer.cache_none).then(|| quote!(#private::keeps_none::<#returned>();));
            quote!({ #err #none #private::Whole })
        } else if matches!(layer.primitive, Primitive::Lock | Primitive::Pooled) {
            // given back alike, whatever the body brought
            quote!(#private::Whole)
        } else {
            quote! {{
                #[allow(unused_imports)]
                use #private::{IsAny as _, IsOption as _, IsResult as _};
                (&&#private::Probe::<#returned>::NEW).shape()
            }}
        };
        match (&layer.encode, &layer.decode) {
            (Some(encode), Some(decode)) => quote!(#private::Encoded::new(#shape, #encode, #decode)),
            _ => shape,
        }
    }

    /// Attributes that decide whether the function is there at all.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|a| a.path().is_ident("cfg"))
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

/// Chooses the brackets by the types at hand.
fn via(layer: &Layer, instance: &Ident) -> TokenStream {
    let private = private(layer);
    quote! {
        #[allow(unused_imports)]
        use #private::{ViaAny as _, ViaPolled as _};
        (&#private::Via(#instance))
    }
}

pub(crate) fn private(layer: &Layer) -> TokenStream {
    let krate = layer.krate();
    quote!(#krate::__private)
}
