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
        let instance = &self.names.instance;
        let reach = layer.instance();
        let call = match layer.primitive {
            Primitive::Cached => self.cached(layer, key, body),
            _ => self.leased(layer, key, body)?,
        };
        Ok(quote! {{
            let #instance = #reach;
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

    /// A hit, or the flight that fills the key.
    fn cached(&self, layer: &Layer, key: &Key, body: &TokenStream) -> TokenStream {
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

pub(crate) fn private(layer: &Layer) -> TokenStream {
    let krate = layer.krate();
    quote!(#krate::__private)
}
