//! What no expansion could make right, as far as the signature shows it; the rest is refused by type, in core.

use crate::{Primitive, arguments::Layer, borrowed, deferred::Deferred, generics, groups};
use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{
    Error, GenericArgument, ItemFn, PathArguments, Result, ReturnType, Signature, Type, TypeImplTrait,
    spanned::Spanned, visit_mut::VisitMut,
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
    for layer in &cached {
        layer.limits.check_of(&item.sig)?;
    }
    let ReturnType::Type(_, returned) = &item.sig.output else { return Ok(()) };
    if let Some(deferred) = Deferred::of(returned) {
        let attribute = layers.first().map_or("cached", |layer| layer.primitive.attribute());
        return Err(Error::new_spanned(returned, deferred.explain(attribute, item.sig.asyncness.is_some())));
    }
    if let (Type::Never(_), Some(outer)) = (groups::of(returned), layers.first()) {
        return Err(Error::new_spanned(returned, never(outer.primitive)));
    }
    if let Some(at) = opaque(returned) {
        return Err(Error::new(
            at,
            "name the return type: `impl Trait` cannot be carried through a call into the library",
        ));
    }
    if let Some(at) = cached.iter().find_map(|layer| borrowed::from_call(kept(&item.sig, layer)?)) {
        return Err(Error::new(at, "a cached value outlives the call: return an owned type, or `Arc`"));
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

/// Where a type has an `impl Trait`, if it does.
fn opaque(of: &Type) -> Option<Span> {
    struct Opaque(Option<Span>);
    impl VisitMut for Opaque {
        fn visit_type_impl_trait_mut(&mut self, of: &mut TypeImplTrait) {
            self.0 = Some(of.span());
        }
    }
    let mut found = Opaque(None);
    found.visit_type_mut(&mut of.clone());
    found.0
}
