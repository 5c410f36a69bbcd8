//! The attributes of ours on one function: one expansion, one set of companions.
//!
//! Not here: an attribute of somebody else that has the name of one of ours; it stays where it is.

use crate::{Home, Primitive, arguments::Layer};
use proc_macro2::TokenStream;
use syn::{Attribute, ItemFn, Meta, Path, Result};

/// Takes them off the function, outermost first.
pub(crate) fn take(primitive: Primitive, home: Home, arguments: TokenStream, item: &mut ItemFn) -> Result<Vec<Layer>> {
    let outer = Layer::parse(primitive, home, arguments);
    let said = outer.as_ref().ok().and_then(|outer| outer.krate.clone());
    let mut layers = vec![outer];
    item.attrs.retain(|attribute| match below(attribute, home, said.as_ref()) {
        Some(layer) => {
            layers.push(layer);
            false
        }
        None => true,
    });
    layers.into_iter().collect()
}

/// The layer of an attribute further down the stack, if it is one of ours; `said` is what stands for the crate above.
fn below(attribute: &Attribute, home: Home, said: Option<&Path>) -> Option<Result<Layer>> {
    let path = attribute.path();
    let primitive = Primitive::of(&path.segments.last()?.ident)?;
    let arguments = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        // alone it says all that one without a key has to say
        Meta::Path(_) if primitive == Primitive::Cached => TokenStream::new(),
        _ => return None,
    };
    let layer = Layer::parse(primitive, home, arguments);
    let own = layer.as_ref().ok().and_then(|layer| layer.krate.as_ref());
    let is_ours = is_in(path, home) || [own, said].into_iter().flatten().any(|krate| is_below(path, krate));
    is_ours.then(|| layer.map(|layer| layer.below(path.clone())))
}

/// Whether it is a bare name, or begins with the crate's own.
fn is_in(path: &Path, home: Home) -> bool {
    match path.segments.len() {
        1 => path.leading_colon.is_none(),
        2 => path.segments.first().is_some_and(|first| first.ident == home.name()),
        _ => false,
    }
}

/// Whether it names something right inside `krate`.
fn is_below(path: &Path, krate: &Path) -> bool {
    path.segments.len() == krate.segments.len() + 1
        && path.segments.iter().zip(&krate.segments).all(|(one, other)| one.ident == other.ident)
}
