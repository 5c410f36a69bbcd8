//! No lint speaks of an expansion, and none is relaxed for it: under `forbid` an `#[allow]` would be an error.
//!
//! The compiler, clippy and rustdoc are silent about tokens that another crate's macro made, and what is copied from
//! the signature is marked as such. Not here: the names of variables, which lints then see in use.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Attribute;

/// What the user wrote, at its place, as the macro's own.
///
/// Only for what names items: variables and `$crate` mean something else at another place of `macro_rules!`.
pub(crate) fn quiet(written: &impl ToTokens) -> TokenStream {
    written.to_token_stream().into_iter().map(tree).collect()
}

/// [`quiet`], of one name.
pub(crate) fn name(written: &Ident) -> Ident {
    let mut name = written.clone();
    name.set_span(of(written.span()));
    name
}

/// A block in braces of the macro's own, with what is in it as it was: beside a statement of ours a lint would have the
/// user's braces go.
pub(crate) fn braces(block: &TokenStream) -> TokenStream {
    let own = |tree| match tree {
        TokenTree::Group(group) => {
            let mut own = Group::new(group.delimiter(), group.stream());
            own.set_span(of(group.span()));
            own.into()
        }
        other => other,
    };
    block.clone().into_iter().map(own).collect()
}

fn of(at: Span) -> Span {
    at.resolved_at(Span::call_site())
}

fn tree(written: TokenTree) -> TokenTree {
    match written {
        TokenTree::Group(group) => {
            let mut quieted = Group::new(group.delimiter(), quiet(&group.stream()));
            quieted.set_span(of(group.span()));
            quieted.into()
        }
        TokenTree::Ident(ident) if ident == "$crate" => ident.into(),
        mut other => {
            other.set_span(of(other.span()));
            other
        }
    }
}

/// The levels of lints of the function, for the one that has its body.
pub(crate) fn levels(attributes: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    let level = |attribute: &Attribute| {
        let level = attribute
            .path()
            .get_ident()
            .filter(|name| ["allow", "warn", "deny", "forbid"].iter().any(|l| name == l))?;
        let lints = &attribute.meta.require_list().ok()?.tokens;
        Some(quote!(#[#level(#lints)]))
    };
    attributes.iter().filter_map(level)
}

/// What is expected of the function is allowed: what it is expected of may have gone elsewhere.
pub(crate) fn expect_nothing(attributes: &mut [Attribute]) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("expect")) {
        if let Ok(list) = attribute.meta.require_list() {
            let lints = &list.tokens;
            attribute.meta = syn::parse_quote!(allow(#lints));
        }
    }
}

/// What the user allows of the function, for what is made of its parameters; nothing is expected there.
pub(crate) fn allowed(attributes: &[Attribute]) -> impl Iterator<Item = TokenStream> {
    attributes.iter().filter(|a| a.path().is_ident("allow") || a.path().is_ident("expect")).filter_map(|attribute| {
        let lints = &attribute.meta.require_list().ok()?.tokens;
        Some(quote!(#[allow(#lints)]))
    })
}
