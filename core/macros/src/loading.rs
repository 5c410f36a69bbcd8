//! The companions of a cached function that load: `load`, `refresh` and `fetch`.
//!
//! The body is in one of them, `load`, which the function itself calls as the others do; so it exists once, with its
//! statics. Not here: a function whose arguments cannot be handed on has its body in itself, and none of them.

use crate::{
    Home, Primitive,
    arguments::Layer,
    companions,
    function::{Cut, Function, Loading, Place, life, private},
    generics::mentions,
    groups,
    key::{Key, Parameter},
    quiet::{self, quiet},
    scope,
    values::Passing,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Expr, FnArg, GenericParam, Pat, PatIdent, ReceiverKind, Result, Safety, Type, ext::IdentExt, parse_quote};

/// The body.
const LOAD: (&str, &str) =
    ("load", "What the function returns without the cache: nothing is looked up, and nothing kept.");
/// Loads again.
const REFRESH: (&str, &str) = (
    "refresh",
    "Loads the value again, though one is there: others have that one meanwhile. What the function returns.",
);
/// Tells a hit from a load.
const FETCH: (&str, &str) = ("fetch", "What the function returns, and where that came from.");
/// What the other two are made of.
const ASKED: (&str, &str) = ("asked", "What `refresh` and `fetch` have in common.");

/// Those that the function has.
pub(crate) fn names(function: &Function) -> impl Iterator<Item = (&'static str, &'static str)> {
    function.loads.as_ref().map(|_| [LOAD, REFRESH, FETCH]).into_iter().flatten()
}

/// Where the stack is cut, if the function has them.
pub(crate) fn cut(function: &Function) -> Option<Cut> {
    let is_cached = |(layer, _): &(Layer, Key)| layer.primitive == Primitive::Cached;
    let (place, signature) = (companions::place(function)?, &function.item.sig);
    let outermost = function.layers.iter().position(is_cached)?;
    let innermost = function.layers.iter().rposition(is_cached)?;
    let round: Vec<_> = function.layers.get(..=innermost)?.iter().map(|(layer, _)| layer).collect();
    let is_plain =
        matches!(signature.safety, Safety::Default) && signature.abi.is_none() && signature.variadic.is_none();
    let has_features = function.item.attrs.iter().any(|attribute| attribute.path().is_ident("target_feature"));
    // what a guard above is named, no other function sees
    let has_guard = round.iter().any(|layer| layer.guard.is_some());
    let may = |p: &Parameter| is_passed(p) && !round.iter().any(|layer| is_lent(p, layer));
    let can = is_plain && !has_features && !has_guard && function.parameters.iter().all(may);
    can.then_some(Cut { outermost, innermost, place })
}

/// Whether it can be handed on as it is: a pattern has taken it apart.
fn is_passed(parameter: &Parameter) -> bool {
    match &parameter.argument {
        FnArg::Receiver(_) => true,
        FnArg::Typed(typed) => {
            let is_name = match &*typed.pat {
                Pat::Wild(_) => true,
                Pat::Ident(PatIdent { by_ref, subpat, .. }) => by_ref.is_none() && subpat.is_none(),
                _ => false,
            };
            is_name && typed.attrs.iter().all(|attribute| !attribute.path().is_ident("cfg"))
        }
    }
}

/// Whether something of a layer borrows it, as far as that shows, while it would be handed on.
fn is_lent(parameter: &Parameter, layer: &Layer) -> bool {
    let is_copied = match &parameter.argument {
        FnArg::Receiver(receiver) => match &receiver.kind {
            ReceiverKind::Reference(_, _, mutable) => mutable.is_none(),
            ReceiverKind::Typed(_, of) => is_copied(of),
            _ => false,
        },
        FnArg::Typed(typed) => is_copied(&typed.ty),
    };
    let passing = match &layer.passing {
        Passing::By(copy) => Some(copy),
        _ => None,
    };
    let mut said = layer.instance.iter().chain(layer.forms()).chain(layer.times()).chain(passing);
    !is_copied && said.any(|expression: &Expr| scope::names(expression, &parameter.names))
}

/// Whether a type is copied, as far as it shows.
fn is_copied(of: &Type) -> bool {
    const COPIED: [&str; 17] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "Duration",
    ];
    match groups::of(of) {
        Type::Reference(reference) => reference.mutability.is_none(),
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| COPIED.iter().any(|copied| last.ident == copied))
        }
        _ => false,
    }
}

impl Function {
    /// A closure that calls `load`: its future is that of the body, and none round it.
    pub(crate) fn load(&self, cut: &Cut) -> TokenStream {
        let call = self.call(&cut.place, LOAD.0, &TokenStream::new());
        let private = self.layers.first().map(|(layer, _)| private(layer));
        if self.is_async() { quote!(#private::once(move || #call)) } else { self.closure(&quote!({ #call })) }
    }

    /// The layers from the outermost cached one to the innermost, each of which tells where its value came from or loads it again.
    /// What is above is not asked, and an instance does not meet them here.
    pub(crate) fn asked_layers(&self, cut: &Cut) -> Result<TokenStream> {
        let (mut run, mut body) = (self.load(cut), TokenStream::new());
        for (at, (layer, key)) in self.layers.iter().enumerate().take(cut.innermost + 1).skip(cut.outermost).rev() {
            body = match layer.primitive {
                Primitive::Cached if at == cut.outermost => self.asked(layer, key, &run),
                Primitive::Cached => {
                    let asked = self.asked(layer, key, &run);
                    quote!({ #asked.value })
                }
                _ => self.layer((layer, key), None, &run)?,
            };
            run = self.closure(&body);
        }
        Ok(body)
    }

    /// One cached layer of these.
    fn asked(&self, layer: &Layer, key: &Key, run: &TokenStream) -> TokenStream {
        let (instance, buf, codec) = (&self.names.instance, &self.names.key, &self.names.codec);
        let (private, again, aged) = (private(layer), again(), Ident::new("aged", Span::mixed_site()));
        let (reach, check, ttl) = (layer.instance(), self.checked(layer), life(layer));
        let render = key.render_into(&quote!(&mut #buf));
        let flight = self.flight(layer, run);
        let (prepare, flown, closure) = (&flight.prepare, &flight.flown, &flight.closure);
        let rules = layer.aging.rules(&private).unwrap_or(quote!(#private::Aging::NONE));
        let drawn = layer.aging.is_drawn().then(|| quote!(.drawn(&#instance, &#buf)));
        let (ask, wait) = if self.is_async() {
            (quote!(fetched), quote!(.await))
        } else {
            (quote!(fetched_blocking), TokenStream::new())
        };
        let call = quote!(#instance.#ask(#buf, #flown, &#codec, (#ttl, #aged, #again), #closure)#wait);
        let call = if flight.is_layered { quote!(#private::brought(#call)) } else { call };
        let call = match layer.limits.detached {
            Some(_) => self.detached(layer, &call, prepare, Some(&again)),
            None => call,
        };
        quote! {{
            let #instance = #reach;
            #check
            let mut #buf = #instance.key_buf();
            #render
            #prepare
            let #aged = #rules #drawn;
            #call
        }}
    }

    /// All of them.
    pub(crate) fn loaders(&self, place: &Place, loading: &Loading) -> Vec<TokenStream> {
        let Some((layer, _)) = self.loads.as_ref().and_then(|cut| self.layers.get(cut.outermost)) else {
            return Vec::new();
        };
        let (private, returned) = (private(layer), quiet(&self.returned()));
        let fetched = quote!(#private::Fetched<#returned>);
        let (_, is_whole) = self.kept(layer);
        let wait = self.is_async().then(|| quote!(.await));
        let [anew, look] = [quote!(true), quote!(false)].map(|again| {
            let call = self.call(place, ASKED.0, &again);
            quote!(#call #wait)
        });
        let refresh = self.loader(REFRESH, place, [&TokenStream::new(), &returned], &quote!({ #anew.value }));
        let refresh = match layer.home {
            Home::Core => quote!(#private::if_stale! { #refresh }),
            Home::Std => refresh,
        };
        // of a failure that is kept it matters, too, where it came from
        let (fetch_type, fetch) = match is_whole {
            false => {
                let carries = quote!(<#returned as #private::Carries>);
                (quote!(#carries::Fetched), quote!({ #carries::carry(#look) }))
            }
            true => (fetched.clone(), quote!({ #look })),
        };
        let fetch = self.loader(FETCH, place, [&TokenStream::new(), &fetch_type], &fetch);
        let again = again();
        let asked = self.loader(ASKED, place, [&quote!(#again: bool), &fetched], &loading.asked);
        vec![self.load_companion(place, &returned, &loading.load), asked, refresh, fetch]
    }

    /// The one that has the body.
    fn load_companion(&self, place: &Place, returned: &TokenStream, body: &TokenStream) -> TokenStream {
        let arguments = self.parameters.iter().map(|parameter| {
            let mut argument = parameter.argument.clone();
            if let FnArg::Typed(typed) = &mut argument {
                *typed.ty = Type::Verbatim(quiet(&typed.ty));
            }
            argument
        });
        // in use, as lints see it, since the attribute names them
        let named = self.parameters.iter().enumerate().filter(|(at, p)| !p.is_self() && self.is_named(*at, p));
        let named = named.flat_map(|(_, p)| &p.names).filter(|name| !name.to_string().starts_with('_'));
        let below = self.loads.as_ref().map_or(0, |cut| cut.innermost + 1);
        let sites = self.sites(below);
        let rest = match self.layers.first() {
            Some((layer, _)) if below == self.layers.len() && !self.is_async() => {
                // a lint of what a function always returns would have another type
                let (private, closure) = (private(layer), self.closure(body));
                quote!(#private::run(#closure))
            }
            _ if below == self.layers.len() => {
                let stmts = &self.item.block.stmts;
                quote!(#(#stmts)*)
            }
            _ => body.clone(),
        };
        let levels = quiet::levels(&self.item.attrs);
        let (head, wheres) = self.head(LOAD, place, &quote!(#(#levels)*));
        quote!(#head(#(#arguments),*) -> #returned #wheres { #sites #(let _ = &#named;)* #rest })
    }

    /// One that hands its arguments on, and one more.
    fn loader(
        &self,
        what: (&str, &str),
        place: &Place,
        [more, returned]: [&TokenStream; 2],
        body: &TokenStream,
    ) -> TokenStream {
        let caller = self.blames_caller().then(|| quote!(#[track_caller]));
        let hidden = (what == ASKED).then(|| quote!(#[doc(hidden)]));
        let (head, wheres) = self.head(what, place, &quote!(#hidden #caller));
        let arguments = self.parameters.iter().enumerate().map(|(at, parameter)| {
            let mut argument = self.handed(at, parameter);
            if let FnArg::Typed(typed) = &mut argument {
                typed.attrs.clear();
                *typed.ty = Type::Verbatim(quiet(&typed.ty));
            }
            argument
        });
        quote!(#head(#(#arguments,)* #more) -> #returned #wheres #body)
    }

    /// All of it before its arguments, and what stands behind them. `inline`: nobody has its code who does not call it.
    fn head(&self, (what, doc): (&str, &str), place: &Place, attributes: &TokenStream) -> (TokenStream, TokenStream) {
        let name = Self::companion_name(place, what);
        let conditions = self.conditions().filter(|_| matches!(place, Place::Beside(_)));
        let (visibility, asyncness) = (quiet(&self.item.vis), self.is_async().then(|| quote!(async)));
        let allowed = quiet::allowed(&self.item.attrs);
        let generics = self.item.sig.generics.params.iter().map(quiet);
        let wheres = quiet(&self.item.sig.generics.where_clause);
        let head = quote! {
            #(#conditions)*
            #[doc = #doc]
            #[inline]
            #attributes
            #(#allowed)*
            #visibility #asyncness fn #name<#(#generics),*>
        };
        (head, wheres)
    }

    fn companion_name(place: &Place, what: &str) -> Ident {
        match place {
            Place::Type(_) => format_ident!("{what}"),
            Place::Beside(name) => format_ident!("{}_{what}", quiet::name(name).unraw()),
        }
    }

    /// A call of one of them with all arguments, and `more`.
    fn call(&self, place: &Place, what: &str, more: &TokenStream) -> TokenStream {
        let name = Self::companion_name(place, what);
        let of = match place {
            Place::Type(of) => {
                let of = quiet::name(of);
                Some(quote!(#of::))
            }
            Place::Beside(_) => self.is_method.then(|| quote!(Self::)),
        };
        let types = self.item.sig.generics.params.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(of) => Some(quiet::name(&of.ident)),
            GenericParam::Const(of) => Some(quiet::name(&of.ident)),
            GenericParam::Lifetime(_) => None,
        });
        let types: Vec<_> = types.collect();
        let types = (!types.is_empty()).then(|| quote!(::<#(#types),*>));
        let arguments = self.parameters.iter().enumerate().map(|(at, parameter)| self.handed_name(at, parameter));
        quote!(#of #name #types(#(#arguments,)* #more))
    }

    /// Whether an attribute names it.
    fn is_named(&self, at: usize, parameter: &Parameter) -> bool {
        self.layers.iter().any(|(layer, key)| {
            key.takes(at) || parameter.names.iter().any(|name| mentions(layer.written.clone(), name))
        })
    }

    /// By what name it is handed on: one that says that it is not used is not the user's, whom a lint would tell.
    fn handed_name(&self, at: usize, parameter: &Parameter) -> Ident {
        let Some(name) = parameter.names.first() else {
            return format_ident!("_unnamed_{at}", span = Span::mixed_site());
        };
        let mut name = name.clone();
        if !parameter.is_self() && name.to_string().starts_with('_') && !self.is_named(at, parameter) {
            name.set_span(name.span().resolved_at(Span::mixed_site()));
        }
        name
    }

    /// The parameter as one that is handed on: what changes it is elsewhere.
    fn handed(&self, at: usize, parameter: &Parameter) -> FnArg {
        let mut argument = parameter.argument.clone();
        match &mut argument {
            FnArg::Receiver(receiver) => receiver.mutability = None,
            FnArg::Typed(typed) => {
                let name = self.handed_name(at, parameter);
                *typed.pat = parse_quote!(#name);
            }
        }
        argument
    }

    /// Leaves the function what it does itself, where its body is elsewhere.
    pub(crate) fn hand_over(&mut self) {
        if self.loads.is_none() {
            return;
        }
        let handed = self.parameters.iter().enumerate().map(|(at, parameter)| self.handed(at, parameter));
        let handed: Vec<_> = handed.collect();
        for (argument, handed) in self.item.sig.inputs.iter_mut().zip(handed) {
            *argument = handed;
        }
        quiet::expect_nothing(&mut self.item.attrs);
    }
}

/// Whether it is loaded again: the parameter of what both companions call.
fn again() -> Ident {
    Ident::new("again", Span::mixed_site())
}
