//! The companions of a group: what forgets it, and its numbers.

use crate::{
    Primitive,
    arguments::Layer,
    companions::{self, More},
    function::{Function, Place, private},
    key::Parameter,
    scope,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::Expr;

/// Forgets the group.
const RESET_ALL: (&str, &str) = (
    "reset_all",
    "Forgets all values of the function, and of those that share its group; what calls under way compute will not be kept.",
);

/// Its numbers.
pub(crate) const STATS: (&str, &str) =
    ("stats", "How often what happened to the values of its group, if the instance counts that.");

/// Both, if the function has a group.
pub(crate) fn names(function: &Function) -> impl Iterator<Item = (&'static str, &'static str)> {
    layers(function).next().map(|_| [RESET_ALL, STATS]).into_iter().flatten()
}

fn layers(function: &Function) -> impl Iterator<Item = &Layer> {
    let cached = companions::about(function, |primitive| primitive == Primitive::Cached, true);
    cached.map(|(layer, _)| layer).filter(|layer| layer.grouped.is_said())
}

/// What it is led by.
fn named_by(function: &Function) -> impl Iterator<Item = &Expr> {
    layers(function).flat_map(|layer| layer.instance.iter().chain(layer.grouped.bounds()))
}

/// What it takes.
pub(crate) fn parameters(function: &Function) -> impl Iterator<Item = &Parameter> {
    function.parameters.iter().filter(|parameter| named_by(function).any(|e| scope::names(e, &parameter.names)))
}

impl Function {
    /// Those that there are.
    pub(crate) fn of_group(&self, place: &Place) -> Vec<TokenStream> {
        self.reset_all(place).into_iter().chain(self.stats(place)).collect()
    }

    /// Of the outermost layer that is in a group.
    fn stats(&self, place: &Place) -> Option<TokenStream> {
        let layer = layers(self).next()?;
        let (private, reach) = (private(layer), layer.instance());
        let more = More { named_by: named_by(self).collect(), ..More::default() };
        let returned = quote!(::core::option::Option<#private::Stats>);
        Some(self.signature(STATS, &[], place, false, (&more, &returned), &quote!(#private::stats(#reach))))
    }

    fn reset_all(&self, place: &Place) -> Option<TokenStream> {
        let private = private(layers(self).next()?);
        let [failure, e] = ["failure", "e"].map(|name| Ident::new(name, Span::mixed_site()));
        let (forget, wait) = match self.is_async() {
            true => (quote!(forget), quote!(.await)),
            false => (quote!(forget_blocking), TokenStream::new()),
        };
        // innermost first, as they are reset
        let all: Vec<_> = layers(self).collect();
        let steps = all.iter().rev().map(|layer| {
            let reach = layer.instance();
            quote! {
                if let ::core::result::Result::Err(#e) = #private::#forget(#reach)#wait {
                    #failure.get_or_insert(#e);
                }
            }
        });
        let body = quote! {
            let mut #failure = ::core::option::Option::None;
            #(#steps)*
            match #failure {
                ::core::option::Option::None => ::core::result::Result::Ok(()),
                ::core::option::Option::Some(#e) => ::core::result::Result::Err(#e),
            }
        };
        let returned = quote!(::core::result::Result<(), #private::Error>);
        let more = More { named_by: named_by(self).collect(), ..More::default() };
        Some(self.signature(RESET_ALL, &[], place, self.is_async(), (&more, &returned), &body))
    }
}
