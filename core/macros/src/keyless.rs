//! A key that nobody wrote: the function's path, and all its arguments.
//!
//! By `KeyPart` alone: a `Display` may leave out what tells two values from each other.

use crate::{
    arguments::{Layer, Origin},
    key::{Parameter, function_path},
    path::FunctionPath,
    values::Companions,
};
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use std::fmt::Write;
use syn::{Error, Expr, GenericParam, Pat, Result, Signature, spanned::Spanned};

/// What the key is made of: names that parameters bind, with the parameter's position.
pub(crate) struct Parts(Vec<(usize, Ident)>);

impl Parts {
    /// All arguments but those that lead to the instance. Refuses what would leave something out that makes a difference.
    pub(crate) fn of(signature: &Signature, parameters: &[Parameter], instance: Option<&Expr>) -> Result<Self> {
        let generics = signature.generics.params.iter().find(|generic| !matches!(generic, GenericParam::Lifetime(_)));
        if let Some(generic) = generics {
            return Err(Error::new(
                generic.span(),
                "a generic function needs a key, for calls that differ in a type could share a value: say one",
            ));
        }
        let mut parts = Vec::new();
        for (at, parameter) in parameters.iter().enumerate() {
            if parameter.is_self() {
                let what = "a method needs a key, which says what of `self` makes a difference, as in `key = \"{fn}:{self.id}\"`";
                return Err(Error::new(parameter.argument.span(), what));
            }
            if instance.is_some_and(|instance| leads(instance, &parameter.names)) {
                continue;
            }
            if let Some(hidden) = parameter.pattern().and_then(hidden) {
                let what =
                    "an argument without a name would not be in the key, and make no difference: name it, or say a key";
                return Err(Error::new(hidden, what));
            }
            parts.extend(parameter.names.iter().map(|name| (at, name.clone())));
        }
        Ok(Self(parts))
    }

    /// Whether something of the parameter at this position stands in it.
    pub(crate) fn take(&self, at: usize) -> bool {
        self.0.iter().any(|(taken, _)| *taken == at)
    }

    /// The key as somebody would write it.
    pub(crate) fn template(&self) -> String {
        self.0.iter().fold("{fn}".to_owned(), |mut template, (_, name)| {
            // writing to a `String` cannot fail
            let _ = write!(template, ":{{{name}}}");
            template
        })
    }

    /// Statements that put it into the buffer that `buf` refers to.
    pub(crate) fn render(&self, layer: &Layer, path: &FunctionPath, buf: &Ident) -> TokenStream {
        let krate = layer.krate();
        let private = quote!(#krate::__private);
        let colon = quote!(::core::option::Option::Some(':'));
        let parts = self.0.iter().map(|(_, name)| {
            // what an argument lacks is told at it
            let value = quote_spanned!(name.span()=> &#name);
            quote! {
                #private::KeySink::put_text(#buf, #private::Text::of(":"));
                #private::put_part(#value, #buf, #colon);
            }
        });
        let (path, version) = (function_path(&private, path, buf), layer.version_text());
        let version = version.map(|text| quote!(#private::KeySink::put_text(#buf, #private::Text::of(#text));));
        quote!(#path #(#parts)* #version)
    }
}

/// What proves that the function is none of an `impl`, of which its path would not tell: there the compiler refuses it.
pub(crate) fn proof(layers: &[Layer], is_method: bool) -> Option<TokenStream> {
    let outer = layers.first()?;
    let is_open = matches!(outer.companions, Companions::None) && !is_method;
    (is_open && layers.iter().any(|layer| layer.origin == Origin::Made)).then(|| {
        quote!(
            const _: () = ();
        )
    })
}

/// Whether what the parameter binds is where the instance is found, or a part of it is; not what says which one it is.
fn leads(instance: &Expr, bound: &[Ident]) -> bool {
    match instance {
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| bound.contains(name)),
        Expr::Field(field) => leads(&field.base, bound),
        Expr::MethodCall(call) => call.args.is_empty() && leads(&call.receiver, bound),
        Expr::Reference(of) => leads(&of.expr, bound),
        Expr::Unary(of) => leads(&of.expr, bound),
        Expr::Paren(of) => leads(&of.expr, bound),
        Expr::Group(of) => leads(&of.expr, bound),
        _ => false,
    }
}

/// Where a pattern leaves something out.
fn hidden(pattern: &Pat) -> Option<proc_macro2::Span> {
    match pattern {
        Pat::Wild(wild) => Some(wild.span()),
        Pat::Rest(rest) => Some(rest.span()),
        Pat::Tuple(tuple) => tuple.elems.iter().find_map(hidden),
        Pat::TupleStruct(tuple) => tuple.elems.iter().find_map(hidden),
        Pat::Slice(slice) => slice.elems.iter().find_map(hidden),
        Pat::Struct(of) => {
            of.rest.as_ref().map(Spanned::span).or_else(|| of.fields.iter().find_map(|field| hidden(&field.pat)))
        }
        Pat::Reference(of) => hidden(&of.pat),
        Pat::Paren(of) => hidden(&of.pat),
        Pat::Type(of) => hidden(&of.pat),
        _ => None,
    }
}
