//! What in a type ends with the call, as far as its references and lifetimes show it.
//!
//! What a function in it takes or returns (`Fn(&str) -> &str`) is borrowed anew at each of its calls.

use crate::groups;
use proc_macro2::{Ident, Span};
use syn::{
    BoundLifetimes, GenericParam, Lifetime, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeReference,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

/// Where it is borrowed from the call, if it is.
pub(crate) fn from_call(of: &Type) -> Option<Span> {
    let mut found = Borrowed::default();
    found.visit_type_mut(&mut of.clone());
    found.at
}

/// A reference to what lives for ever inside of a type that is kept; one that is the type itself, core sees.
pub(crate) fn for_ever(of: &Type) -> Option<Type> {
    struct Lent(Option<Type>);
    impl VisitMut for Lent {
        fn visit_type_mut(&mut self, of: &mut Type) {
            match of {
                Type::Reference(_) => self.0 = Some(of.clone()),
                of => visit_mut::visit_type_mut(self, of),
            }
        }

        fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

        fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}
    }
    let mut found = Lent(None);
    visit_mut::visit_type_mut(&mut found, &mut groups::of(of).clone());
    found.0
}

#[derive(Default)]
struct Borrowed {
    at: Option<Span>,
    /// Inside of how many signatures.
    signatures: u32,
    /// Named by a `for<..>`.
    bound: Vec<Ident>,
}

impl Borrowed {
    fn found(&mut self, at: Span) {
        self.at.get_or_insert(at);
    }

    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.signatures += 1;
        visit(self);
        self.signatures -= 1;
    }
}

impl VisitMut for Borrowed {
    fn visit_type_reference_mut(&mut self, of: &mut TypeReference) {
        match &of.lifetime {
            None if self.signatures == 0 => self.found(of.span()),
            Some(named) if named.ident != "static" && !self.bound.contains(&named.ident) => self.found(of.span()),
            _ => {}
        }
        visit_mut::visit_type_reference_mut(self, of);
    }

    fn visit_lifetime_mut(&mut self, of: &mut Lifetime) {
        let is_fresh = of.ident == "_" && self.signatures > 0;
        if of.ident != "static" && !is_fresh && !self.bound.contains(&of.ident) {
            self.found(of.span());
        }
    }

    fn visit_bound_lifetimes_mut(&mut self, of: &mut BoundLifetimes) {
        self.bound.extend(of.lifetimes.iter().filter_map(|parameter| match parameter {
            GenericParam::Lifetime(lifetime) => Some(lifetime.lifetime.ident.clone()),
            _ => None,
        }));
    }

    fn visit_parenthesized_generic_arguments_mut(&mut self, of: &mut ParenthesizedGenericArguments) {
        self.inside(|inside| visit_mut::visit_parenthesized_generic_arguments_mut(inside, of));
    }

    fn visit_type_fn_ptr_mut(&mut self, of: &mut TypeFnPtr) {
        self.inside(|inside| visit_mut::visit_type_fn_ptr_mut(inside, of));
    }
}
