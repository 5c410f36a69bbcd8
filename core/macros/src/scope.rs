//! Which parameters an argument's expression names, beside what the key names.

use crate::generics::mentions;
use proc_macro2::Ident;
use syn::{
    Expr, ExprClosure, ExprPath, Macro, Pat,
    visit_mut::{self, VisitMut},
};

/// Whether `expression` names one of what a parameter binds.
pub(crate) fn names(expression: &Expr, bound: &[Ident]) -> bool {
    let mut named = Named { bound, found: false };
    named.visit_expr_mut(&mut expression.clone());
    named.found
}

/// The names a pattern binds.
pub(crate) fn bound(mut pattern: Pat) -> Vec<Ident> {
    struct Names(Vec<Ident>);
    impl VisitMut for Names {
        fn visit_pat_ident_mut(&mut self, pattern: &mut syn::PatIdent) {
            self.0.push(pattern.ident.clone());
            visit_mut::visit_pat_ident_mut(self, pattern);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_pat_mut(&mut pattern);
    names.0
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

    /// What a closure binds itself is no parameter of the function's.
    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        let own: Vec<_> = closure.inputs.iter().flat_map(|input| bound(input.clone())).collect();
        let bound: Vec<_> = self.bound.iter().filter(|name| !own.contains(name)).cloned().collect();
        self.found |= names(&closure.body, &bound);
    }

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        self.found |= self.bound.iter().any(|name| mentions(call.tokens.clone(), name));
    }
}
