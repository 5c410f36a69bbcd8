//! What no expansion could make right, as far as the signature shows it; the rest is refused by type, in core.

use crate::{Primitive, arguments::Layer, deferred::Deferred, generics, groups};
use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{
    Error, GenericArgument, ItemFn, PathArguments, Result, ReturnType, Signature, Type,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

/// Refuses what no expansion could make right.
pub(crate) fn check(item: &ItemFn, layers: &[Layer]) -> Result<()> {
    if let Some(constness) = &item.sig.constness {
        return Err(Error::new(constness.span(), "a `const fn` cannot ask a store"));
    }
    let cached: Vec<_> = layers.iter().filter(|l| l.primitive == Primitive::Cached).collect();
    if !cached.is_empty() {
        generics::check(&item.sig, cached.iter().any(|layer| layer.cache_err))?;
    }
    let ReturnType::Type(_, returned) = &item.sig.output else { return Ok(()) };
    if let Some(deferred) = Deferred::of(returned) {
        let attribute = layers.first().map_or("cached", |layer| layer.primitive.attribute());
        return Err(Error::new_spanned(returned, deferred.explain(attribute, item.sig.asyncness.is_some())));
    }
    if let (Type::Never(_), Some(outer)) = (groups::of(returned), layers.first()) {
        return Err(Error::new_spanned(returned, never(outer.primitive)));
    }
    let mut found = Unkeepable::default();
    found.visit_type_mut(&mut returned.clone());
    if let Some(at) = found.opaque {
        return Err(Error::new(
            at,
            "name the return type: `impl Trait` cannot be carried through a call into the library",
        ));
    }
    match found.borrowed {
        Some(at) if !cached.is_empty() => {
            return Err(Error::new(at, "a cached value outlives the call: return an owned type, or `Arc`"));
        }
        _ => {}
    }
    match behind_parameter(&item.sig) {
        Some(parameter) if cached.iter().any(|l| !l.keeps_all()) => Err(Error::new_spanned(
            returned,
            format!(
                "behind `{parameter}` there may be a `Result` or an `Option`, whose `Err` or `None` is not to be kept: \
                 return `Result<T, E>` or `Option<T>`; or say `cache_err = true`, and all is kept"
            ),
        )),
        _ => Ok(()),
    }
}

/// Why `!` is returned by no such function, and what to write.
const fn never(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Cached => "a function that never returns has no value to keep: leave the attribute out",
        _ => {
            "a call that is refused returns, so it cannot return `!`: return `Result<Infallible, E>` where `E` is \
             `From<Refused>` or `From<cachify::Error>`"
        }
    }
}

/// The type parameter of the function that the whole return type is, or is something of, as `T::Out` is.
pub(crate) fn behind_parameter(signature: &Signature) -> Option<&Ident> {
    let ReturnType::Type(_, returned) = &signature.output else { return None };
    let Type::Path(path) = groups::of(returned) else { return None };
    let mut parameters = signature.generics.type_params().map(|parameter| &parameter.ident);
    parameters.find(|name| match &path.qself {
        Some(_) => generics::mentions(path.to_token_stream(), name),
        None => path.path.segments.first().is_some_and(|first| first.ident == **name),
    })
}

/// What is kept of the return type, as far as it shows: of a `Result` or an `Option` what is inside.
pub(crate) fn kept<'s>(signature: &'s Signature, layer: &Layer) -> Option<&'s Type> {
    let ReturnType::Type(_, returned) = &signature.output else { return None };
    let returned = groups::of(returned);
    let Type::Path(path) = returned else { return Some(returned) };
    let last = path.path.segments.last().filter(|last| last.ident == "Result" || last.ident == "Option");
    match last.map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) if !layer.keeps_all() => match arguments.args.first() {
            Some(GenericArgument::Type(inside)) => Some(inside),
            _ => Some(returned),
        },
        _ => Some(returned),
    }
}

/// A reference to what lives for ever inside of a type that is kept; one that is the type itself, core sees.
pub(crate) fn lent(kept: &Type) -> Option<Type> {
    struct Lent(Option<Type>);
    impl VisitMut for Lent {
        fn visit_type_mut(&mut self, of: &mut Type) {
            match of {
                Type::Reference(_) => self.0 = Some(of.clone()),
                of => visit_mut::visit_type_mut(self, of),
            }
        }
    }
    let mut found = Lent(None);
    visit_mut::visit_type_mut(&mut found, &mut groups::of(kept).clone());
    found.0
}

#[derive(Default)]
struct Unkeepable {
    opaque: Option<Span>,
    borrowed: Option<Span>,
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
        visit_mut::visit_type_mut(self, of);
    }
}
