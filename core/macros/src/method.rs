//! Whether a function stands in an `impl` or a trait: only `self` and `Self` tell a macro.
//!
//! Not here: what stands in items of the body, which have a `Self` of their own.

use crate::{arguments::Layer, generics::mentions, values::Companions};
use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Item, ItemFn, Macro,
    visit_mut::{self, VisitMut},
};

/// Whether it is known to stand in an `impl` or a trait.
pub(crate) fn is_method(item: &ItemFn, layers: &[Layer]) -> bool {
    item.sig.receiver().is_some()
        || layers.iter().any(|layer| named("Self", &layer.written))
        || layers.first().is_some_and(|outer| matches!(outer.companions, Companions::Methods(_)))
        || names_self(item)
}

fn names_self(item: &ItemFn) -> bool {
    let mut found = Found(false);
    found.visit_signature_mut(&mut item.sig.clone());
    found.visit_block_mut(&mut item.block.clone());
    found.0
}

fn named(word: &str, tokens: &TokenStream) -> bool {
    mentions(tokens.clone(), &Ident::new(word, Span::call_site()))
}

const EXPRESSIONS: [&str; 20] = [
    "format",
    "print",
    "println",
    "eprint",
    "eprintln",
    "write",
    "writeln",
    "panic",
    "todo",
    "unreachable",
    "vec",
    "dbg",
    "matches",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "format_args",
    "join",
];

struct Found(bool);

impl VisitMut for Found {
    fn visit_ident_mut(&mut self, name: &mut Ident) {
        self.0 |= name == "Self";
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}

    // of those whose arguments are expressions: any other may write `Self` for a type of its own
    fn visit_macro_mut(&mut self, call: &mut Macro) {
        let is_plain =
            call.path.segments.last().is_some_and(|last| EXPRESSIONS.contains(&last.ident.to_string().as_str()));
        self.0 |= is_plain && named("Self", &call.tokens);
        visit_mut::visit_macro_mut(self, call);
    }
}
