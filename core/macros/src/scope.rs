//! Which parameters an argument's expression names, beside what the key names.

use crate::generics::mentions;
use proc_macro2::Ident;
use syn::{
    Expr, ExprPath, Macro,
    visit_mut::{self, VisitMut},
};

/// Whether `expression` names one of what a parameter binds.
pub(crate) fn names(expression: &Expr, bound: &[Ident]) -> bool {
    let mut named = Named { bound, found: false };
    named.visit_expr_mut(&mut expression.clone());
    named.found
}

struct Named<'p> {
    bound: &'p [Ident],
    found: bool,
}

impl VisitMut for Named<'_> {
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        self.found |= path.path.get_ident().is_some_and(|name| self.bound.contains(name));
        visit_mut::visit_expr_path_mut(self, path);
    }

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        self.found |= self.bound.iter().any(|name| mentions(call.tokens.clone(), name));
    }
}
