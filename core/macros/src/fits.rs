//! What can never fit into a store of a fixed size, as an error of the compiler.

use crate::{Home, arguments::Layer, function::Function, key::Key};
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{Expr, ExprLit, Lit, spanned::Spanned};

impl Function {
    /// That the store has room for the text of the key, and for all permits; on devices, for servers have room for all.
    pub(crate) fn fits(&self, layer: &Layer, key: &Key) -> Option<TokenStream> {
        let instance = &self.names.instance;
        let literal = key.literal;
        let key = quote_spanned!(layer.key.span()=> #instance.has_room_for::<#literal>(););
        let size = layer.size.as_ref().and_then(number);
        let size = size.map(|(size, of)| quote_spanned!(of.span()=> #instance.has_permits::<#size>();));
        (layer.home == Home::Core).then(|| [Some(key), size].into_iter().flatten().collect())
    }
}

/// A number that is written out.
fn number(of: &Expr) -> Option<(usize, &Expr)> {
    match of {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some((number.base10_parse().ok()?, of)),
        _ => None,
    }
}
