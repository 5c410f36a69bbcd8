//! From a function with a stack of attributes to the function whose body is one call per layer.

use crate::{
    Home, Primitive,
    arguments::Layer,
    companions,
    key::{Key, Parameter},
    span::Span,
};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Error, Expr, ItemFn, Result, ReturnType, Type, spanned::Spanned, visit_mut::VisitMut};

/// Names of the expansion's own variables; hygienic, so that they never meet the user's.
pub(crate) struct Names {
    pub(crate) instance: Ident,
    pub(crate) key: Ident,
    shape: Ident,
    codec: Ident,
    held: Ident,
    why: Ident,
    out: Ident,
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
    function.item.block = syn::parse2(quote!({ #body }))?;
    let companions = companions::emit(&function);
    let item = &function.item;
    Ok(quote!(#item #companions))
}

/// What no expansion could make right.
fn check(item: &ItemFn, layers: &[Layer]) -> Result<()> {
    if let Some(constness) = &item.sig.constness {
        return Err(Error::new(constness.span(), "a `const fn` cannot ask a store"));
    }
    let ReturnType::Type(_, returned) = &item.sig.output else { return Ok(()) };
    let mut found = Unkeepable::default();
    found.visit_type_mut(&mut returned.clone());
    if let Some(at) = found.opaque {
        return Err(Error::new(
            at,
            "name the return type: `impl Trait` cannot be carried through a call into the library",
        ));
    }
    match found.borrowed {
        Some(at) if layers.iter().any(|l| l.primitive == Primitive::Cached) => {
            Err(Error::new(at, "a cached value outlives the call: return an owned type, or `Arc`"))
        }
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Unkeepable {
    opaque: Option<proc_macro2::Span>,
    borrowed: Option<proc_macro2::Span>,
}

impl VisitMut for Unkeepable {
    fn visit_type_mut(&mut self, of: &mut Type) {
        match of {
            Type::ImplTrait(opaque) => self.opaque = Some(opaque.span()),
            Type::Reference(r) if r.lifetime.as_ref().is_none_or(|l| l.ident != "static") => {
                self.borrowed = Some(r.span());
            }
            _ => {}
        }
        syn::visit_mut::visit_type_mut(self, of);
    }
}

impl Function {
    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    fn returned(&self) -> TokenStream {
        match &self.item.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, returned) => returned.to_token_stream(),
        }
    }

    /// One layer round `body`, which is a block or an expression of the function's return type.
    fn layer(&self, layer: &Layer, key: &Key, body: &TokenStream) -> Result<TokenStream> {
        let Names { instance, key: buf, .. } = &self.names;
        let (reach, render) = (layer.instance(), &key.render);
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
    fn closure(&self, body: &TokenStream) -> TokenStream {
        let returned = self.returned();
        let asyncness = &self.item.sig.asyncness;
        // the block the user wrote, or an inner layer's: never braces round braces
        quote!(#asyncness move || -> #returned #body)
    }

    fn cached(&self, layer: &Layer, body: &TokenStream) -> TokenStream {
        let Names { instance, key, shape, codec, out, .. } = &self.names;
        let (of, closure) = (self.shape(layer), self.closure(body));
        let make_codec = match &layer.codec {
            Some(codec) => quote!(#codec),
            None => quote!(#instance.default_codec()),
        };
        let private = private(layer);
        let ttl = match &layer.ttl {
            None => quote!(::core::option::Option::None),
            Some((Span::Forever, _)) => quote!(::core::option::Option::Some(#private::Ttl::Forever)),
            Some((Span::For(ttl), _)) => quote!(::core::option::Option::Some(#private::Ttl::For(#ttl))),
        };
        let miss = match (self.is_async(), layer.home) {
            // boxed in std only, where it takes the future of a hit from kilobytes to nothing
            (true, Home::Std) => {
                quote!(#private::boxed(#instance.cached(#key, #shape, &#codec, #ttl, #closure)).await)
            }
            (true, Home::Core) => {
                let via = via(layer, instance);
                quote!({ #via.cached(#key, #shape, &#codec, #ttl, #closure).await })
            }
            (false, _) => quote!(#instance.cached_blocking(#key, #shape, &#codec, #ttl, #closure)),
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

    /// What of the result counts: all of it, or what is inside `Ok` or `Some`.
    fn shape(&self, layer: &Layer) -> TokenStream {
        let (private, returned) = (private(layer), self.returned());
        let shape = if layer.cache_err || layer.cache_none {
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

    /// Lock, once and pooled: ask, run the body, give back.
    fn bracket(&self, layer: &Layer, body: &TokenStream) -> Result<TokenStream> {
        let Names { instance, held, why, out, shape, .. } = &self.names;
        let (request, refuse) = (self.request(layer)?, self.refuse(layer)?);
        let (of, closure) = (self.shape(layer), self.closure(body));
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = &#held;));
        let (ask, run, finish) = match (self.is_async(), layer.home) {
            (false, _) => {
                let ask = match layer.primitive {
                    Primitive::Once => format_ident!("begin_blocking"),
                    Primitive::Pooled => format_ident!("take_blocking"),
                    _ => format_ident!("acquire_blocking"),
                };
                let finish = quote!(#held.finish_blocking(&#shape, &#out));
                (quote!(#instance.#request.#ask()), quote!((#closure)()), finish)
            }
            (true, Home::Std) => {
                let ask = match layer.primitive {
                    Primitive::Once => format_ident!("begin"),
                    Primitive::Pooled => format_ident!("take"),
                    _ => format_ident!("acquire"),
                };
                let ask = quote!(#instance.#request.#ask().await);
                let run = quote!(#held.carry((#closure)()).await);
                (ask, run, quote!(#held.finish(&#shape, &#out).await))
            }
            // by type: the small brackets where the store is in RAM, the others elsewhere
            (true, Home::Core) => {
                return Ok(self.bracket_in_place(layer, &request, &refuse, &closure));
            }
        };
        Ok(quote! {
            match #ask {
                ::core::result::Result::Ok(#held) => {
                    let #shape = #of;
                    let #out = { #guard #run };
                    #finish;
                    #out
                }
                ::core::result::Result::Err(#why) => #refuse,
            }
        })
    }

    /// The same where a right is too large to be moved about: asked for in its place, given back from there.
    fn bracket_in_place(
        &self,
        layer: &Layer,
        request: &TokenStream,
        refuse: &TokenStream,
        closure: &TokenStream,
    ) -> TokenStream {
        let Names { instance, held, why, out, shape, .. } = &self.names;
        let (of, via) = (self.shape(layer), via(layer, instance));
        let claimed = format_ident!("{held}_claimed", span = held.span());
        let guard = layer.guard.as_ref().map(|guard| quote!(let #guard = #held;));
        quote! {
            let mut #claimed = { #via.claim(#instance.#request.request()) };
            { #via.turn(&mut #claimed).await };
            match &#claimed {
                ::core::result::Result::Ok(#held) => {
                    let #shape = #of;
                    let #out = { #guard { #via.carry(#held, (#closure)()).await } };
                    { #via.finish(#claimed, &#shape, &#out).await };
                    #out
                }
                ::core::result::Result::Err(#why) => {
                    let #why = *#why;
                    #refuse
                }
            }
        }
    }

    /// The value that is asked: `lock_of(key).ttl(..)` and so on.
    fn request(&self, layer: &Layer) -> Result<TokenStream> {
        let (private, buf) = (private(layer), &self.names.key);
        let mut request = match (layer.primitive, &layer.size) {
            (Primitive::Once, _) => quote!(once_of(#buf)),
            (Primitive::Pooled, Some(size)) => quote!(pool_of(#buf, #size)),
            _ => quote!(lock_of(#buf)),
        };
        if let Some((ttl, written)) = &layer.ttl {
            let ttl = ttl.finite("a lease (renewed while the body runs)", written)?;
            request.extend(quote!(.ttl(#ttl)));
        }
        match &layer.wait {
            Some(Span::For(wait)) => request.extend(quote!(.waiting(#private::Wait::For(#wait)))),
            Some(Span::Forever) => request.extend(quote!(.waiting(#private::Wait::Forever))),
            None => {}
        }
        if let Some(keep) = &layer.keep {
            request.extend(quote!(.keep(#keep)));
        }
        Ok(request)
    }

    /// What a call returns that did not run.
    fn refuse(&self, layer: &Layer) -> Result<TokenStream> {
        let (private, returned, Names { why, out, .. }) = (private(layer), self.returned(), &self.names);
        match &layer.otherwise {
            Some(closure @ Expr::Closure(_)) => return Ok(quote!(#private::decide::<#returned>(#closure, #why))),
            Some(value) => return Ok(quote!({ let _ = #why; #value })),
            None => {}
        }
        let Some(handler) = &layer.on_full else { return Ok(self.refuse_by_type(layer)) };
        let arguments =
            self.parameters.iter().filter(|p| !p.is_self()).map(|p| {
                p.plain().ok_or_else(|| Error::new(p.argument.span(), "`on_full` needs plain parameter names"))
            });
        let arguments: Vec<_> = arguments.collect::<Result<_>>()?;
        let receiver = self.parameters.iter().find(|p| p.is_self()).map(|p| &p.names);
        let receiver = receiver.into_iter().flatten();
        let wait = self.is_async().then(|| quote!(.await));
        // a full pool is the handler's, and so is any other reason that the return type cannot say
        Ok(quote! {
            match {
                #[allow(unused_imports)]
                use #private::{SaysNothing as _, SaysWhy as _};
                (&#private::Probe::<#returned>::NEW).unless_full(#why)
            } {
                ::core::option::Option::Some(#out) => #out,
                ::core::option::Option::None => {
                    #private::checked(#why);
                    #handler(#(#receiver,)* #(#arguments),*)#wait
                }
            }
        })
    }

    fn refuse_by_type(&self, layer: &Layer) -> TokenStream {
        let (private, why, returned) = (private(layer), &self.names.why, self.returned());
        match layer.primitive {
            Primitive::Lock => quote!(#private::refuse_lock::<#returned>(#why)),
            _ => quote!(#private::refuse::<#returned>(#why)),
        }
    }

    /// Attributes that decide whether the function is there at all.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|a| a.path().is_ident("cfg"))
    }
}

/// Chooses the brackets by the types at hand.
fn via(layer: &Layer, instance: &Ident) -> TokenStream {
    let private = private(layer);
    quote! {
        #[allow(unused_imports)]
        use #private::{ViaAny as _, ViaRam as _};
        (&#private::Via(#instance))
    }
}

pub(crate) fn private(layer: &Layer) -> TokenStream {
    let krate = layer.krate();
    quote!(#krate::__private)
}
