//! The key template of a layer: checked against the function's parameters, and turned into rendering code.

use crate::{arguments::Layer, path::FunctionPath, scope};
use cachify_template::{Access, Argument, HASH, Piece, Placeholder, TemplateError, pieces};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Error, FnArg, LitStr, Member, Pat, Result, Signature, ext::IdentExt};

/// A parameter of the function, as far as keys can name it.
pub(crate) struct Parameter {
    /// As it stands in the signature.
    pub(crate) argument: FnArg,
    /// The names it binds: one, or several for a pattern.
    pub(crate) names: Vec<Ident>,
    is_self: bool,
}

impl Parameter {
    /// All parameters of a function, `self` included.
    pub(crate) fn all(signature: &Signature) -> Vec<Self> {
        signature.inputs.iter().map(Self::new).collect()
    }

    fn new(argument: &FnArg) -> Self {
        let (names, is_self) = match argument {
            FnArg::Receiver(receiver) => (vec![Ident::new("self", receiver.self_token.span)], true),
            FnArg::Typed(typed) => (scope::bound((*typed.pat).clone()), false),
        };
        Self { argument: argument.clone(), names, is_self }
    }

    /// Its name, when it is one plain name.
    pub(crate) fn plain(&self) -> Option<&Ident> {
        match &self.argument {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(ident) if ident.subpat.is_none() => Some(&ident.ident),
                _ => None,
            },
            FnArg::Receiver(_) => self.names.first(),
        }
    }

    /// Its pattern; `self` has none.
    pub(crate) fn pattern(&self) -> Option<&Pat> {
        match &self.argument {
            FnArg::Typed(typed) => Some(&typed.pat),
            FnArg::Receiver(_) => None,
        }
    }

    pub(crate) const fn is_self(&self) -> bool {
        self.is_self
    }
}

/// A layer's key: the code that renders it, and the parameters it names.
pub(crate) struct Key {
    /// Statements that render into the buffer that `buf` refers to.
    render: TokenStream,
    buf: Ident,
    /// How many bytes of it are the same for all arguments.
    pub(crate) literal: usize,
    /// By position in the signature: those that the key names, and those that lead to the instance or the size.
    used: Vec<bool>,
}

impl Key {
    /// `buf` is the name by which the statements reach the key buffer.
    pub(crate) fn parse(layer: &Layer, parameters: &[Parameter], path: &FunctionPath, buf: &Ident) -> Result<Self> {
        let template = layer.template();
        let used = vec![false; parameters.len()];
        let mut key = Self { render: TokenStream::new(), buf: buf.clone(), literal: 0, used };
        let private = layer.krate();
        let private = quote!(#private::__private);
        let mut unused: Vec<_> = (0..layer.named.len()).collect();
        for piece in pieces(&template) {
            let code = match piece.map_err(|e| malformed(&layer.key, e))? {
                Piece::Literal(text) => {
                    key.literal += text.len();
                    let text = LitStr::new(text, layer.key.span());
                    quote!(#private::KeySink::put_text(#buf, #private::Text::of(#text));)
                }
                Piece::Placeholder(hole) if names_function(layer, &hole, parameters) => {
                    function_path(&private, path, buf)
                }
                Piece::Placeholder(hole) => {
                    let root = match own(layer, &hole) {
                        Some((at, root)) => {
                            unused.retain(|unused| *unused != at);
                            root
                        }
                        None => {
                            let (at, root) = find(&layer.key, &hole, parameters)?;
                            key.take(|position, _| position == at, parameters);
                            root
                        }
                    };
                    render(&private, buf, &root, &hole).ok_or_else(|| no_field(&layer.key, &hole))?
                }
            };
            key.render.extend(code);
        }
        let written = layer.key.value();
        let bare = |piece| matches!(piece, Piece::Placeholder(hole) if !names_function(layer, &hole, parameters));
        if pieces(&written).flatten().all(bare) {
            return Err(without_text(&layer.key));
        }
        if let Some((name, _)) = unused.first().and_then(|at| layer.named.get(*at)) {
            return Err(Error::new(name.span(), format!("the key has no `{{{}}}`", name.unraw())));
        }
        for expression in layer
            .named
            .iter()
            .map(|(_, value)| value)
            .chain(&layer.instance)
            .chain(&layer.size)
            .chain(layer.grouped.bounds())
        {
            key.take(|_, parameter| scope::names(expression, &parameter.names), parameters);
        }
        let render = layer.named.iter().fold(key.render, |render, (name, value)| {
            let name = own_name(name);
            quote!(match &(#value) { #name => { #render } })
        });
        key.render = quote! {
            use #private::{ByDisplay as _, ByPart as _};
            #render
        };
        Ok(key)
    }

    /// One that nobody wrote: `render` puts it into a buffer, of the parameters at the places that `takes` tells.
    pub(crate) fn made(
        layer: &Layer,
        parameters: &[Parameter],
        render: TokenStream,
        takes: impl Fn(usize) -> bool,
        buf: &Ident,
    ) -> Self {
        let mut key = Self { render, buf: buf.clone(), literal: 0, used: vec![false; parameters.len()] };
        let leads = |parameter: &Parameter| layer.instance.iter().any(|e| scope::names(e, &parameter.names));
        key.take(|at, parameter| takes(at) || leads(parameter), parameters);
        key
    }

    /// Lets companions take the parameters that `which` tells.
    fn take(&mut self, which: impl Fn(usize, &Parameter) -> bool, parameters: &[Parameter]) {
        for (at, (used, parameter)) in self.used.iter_mut().zip(parameters).enumerate() {
            *used |= which(at, parameter);
        }
    }

    /// Whether companions take the parameter at this position of the signature.
    pub(crate) fn takes(&self, at: usize) -> bool {
        self.used.get(at).copied().unwrap_or_default()
    }

    /// Renders it into `place`, a `&mut` to a key buffer.
    pub(crate) fn render_into(&self, place: &TokenStream) -> TokenStream {
        let (buf, render) = (&self.buf, &self.render);
        quote! {{
            let #buf = #place;
            #render
        }}
    }
}

/// Statements that put the function's own path into the buffer.
pub(crate) fn function_path(private: &TokenStream, path: &FunctionPath, buf: &Ident) -> TokenStream {
    let FunctionPath { of, name, .. } = path;
    quote! {
        #private::KeySink::put_text(#buf, #private::Text::of(#of));
        #private::KeySink::put_text(#buf, #private::Text::of(#name));
    }
}

/// Whether it is `{fn}`, the function's own path; what has that name comes first.
fn names_function(layer: &Layer, hole: &Placeholder<'_>, parameters: &[Parameter]) -> bool {
    hole.text == "fn" && own(layer, hole).is_none() && find(&layer.key, hole, parameters).is_err()
}

/// The argument of the key's own that a placeholder starts from, before any parameter of its name.
fn own(layer: &Layer, hole: &Placeholder<'_>) -> Option<(usize, Ident)> {
    let Argument::Name(name) = hole.argument else { return None };
    let at = layer.named.iter().position(|(own, _)| own.unraw() == name)?;
    Some((at, own_name(&layer.named.get(at)?.0)))
}

/// Its variable: it meets neither a parameter nor a variable of the expansion.
fn own_name(name: &Ident) -> Ident {
    format_ident!("own_{}", name.unraw(), span = proc_macro2::Span::mixed_site())
}

/// The parameter a placeholder starts from.
fn find(key: &LitStr, hole: &Placeholder<'_>, parameters: &[Parameter]) -> Result<(usize, Ident)> {
    match hole.argument {
        Argument::Name(name) => {
            let named = |p: &Parameter| p.names.iter().find(|n| n.unraw() == name).cloned();
            let found = parameters.iter().enumerate().find_map(|(at, p)| Some((at, named(p)?)));
            found.ok_or_else(|| unknown(key, hole, parameters))
        }
        Argument::Position(n) => {
            let mut positional = parameters.iter().enumerate().filter(|(_, p)| !p.is_self());
            let (at, parameter) = positional.nth(n).ok_or_else(|| unknown(key, hole, parameters))?;
            let plain = parameter.plain().cloned().ok_or_else(|| {
                Error::new(key.span(), format!("`{{{}}}` stands for a pattern; name what it binds instead", hole.text))
            })?;
            Ok((at, plain))
        }
    }
}

/// Code that renders one value; `None` when a name on the way cannot be that of a field.
fn render(private: &TokenStream, buf: &Ident, root: &Ident, hole: &Placeholder<'_>) -> Option<TokenStream> {
    let stop = match hole.stop {
        Some(stop) => quote!(::core::option::Option::Some(#stop)),
        None => quote!(::core::option::Option::None),
    };
    let put = |value: TokenStream| match hole.spec {
        "" => quote!((&&#private::Part(&#value)).render_part(#buf, #stop);),
        HASH => quote!(#private::put_hash(&#value, #buf);),
        spec => {
            let format = LitStr::new(&format!("{{:{spec}}}"), root.span());
            quote!((&&#private::Part(&::core::format_args!(#format, #value))).render_part(#buf, #stop);)
        }
    };
    let mut value = root.to_token_stream();
    // `is_option`: the last step was a `get`, which is unwrapped only if another step follows
    let (mut may_miss, mut is_option) = (false, false);
    for access in hole.path.clone() {
        if is_option {
            value = quote!(#value?);
        }
        value = match access {
            Access::Field(name) => {
                let field = member(name, root.span())?;
                quote!(#value.#field)
            }
            Access::Index(index) => quote!(#value.get(#index)),
            Access::Key(key) => quote!(#value.get(#key)),
        };
        is_option = !matches!(access, Access::Field(_));
        may_miss |= is_option;
    }
    if !may_miss {
        return Some(put(value));
    }
    let found = format_ident!("found", span = proc_macro2::Span::mixed_site());
    let put = put(quote!(*#found));
    let value = if is_option { value } else { quote!(::core::option::Option::Some(&#value)) };
    Some(quote! {
        match (|| #value)() {
            ::core::option::Option::Some(#found) => { #put }
            ::core::option::Option::None => #private::KeySink::fail(#buf, #private::KeyError::Missing),
        }
    })
}

/// A field by its name or number; a keyword is the raw identifier, as in `format!`.
fn member(name: &str, at: proc_macro2::Span) -> Option<Member> {
    let mut member = syn::parse_str::<Member>(name).or_else(|_| syn::parse_str(&format!("r#{name}"))).ok()?;
    match &mut member {
        Member::Named(name) => name.set_span(at),
        Member::Unnamed(index) => index.span = at,
    }
    Some(member)
}

fn malformed(key: &LitStr, e: TemplateError) -> Error {
    Error::new(key.span(), format!("in the key `{}`: {e}", key.value()))
}

fn without_text(key: &LitStr) -> Error {
    let written = key.value();
    let instead = if written.is_empty() { "{fn}".to_owned() } else { format!("{{fn}}:{written}") };
    let instead = LitStr::new(&instead, key.span()).to_token_stream();
    Error::new(
        key.span(),
        format!(
            "a key without a text of its own would be that of other functions, too: write `key = {instead}`, where \
             `{{fn}}` is the function's path"
        ),
    )
}

fn no_field(key: &LitStr, hole: &Placeholder<'_>) -> Error {
    Error::new(key.span(), format!("in the key, `{{{}}}` names what cannot be a field", hole.text))
}

fn unknown(key: &LitStr, hole: &Placeholder<'_>, parameters: &[Parameter]) -> Error {
    let names: Vec<_> = parameters.iter().flat_map(|p| &p.names).map(|n| format!("`{n}`")).collect();
    let has = if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") };
    Error::new(key.span(), format!("the key names `{{{}}}`, but the function has {has}", hole.text))
}
