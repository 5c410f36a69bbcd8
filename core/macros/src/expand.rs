//! From a function with a stack of attributes to the function whose body is one call per layer.

use crate::{
    Home, Primitive,
    arguments::{Layer, Origin},
    check::check,
    companions,
    function::{Function, Names, private},
    key::{Key, Parameter},
    keyless::{self, Parts},
    method::is_method,
    page,
    path::FunctionPath,
    quiet::quiet,
    stack,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, LitStr, Result, parse_quote};

/// Entry point of all attributes.
pub(crate) fn attribute(
    primitive: Primitive,
    home: Home,
    arguments: TokenStream,
    written: &TokenStream,
) -> TokenStream {
    let mut item: ItemFn = match syn::parse2(written.clone()) {
        Ok(item) => item,
        Err(e) => {
            let e = Error::new(e.span(), format!("`{}` goes on a function: {e}", primitive.attribute()));
            let e = e.to_compile_error();
            return quote!(#e #written);
        }
    };
    let stack = stack::take(primitive, home, arguments, &mut item);
    let plain = item.clone();
    // after an error the function itself stays, so that its callers bring no errors of their own
    stack.and_then(|layers| function(item, layers)).unwrap_or_else(|e| {
        let e = e.to_compile_error();
        quote!(#e #plain)
    })
}

fn function(item: ItemFn, layers: Vec<Layer>) -> Result<TokenStream> {
    let names = Names::new();
    let parameters = Parameter::all(&item.sig);
    check(&item, &layers)?;
    let is_method = is_method(&item, &layers);
    let path = FunctionPath::new(&item, &layers, is_method);
    let proof = keyless::proof(&layers, is_method);
    let layers: Vec<_> =
        layers.into_iter().map(|layer| keyed(layer, &item, &parameters, &path, &names)).collect::<Result<_>>()?;
    let mut function = Function { item, layers, parameters, is_method, path, names };
    let block = &function.item.block;
    let mut body = quote!(#block);
    for (at, (layer, key)) in function.layers.iter().enumerate().rev() {
        body = function.layer(at, layer, key, &body)?;
    }
    let (sites, demand, typed) = (function.sites(), function.demand(), function.path.demand());
    let imports = function.imports();
    function.item.block = syn::parse2(quote!({ #sites #(#imports)* #demand #typed #body }))?;
    let companions = companions::emit(&function);
    function.item.attrs.extend(page::section(&function));
    function.item.attrs.extend(function.blames_caller().then(|| parse_quote!(#[track_caller])));
    let item = &function.item;
    Ok(quote!(#item #companions #proof))
}

/// The layer with its key.
fn keyed(
    mut layer: Layer,
    item: &ItemFn,
    parameters: &[Parameter],
    path: &FunctionPath,
    names: &Names,
) -> Result<(Layer, Key)> {
    layer.grouped.of(path.texts());
    if layer.origin == Origin::Written {
        return Key::parse(&layer, parameters, path, &names.key).map(|key| (layer, key));
    }
    let parts = Parts::of(&item.sig, parameters, layer.instance.as_ref())?;
    layer.key = LitStr::new(&parts.template(), layer.key.span());
    let render = parts.render(&layer, path, &names.key);
    let key = Key::made(&layer, parameters, render, |at| parts.take(at), &names.key);
    Ok((layer, key))
}

impl Function {
    /// That nothing is returned, by type, which runs when the guard is gone.
    fn demand(&self) -> Option<TokenStream> {
        let (layer, _) = self.layers.first()?;
        let (private, returned) = (private(layer), self.returned());
        Some(quote! {
            {
                use #private::Ends as _;
                (&&&&#private::Probe::<#returned>::NEW).ends().demand::<#returned>();
            }
        })
    }

    /// Whether its panic before `init` can be told at its caller's place: an async function and `main` have none.
    fn blames_caller(&self) -> bool {
        let signature = &self.item.sig;
        let may_panic = self.layers.iter().any(|(layer, _)| layer.home == Home::Std && layer.instance.is_none());
        let already = self.item.attrs.iter().any(|attribute| attribute.path().is_ident("track_caller"));
        may_panic && !already && !self.is_async() && signature.abi.is_none() && signature.ident != "main"
    }

    /// Uses of the attributes that were taken off, which were imported for this.
    fn imports(&self) -> Vec<TokenStream> {
        let taken = self.layers.iter().filter_map(|(layer, _)| layer.attribute.as_ref());
        taken.map(quiet).map(|path| quote!(use #path as _;)).collect()
    }

    /// One layer round `body`, which is a block or an expression of the function's return type.
    fn layer(&self, at: usize, layer: &Layer, key: &Key, body: &TokenStream) -> Result<TokenStream> {
        let instance = &self.names.instance;
        let (reach, meet) = (layer.instance(), self.meet(at, layer));
        let call = match layer.primitive {
            Primitive::Cached => self.cached(layer, key, body),
            _ => self.leased(layer, key, body)?,
        };
        Ok(quote! {{
            let #instance = #reach;
            #meet
            #call
        }})
    }
}
