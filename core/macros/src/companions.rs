//! The companions of a function: what can be asked about a call without making it.

use crate::{
    Home, Primitive,
    arguments::{Companions, Layer},
    function::{Function, private},
    generics::mentions,
    key::Key,
};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, GenericParam, Pat, Type, WherePredicate};

/// One companion: its name, which is also the question, the layers it is about, and how answers are added up.
struct Companion {
    name: &'static str,
    doc: &'static str,
    about: fn(Primitive) -> bool,
    /// Of several layers all are asked, innermost first; else the outermost alone.
    of_all: bool,
    /// The type of the answer, its start, and how another answer is added to it.
    answer: (TokenStream, TokenStream, TokenStream),
}

fn all(private: &TokenStream) -> [Companion; 5] {
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

/// Emits the companions: associated functions of a type named like the function, or methods beside a method.
pub(crate) fn emit(function: &Function) -> TokenStream {
    let Some((outer, _)) = function.layers.first() else { return TokenStream::new() };
    let name = match &outer.companions {
        Companions::None => return TokenStream::new(),
        Companions::Own => function.item.sig.ident.clone(),
        Companions::Named(name) => name.clone(),
    };
    let functions = functions(function, &name);
    if function.item.sig.receiver().is_some() {
        return quote!(#(#functions)*);
    }
    let (visibility, conditions) = (&function.item.vis, function.conditions().collect::<Vec<_>>());
    let doc = format!("Companions of [`{}()`].", function.item.sig.ident);
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #visibility struct #name {}

        #(#conditions)*
        #[allow(dead_code)]
        impl #name { #(#functions)* }
    }
}

fn functions(function: &Function, name: &Ident) -> Vec<TokenStream> {
    let mut functions = Vec::new();
    let Some((outer, _)) = function.layers.first() else { return functions };
    for companion in all(&private(outer)) {
        let mut about: Vec<_> = function.layers.iter().filter(|(l, _)| (companion.about)(l.primitive)).collect();
        if !companion.of_all {
            about.truncate(1);
        }
        if !about.is_empty() {
            functions.push(function.companion(&companion, &about, name));
        }
    }
    functions.extend(function.layers.first().map(|(layer, key)| function.key_companion(layer, key, name)));
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

    fn companion(&self, companion: &Companion, about: &[&(Layer, Key)], name: &Ident) -> TokenStream {
        let Some((outer, _)) = about.first() else { return TokenStream::new() };
        let private = private(outer);
        let (of, start, add) = &companion.answer;
        // hygienic: the user's parameters are rendered beside them
        let [answer, failure, one, e] =
            ["answer", "failure", "one", "e"].map(|name| Ident::new(name, proc_macro2::Span::mixed_site()));
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
        self.signature(companion.name, companion.doc, &keys, name, self.is_async(), &returned, &body)
    }

    fn key_companion(&self, layer: &Layer, key: &Key, name: &Ident) -> TokenStream {
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
        let doc = "The rendered key, without prefix and kind.";
        self.signature("key", doc, &[key], name, false, &returned, &body)
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

    /// A function of the parameters that `keys` name, and of the generics those need.
    #[expect(clippy::too_many_arguments, reason = "the parts of one signature")]
    fn signature(
        &self,
        what: &str,
        doc: &str,
        keys: &[&Key],
        name: &Ident,
        is_async: bool,
        returned: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let is_method = self.item.sig.receiver().is_some();
        let what = if is_method { format_ident!("{name}_{what}") } else { format_ident!("{what}") };
        let used = |at: usize| keys.iter().any(|key| key.used.get(at).copied().unwrap_or_default());
        let arguments: Vec<FnArg> = self
            .parameters
            .iter()
            .enumerate()
            .filter(|(at, p)| p.is_self() || used(*at))
            .map(|(_, p)| immutable(p.argument.clone()))
            .collect();
        let (generics, wheres) = self.generics_of(&quote!(#(#arguments)*));
        let (visibility, conditions) = (&self.item.vis, self.conditions().filter(|_| is_method));
        let asyncness = is_async.then(|| quote!(async));
        quote! {
            #(#conditions)*
            #[doc = #doc]
            #[allow(unused_variables, dead_code, clippy::unused_async, clippy::missing_errors_doc, clippy::needless_pass_by_value)]
            #visibility #asyncness fn #what<#(#generics),*>(#(#arguments),*) -> #returned #wheres { #body }
        }
    }

    /// The generic parameters that `arguments` mention, and the predicates that mention no other.
    fn generics_of(&self, arguments: &TokenStream) -> (Vec<GenericParam>, TokenStream) {
        let generics = &self.item.sig.generics;
        let name = |g: &GenericParam| match g {
            GenericParam::Type(t) => t.ident.clone(),
            GenericParam::Const(c) => c.ident.clone(),
            GenericParam::Lifetime(l) => l.lifetime.ident.clone(),
        };
        let (kept, gone): (Vec<_>, Vec<_>) =
            generics.params.iter().cloned().partition(|g| mentions(arguments.clone(), &name(g)));
        let stays = |p: &&WherePredicate| !gone.iter().any(|g| mentions(p.to_token_stream(), &name(g)));
        let wheres: Vec<_> = generics.where_clause.iter().flat_map(|w| &w.predicates).filter(stays).collect();
        let wheres = if wheres.is_empty() { TokenStream::new() } else { quote!(where #(#wheres),*) };
        (kept, wheres)
    }
}

/// A companion changes nothing, so its parameters need no `mut`, and of a `String` it only reads the text; attributes
/// stay behind.
fn immutable(mut argument: FnArg) -> FnArg {
    if let FnArg::Typed(typed) = &mut argument {
        typed.attrs.clear();
        if is_string(&typed.ty) {
            *typed.ty = syn::parse_quote!(&str);
        }
        if let Pat::Ident(ident) = &mut *typed.pat {
            ident.mutability = None;
        }
    }
    argument
}

/// Whether the type is the standard library's, as people write it.
fn is_string(of: &Type) -> bool {
    let Type::Path(path) = of else { return false };
    let names: Vec<_> = path.path.segments.iter().map(|segment| segment.to_token_stream().to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    path.qself.is_none() && matches!(names[..], ["String"] | ["std" | "alloc", "string", "String"])
}
