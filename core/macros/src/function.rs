//! A function that is being expanded, and what every layer needs of it.

use crate::{
    Primitive,
    arguments::Layer,
    check,
    key::{Key, Parameter},
    path::FunctionPath,
    quiet,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::fmt;
use syn::{Attribute, ItemFn, ReturnType, ext::IdentExt, spanned::Spanned};

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
    pub(crate) fn new() -> Self {
        let name = |name| Ident::new(name, Span::mixed_site());
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
    /// Whether it is known to stand in an `impl` or a trait.
    pub(crate) is_method: bool,
    pub(crate) path: FunctionPath,
    pub(crate) names: Names,
    /// Where loading is a function of its own.
    pub(crate) loads: Option<Cut>,
}

/// Where a stack is cut whose rest is a function of its own.
pub(crate) struct Cut {
    /// The outermost cached layer.
    pub(crate) outermost: usize,
    /// The innermost cached layer; what is below is the rest.
    pub(crate) innermost: usize,
    /// Where that function is.
    pub(crate) place: Place,
}

/// What the companions that load run.
pub(crate) struct Loading {
    /// The body, in the layers below all cached ones.
    pub(crate) load: TokenStream,
    /// The layers from the outermost cached one to the innermost, which say where the value came from.
    pub(crate) asked: TokenStream,
}

/// Where the companions of a function are.
pub(crate) enum Place {
    /// Associated functions of a type of this name.
    Type(Ident),
    /// Functions whose names begin with this one, beside the function.
    Beside(Ident),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(name) => write!(f, "{name}::"),
            Self::Beside(name) => write!(f, "{}_", name.unraw()),
        }
    }
}

impl Function {
    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    pub(crate) fn returned(&self) -> TokenStream {
        match &self.item.sig.output {
            // at the function's name: there is no type to point to
            ReturnType::Default => quote_spanned!(quiet::name(&self.item.sig.ident).span()=> ()),
            ReturnType::Type(_, returned) => returned.to_token_stream(),
        }
    }

    /// The body as a closure: `return` and `?` stay inside it.
    pub(crate) fn closure(&self, body: &TokenStream) -> TokenStream {
        let (returned, never) = (self.returned(), Ident::new("never", Span::mixed_site()));
        if !self.is_async() {
            // the block the user wrote, or an inner layer's: never braces round braces
            return quote!(move || -> #returned #body);
        }
        let body = quiet::braces(body);
        // where nothing of that type is returned first, the compiler makes no trait object of what an async closure
        // returns
        quote! {
            async move || -> #returned {
                if let ::core::option::Option::Some(#never) = ::core::option::Option::None::<#returned> {
                    return #never;
                }
                #body
            }
        }
    }

    /// What of the result counts: all of it, or what is inside `Ok` or `Some`; with its times and its encoding.
    pub(crate) fn shape(&self, layer: &Layer, whole: TokenStream) -> TokenStream {
        let shape = if layer.closed.is_some() { self.closed(layer, &whole) } else { whole };
        let known = check::behind_parameter(&self.item.sig).is_none();
        let shape = match layer.aging.on_error {
            Some(_) if known => {
                let (private, returned) = (private(layer), self.returned());
                quote!({ #private::serves_err::<#returned>(); #shape })
            }
            _ => shape,
        };
        self.shape_of(layer, &self.returned(), shape)
    }

    /// What of the result counts.
    pub(crate) fn whole(&self, layer: &Layer) -> TokenStream {
        let (private, returned) = (private(layer), self.returned());
        if layer.keeps_all() {
            // of a generic parameter of the function nobody knows yet: all of it is kept, as was said
            let known = check::behind_parameter(&self.item.sig).is_none();
            let err = (known && layer.cache_err).then(|| quote!(#private::keeps_err::<#returned>();));
            let none = (known && layer.cache_none).then(|| quote!(#private::keeps_none::<#returned>();));
            let whole = match &layer.failure_for {
                None => quote!(#private::Whole),
                Some(span) => {
                    let (span, out) = (span.duration(&private), &self.names.out);
                    let of = if layer.cache_err { quote!(err_for) } else { quote!(none_for) };
                    let of = quote_spanned!(returned.span()=> #private::#of(#out, #span));
                    quote!(#private::Lasting::of::<#returned, _>(#private::Whole, |#out: &#returned| #of))
                }
            };
            quote!({ #err #none #whole })
        } else if matches!(layer.primitive, Primitive::Lock | Primitive::Pooled) {
            // given back alike, whatever the body brought
            quote!(#private::Whole)
        } else {
            quote! {{
                use #private::{IsAny as _, IsOption as _, IsResult as _};
                (&&#private::Probe::<#returned>::NEW).shape()
            }}
        }
    }

    /// The shape of an `of` whose parts count as `shape` says, with its times and its encoding.
    pub(crate) fn shape_of(&self, layer: &Layer, of: &TokenStream, shape: TokenStream) -> TokenStream {
        let private = private(layer);
        let shape = match &layer.ttl_of {
            Some(lasts) => quote!(#private::Lasting::of::<#of, _>(#shape, #lasts)),
            None => shape,
        };
        let shape = match layer.jitter {
            Some(percent) => {
                let (instance, ttl) = (&self.names.instance, life(layer));
                let most = Ident::new("most", Span::mixed_site());
                quote!(#private::AtMost::new(#shape, |#most| #instance.spread(#ttl, #percent, #most)))
            }
            None => shape,
        };
        Self::encoded(layer, shape)
    }

    pub(crate) fn encoded(layer: &Layer, shape: TokenStream) -> TokenStream {
        let private = private(layer);
        match (&layer.encode, &layer.decode) {
            (Some(encode), Some(decode)) => quote!(#private::Encoded::new(#shape, #encode, #decode)),
            _ => shape,
        }
    }

    /// The shape of a result that also says that its store could not be asked.
    fn closed(&self, layer: &Layer, shape: &TokenStream) -> TokenStream {
        let (private, returned) = (private(layer), self.returned());
        let refuse = self.refusing(layer, &quote_spanned!(returned.span()=> #private::refuse_closed::<#returned, _>));
        quote!(#private::Closed::new(#shape, #refuse))
    }

    /// Attributes that decide whether the function is there at all.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.item.attrs.iter().filter(|a| a.path().is_ident("cfg"))
    }
}

pub(crate) fn private(layer: &Layer) -> TokenStream {
    let krate = layer.krate();
    quote!(#krate::__private)
}

/// How long a value lives, as an option of a `Ttl`.
pub(crate) fn life(layer: &Layer) -> TokenStream {
    let private = private(layer);
    let Some((ttl, _)) = &layer.ttl else {
        // what a value says itself is not cut by a default
        let is_said = layer.ttl_of.as_ref().map(|_| quote!(::core::option::Option::Some(#private::Ttl::Forever)));
        return is_said.unwrap_or(quote!(::core::option::Option::None));
    };
    let ttl = ttl.duration(&private).map_or_else(|| quote!(Forever), |ttl| quote!(For(#ttl)));
    quote!(::core::option::Option::Some(#private::Ttl::#ttl))
}
