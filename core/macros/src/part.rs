//! `#[derive(KeyPart)]`: a type's fields as a part of a key.

use crate::{Home, quiet::quiet};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Data, DeriveInput, Error, Fields, Member, Path, Result, Token, Variant, ext::IdentExt, parse::ParseStream,
    parse_quote, spanned::Spanned,
};

/// Entry point of the derive.
pub(crate) fn derive(home: Home, item: TokenStream) -> TokenStream {
    syn::parse2(item).and_then(|item| implementation(home, item)).unwrap_or_else(Error::into_compile_error)
}

/// Names of the expansion's own variables.
struct Names {
    out: Ident,
    stop: Ident,
    private: TokenStream,
}

fn implementation(home: Home, mut item: DeriveInput) -> Result<TokenStream> {
    let krate = krate(home, &item)?;
    let name = |name| Ident::new(name, Span::mixed_site());
    let names = Names { out: name("out"), stop: name("stop"), private: quote!(#krate::__private) };
    let body = match &item.data {
        Data::Struct(data) => {
            let values = data.fields.members().map(|member| quote!(&self.#member)).collect::<Vec<_>>();
            names.joined(TokenStream::new(), &data.fields, &values)
        }
        Data::Enum(data) if data.variants.is_empty() => quote!(match *self {}),
        Data::Enum(data) => {
            let arms = data.variants.iter().map(|variant| names.arm(variant));
            quote!(match self { #(#arms)* })
        }
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "nobody knows which field of a union is meant: implement `KeyPart`",
            ));
        }
    };
    let Names { out, stop, private } = &names;
    for parameter in item.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#private::KeyPart));
    }
    let (generics, arguments, wheres) = item.generics.split_for_impl();
    let of = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #generics #private::KeyPart for #of #arguments #wheres {
            fn render(
                &self,
                #out: &mut impl #private::KeySink,
                #stop: ::core::option::Option<::core::primitive::char>,
            ) {
                use #private::{ByDisplay as _, ByPart as _};
                let _ = (&#out, #stop);
                #body
            }
        }
    })
}

impl Names {
    /// One variant: its name, and then its fields.
    fn arm(&self, variant: &Variant) -> TokenStream {
        let Self { out, stop, private } = self;
        let (name, text) = (&variant.ident, variant.ident.unraw().to_string());
        let members: Vec<Member> = variant.fields.members().collect();
        let values: Vec<_> =
            (0..members.len()).map(|n| format_ident!("value_{n}", span = Span::mixed_site())).collect();
        let first = quote!(#private::KeyPart::render(#text, #out, #stop););
        let body = self.joined(first, &variant.fields, &values);
        quote!(Self::#name { #(#members: #values),* } => { #body })
    }

    /// The fields behind each other, with a colon before each but the very first.
    fn joined(&self, mut code: TokenStream, fields: &Fields, values: &[impl ToTokens]) -> TokenStream {
        let Self { out, stop, private } = self;
        for (field, value) in fields.iter().zip(values) {
            if !code.is_empty() {
                code.extend(quote!(#private::KeySink::put_text(#out, #private::Text::of(":"));));
            }
            let render = quote!((&&#private::Part(#value)).render_part(#out, #stop););
            // an error is the field's
            code.extend(located(render, field.ty.span()));
        }
        code
    }
}

/// The same names at another place.
fn located(code: TokenStream, at: Span) -> TokenStream {
    let moved = code.into_iter().map(|tree| {
        let place = tree.span().located_at(at);
        let mut tree = match tree {
            TokenTree::Group(group) => Group::new(group.delimiter(), located(group.stream(), at)).into(),
            other => other,
        };
        tree.set_span(place);
        tree
    });
    moved.collect()
}

/// What `#[key_part(crate = path)]` says, else the crate by its own name.
fn krate(home: Home, item: &DeriveInput) -> Result<TokenStream> {
    let mut krate = home.path();
    for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("key_part")) {
        let path = attribute.parse_args_with(|input: ParseStream<'_>| {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            input.call(Path::parse_mod_style)
        });
        krate = quiet(&path?);
    }
    Ok(krate)
}
