//! Whether a function stands in an `impl` or a trait: only `self` and `Self` tell a macro.
//!
//! Not here: what stands in items of the body, which have a `Self` of their own.

use crate::{
    arguments::{Companions, Layer},
    generics::mentions,
};
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

struct Found(bool);

impl VisitMut for Found {
    fn visit_ident_mut(&mut self, name: &mut Ident) {
        self.0 |= name == "Self";
    }

    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        let declares = ["impl", "trait", "struct", "enum", "union"].iter().any(|word| named(word, &call.tokens));
        self.0 |= named("Self", &call.tokens) && !declares;
        visit_mut::visit_macro_mut(self, call);
    }
}
