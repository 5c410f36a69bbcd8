//! Which generic parameters the arguments of a call determine: a key can tell no others apart.

use crate::groups;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Error, FnArg, GenericArgument, GenericParam, Path, PathArguments, ReceiverKind, Result, ReturnType, Signature,
    Type, TypeParamBound, WherePredicate,
    visit_mut::{self, VisitMut},
};

/// Refuses parameters that no argument determines: calls that differ in them would share a value.
pub(crate) fn check(signature: &Signature, keeps_errors: bool) -> Result<()> {
    let all: Vec<_> =
        signature.generics.params.iter().filter_map(|parameter| Some((parameter, name(parameter)?))).collect();
    let mut found = Determined { all: all.iter().map(|(_, name)| *name).collect(), found: Vec::new() };
    for argument in &signature.inputs {
        match argument {
            FnArg::Typed(typed) => found.visit_type_mut(&mut typed.ty.clone()),
            FnArg::Receiver(receiver) => {
                if let ReceiverKind::Typed(_, of) = &receiver.kind {
                    found.visit_type_mut(&mut of.clone());
                }
            }
        }
    }
    if !keeps_errors && let Some(error) = error_type(signature) {
        found.add(|name| name == error);
    }
    // each round may bring one that another's bounds lead on from
    while found.follow(signature) {}
    let open = all.iter().filter(|(_, name)| !found.has(name)).map(|(parameter, name)| open(parameter, name));
    match open.reduce(|mut all, one| {
        all.combine(one);
        all
    }) {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// The `E` of a `Result<T, E>`: of what is returned only the `T` is kept.
fn error_type(signature: &Signature) -> Option<&Ident> {
    let ReturnType::Type(_, returned) = &signature.output else { return None };
    let Type::Path(path) = groups::of(returned) else { return None };
    let PathArguments::AngleBracketed(arguments) =
        &path.path.segments.last().filter(|last| last.ident == "Result")?.arguments
    else {
        return None;
    };
    let mut arguments = arguments.args.iter();
    let (kept, Some(GenericArgument::Type(error))) = (arguments.next()?, arguments.next()) else { return None };
    let Type::Path(error) = groups::of(error) else { return None };
    error.path.get_ident().filter(|error| !mentions(kept.to_token_stream(), error))
}

fn open(parameter: &GenericParam, name: &Ident) -> Error {
    let instead = match parameter {
        GenericParam::Const(_) => format!("make `{name}` an argument that the key names"),
        _ => format!("let the type of an argument name `{name}`, and the key something that tells one from another"),
    };
    Error::new(
        name.span(),
        format!(
            "no argument determines `{name}`, so calls that differ in it would share one value: {instead}; or put the \
             attribute on one function for each `{name}`, which calls this one"
        ),
    )
}

/// Lifetimes make no difference to a value that is kept.
const fn name(parameter: &GenericParam) -> Option<&Ident> {
    match parameter {
        GenericParam::Type(of) => Some(&of.ident),
        GenericParam::Const(of) => Some(&of.ident),
        GenericParam::Lifetime(_) => None,
    }
}

pub(crate) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// Walks types that are known at a call; what stands in them is known, too.
struct Determined<'a> {
    all: Vec<&'a Ident>,
    found: Vec<&'a Ident>,
}

impl Determined<'_> {
    fn has(&self, name: &Ident) -> bool {
        self.found.contains(&name)
    }

    fn add(&mut self, mentioned: impl Fn(&Ident) -> bool) {
        let new: Vec<_> = self.all.iter().filter(|name| mentioned(name) && !self.has(name)).copied().collect();
        self.found.extend(new);
    }

    /// Goes on along the bounds of what is known; whether that brought another one.
    fn follow(&mut self, signature: &Signature) -> bool {
        let before = self.found.len();
        for parameter in signature.generics.type_params() {
            if self.has(&parameter.ident) {
                self.bounds(&parameter.bounds);
            }
        }
        for predicate in signature.generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
            let WherePredicate::Type(predicate) = predicate else { continue };
            let of = predicate.bounded_ty.to_token_stream();
            if self.all.iter().all(|name| self.has(name) || !mentions(of.clone(), name)) {
                self.bounds(&predicate.bounds);
            }
        }
        self.found.len() > before
    }

    /// A trait has one `Item` for a type, and a function one type for what it takes and returns. A bare parameter of
    /// the trait is open: one type is `Into<T>` for many `T`.
    fn bounds<'b>(&mut self, bounds: impl IntoIterator<Item = &'b TypeParamBound>) {
        for bound in bounds {
            let TypeParamBound::Trait(bound) = bound else { continue };
            match bound.path.segments.last().map(|last| &last.arguments) {
                Some(PathArguments::AngleBracketed(arguments)) => {
                    for argument in &arguments.args {
                        self.argument(argument);
                    }
                }
                Some(PathArguments::Parenthesized(of)) => {
                    for input in &of.inputs {
                        self.visit_type_mut(&mut input.ty.clone());
                    }
                    if let ReturnType::Type(_, output) = &of.output {
                        self.visit_type_mut(&mut output.clone());
                    }
                }
                _ => {}
            }
        }
    }

    fn argument(&mut self, argument: &GenericArgument) {
        match argument {
            GenericArgument::Type(of) if matches!(groups::of(of), Type::Path(of) if of.path.get_ident().is_some()) => {}
            GenericArgument::Constraint(constraint) => self.bounds(&constraint.bounds),
            argument => self.visit_generic_argument_mut(&mut argument.clone()),
        }
    }
}

impl VisitMut for Determined<'_> {
    fn visit_type_mut(&mut self, of: &mut Type) {
        match of {
            Type::ImplTrait(of) => self.bounds(&of.bounds),
            Type::Macro(of) => self.add(|name| mentions(of.to_token_stream(), name)),
            // many types may have the same `T::Out`
            Type::Path(path) if path.qself.is_some() => {}
            of => visit_mut::visit_type_mut(self, of),
        }
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        if let Some(only) = path.get_ident() {
            self.add(|name| name == only);
        }
        visit_mut::visit_path_mut(self, path);
    }
}
