//! From a function with a stack of attributes to the function whose body is one call per layer.

use crate::{
    Home, Primitive,
    arguments::{Layer, Origin},
    check::check,
    companions,
    function::{Function, Loading, Names, private},
    key::{Key, Parameter},
    keyless::{self, Parts},
    loading,
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
    let mut function = Function { item, layers, parameters, is_method, path, names, loads: None };
    function.loads = loading::cut(&function);
    let (body, loading) = function.stacked()?;
    let (sites, demand, typed) = (function.sites(0), function.demand(), function.path.demand());
    let imports = function.imports();
    let block = syn::parse2(quote!({ #sites #(#imports)* #demand #typed #body }))?;
    let companions = companions::emit(&function, loading.as_ref());
    function.item.block = block;
    function.item.attrs.extend(page::section(&function));
    function.hand_over();
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
    pub(crate) fn blames_caller(&self) -> bool {
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

    /// The body in all layers; and, where loading is a function of its own, what that and the companions over it run.
    fn stacked(&self) -> Result<(TokenStream, Option<Loading>)> {
        let block = &self.item.block;
        let (mut body, mut load) = (quote!(#block), None);
        for (at, (layer, key)) in self.layers.iter().enumerate().rev() {
            let run = match self.loads.as_ref().filter(|cut| cut.innermost == at) {
                Some(cut) => {
                    load = Some(body);
                    self.load(cut)
                }
                None => self.closure(&body),
            };
            body = self.layer((layer, key), self.meet(at, layer).as_ref(), &run)?;
        }
        let loading = match (load, &self.loads) {
            (Some(load), Some(cut)) => Some(Loading { load, asked: self.asked_layers(cut)? }),
            _ => None,
        };
        Ok((body, loading))
    }

    /// One layer round `run`, a closure that returns what the function does.
    pub(crate) fn layer(
        &self,
        (layer, key): (&Layer, &Key),
        meet: Option<&TokenStream>,
        run: &TokenStream,
    ) -> Result<TokenStream> {
        let (instance, reach) = (&self.names.instance, layer.instance());
        let call = match layer.primitive {
            Primitive::Cached => self.cached(layer, key, run),
            _ => self.leased(layer, key, run)?,
        };
        Ok(quote! {{
            let #instance = #reach;
            #meet
            #call
        }})
    }
}
