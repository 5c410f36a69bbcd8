//! The companions of a function: what can be asked about a call without making it.

use crate::{
    Home, Primitive,
    arguments::Layer,
    function::{Function, Loading, Place, private},
    generics::mentions,
    groups,
    key::{Key, Parameter},
    quiet::{self, quiet},
    scope,
    values::Companions,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Expr, FnArg, GenericParam, PatIdent, Type, WherePredicate,
    visit_mut::{self, VisitMut},
};

/// One companion: its name, which is also the question, the layers it is about, and how answers are added up.
pub(crate) struct Companion {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) about: fn(Primitive) -> bool,
    /// Of several layers all are asked, innermost first; else the outermost alone.
    pub(crate) of_all: bool,
    /// The type of the answer, its start, and how another answer is added to it.
    answer: (TokenStream, TokenStream, TokenStream),
}

/// What a companion takes beside what its keys name.
#[derive(Default)]
pub(crate) struct More<'a> {
    /// An argument of its own.
    pub(crate) argument: TokenStream,
    /// Expressions that it evaluates, with the parameters that they name.
    pub(crate) named_by: Vec<&'a Expr>,
    /// Whether that argument is of any type, so that a trait has it only for types that are known.
    pub(crate) is_generic: bool,
}

/// The companion that asks nothing: its name, and what it says.
pub(crate) const KEY: (&str, &str) = ("key", "The rendered key, without prefix and kind.");

pub(crate) fn all(private: &TokenStream) -> [Companion; 5] {
    let any = || (quote!(bool), quote!(false), quote!(|=));
    let seen = quote!(#private::Inspection);
    [
        Companion {
            name: "reset",
            doc: "Forgets the cached value; what a call under way computes will not be kept. Whether there was one.",
            about: |p| p == Primitive::Cached,
            of_all: true,
            answer: any(),
        },
        Companion {
            name: "is_locked",
            doc: "Whether a call is under way, or the marker of one is kept.",
            about: |p| matches!(p, Primitive::Lock | Primitive::Once),
            of_all: true,
            answer: any(),
        },
        Companion {
            name: "force_release",
            doc: "Lets the next call in, whoever holds it; whether anybody did.",
            about: |p| matches!(p, Primitive::Lock | Primitive::Once),
            of_all: true,
            answer: any(),
        },
        Companion {
            name: "in_use",
            doc: "How many calls are under way.",
            about: |p| p == Primitive::Pooled,
            of_all: true,
            answer: (quote!(u32), quote!(0_u32), quote!(+=)),
        },
        Companion {
            name: "inspect",
            doc: "How many are inside and wait, what remains, and of one call alone its fence and its age. Takes nothing.",
            about: |p| p != Primitive::Cached,
            of_all: false,
            answer: (seen.clone(), quote!(#seen::FREE), quote!(=)),
        },
    ]
}

/// The layers that a companion asks, outermost first.
pub(crate) fn about(
    function: &Function,
    about: fn(Primitive) -> bool,
    of_all: bool,
) -> impl Iterator<Item = &(Layer, Key)> {
    let layers = function.layers.iter().filter(move |(layer, _)| about(layer.primitive));
    layers.take(if of_all { usize::MAX } else { 1 })
}

/// Where they are, if there are any.
///
/// A type named like the crate would stand in the way of `use cachify::..`, so such a function has them beside it.
pub(crate) fn place(function: &Function) -> Option<Place> {
    let (outer, _) = function.layers.first()?;
    let name = match &outer.companions {
        Companions::None => return None,
        Companions::Own | Companions::Methods(_) => function.item.sig.ident.clone(),
        Companions::Named(name) => name.clone(),
    };
    let of_the_crate = function.layers.iter().any(|(layer, _)| layer.is_of(&name));
    Some(if function.is_method || of_the_crate { Place::Beside(name) } else { Place::Type(name) })
}

/// Emits the companions; of those that load, what they run.
pub(crate) fn emit(function: &Function, loading: Option<&Loading>) -> TokenStream {
    let Some(place) = place(function) else { return TokenStream::new() };
    let functions = functions(function, &place, loading);
    let Place::Type(name) = place else { return quote!(#(#functions)*) };
    let (visibility, conditions) = (&function.item.vis, function.conditions().collect::<Vec<_>>());
    let (visibility, name) = (quiet(visibility), quiet::name(&name));
    // hidden: beside the function, links to that name would be ambiguous
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #visibility struct #name {}

        #(#conditions)*
        impl #name { #(#functions)* }
    }
}

fn functions(function: &Function, place: &Place, loading: Option<&Loading>) -> Vec<TokenStream> {
    let mut functions = Vec::new();
    let Some((outer, _)) = function.layers.first() else { return functions };
    for companion in all(&private(outer)) {
        let about: Vec<_> = about(function, companion.about, companion.of_all).collect();
        if !about.is_empty() {
            functions.push(function.companion(&companion, &about, place));
        }
    }
    functions.extend(function.entries(place));
    functions.extend(loading.into_iter().flat_map(|loading| function.loaders(place, loading)));
    functions.extend(function.of_group(place));
    functions.extend(function.layers.first().map(|(layer, key)| function.key_companion(layer, key, place)));
    functions
}

impl Function {
    /// `.reset().await` or `.reset_blocking()`.
    fn ask(&self, what: &str) -> TokenStream {
        if self.is_async() {
            let what = format_ident!("{what}");
            quote!(#what().await)
        } else {
            let what = format_ident!("{what}_blocking");
            quote!(#what())
        }
    }

    fn companion(&self, companion: &Companion, about: &[&(Layer, Key)], place: &Place) -> TokenStream {
        let Some((outer, _)) = about.first() else { return TokenStream::new() };
        let private = private(outer);
        let (of, start, add) = &companion.answer;
        // hygienic: the user's parameters are rendered beside them
        let [answer, failure, one, e] =
            ["answer", "failure", "one", "e"].map(|name| Ident::new(name, Span::mixed_site()));
        // innermost first: an outer layer must not be refilled from an inner value that is about to go;
        // every layer is asked, and the first failure is reported
        let steps = about.iter().rev().map(|(layer, key)| {
            let (value, ask) = (self.value(layer, key), self.ask(companion.name));
            quote! {
                match #value.#ask {
                    ::core::result::Result::Ok(#one) => #answer #add #one,
                    ::core::result::Result::Err(#e) => { #failure.get_or_insert(#e); }
                }
            }
        });
        let steps = quote!(#(#steps)*);
        let body = quote! {
            let mut #answer: #of = #start;
            let mut #failure = ::core::option::Option::None;
            #steps
            match #failure {
                ::core::option::Option::None => ::core::result::Result::Ok(#answer),
                ::core::option::Option::Some(#e) => ::core::result::Result::Err(#private::Error::from(#e)),
            }
        };
        let returned = quote!(::core::result::Result<#of, #private::Error>);
        let keys: Vec<_> = about.iter().map(|(_, key)| key).collect();
        let none = More::default();
        self.signature((companion.name, companion.doc), &keys, place, self.is_async(), (&none, &returned), &body)
    }

    fn key_companion(&self, layer: &Layer, key: &Key, place: &Place) -> TokenStream {
        let (private, buf) = (private(layer), &self.names.key);
        let render = key.render_into(&quote!(&mut #buf));
        let (make, returned) = match layer.home {
            Home::Std => (quote!(#private::KeyBuf::default()), quote!(::std::string::String)),
            Home::Core => {
                let reach = layer.instance();
                (quote!(#reach.key_buf()), quote!(impl #private::KeyBuffer))
            }
        };
        let body = quote! {
            let mut #buf = #make;
            #render
            #private::key_of(#buf)
        };
        let returned = quote!(::core::result::Result<#returned, #private::Error>);
        self.signature(KEY, &[key], place, false, (&More::default(), &returned), &body)
    }

    /// The value a companion asks, with its key rendered.
    fn value(&self, layer: &Layer, key: &Key) -> TokenStream {
        let (instance, buf) = (&self.names.instance, &self.names.key);
        let (reach, render) = (layer.instance(), key.render_into(&quote!(&mut #buf)));
        let of = match (layer.primitive, &layer.size) {
            (Primitive::Cached, _) => quote!(cache_of(#buf)),
            (Primitive::Once, _) => quote!(once_of(#buf)),
            (Primitive::Pooled, Some(size)) => quote!(pool_of(#buf, #size)),
            _ => quote!(lock_of(#buf)),
        };
        quote! {{
            let #instance = #reach;
            let mut #buf = #instance.key_buf();
            #render
            #instance.#of
        }}
    }

    /// A function of the parameters that `keys` name and of `more`, and of the generics those need.
    pub(crate) fn signature(
        &self,
        (what, doc): (&str, &str),
        keys: &[&Key],
        place: &Place,
        is_async: bool,
        (more, returned): (&More<'_>, &TokenStream),
        body: &TokenStream,
    ) -> TokenStream {
        let More { argument: more, named_by, is_generic } = more;

        let (what, is_beside) = match place {
            Place::Type(_) => (format_ident!("{what}"), false),
            Place::Beside(name) => (format_ident!("{name}_{what}"), true),
        };
        let named = |p: &Parameter| named_by.iter().any(|expression| scope::names(expression, &p.names));
        let used = |at: usize, p: &Parameter| p.is_self() || keys.iter().any(|key| key.takes(at)) || named(p);
        let used: Vec<_> = self.parameters.iter().enumerate().filter(|(at, p)| used(*at, p)).map(|(_, p)| p).collect();
        let arguments: Vec<FnArg> = used.iter().map(|p| immutable(p.argument.clone())).collect();
        // in use, as lints see it; a name that begins so is not to be
        let named = used.iter().flat_map(|p| &p.names).filter(|name| !name.to_string().starts_with('_'));
        // what leads to the instance, the size and the key may name others than the arguments do
        let (generics, wheres) = self.generics_of(&quote!(#(#arguments)* #more #returned #body));
        let (generics, wheres) = (generics.iter().map(quiet), quiet(&wheres));
        let wheres = match (*is_generic && self.is_method, wheres.is_empty()) {
            (false, _) => wheres,
            (true, true) => quote!(where Self: ::core::marker::Sized),
            (true, false) => quote!(#wheres, Self: ::core::marker::Sized),
        };
        let (visibility, conditions) = (quiet(&self.item.vis), self.conditions().filter(|_| is_beside));
        let allowed = quiet::allowed(&self.item.attrs);
        let asyncness = is_async.then(|| quote!(async));
        quote! {
            #(#conditions)*
            #[doc = #doc]
            #(#allowed)*
            #visibility #asyncness fn #what<#(#generics),*>(#(#arguments,)* #more) -> #returned #wheres {
                #(let _ = &#named;)*
                #body
            }
        }
    }

    /// The generic parameters that `code` mentions, and the predicates that mention no other.
    fn generics_of(&self, code: &TokenStream) -> (Vec<GenericParam>, TokenStream) {
        let generics = &self.item.sig.generics;
        let name = |g: &GenericParam| match g {
            GenericParam::Type(t) => t.ident.clone(),
            GenericParam::Const(c) => c.ident.clone(),
            GenericParam::Lifetime(l) => l.lifetime.ident.clone(),
        };
        let (kept, gone): (Vec<_>, Vec<_>) =
            generics.params.iter().cloned().partition(|g| mentions(code.clone(), &name(g)));
        let stays = |p: &&WherePredicate| !gone.iter().any(|g| mentions(p.to_token_stream(), &name(g)));
        let wheres: Vec<_> = generics.where_clause.iter().flat_map(|w| &w.predicates).filter(stays).collect();
        let wheres = if wheres.is_empty() { TokenStream::new() } else { quote!(where #(#wheres),*) };
        (kept, wheres)
    }
}

/// A companion changes nothing, so its parameters need no `mut`, and of a `String` it only reads the text; attributes
/// stay behind.
fn immutable(mut argument: FnArg) -> FnArg {
    struct Immutable;
    impl VisitMut for Immutable {
        fn visit_pat_ident_mut(&mut self, pattern: &mut PatIdent) {
            pattern.mutability = None;
            visit_mut::visit_pat_ident_mut(self, pattern);
        }
    }
    match &mut argument {
        FnArg::Typed(typed) => {
            typed.attrs.clear();
            *typed.ty = if is_string(&typed.ty) { syn::parse_quote!(&str) } else { Type::Verbatim(quiet(&typed.ty)) };
            Immutable.visit_pat_mut(&mut typed.pat);
        }
        FnArg::Receiver(receiver) => {
            receiver.attrs.clear();
            receiver.mutability = None;
        }
    }
    argument
}

/// Whether the type is the standard library's, as people write it.
fn is_string(of: &Type) -> bool {
    let Type::Path(path) = groups::of(of) else { return false };
    let names: Vec<_> = path.path.segments.iter().map(|segment| segment.to_token_stream().to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    path.qself.is_none() && matches!(names[..], ["String"] | ["std" | "alloc", "string", "String"])
}
